"""The scores of one case: Dice, NSD and volumes of each organ."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import fmean

import numpy as np

from flareseg.evaluation.overlap import dice
from flareseg.evaluation.resources import Resources
from flareseg.evaluation.surface import nsd
from flareseg.organs import ORGANS, Organ
from flareseg.volume import Volume


@dataclass(frozen=True)
class OrganScore:
    """``dice`` and ``nsd`` 0..1; volumes in mL, that of the prediction None where there was none to compare."""

    organ: Organ
    dice: float
    nsd: float
    truth_ml: float
    prediction_ml: float | None


@dataclass(frozen=True)
class CaseScore:
    """One case; ``notes`` are plain sentences, ``failed`` says that no usable prediction was there."""

    name: str
    organs: list[OrganScore]
    resources: Resources
    notes: list[str]
    failed: bool = False

    @property
    def dice(self) -> float:
        """Mean over the organs."""
        return fmean(score.dice for score in self.organs)

    @property
    def nsd(self) -> float:
        """Mean over the organs."""
        return fmean(score.nsd for score in self.organs)


def score_labels(prediction: Volume, truth: Volume, tolerances: Mapping[int, float]) -> list[OrganScore]:
    """Scores of two label maps on one grid; ``tolerances`` in mm by label value."""
    return [_score(organ, prediction, truth, tolerances[organ.label]) for organ in ORGANS]


def zero_scores(truth: Volume) -> list[OrganScore]:
    """What a case without a usable prediction gets: 0 for every organ, whether or not the truth shows it."""
    return [OrganScore(organ, 0.0, 0.0, _ml(truth.voxels == organ.label, truth), None) for organ in ORGANS]


def _score(organ: Organ, prediction: Volume, truth: Volume, tolerance: float) -> OrganScore:
    predicted, true = (volume.voxels == organ.label for volume in (prediction, truth))
    return OrganScore(
        organ,
        float(dice(predicted, true)),
        nsd(predicted, true, truth.geometry.spacing, tolerance),
        _ml(true, truth),
        _ml(predicted, prediction),
    )


def _ml(mask: np.ndarray, volume: Volume) -> float:
    return np.count_nonzero(mask) * volume.geometry.voxel_ml

"""The scores of one case: Dice, NSD and volumes of each organ."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import fmean

import numpy as np

from flareseg.core.organs import ORGANS, Organ
from flareseg.core.volume import Volume
from flareseg.evaluation.overlap import dice
from flareseg.evaluation.resources import Resources
from flareseg.evaluation.selection import OrganSelection
from flareseg.evaluation.surface import nsd


@dataclass(frozen=True)
class OrganScore:
    """``dice`` and ``nsd`` 0..1, None for an organ that is not scored; volumes in mL, that of the prediction None where
    there was none to compare."""

    organ: Organ
    dice: float | None
    nsd: float | None
    ground_truth_ml: float
    prediction_ml: float | None


@dataclass(frozen=True)
class CaseScore:
    """One case, at least one organ of which is scored; ``notes`` are plain messages, ``failed`` says that no usable
    prediction was there."""

    name: str
    organs: list[OrganScore]
    resources: Resources
    notes: list[str]
    failed: bool = False

    @property
    def dice(self) -> float:
        """Mean Dice over the organs that are scored."""
        return fmean(score.dice for score in self.organs if score.dice is not None)

    @property
    def nsd(self) -> float:
        """Mean NSD over the organs that are scored."""
        return fmean(score.nsd for score in self.organs if score.nsd is not None)


def score_labels(
    prediction: Volume, ground_truth: Volume, tolerances: Mapping[int, float], selection: OrganSelection
) -> list[OrganScore]:
    """Scores of two label maps on one grid; ``tolerances`` in mm by label value."""
    return [_score(organ, prediction, ground_truth, tolerances[organ.label], selection) for organ in ORGANS]


def zero_scores(ground_truth: Volume, selection: OrganSelection) -> list[OrganScore]:
    """What a case without a usable prediction gets: 0 for every organ that is scored."""
    return [_zero(organ, ground_truth, selection) for organ in ORGANS]


def _score(
    organ: Organ, prediction: Volume, ground_truth: Volume, tolerance: float, selection: OrganSelection
) -> OrganScore:
    predicted, true = (volume.voxels == organ.label for volume in (prediction, ground_truth))
    volumes_ml = (_ml(true, ground_truth), _ml(predicted, prediction))
    if not selection.includes(organ.label, bool(true.any())):
        return OrganScore(organ, None, None, *volumes_ml)
    shares = (float(dice(predicted, true)), nsd(predicted, true, ground_truth.geometry.spacing, tolerance))
    return OrganScore(organ, *shares, *volumes_ml)


def _zero(organ: Organ, ground_truth: Volume, selection: OrganSelection) -> OrganScore:
    true = ground_truth.voxels == organ.label
    share = 0.0 if selection.includes(organ.label, bool(true.any())) else None
    return OrganScore(organ, share, share, _ml(true, ground_truth), None)


def _ml(mask: np.ndarray, volume: Volume) -> float:
    return np.count_nonzero(mask) * volume.geometry.voxel_ml

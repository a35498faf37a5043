"""Scoring of one case from its files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from flareseg.core.errors import DataError, FlareError, ScanError
from flareseg.core.volume import AIR_HU, Volume
from flareseg.evaluation.cases import EvaluationCase
from flareseg.evaluation.label_maps import read_label_map
from flareseg.evaluation.lattice import joint_grid, placed
from flareseg.evaluation.resources import Resources, read_resources
from flareseg.evaluation.scores import CaseScore, score_labels, zero_scores
from flareseg.evaluation.selection import OrganSelection
from flareseg.io.reading import read_volume


@dataclass(frozen=True)
class Comparison:
    """What a picture of a case shows: volumes of one grid in canonical axes; ``scan`` may be missing."""

    prediction: Volume
    ground_truth: Volume
    scan: Volume | None


@dataclass(frozen=True)
class EvaluatedCase:
    """The score of a case, and what can be shown of it (None without a usable prediction)."""

    score: CaseScore
    comparison: Comparison | None


@dataclass(frozen=True)
class Evaluator:
    """Scores cases at ``tolerances`` (mm by label value), the organs of the ``selection``."""

    tolerances: Mapping[int, float]
    selection: OrganSelection = field(default_factory=OrganSelection)

    def evaluate(self, case: EvaluationCase) -> EvaluatedCase:
        """Score a case; a prediction that is missing or cannot be used scores 0, as in the challenge.

        Raises FlareError when the ground truth cannot be read or holds nothing to score: such a case has no score.
        """
        ground_truth = read_label_map(case.ground_truth)
        self._require_organs(ground_truth, case.ground_truth)
        notes = _warnings(ground_truth, case.ground_truth)
        resources = _resources(case.report, notes)
        try:
            prediction, ground_truth = _compared(case.prediction, ground_truth, notes)
        except FlareError as error:
            notes.append(f"{error.message} The case scores 0.")
            organs = zero_scores(ground_truth, self.selection)
            return EvaluatedCase(CaseScore(case.name, organs, resources, notes, failed=True), None)
        scan = _scan(case.scan, ground_truth, notes)
        organs = score_labels(prediction, ground_truth, self.tolerances, self.selection)
        return EvaluatedCase(CaseScore(case.name, organs, resources, notes), Comparison(prediction, ground_truth, scan))

    def _require_organs(self, ground_truth: Volume, path: Path) -> None:
        if self.selection.labels is None and not ground_truth.voxels.any():
            raise DataError(
                f"{path.name} holds none of the organs.",
                "If they were looked for and are not there, name them with --organs.",
            )


def _compared(path: Path | None, ground_truth: Volume, notes: list[str]) -> tuple[Volume, Volume]:
    """Prediction and ground truth on the smallest grid that holds both, so that nothing of either is lost."""
    if path is None:
        raise DataError("The prediction is missing.")
    prediction = read_label_map(path)
    grid = joint_grid(ground_truth.geometry, prediction.geometry)
    if grid is None:
        raise _elsewhere(prediction, ground_truth, path)
    notes += _warnings(prediction, path)
    if prediction.geometry.shape != ground_truth.geometry.shape or grid.shape != ground_truth.geometry.shape:
        notes.append(
            f"{path.name} has {_by(prediction.geometry.shape)} voxels, the ground truth "
            f"{_by(ground_truth.geometry.shape)}, of one lattice: they are compared "
            "where they lie, and what one does not cover is background there."
        )
    return placed(prediction, grid), placed(ground_truth, grid)


def _scan(path: Path | None, ground_truth: Volume, notes: list[str]) -> Volume | None:
    """The CT behind the pictures; they do without one that cannot be used."""
    if path is None:
        return None
    try:
        scan = read_volume(path).canonical
        if joint_grid(ground_truth.geometry, scan.geometry) is None:
            raise _elsewhere(scan, ground_truth, path)
    except FlareError as error:
        notes.append(f"{error.message} The pictures show no CT.")
        return None
    return placed(scan, ground_truth.geometry, AIR_HU if np.can_cast(np.int16, scan.voxels.dtype) else 0)


def _resources(path: Path | None, notes: list[str]) -> Resources:
    if path is None:
        return Resources()
    try:
        return read_resources(path)
    except FlareError as error:
        notes.append(f"{error.message} Time and memory are not counted.")
        return Resources()


def _warnings(volume: Volume, path: Path) -> list[str]:
    return [f"{path.name}: {message}" for message in volume.warnings]


def _elsewhere(volume: Volume, ground_truth: Volume, path: Path) -> ScanError:
    return ScanError(f"{path.name} does not lie on the ground truth's grid ({_difference(volume, ground_truth)}).", "")


def _difference(volume: Volume, ground_truth: Volume) -> str:
    ours, true = volume.geometry, ground_truth.geometry
    differences = []
    if ours.shape != true.shape:
        differences.append(f"{_by(ours.shape)} and {_by(true.shape)} voxels")
    if max(abs(a - b) for a, b in zip(ours.spacing, true.spacing)) > 1e-3:
        differences.append(f"{_by(ours.spacing)} and {_by(true.spacing)} mm")
    else:
        differences.append("another position or direction")
    return ", ".join(differences)


def _by(sizes: Sequence[float]) -> str:
    return " x ".join(f"{size:.4g}" for size in reversed(sizes))

"""From the files of a case to its scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from flareseg.errors import FlareError, bad_scan
from flareseg.evaluation.cases import Case
from flareseg.evaluation.label_maps import read_label_map
from flareseg.evaluation.resources import Resources, read_resources
from flareseg.evaluation.scores import CaseScore, score_labels, zero_scores
from flareseg.reading import read_volume
from flareseg.volume import Volume


@dataclass(frozen=True)
class Comparison:
    """What a picture of a case shows: volumes of one grid in canonical axes; ``scan`` may be missing."""

    prediction: Volume
    truth: Volume
    scan: Volume | None


@dataclass(frozen=True)
class Result:
    """The score of a case, and what can be shown of it (None without a usable prediction)."""

    score: CaseScore
    comparison: Comparison | None


@dataclass(frozen=True)
class Evaluator:
    """Scores cases at ``tolerances`` (mm by label value)."""

    tolerances: Mapping[int, float]

    def evaluate(self, case: Case) -> Result:
        """Score a case; a prediction that is missing or cannot be used scores 0, as in the challenge.

        Raises FlareError when the truth cannot be read: such a case has no score.
        """
        truth = read_label_map(case.truth)
        notes: list[str] = []
        resources = _resources(case.report, notes)
        try:
            prediction = _prediction(case.prediction, truth)
        except FlareError as error:
            notes.append(f"{error.sentence} The case scores 0.")
            return Result(CaseScore(case.name, zero_scores(truth), resources, notes, failed=True), None)
        scan = _scan(case.scan, truth, notes)
        organs = score_labels(prediction, truth, self.tolerances)
        return Result(CaseScore(case.name, organs, resources, notes), Comparison(prediction, truth, scan))


def _prediction(path: Path | None, truth: Volume) -> Volume:
    if path is None:
        raise FlareError("bad_data", "There is no prediction.")
    return _on_grid_of(truth, read_label_map(path), path)


def _scan(path: Path | None, truth: Volume, notes: list[str]) -> Volume | None:
    """The CT behind the pictures; they do without one that cannot be used."""
    if path is None:
        return None
    try:
        return _on_grid_of(truth, read_volume(path).canonical, path)
    except FlareError as error:
        notes.append(f"{error.sentence} The pictures show no CT.")
        return None


def _resources(path: Path | None, notes: list[str]) -> Resources:
    if path is None:
        return Resources()
    try:
        return read_resources(path)
    except FlareError as error:
        notes.append(f"{error.sentence} Time and memory are not counted.")
        return Resources()


def _on_grid_of(truth: Volume, volume: Volume, path: Path) -> Volume:
    if not volume.geometry.is_close_to(truth.geometry):
        raise bad_scan(f"{path.name} does not lie on the truth's grid ({_difference(volume, truth)}).", "")
    return volume


def _difference(volume: Volume, truth: Volume) -> str:
    ours, true = volume.geometry, truth.geometry
    if ours.shape != true.shape:
        return f"{_by(ours.shape)} and {_by(true.shape)} voxels"
    if max(abs(a - b) for a, b in zip(ours.spacing, true.spacing)) > 1e-3:
        return f"{_by(ours.spacing)} and {_by(true.spacing)} mm"
    return "another position or direction"


def _by(sizes: Sequence[float]) -> str:
    return " x ".join(f"{size:.4g}" for size in reversed(sizes))

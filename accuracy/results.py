"""The figures of a run as plain data, and as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final, Literal, TypeVar

from flareseg.core.errors import DataError
from flareseg.core.json_fields import from_json
from flareseg.core.organs import ORGAN_NAMES
from flareseg.evaluation.scores import CaseScore
from flareseg.io.outputs import write_text

SCHEMA_VERSION: Final = 1
RESULTS, CALIBRATION = "accuracy.json", "calibration.json"


@dataclass(frozen=True)
class OrganFigures:
    """Dice, NSD at 1 mm and stated confidence of an organ in a case, 0 to 1; None where there is none."""

    dice: float | None
    nsd: float | None
    confidence: float | None


@dataclass(frozen=True)
class CaseFigures:
    """One case: the organs in the order of their labels, and the time from reading to writing."""

    name: str
    organs: list[OrganFigures]
    seconds: float | None = None


@dataclass(frozen=True)
class ConfidencePair:
    """Of one organ of a patient: expected Dice before calibration, confidence after it, and the Dice itself.

    ``confidence`` comes from a calibration that was fitted without the patient's label map.
    """

    organ: str
    expected: float
    confidence: float
    dice: float


@dataclass(frozen=True)
class Accuracy:
    """``weights``: sha256 of each network's file. ``cts`` and ``synthetic``: the cases. ``calibration``: what the
    confidence was fitted on, and how it fits."""

    version: str
    weights: list[str]
    device: str
    cts: list[CaseFigures]
    synthetic: list[CaseFigures]
    calibration: list[ConfidencePair] = field(default_factory=list)
    fitted_on: str = ""
    schema_version: Literal[1] = SCHEMA_VERSION


@dataclass(frozen=True)
class CalibrationFigures:
    """What ``calibrate`` found: ``weights``: sha256 of the organ network's file; ``fitted_on``: in words."""

    weights: str
    fitted_on: str
    pairs: list[ConfidencePair]


Figures = TypeVar("Figures", Accuracy, CalibrationFigures)


def figures(score: CaseScore, confidences: Sequence[float | None]) -> CaseFigures:
    """The figures of a scored case; ``confidences`` in the order of the organs."""
    organs = [
        OrganFigures(_rounded(organ.dice), _rounded(organ.nsd), _rounded(confidence))
        for organ, confidence in zip(score.organs, confidences, strict=True)
    ]
    return CaseFigures(score.name, organs, _rounded(score.resources.seconds, 2))


def pairs_of(cases: Iterable[CaseFigures]) -> list[tuple[str, float, float]]:
    """(organ, confidence, Dice) of every organ that was found and is scored."""
    return [
        (name, organ.confidence, organ.dice)
        for case in cases
        for name, organ in zip(ORGAN_NAMES, case.organs)
        if organ.confidence is not None and organ.dice is not None
    ]


def write_figures(path: Path, figures: Accuracy | CalibrationFigures) -> None:
    """Write JSON with an item of a list on each line. Raises OutputError."""
    parts = [
        f'"{key}": [\n  ' + ",\n  ".join(map(json.dumps, value)) + "\n ]"
        if isinstance(value, list) and value
        else f'"{key}": {json.dumps(value)}'
        for key, value in asdict(figures).items()
    ]
    write_text(path, "{\n " + ",\n ".join(parts) + "\n}\n")


def read_figures(cls: type[Figures], path: Path) -> Figures:
    """Inverse of write_figures. Raises DataError."""
    try:
        return from_json(cls, json.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}.", "Run the command that writes it first.") from error
    except ValueError as error:
        raise DataError(f"{path} is damaged ({error}).", "Run the command that writes it again.") from error


def _rounded(value: float | None, digits: int = 4) -> float | None:
    return None if value is None else round(value, digits)

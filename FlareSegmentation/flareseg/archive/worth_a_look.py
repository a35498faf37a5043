"""The cases most worth a look: organs that are missing, unsure, or of an unusual volume for this archive."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from flareseg.io.result_row import DONE, ORGAN_COLUMNS

if TYPE_CHECKING:
    import pandas

_MAD_TO_SD = 1.4826  # of a normal distribution
_UNUSUAL = 3.5  # robust standard deviations (Iglewicz and Hoaglin, How to Detect and Handle Outliers, 1993)
_UNSURE = 0.8
_FEWEST = 10  # cases from which an unusual one can be told
LOOKED_AT = ("name", "state", "labels", "preview", "warnings")


@dataclass(frozen=True)
class WorthALook:
    """A case with the reasons for a look at it, the most important first.

    ``preview`` is empty for a case without one, as of those that Slicer segmented. ``concern``: higher is more urgent.
    """

    name: str
    labels: str
    preview: str
    reasons: tuple[str, ...]
    concern: float


def columns() -> list[str]:
    """The columns of the table that are needed."""
    return [*LOOKED_AT, *(f"{organ}_{fact}" for organ in ORGAN_COLUMNS.values() for fact in ("ml", "confidence"))]


def most_worth_a_look(table: pandas.DataFrame, count: int = 20) -> list[WorthALook]:
    """At most ``count`` cases, the most urgent first.

    The concern of an organ is 1 where it is missing, else 1 - confidence, or what an unusual volume adds if that is
    more; the concern of a case is that of its worst organ, and a little for each of its warnings.
    """
    done = table[table["state"] == DONE]
    concern = np.zeros(len(done))
    for organ in ORGAN_COLUMNS.values():
        concern = np.fmax(concern, _concern(done, organ))
    concern = concern + 0.01 * done["warnings"].fillna("").str.len().clip(upper=500).to_numpy() / 500
    order = np.argsort(-concern, kind="stable")[:count]
    spread = {organ: _unusual(done, organ) for organ in ORGAN_COLUMNS.values()}
    found = []
    for place in order.tolist():
        row = done.iloc[place]
        reasons = _reasons(row, {organ: float(values[place]) for organ, values in spread.items()})
        labels, preview = (text if isinstance(text := row[name], str) else "" for name in ("labels", "preview"))
        found.append(WorthALook(row["name"], labels, preview, reasons, float(concern[place])))
    return found


def _concern(done: pandas.DataFrame, organ: str) -> np.ndarray:
    missing = (done[f"{organ}_ml"] == 0).to_numpy()
    unsure = 1.0 - done[f"{organ}_confidence"].to_numpy(dtype=float)
    unusual = np.clip(np.abs(_unusual(done, organ)) / (4 * _UNUSUAL), 0, 0.95)
    return np.where(missing, 1.0, np.fmax(np.nan_to_num(unsure), unusual))


def _unusual(done: pandas.DataFrame, organ: str) -> np.ndarray:
    """By how many robust standard deviations the logarithm of a volume lies off the median; 0 if that is not known."""
    volumes = done[f"{organ}_ml"].to_numpy(dtype=float)
    known = np.isfinite(volumes) & (volumes > 0)
    if np.count_nonzero(known) < _FEWEST:
        return np.zeros(len(done))
    logs = np.log(np.where(known, volumes, 1.0))
    median = np.median(logs[known])
    spread = _MAD_TO_SD * np.median(np.abs(logs[known] - median))
    return np.where(known, (logs - median) / max(spread, 0.05), 0.0)


def _reasons(row: pandas.Series, unusual: dict[str, float]) -> tuple[str, ...]:
    missing, unsure, spread, least = [], [], [], []
    confidences = [row[f"{organ}_confidence"] for organ in ORGAN_COLUMNS.values()]
    lowest = min((confidence for confidence in confidences if confidence >= 0), default=None)
    for organ in ORGAN_COLUMNS.values():
        name, volume, confidence = organ.replace("_", " "), row[f"{organ}_ml"], row[f"{organ}_confidence"]
        if volume == 0:
            missing.append(f"{name}: not found")
        elif confidence < _UNSURE:
            unsure.append(f"{name}: confidence {100 * confidence:.0f} %")
        elif confidence == lowest and not unsure:
            least = [f"least certain: {name}, confidence {100 * confidence:.0f} %"]
        if abs(unusual[organ]) > _UNUSUAL:
            spread.append(f"{name}: {volume:.0f} mL is unusual here")
    warnings: Sequence[str] = [row["warnings"]] if isinstance(row["warnings"], str) and row["warnings"] else []
    return (*missing, *unsure, *spread, *warnings) or tuple(least)

"""Fitting of the calibration of each organ to expected Dice and Dice of many patients."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from flareseg.core.organs import ORGAN_NAMES
from flareseg.inference.calibration import Calibration, logit
from scipy.optimize import minimize

from accuracy.results import ConfidencePair

_LEAST_SLOPE = 0.2
_PULL = 0.05  # towards no change, where the patients are too few or too alike to tell offset and slope


@dataclass(frozen=True)
class Observation:
    """One organ of one patient. ``group``: the anatomy that it shares with other patients."""

    group: str
    organ: str
    expected: float
    dice: float


def fitted(observations: Sequence[Observation]) -> dict[str, Calibration]:
    """The calibration of each organ that was observed, by name."""
    names = {each.organ for each in observations}
    return {name: _fit([each for each in observations if each.organ == name]) for name in ORGAN_NAMES if name in names}


def cross_validated(observations: Sequence[Observation]) -> list[ConfidencePair]:
    """Each observation with the confidence that a calibration fitted on all other groups gives it."""
    pairs = []
    for group in sorted({each.group for each in observations}):
        calibrations = fitted([each for each in observations if each.group != group])
        for each in observations:
            if each.group == group:
                confidence = calibrations.get(each.organ, Calibration()).confidence(each.expected)
                rounded = (round(value, 4) for value in (each.expected, confidence, each.dice))
                pairs.append(ConfidencePair(each.organ, *rounded))
    return pairs


def _fit(observations: Sequence[Observation]) -> Calibration:
    """The least cross-entropy between Dice and confidence, so that their means agree, with a pull to no change."""
    x = np.array([logit(each.expected) for each in observations])
    y = np.array([each.dice for each in observations])

    def loss(parameters: np.ndarray) -> float:
        z = parameters[0] + parameters[1] * x
        cross_entropy = float(np.sum(np.logaddexp(0, z) - y * z))
        return cross_entropy + _PULL * float(parameters[0] ** 2 + (parameters[1] - 1) ** 2) / 2

    found = minimize(loss, np.array([0.0, 1.0]), bounds=[(-10, 10), (_LEAST_SLOPE, 10)])
    offset, slope = (round(float(value), 4) for value in found.x)
    return Calibration(offset, slope)

"""Calibration of confidence: from the Dice that a network's probabilities expect to the Dice that patients showed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flareseg.core.organs import ORGAN_NAMES, ORGANS

_CLOSEST = 1e-9  # to 0 and 1, where the logit is infinite
_LARGEST = 20.0  # offset or slope


@dataclass(frozen=True)
class Calibration:
    """``logit(confidence) = offset + slope * logit(expected Dice)`` of one organ; the defaults change nothing.

    A slope of 1 / T alone is the temperature scaling of Guo et al. (2017), both together are Platt scaling (1999). The
    slope is positive: of two results the one with the higher expected Dice keeps the higher confidence.
    """

    offset: float = 0.0
    slope: float = 1.0

    def confidence(self, expected_dice: float) -> float:
        """The confidence, 0 to 1, for an expected Dice, 0 to 1."""
        return 1 / (1 + math.exp(-(self.offset + self.slope * logit(expected_dice))))


def logit(share: float) -> float:
    """log(share / (1 - share)), finite for 0 and 1, too."""
    inside = min(max(share, _CLOSEST), 1 - _CLOSEST)
    return math.log(inside / (1 - inside))


def calibrations_from_json(data: Any, sha256: str) -> Mapping[int, Calibration]:
    """Calibration by label value, from the key "calibration" of a manifest's entry.

    ``data``: ``{"sha256": ..., "organs": {"liver": [offset, slope], ...}}`` or None. It applies to the weights whose
    ``sha256`` it names; others, and organs that it does not name, are not calibrated. Raises ValueError that says what
    is wrong.
    """
    if data is None:
        return {}
    if not isinstance(data, dict) or not isinstance(data.get("organs"), dict):
        raise ValueError('its calibration has no "organs"')
    if unknown := sorted(set(data["organs"]) - set(ORGAN_NAMES)):
        raise ValueError(f"its calibration names the unknown organ {unknown[0]}")
    found = {
        organ.label: _calibration(data["organs"][name])
        for organ, name in zip(ORGANS, ORGAN_NAMES)
        if name in data["organs"]
    }
    return found if data.get("sha256") == sha256 else {}


def _calibration(pair: Any) -> Calibration:
    if not isinstance(pair, list) or len(pair) != 2 or not all(_is_number(value) for value in pair) or pair[1] <= 0:
        raise ValueError(f"its calibration is not two numbers up to {_LARGEST:g} for each organ, the second positive")
    return Calibration(float(pair[0]), float(pair[1]))


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) <= _LARGEST

"""Reliability: over bins of patients, how far the stated confidence is from the Dice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean

BINS = 4
ALLOWED = 0.05


@dataclass(frozen=True)
class Bin:
    """Mean confidence and mean Dice of ``patients`` results that lie next to each other in confidence."""

    confidence: float
    dice: float
    patients: int

    @property
    def gap(self) -> float:
        """How far apart the two are, 0 to 1."""
        return abs(self.confidence - self.dice)


def bins(pairs: Sequence[tuple[float, float]], count: int = BINS) -> list[Bin]:
    """Bins of equal size of (confidence, Dice), from the lowest confidence to the highest."""
    ordered = sorted(pairs)
    edges = [round(n * len(ordered) / count) for n in range(count + 1)]
    groups = [ordered[start:stop] for start, stop in pairwise(edges)]
    return [Bin(fmean(c for c, _ in group), fmean(d for _, d in group), len(group)) for group in groups if group]


def agreement(pairs: Sequence[tuple[float, float]], count: int = BINS) -> float:
    """The largest gap of a bin; 0 without pairs."""
    return max((each.gap for each in bins(pairs, count)), default=0.0)

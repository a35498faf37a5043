"""The fit of confidence to Dice, and how their agreement is measured."""

from __future__ import annotations

import numpy as np
import pytest

from accuracy.fitting import Observation, cross_validated, fitted
from accuracy.reliability import agreement, bins


def overconfident(groups: int = 8) -> list[Observation]:
    """Pancreases whose expected Dice is 10 points too high at 90 % and 20 points too high at 70 %."""
    rng = np.random.default_rng(0)
    expected = np.linspace(0.7, 0.9, 40)
    dice = expected - np.interp(expected, (0.7, 0.9), (0.2, 0.1)) + rng.normal(0, 0.02, 40)
    return [
        Observation(f"map {n % groups}", "pancreas", float(e), float(d)) for n, (e, d) in enumerate(zip(expected, dice))
    ]


def test_confidence_comes_down_to_the_dice() -> None:
    pancreas = fitted(overconfident())["pancreas"]
    assert pancreas.confidence(0.7) == pytest.approx(0.5, abs=0.03)
    assert pancreas.confidence(0.9) == pytest.approx(0.8, abs=0.03)


def test_organs_are_fitted_one_by_one() -> None:
    right = [Observation("map", "liver", 0.95, 0.95)] * 20
    assert fitted([*right, *overconfident()])["liver"].confidence(0.95) == pytest.approx(0.95, abs=0.005)


def test_patients_who_are_all_alike_leave_the_slope_near_1() -> None:
    fit = fitted([Observation("map", "spleen", 0.9, 0.8)] * 20)["spleen"]
    assert fit.confidence(0.9) == pytest.approx(0.8, abs=0.01)
    assert fit.slope == pytest.approx(1, abs=0.4)


def test_a_patient_is_judged_by_a_fit_without_its_map() -> None:
    """Only the patients of the map that is left out are bad: the others do not tell."""
    good = [Observation("good", "liver", e, e) for e in (0.9, 0.92, 0.94, 0.96)] * 5
    bad = [Observation("bad", "liver", 0.93, 0.5)] * 20
    pairs = cross_validated([*good, *bad])
    assert {round(pair.confidence, 2) for pair in pairs if pair.dice == 0.5} == {0.93}


def test_bins_have_equal_numbers_from_low_to_high_confidence() -> None:
    found = bins([(0.9, 0.8), (0.1, 0.3), (0.2, 0.1), (0.7, 0.9)], count=2)
    assert [(round(b.confidence, 6), round(b.dice, 6), b.patients) for b in found] == [(0.15, 0.2, 2), (0.8, 0.85, 2)]
    assert [round(b.gap, 6) for b in found] == [0.05, 0.05]


def test_agreement_is_the_largest_gap_of_a_bin() -> None:
    assert agreement([(0.9, 0.8), (0.5, 0.5)], count=2) == pytest.approx(0.1)
    assert agreement([]) == 0.0

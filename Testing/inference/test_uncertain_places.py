"""Confidence and uncertain places against numbers worked out by hand, in a box of a scan with unequal sides."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
import torch
from flareseg.core.geometry import Geometry
from flareseg.core.organs import LEFT_KIDNEY, RIGHT_KIDNEY
from flareseg.inference.confidence import OrganConfidence, organ_confidence
from flareseg.inference.resample import Box

PANCREAS = 4
UP, DOWN, BACK, LEFT = (0, 0, 1), (0, 0, -1), (0, 1, 0), (1, 0, 0)
FROM_THE_FEET = Geometry((60, 64, 32), (3.0, 2.0, 1.5), (UP, BACK, LEFT), (0.0, 0.0, 0.0))
FROM_THE_HEAD = Geometry((60, 64, 32), (3.0, 2.0, 1.5), (DOWN, BACK, LEFT), (0.0, 0.0, 177.0))
GRID = (20, 16, 16)
BOX = Box((6, 20, 4), (46, 52, 20))  # a voxel of the grid is 2 x 2 x 1 of the scan's
ROWS, COLUMNS = slice(2, 8), slice(9, 15)


def scene(slices: slice, chances: Mapping[int, float], elsewhere: float = 0.99) -> tuple[torch.Tensor, np.ndarray]:
    """A pancreas of 36 voxels in each of some slices of the grid, with its chance in each."""
    probability = torch.zeros(GRID)
    probability[slices, ROWS, COLUMNS] = elsewhere
    for number, chance in chances.items():
        probability[number, ROWS, COLUMNS] = chance
    logits = torch.full((5, *GRID), -torch.inf)
    logits[0], logits[PANCREAS] = (1 - probability).log(), probability.log()
    labels = np.zeros(BOX.size, np.uint8)
    labels[2 * slices.start : 2 * slices.stop, 4:16, 9:15] = PANCREAS
    return logits, labels


def found(
    slices: slice, chances: Mapping[int, float], elsewhere: float = 0.99, geometry: Geometry = FROM_THE_FEET
) -> OrganConfidence:
    return organ_confidence(*scene(slices, chances, elsewhere), {PANCREAS: PANCREAS}, BOX, geometry)[PANCREAS]


UNSURE = {8: 0.4, 9: 0.4, 10: 0.4, 11: 0.4}


def test_confidence_is_the_dice_that_the_chances_expect() -> None:
    """36 x (8 x 0.01 + 4 x 0.6) voxels are in uncertainty, of 36 x (8 x 0.99 + 4 x 0.4 + 12)."""
    assert found(slice(4, 16), UNSURE).confidence == pytest.approx(1 - 2.48 / 21.52)


def test_a_place_is_told_in_the_slices_and_the_mm_of_the_whole_scan() -> None:
    (place,) = found(slice(4, 16), UNSURE).places
    assert (place.first, place.last) == (22, 29)
    # voxel 15.5, 29.5, 22.5 (i, j, k)
    assert place.ras == pytest.approx([-23.25, -59.0, 67.5])


def test_a_scan_from_head_to_foot_counts_from_the_head_and_means_the_same_point() -> None:
    (place,) = found(slice(4, 16), UNSURE, geometry=FROM_THE_HEAD).places
    assert (place.first, place.last) == (30, 37)
    assert place.ras == pytest.approx([-23.25, -59.0, 67.5])


def test_the_three_worst_places_are_told_worst_first() -> None:
    places = found(slice(3, 18), {4: 0.3, 8: 0.1, 12: 0.2, 16: 0.4}).places
    assert [(place.first, place.last) for place in places] == [(22, 23), (30, 31), (14, 15)]


def test_slices_apart_by_one_are_one_place() -> None:
    places = found(slice(3, 15), {4: 0.1, 6: 0.1, 12: 0.3}).places
    assert [(place.first, place.last) for place in places] == [(14, 19), (30, 31)]


@pytest.mark.parametrize(("chance", "confidence", "count"), [(0.10, 0.9011, 0), (0.08, 0.8987, 2)])
def test_places_are_told_of_organs_below_90_percent(chance: float, confidence: float, count: int) -> None:
    certain = found(slice(2, 12), {4: chance, 8: chance}, elsewhere=1.0)
    assert certain.confidence == pytest.approx(confidence, abs=1e-4)
    assert len(certain.places) == count


def test_the_uncertainty_of_one_kidney_is_not_the_others() -> None:
    """Both are one class to the network: the right at half, the left for certain."""
    probability = torch.zeros(GRID)
    probability[5:15, 4:12, 1:5], probability[5:15, 4:12, 10:14] = 0.5, 1.0
    logits = torch.full((5, *GRID), -torch.inf)
    logits[0], logits[2] = (1 - probability).log(), probability.log()
    labels = np.zeros(BOX.size, np.uint8)
    labels[10:30, 8:24, 1:5], labels[10:30, 8:24, 10:14] = RIGHT_KIDNEY.label, LEFT_KIDNEY.label
    both = organ_confidence(logits, labels, {2: 2, 5: 2}, BOX, FROM_THE_FEET)
    assert {label: each.confidence for label, each in both.items()} == pytest.approx({2: 1 - 0.5 / 1.5, 5: 1.0})

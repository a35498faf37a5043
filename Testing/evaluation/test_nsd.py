"""Surface Dice: distances known by hand, the tolerances of both challenges, empty cases."""

from __future__ import annotations

import numpy as np
import pytest
from cubes import SHAPE, cube, geometry, organs
from flareseg.core.errors import FlareError
from flareseg.core.volume import Volume
from flareseg.evaluation.overlap import dice
from flareseg.evaluation.scores import score_labels
from flareseg.evaluation.selection import OrganSelection
from flareseg.evaluation.surface import TOLERANCES, nsd, tolerances_named

MM = (1.0, 1.0, 1.0)
EMPTY = np.zeros(SHAPE, bool)


def plate(k: int) -> np.ndarray:
    """One slice thick, in the middle of the slice."""
    mask = np.zeros(SHAPE, bool)
    mask[k, 4:20, 4:20] = True
    return mask


@pytest.mark.parametrize(("tolerance", "expected"), [(6.99, 0.0), (7.0, 0.5), (7.99, 0.5), (8.0, 1.0)])
def test_two_plates_eight_slices_apart(tolerance: float, expected: float) -> None:
    """Their faces towards each other are 7 mm from the other plate, the far ones, of the same area, 8 mm."""
    assert nsd(plate(2), plate(10), MM, tolerance) == pytest.approx(expected)


@pytest.mark.parametrize(("tolerance", "expected"), [(20.9, 0.0), (21.0, 0.5), (24.0, 1.0)])
def test_distances_are_in_mm_along_the_axis_that_they_are_on(tolerance: float, expected: float) -> None:
    assert nsd(plate(2), plate(10), (3.0, 1.0, 1.0), tolerance) == pytest.approx(expected)


@pytest.mark.parametrize("mask", [cube((2, 2, 2)), cube((0, 0, 0)), cube((20, 20, 20)), np.ones(SHAPE, bool)])
def test_equal_masks_agree_everywhere_at_the_edge_of_the_scan_too(mask: np.ndarray) -> None:
    assert nsd(mask, mask.copy(), MM, 0.0) == 1.0


def test_a_cube_moved_by_one_voxel_is_within_one_voxel() -> None:
    moved = cube((2, 2, 3))
    assert dice(moved, cube((2, 2, 2))) == 0.75  # 48 of 64 voxels overlap
    assert nsd(moved, cube((2, 2, 2)), MM, 1.0) == 1.0
    assert 0 < nsd(moved, cube((2, 2, 2)), MM, 0.99) < 1


@pytest.mark.parametrize(
    ("prediction", "ground_truth", "spacing", "tolerance", "expected"),
    [
        (cube((2, 2, 2), 1), cube((2, 2, 2), 1) | cube((2, 2, 4), 1), (1.0, 1.0, 1.0), 1.0, 0.833333),
        (cube((2, 2, 2), 1), cube((2, 2, 2), 1) | cube((2, 2, 4), 1), (0.5, 2.0, 1.3), 1.0, 0.666667),
        (cube((2, 2, 2)), cube((2, 2, 3)), (0.5, 2.0, 1.3), 1.0, 0.812546),
        (cube((20, 20, 20)), cube((20, 19, 20)), (0.5, 2.0, 1.3), 1.0, 0.841604),
        (np.ones(SHAPE, bool), cube((2, 2, 2)), (1.0, 1.0, 1.0), 5.0, 0.113961),
        (np.ones(SHAPE, bool), cube((2, 2, 2)), (5.0, 0.7, 0.7), 5.0, 0.074105),
    ],
    ids=["one voxel and two", "thin slices", "moved", "moved in a corner of the scan", "whole scan", "thick slices"],
)
def test_the_challenges_own_package_gives_the_same(
    prediction: np.ndarray,
    ground_truth: np.ndarray,
    spacing: tuple[float, float, float],
    tolerance: float,
    expected: float,
) -> None:
    """What surface-distance 0.1 computes for these masks."""
    assert nsd(prediction, ground_truth, spacing, tolerance) == pytest.approx(expected, abs=2e-6)


@pytest.mark.parametrize(
    ("prediction", "ground_truth", "score"),
    [(EMPTY, EMPTY, 1.0), (cube((2, 2, 2)), EMPTY, 0.0), (EMPTY, cube((2, 2, 2)), 0.0)],
    ids=["both empty", "only the ground truth is empty", "only the prediction is empty"],
)
def test_empty_cases_by_the_challenges_rule(prediction: np.ndarray, ground_truth: np.ndarray, score: float) -> None:
    assert (dice(prediction, ground_truth), nsd(prediction, ground_truth, MM, 1.0)) == (score, score)


def test_flare21_allows_1_mm_and_flare22_differs_by_organ() -> None:
    assert TOLERANCES["flare21"] == {1: 1.0, 2: 1.0, 3: 1.0, 4: 1.0}
    assert TOLERANCES["flare22"] == {1: 5.0, 2: 3.0, 3: 3.0, 4: 5.0}


def test_organs_moved_by_4_mm_are_right_for_flare22_where_it_allows_5() -> None:
    moved, ground_truth = (Volume(labels, geometry()) for labels in (organs({1: 4, 2: 4, 3: 4, 4: 4}), organs()))
    scores = {
        s.organ.label: s.nsd for s in score_labels(moved, ground_truth, tolerances_named("flare22"), OrganSelection())
    }
    assert (scores[1], scores[4]) == (1.0, 1.0)
    assert max(scores[2], scores[3]) < 1
    assert max(s.nsd for s in score_labels(moved, ground_truth, tolerances_named("flare21"), OrganSelection())) < 0.8


def test_other_tolerances_are_refused() -> None:
    with pytest.raises(FlareError, match="flare21 or flare22"):
        tolerances_named("flare99")

"""The distances that the maps of a case page show, and the slices it chooses."""

from __future__ import annotations

import numpy as np
from cubes import SHAPE, cube
from flareseg.evaluation.distances import projected, signed_distances
from flareseg.evaluation.views import worst_slice

MM = (3.0, 1.0, 2.0)
GROUND_TRUTH = cube((8, 8, 8), 6)


def grown_to_the_left() -> np.ndarray:
    mask = GROUND_TRUTH.copy()
    mask[8:14, 8:14, 14:17] = True  # three voxels of 2 mm
    return mask


def test_where_the_prediction_goes_too_far_the_distance_is_positive() -> None:
    distances = signed_distances(grown_to_the_left(), GROUND_TRUTH, MM)
    assert np.nanmax(distances) == 6.0
    assert np.nanmin(distances) >= 0.0


def test_where_the_ground_truth_is_missed_it_is_negative() -> None:
    distances = signed_distances(GROUND_TRUTH, grown_to_the_left(), MM)
    assert np.nanmin(distances) == -6.0
    assert np.nanmax(distances) <= 0.0


def test_equal_surfaces_are_at_no_distance_and_all_else_has_none() -> None:
    distances = signed_distances(GROUND_TRUTH, GROUND_TRUTH.copy(), MM)
    assert np.array_equal(np.unique(distances[~np.isnan(distances)]), [0.0])
    assert np.count_nonzero(~np.isnan(distances)) == 6**3 - 4**3


def test_a_projection_shows_the_farthest_on_each_line_of_sight_with_its_sign() -> None:
    seen = projected(signed_distances(GROUND_TRUTH, grown_to_the_left(), MM), axis=2)  # along i
    assert seen.shape == SHAPE[:2]
    assert (seen[8:14, 8:14] == -6.0).all()
    assert np.isnan(seen[:8]).all()


def test_the_worst_slice_is_the_one_with_the_largest_wrong_area() -> None:
    prediction = GROUND_TRUTH.copy()
    prediction[9, 8:10, 8:10] = False
    prediction[12, 8:14, 8:14] = False
    assert worst_slice(prediction, GROUND_TRUTH, axis=0) == 12


def test_without_a_mistake_it_is_the_fullest_slice() -> None:
    ground_truth = GROUND_TRUTH.copy()
    ground_truth[10, 4:20, 4:20] = True
    assert worst_slice(ground_truth, ground_truth, axis=0) == 10

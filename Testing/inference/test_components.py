"""Clean-up of a label map by connected components."""

import numpy as np
import pytest
from flareseg.core.errors import FlareError
from flareseg.inference.components import CleanUp, clean_up, fill_holes, remove_small_parts

LIVER, KIDNEYS, SPLEEN, PANCREAS = 1, 2, 3, 4


def row_of_cubes(label: int, sizes: list[int]) -> np.ndarray:
    """Separate cubes of one label with the given edge lengths, one after the other along i."""
    labels = np.zeros((12, 12, sum(sizes) + 2 * len(sizes)), np.uint8)
    start = 1
    for size in sizes:
        labels[:size, :size, start : start + size] = label
        start += size + 2
    return labels


def parts_left(labels: np.ndarray) -> int:
    from scipy import ndimage

    return int(ndimage.label(labels)[1])


def test_only_the_largest_liver_stays() -> None:
    labels = row_of_cubes(LIVER, [8, 10, 9])
    remove_small_parts(labels)
    assert np.count_nonzero(labels) == 1000


def test_both_kidneys_stay_and_a_third_part_goes() -> None:
    labels = row_of_cubes(KIDNEYS, [8, 7, 6])
    remove_small_parts(labels)
    assert np.count_nonzero(labels) == 512 + 343


def test_a_second_kidney_below_12_percent_of_the_first_goes() -> None:
    labels = row_of_cubes(KIDNEYS, [10, 4])  # 64 of 1000 voxels
    remove_small_parts(labels)
    assert np.count_nonzero(labels) == 1000


@pytest.mark.parametrize(("voxels", "left"), [(121, 1121), (119, 1000)])
def test_a_second_kidney_stays_from_12_percent_of_the_first_on(voxels: int, left: int) -> None:
    labels = np.zeros((12, 12, 20), np.uint8)
    labels[:10, :10, :10] = KIDNEYS
    labels[..., 15].flat[[n for n in range(132) if n % 12 != 11][:voxels]] = KIDNEYS  # a plate one voxel thick
    remove_small_parts(labels)
    assert np.count_nonzero(labels) == left


def test_the_pancreas_may_fall_into_three_parts() -> None:
    labels = row_of_cubes(PANCREAS, [6, 6, 5, 5])
    remove_small_parts(labels)
    assert parts_left(labels == PANCREAS) == 3


def test_strong_clean_up_leaves_one_pancreas_and_two_kidneys() -> None:
    labels = np.concatenate([row_of_cubes(PANCREAS, [6, 6, 5]), row_of_cubes(KIDNEYS, [8, 7, 6])], axis=2)
    clean_up(labels, CleanUp.STRONG)
    assert parts_left(labels == PANCREAS) == 1
    assert parts_left(labels == KIDNEYS) == 2


def test_strong_clean_up_fills_the_holes_of_an_organ() -> None:
    labels = row_of_cubes(SPLEEN, [9])
    whole = labels.copy()
    labels[3:5, 3:5, 4:6] = 0
    clean_up(labels, CleanUp.STRONG)
    np.testing.assert_array_equal(labels, whole)


def test_normal_clean_up_leaves_holes_as_they_are() -> None:
    labels = row_of_cubes(SPLEEN, [9])
    labels[3:5, 3:5, 4:6] = 0
    clean_up(labels, CleanUp.NORMAL)
    assert np.count_nonzero(labels) == 9**3 - 8


@pytest.mark.parametrize("side", ["first", "last"])
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_hollow_that_is_open_to_one_side_is_not_a_hole(axis: int, side: str) -> None:
    labels = np.zeros((11, 12, 13), np.uint8)
    labels[1:-1, 1:-1, 1:-1] = LIVER
    np.moveaxis(labels, axis, 0)[slice(0, 5) if side == "first" else slice(5, None), 4, 5] = 0
    before = labels.copy()
    fill_holes(labels)
    np.testing.assert_array_equal(labels, before)


def test_another_organ_inside_an_organ_stays() -> None:
    labels = row_of_cubes(LIVER, [9])
    labels[3:5, 3:5, 4:6] = PANCREAS
    fill_holes(labels)
    assert np.count_nonzero(labels == PANCREAS) == 8


def test_clean_up_that_is_off_changes_nothing() -> None:
    labels = row_of_cubes(LIVER, [8, 10, 2])
    before = labels.copy()
    clean_up(labels, CleanUp.OFF, voxel_ml=0.001)
    np.testing.assert_array_equal(labels, before)


def test_an_unknown_strength_is_refused() -> None:
    with pytest.raises(FlareError, match='Unknown clean-up: "hard"'):
        CleanUp.of("hard")


def test_parts_that_touch_only_at_an_edge_are_separate() -> None:
    labels = np.zeros((8, 8, 8), np.uint8)
    labels[:4, :4], labels[4:6, 4:6] = SPLEEN, SPLEEN
    remove_small_parts(labels)
    assert np.count_nonzero(labels) == 4 * 4 * 8


def test_organs_that_touch_are_cleaned_apart() -> None:
    labels = np.full((6, 6, 12), LIVER, np.uint8)
    labels[..., 6:] = SPLEEN
    before = labels.copy()
    remove_small_parts(labels)
    np.testing.assert_array_equal(labels, before)


def test_an_empty_label_map_stays_empty() -> None:
    labels = np.zeros((4, 4, 4), np.uint8)
    remove_small_parts(labels)
    assert not labels.any()


def test_an_organ_of_less_than_5_ml_is_none() -> None:
    labels = row_of_cubes(PANCREAS, [10])  # 1000 voxels
    remove_small_parts(labels, voxel_ml=0.00501)
    assert labels.any()
    remove_small_parts(labels, voxel_ml=0.00499)
    assert not labels.any()


def test_parts_that_go_do_not_count_towards_5_ml() -> None:
    labels = row_of_cubes(LIVER, [10, 9])
    remove_small_parts(labels, voxel_ml=0.004)  # 4 mL that might stay, 2.9 mL that may not
    assert not labels.any()


def test_a_view_is_cleaned_in_place() -> None:
    array = np.zeros((30, 14, 14), np.uint8)
    view = array.transpose(2, 1, 0)[::-1]
    view[:4, :4, :4], view[8:10, 8:10, 8:10] = LIVER, LIVER
    remove_small_parts(view)
    assert np.count_nonzero(array) == 64

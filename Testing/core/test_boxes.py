"""The smallest box around what is marked."""

import numpy as np
from flareseg.core.boxes import box_around


def marked(*voxels: tuple[int, int, int]) -> np.ndarray:
    marks = np.zeros((6, 7, 8), np.uint8)
    for voxel in voxels:
        marks[voxel] = 3
    return marks


def test_the_box_holds_every_marked_voxel_and_no_more() -> None:
    assert box_around(marked((1, 5, 2), (4, 3, 7))) == (slice(1, 5), slice(3, 6), slice(2, 8))


def test_a_margin_ends_at_the_lower_edge_of_the_array() -> None:
    assert box_around(marked((1, 5, 2)), (3, 1, 0)) == (slice(0, 5), slice(4, 7), slice(2, 3))


def test_a_box_around_nothing_is_empty() -> None:
    marks = marked()
    assert marks[box_around(marks)].size == 0
    assert marks[box_around(marks > 0)].size == 0

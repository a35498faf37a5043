"""The ROI box from stage 1's foreground or from a person."""

import numpy as np
import pytest
from flareseg.core.errors import FlareError
from flareseg.core.geometry import Geometry
from flareseg.inference.resample import Box
from flareseg.inference.roi import bounds_of_box, box_of_bounds, box_of_foreground

# canonical: k runs to S, j to P, i to L; the corner voxel's centre is at RAS (0, 0, 0)
GEOMETRY = Geometry((100, 200, 200), (3.0, 2.0, 2.0), ((0, 0, 1), (0, 1, 0), (1, 0, 0)), (0.0, 0.0, 0.0))


def foreground(*boxes: tuple[slice, slice, slice]) -> np.ndarray:
    mask = np.zeros((50, 50, 50), bool)
    for box in boxes:
        mask[box] = True
    return mask


def test_the_box_holds_the_foreground_and_a_margin_of_15_mm() -> None:
    box = box_of_foreground(foreground((slice(20, 30), slice(20, 30), slice(20, 30))), GEOMETRY)
    assert box == Box((40 - 5, 80 - 8, 80 - 8), (60 + 5, 120 + 8, 120 + 8))


def test_the_margin_of_a_scan_lower_than_180_mm_is_30_mm() -> None:
    geometry = Geometry((59, 200, 200), (3.0, 2.0, 2.0), GEOMETRY.direction, GEOMETRY.origin)
    box = box_of_foreground(foreground((slice(20, 30), slice(20, 30), slice(20, 30))), geometry)
    assert box is not None
    assert (box.low[1:], box.high[1:]) == ((80 - 15, 80 - 15), (120 + 15, 120 + 15))


def test_the_box_ends_at_the_scan() -> None:
    box = box_of_foreground(foreground((slice(0, 50), slice(20, 30), slice(20, 30))), GEOMETRY)
    assert box is not None
    assert (box.low[0], box.high[0]) == (0, 100)


def test_small_islands_of_foreground_do_not_stretch_the_box() -> None:
    organs, island = (slice(10, 20),) * 3, (slice(40, 42),) * 3
    assert box_of_foreground(foreground(organs, island), GEOMETRY) == box_of_foreground(foreground(organs), GEOMETRY)


def test_no_foreground_gives_no_box() -> None:
    assert box_of_foreground(foreground(), GEOMETRY) is None


@pytest.mark.parametrize(("cells", "is_found"), [(105, True), (104, False)])
def test_foreground_below_40_ml_gives_no_box(cells: int, is_found: bool) -> None:
    """A cell of 2 x 4 x 4 voxels is 0.384 mL: 40.3 and 39.9 mL."""
    mask = foreground()
    mask[10].flat[[50 * row + column for row in range(10) for column in range(11)][:cells]] = True
    assert (box_of_foreground(mask, GEOMETRY) is not None) == is_found


@pytest.mark.parametrize(("cells", "high"), [(81, 45), (79, 20)])
def test_an_island_stretches_the_box_from_8_percent_of_the_largest_part_on(cells: int, high: int) -> None:
    mask = foreground((slice(10, 20),) * 3)
    mask[44].flat[[50 * row + column for row in range(10, 19) for column in range(10, 19)][:cells]] = True
    box = box_of_foreground(mask, GEOMETRY)
    assert box is not None
    assert box.high[0] == 2 * high + 5


def test_every_axis_has_its_own_ratio_and_margin() -> None:
    """15 mm are 5, 6 and 10 voxels; a cell is 2, 4 and 4 voxels long."""
    geometry = Geometry((100, 160, 240), (3.0, 2.5, 1.5), GEOMETRY.direction, GEOMETRY.origin)
    mask = np.zeros((50, 40, 60), bool)
    mask[20:30, 10:20, 30:36] = True
    assert box_of_foreground(mask, geometry) == Box((35, 34, 110), (65, 86, 154))


def test_parts_that_touch_at_a_corner_are_two() -> None:
    organs, island = (slice(10, 20),) * 3, (slice(20, 22),) * 3
    assert box_of_foreground(foreground(organs, island), GEOMETRY) == box_of_foreground(foreground(organs), GEOMETRY)


def test_a_persons_bounds_become_the_voxels_inside_them() -> None:
    box = box_of_bounds((-100, -20, -200, -40, 30, 90), GEOMETRY)
    assert box == Box((10, 20, 10), (31, 101, 51))


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_box_of_30_mm_is_thick_enough_and_one_of_28_is_not(axis: int) -> None:
    """Fifteen voxels of 2 mm, and fourteen."""
    geometry = Geometry((200, 200, 200), (2.0, 2.0, 2.0), GEOMETRY.direction, GEOMETRY.origin)
    bounds = [-300.0, -100.0, -300.0, -100.0, 100.0, 300.0]
    bounds[2 * axis + 1] = bounds[2 * axis] + 28
    assert min(box_of_bounds(tuple(bounds), geometry).size) == 15
    bounds[2 * axis + 1] -= 2
    with pytest.raises(FlareError, match="thinner than 30 mm"):
        box_of_bounds(tuple(bounds), geometry)


def test_bounds_between_voxels_take_the_voxels_within() -> None:
    box = box_of_bounds((-100.9, -20.1, -200.9, -40.1, 30.1, 89.9), GEOMETRY)
    assert box == Box((11, 21, 11), (30, 101, 51))


def test_the_bounds_of_a_box_are_its_outermost_voxels_centres_in_ras() -> None:
    assert bounds_of_box(Box((10, 20, 30), (40, 60, 90)), GEOMETRY) == (-178.0, -60.0, -118.0, -40.0, 30.0, 117.0)


def test_bounds_survive_the_round_trip() -> None:
    box = Box((10, 20, 30), (40, 60, 90))
    assert box_of_bounds(bounds_of_box(box, GEOMETRY), GEOMETRY) == box


@pytest.mark.parametrize(
    ("bounds", "reason"),
    [
        ((0, -50, -100, 0, 0, 100), "not a box"),
        ((float("nan"), 50, -100, 0, 0, 100), "not a box"),
        ((1000, 2000, -100, 0, 0, 100), "thinner than 30 mm"),
        ((-100, -90, -100, 0, 0, 100), "thinner than 30 mm"),
    ],
)
def test_bounds_that_hold_no_organ_are_refused(bounds: tuple[float, ...], reason: str) -> None:
    with pytest.raises(FlareError, match=reason) as caught:
        box_of_bounds(bounds, GEOMETRY)
    assert caught.value.kind == "bad_roi"

"""The ROI box from stage 1's foreground or from a person."""

import numpy as np
import pytest
from flareseg.errors import FlareError
from flareseg.geometry import Geometry
from flareseg.resample import Box
from flareseg.roi import bounds_of_box, box_of_bounds, box_of_foreground

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


def test_the_box_ends_at_the_scan() -> None:
    box = box_of_foreground(foreground((slice(0, 50), slice(20, 30), slice(20, 30))), GEOMETRY)
    assert box is not None
    assert (box.low[0], box.high[0]) == (0, 100)


def test_small_islands_of_foreground_do_not_stretch_the_box() -> None:
    organs, island = (slice(10, 20),) * 3, (slice(40, 42),) * 3
    assert box_of_foreground(foreground(organs, island), GEOMETRY) == box_of_foreground(foreground(organs), GEOMETRY)


def test_no_foreground_is_no_box() -> None:
    assert box_of_foreground(foreground(), GEOMETRY) is None


def test_foreground_smaller_than_any_organ_is_no_box() -> None:
    assert box_of_foreground(foreground((slice(0, 2), slice(0, 2), slice(0, 2))), GEOMETRY) is None


def test_a_persons_bounds_become_the_voxels_inside_them() -> None:
    box = box_of_bounds((-100, -20, -200, -40, 30, 90), GEOMETRY)
    assert box == Box((10, 20, 10), (31, 101, 51))


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

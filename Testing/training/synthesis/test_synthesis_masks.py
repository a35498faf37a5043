"""Volumes that are looked up, blurred and grown, and the grids of views and slices, in numbers worked out by hand."""

from __future__ import annotations

import pytest
import torch
from flareseg.training.chance import Chance
from flareseg.training.synthesis.acquisition import in_slices, on_grid, round_field
from flareseg.training.synthesis.config import FieldOfViewConfig
from flareseg.training.synthesis.masks import box_mean, dilate, gaussian, interpolate, lookup, random_voxels
from flareseg.training.synthesis.view import View

VOXEL = (4.0, 2.0, 1.0)


def at(*points: tuple[float, float, float]) -> torch.Tensor:
    """Points in mm as (3, n, 1, 1)."""
    return torch.tensor(points).T.reshape(3, len(points), 1, 1)


def one_voxel(shape: tuple[int, int, int], place: tuple[int, int, int]) -> torch.Tensor:
    mask = torch.zeros(shape, dtype=torch.bool)
    mask[place] = True
    return mask


@pytest.mark.parametrize(
    ("point", "value"),
    [
        ((0.0, 0.0, 0.0), 1),
        ((0.0, 2.0, 2.0), 7),
        ((4.0, 4.0, 3.0), 24),
        ((1.9, 0.9, 0.4), 1),  # the nearest voxel is still the first
        ((2.1, 1.1, 0.6), 18),
        ((-2.1, 0.0, 0.0), 0),  # outside
        ((6.1, 0.0, 0.0), 0),
        ((0.0, 5.1, 0.0), 0),
        ((0.0, 0.0, 3.6), 0),
    ],
)
def test_the_nearest_voxel_is_looked_up_and_nothing_outside(point: tuple[float, float, float], value: int) -> None:
    volume = torch.arange(1, 25, dtype=torch.uint8).view(2, 3, 4)
    assert lookup(volume, at(point), VOXEL).flatten().tolist() == [value]


def test_between_voxels_it_is_linear_and_beyond_the_ends_constant() -> None:
    k, j, i = torch.meshgrid(*(torch.arange(n, dtype=torch.float32) for n in (3, 4, 5)), indexing="ij")
    volume = 100 * k + 10 * j + i
    points = at((14.0, 23.0, 31.5), (10.0, 20.0, 30.0), (0.0, 22.0, 33.0), (99.0, 99.0, 99.0))
    found = interpolate(volume[None, None], points[None], (10.0, 20.0, 30.0), VOXEL)
    assert found.flatten().tolist() == pytest.approx([116.5, 0.0, 13.0, 234.0], abs=1e-3)


def test_a_gaussian_spreads_a_voxel_along_each_axis_by_its_own_width() -> None:
    volume = torch.zeros(9, 11, 13)
    volume[4, 5, 6] = 1.0
    blurred = gaussian(volume, (0.0, 1.0, 0.5))
    assert blurred.sum().item() == pytest.approx(1.0, abs=1e-5)
    assert blurred[4].sum().item() == pytest.approx(1.0, abs=1e-5)
    across_rows, across_columns = blurred[4].sum(dim=1), blurred[4].sum(dim=0)
    assert across_rows[5:9].tolist() == pytest.approx([0.39905, 0.24204, 0.05401, 0.00443], abs=1e-4)
    assert across_rows[2:5].tolist() == pytest.approx([0.00443, 0.05401, 0.24204], abs=1e-4)
    assert across_columns[6:9].tolist() == pytest.approx([0.78677, 0.10648, 0.00026], abs=2e-4)


def test_a_gaussian_leaves_what_is_constant_beyond_the_ends_too() -> None:
    ramp = torch.tensor([1.0, 1.0, 1.0, 1.0, 5.0, 5.0, 5.0, 5.0]).view(8, 1, 1).expand(8, 3, 3).clone()
    blurred = gaussian(ramp, (0.5, 0.0, 0.0))[:, 0, 0]
    assert (blurred[0].item(), blurred[-1].item()) == pytest.approx((1.0, 5.0), abs=1e-4)


def test_a_share_is_that_of_the_box_within_the_volume() -> None:
    assert box_mean(torch.ones(4, 5, 6, dtype=torch.bool), 6.0, VOXEL).unique().tolist() == [1.0]
    share = box_mean(one_voxel((9, 9, 9), (4, 4, 4)), 5.0, VOXEL)  # 3, 3 and 5 voxels
    assert share[4, 4, 4].item() == pytest.approx(1 / 45)
    assert int((share > 0).sum()) == 45


def test_a_mask_grows_by_mm_and_by_a_voxel_at_least() -> None:
    grown = dilate(one_voxel((9, 9, 9), (4, 4, 4)), 2.0, VOXEL)
    places = torch.nonzero(grown)
    assert (places.min(dim=0).values.tolist(), places.max(dim=0).values.tolist()) == ([3, 3, 2], [5, 5, 6])
    assert len(places) == 3 * 3 * 5


def test_random_voxels_lie_in_the_mask() -> None:
    mask = torch.zeros(5, 7, 11, dtype=torch.bool)
    mask[4, 5:7, 8:11] = True
    found = {tuple(place) for place in random_voxels(mask, 6, Chance(0)).tolist()}
    assert found == {(4, j, i) for j in (5, 6) for i in (8, 9, 10)}


def test_a_view_looks_at_the_centres_of_its_voxels() -> None:
    view = View((2, 4, 5), (10.0, 20.0, 30.0), (14.0, 28.0, 40.0), (0.0, 0.0))
    points = view.points(torch.device("cpu"))
    assert view.voxel == (2.0, 2.0, 2.0)
    assert points[0, :, 0, 0].tolist() == [11.0, 13.0]
    assert points[1, 0, :, 0].tolist() == [21.0, 23.0, 25.0, 27.0]
    assert points[2, 0, 0, :].tolist() == [31.0, 33.0, 35.0, 37.0, 39.0]


def test_a_slice_is_the_mean_of_what_it_covers_or_its_middle() -> None:
    squares = torch.tensor([0.0, 1.0, 4.0, 9.0, 16.0, 25.0]).view(6, 1, 1)
    assert in_slices(squares, 2, sampled=False).flatten().tolist() == pytest.approx([5 / 3, 50 / 3])
    assert in_slices(squares, 2, sampled=True).flatten().tolist() == [1.0, 16.0]
    assert on_grid(torch.tensor([0.0, 8.0]).view(2, 1, 1), 4).flatten().tolist() == [0.0, 2.0, 6.0, 8.0]


def test_outside_the_round_field_is_padding_without_labels() -> None:
    """A circle of 30 mm about (40, 80) mm, on pixels of 10 mm of which the first begins at (0, 20)."""
    view = View((2, 10, 12), (0.0, 0.0, 20.0), (2.0, 100.0, 140.0), (40.0, 80.0))
    hu, labels = torch.full((2, 10, 12), 40.0), torch.ones(2, 10, 12, dtype=torch.uint8)
    settings = FieldOfViewConfig(probability=1.0, radius_mm=(30.0, 30.0), paddings_hu=(-2000.0,))
    hu, labels = round_field(hu, labels, view, settings, Chance(0))
    inside = torch.zeros(10, 12, dtype=torch.bool)
    inside[1:7, 3:9] = True  # the centres from 15 to 65 and from 55 to 105 mm
    for corner in ((1, 3), (1, 8), (6, 3), (6, 8)):
        inside[corner] = False  # 35 mm away
    assert torch.equal(labels[0] > 0, inside)
    assert torch.equal(hu[1] == 40.0, inside)
    assert hu[~inside.expand(2, 10, 12)].unique().tolist() == [-2000.0]

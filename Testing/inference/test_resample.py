"""Slab-wise resampling gives what the whole volume at once would give, and stays small."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from flareseg.core.measure import MemoryWatch
from flareseg.inference.resample import Box, Slabs, logits_to_labels, resample_to_grid

CPU = torch.device("cpu")
TINY = 0.001  # MB: a slab of one slice
HUGE = 1e6  # MB: the whole volume as one slab


def scan(shape: tuple[int, int, int], dtype: type = np.int16) -> np.ndarray:
    return np.random.default_rng(0).integers(-1000, 1500, shape).astype(dtype)


@pytest.mark.parametrize("size", [(8, 16, 24), (40, 16, 24), (40, 64, 80)])
def test_shrinking_slab_by_slab_equals_the_whole_volume(size: tuple[int, int, int]) -> None:
    voxels = scan((31, 45, 57))
    box = Box((2, 3, 5), (30, 44, 50))
    by_slab = resample_to_grid(voxels, box, size, CPU, Slabs(TINY))
    at_once = resample_to_grid(voxels, box, size, CPU, Slabs(HUGE))
    torch.testing.assert_close(by_slab, at_once, rtol=0, atol=1e-2)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_scan_stored_the_other_way_round_may_leave_a_slab_of_one_slice(axis: int) -> None:
    voxels = np.flip(scan((7, 12, 14)), axis)
    found = resample_to_grid(voxels, Box.whole(voxels.shape), (4, 6, 7), CPU, Slabs(TINY))
    torch.testing.assert_close(found, resample_to_grid(voxels.copy(), Box.whole(voxels.shape), (4, 6, 7), CPU))


def test_shrinking_averages_over_areas() -> None:
    voxels = scan((30, 45, 57))
    found = resample_to_grid(voxels, Box.whole(voxels.shape), (8, 12, 20), CPU)
    expected = F.adaptive_avg_pool3d(torch.from_numpy(voxels).float()[None, None], (8, 12, 20))[0, 0]
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-2)


def test_a_growing_axis_is_interpolated_linearly() -> None:
    voxels = scan((6, 7, 8))
    found = resample_to_grid(voxels, Box.whole(voxels.shape), (12, 21, 20), CPU)
    whole = torch.from_numpy(voxels).float()[None, None]
    expected = F.interpolate(whole, (12, 21, 20), mode="trilinear", align_corners=False)[0, 0]
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-2)


@pytest.mark.parametrize("dtype", [np.int16, np.uint16, np.int32, np.float32, np.float64, ">i2"])
def test_every_number_type_gives_the_same_grid_and_is_left_alone(dtype: type) -> None:
    voxels = np.abs(scan((12, 12, 12))).astype(dtype)
    before = voxels.copy()
    found = resample_to_grid(voxels, Box.whole(voxels.shape), (8, 8, 8), CPU)
    torch.testing.assert_close(
        found, resample_to_grid(voxels.astype(np.int16), Box.whole(voxels.shape), (8, 8, 8), CPU)
    )
    np.testing.assert_array_equal(voxels, before)


@pytest.mark.parametrize(("hu", "seen"), [(-32768, -1024), (-1024, -1024), (-900, -900), (2800, 2800), (3071, 3000)])
@pytest.mark.parametrize("dtype", [np.int16, np.float32])
def test_padding_counts_as_air_and_metal_as_3000_hu(hu: int, seen: int, dtype: type) -> None:
    voxels = np.full((8, 8, 8), hu, dtype)
    for size in ((4, 4, 4), (12, 4, 8)):
        found = resample_to_grid(voxels, Box.whole(voxels.shape), size, CPU)
        torch.testing.assert_close(found, torch.full(size, float(seen)), rtol=0, atol=0.01)
    assert (voxels == hu).all(), "the scan itself is left alone"


@pytest.mark.parametrize(
    ("logits", "label", "percent"),
    [
        ((1, 4, 1, 1, 1), 1, 50),  # chances, of which softmax takes the logarithms: 4 of 8
        ((12, 1, 1, 1, 1), 0, 25),
        ((1, 1, 1, 94, 3), 3, 6),
        ((1, 2, 3, 4, 10), 4, 50),
        ((1, 0, 0, 0, 0), 0, 0),
    ],
)
def test_uncertainty_is_the_chance_that_the_winner_is_wrong_in_percent(
    logits: tuple[int, ...], label: int, percent: int
) -> None:
    grid = torch.tensor(logits, dtype=torch.float32).log().clamp(min=-100).view(5, 1, 1, 1).expand(5, 4, 5, 6)
    labels, uncertainty = np.full((8, 9, 10), 99, np.uint8), np.full((8, 9, 10), 99, np.uint8)
    logits_to_labels(grid, labels, uncertainty=uncertainty)
    assert set(np.unique(labels)) == {label}
    assert set(np.unique(uncertainty)) == {percent}


@pytest.mark.parametrize("shape", [(40, 50, 70), (5, 9, 11)])
def test_growing_labels_slab_by_slab_equals_the_whole_volume(shape: tuple[int, int, int]) -> None:
    logits = torch.randn(5, 12, 16, 20, generator=torch.Generator().manual_seed(0))
    by_slab, at_once = np.empty(shape, np.uint8), np.empty(shape, np.uint8)
    logits_to_labels(logits, by_slab, Slabs(TINY))
    logits_to_labels(logits, at_once, Slabs(HUGE))
    np.testing.assert_array_equal(by_slab, at_once)


def test_grown_labels_are_the_winners_of_interpolated_scores() -> None:
    logits = torch.randn(5, 12, 16, 20, generator=torch.Generator().manual_seed(1))
    labels = np.empty((30, 40, 50), np.uint8)
    logits_to_labels(logits, labels)
    expected = F.interpolate(logits[None], labels.shape, mode="trilinear", align_corners=False)[0].argmax(0).numpy()
    assert np.mean(labels == expected) > 0.9999  # ties may fall either way


def test_labels_are_written_into_a_turned_view() -> None:
    logits = torch.randn(5, 6, 8, 10, generator=torch.Generator().manual_seed(2))
    straight, turned = np.empty((20, 24, 28), np.uint8), np.empty((28, 24, 20), np.uint8)
    logits_to_labels(logits, straight)
    logits_to_labels(logits, turned.transpose(2, 1, 0)[::-1])
    np.testing.assert_array_equal(turned.transpose(2, 1, 0)[::-1], straight)


def test_memory_does_not_grow_with_the_number_of_slices() -> None:
    logits = torch.randn(5, 96, 128, 192)
    growth = []
    for slices in (100, 400):
        voxels, labels = np.zeros((slices, 512, 512), np.int16), np.zeros((slices, 512, 512), np.uint8)
        voxels[:], labels[:] = 1, 1  # resident before, so that only the work's own memory counts
        with MemoryWatch() as watch:
            before = watch.ram_mb
            resample_to_grid(voxels, Box.whole(voxels.shape), (96, 96, 96), CPU)
            logits_to_labels(logits, labels)
        growth.append(watch.facts().peak_ram_mb - before)
    assert growth[1] < growth[0] + 40  # float32 copies of 300 more slices would be 300 MB and 1.6 GB


def test_slabs_tell_how_far_they_are() -> None:
    told: list[float] = []
    list(Slabs(TINY, told.append).cut(4, 1e6))
    assert told == [0.25, 0.5, 0.75, 1.0]

"""Scans lower than what the networks have learned: organs keep their proportions, and the input goes on as it ends."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from flareseg.core.volume import Volume
from flareseg.inference.cascade import Cascade, SegmentationOptions
from flareseg.inference.low_scans import continued, slices_shown, without_continuation
from flareseg.io.reading import read_volume
from scripted_networks import BRIGHT, MUSCLE, Brightest, Everywhere, cascade_of, kidney_finder, scan
from torch import Tensor


@pytest.mark.parametrize(
    ("height_mm", "slices"), [(60.0, 32), (90.0, 48), (179.0, 95), (180.0, 96), (500.0, 96), (0.5, 1)]
)
def test_a_box_fills_the_slices_that_it_has_of_180_mm(height_mm: float, slices: int) -> None:
    assert slices_shown(height_mm, 96) == slices


def test_the_outermost_slices_are_repeated_beyond_both_ends() -> None:
    grid = torch.tensor([1.0, 2.0, 3.0]).view(3, 1, 1)
    assert continued(grid, 8).flatten().tolist() == [1, 1, 1, 2, 3, 3, 3, 3]
    assert continued(grid.to(torch.uint8), 8).dtype is torch.uint8
    assert continued(grid, 3) is grid


@pytest.mark.parametrize("shown", [1, 2, 5, 8])
def test_what_is_left_without_the_continuation_is_what_was_continued(shown: int) -> None:
    grid = torch.rand(4, shown, 2, 3)
    assert torch.equal(without_continuation(continued(grid, 8), shown, 8), grid)


def test_logits_of_half_the_slices_stay_in_place() -> None:
    grid = torch.arange(8.0).view(1, 8, 1, 1).expand(1, 8, 2, 2)
    halved = F.avg_pool3d(continued(grid, 16), (2, 1, 1))
    found = without_continuation(halved, 8, 16)[0, :, 0, 0]
    assert found[1:-1].tolist() == [1, 2, 3, 4, 5, 6]


class Shown(Everywhere):
    """Takes all it is shown for an abdomen, and tells what that was."""

    def __init__(self, tell: Callable[[Tensor], None]) -> None:
        super().__init__()
        self.tell = tell

    def forward(self, x: Tensor) -> Tensor:
        self.tell(x)
        return super().forward(x)


def test_a_network_sees_a_low_scan_in_its_proportions() -> None:
    """90 mm of a body with a bright plate: half of the grid, 48 of 96 slices from slice 24 on."""
    volume = scan((30, 64, 64))
    volume.voxels[:, 10:50, 10:50] = MUSCLE
    volume.voxels[10:20, 20:40, 20:40] = BRIGHT
    seen: list[Tensor] = []

    def tell(x: Tensor) -> None:
        seen.append(x)

    found = cascade_of(Shown(tell), Brightest(label=2, classes=5)).segment(volume)
    column = seen[0][0, 0, :, 45, 45]
    assert torch.nonzero(column > 0.5).flatten().tolist() == list(range(40, 56))
    assert np.flatnonzero(found.labels.any(axis=(1, 2))).tolist() == list(range(10, 20))


def test_uncertainty_and_places_are_those_of_the_scan_itself() -> None:
    volume = scan((20, 64, 64))
    volume.voxels[:, 10:50, 10:50] = MUSCLE
    volume.voxels[:, 20:40, 20:40] = BRIGHT
    options = SegmentationOptions(uncertainty=True)
    found = kidney_finder().segment(volume, options)
    assert found.uncertainty is not None and found.uncertainty.shape == volume.voxels.shape
    assert found.labels[0].any() and found.labels[-1].any()
    kidneys = found.organs[1]
    assert all(0 <= place.ras[2] <= 57 for place in kidneys.uncertain)


def test_a_slab_of_a_real_ct_is_segmented_nearly_as_the_whole_scan(cascade: Cascade, real_ct: Path) -> None:
    """60 mm with spleen, pancreas and upper kidneys; stretched over the whole grid, the pancreas had a Dice of 25 %."""
    ct, truth = (read_volume(real_ct / "spl_abdomen" / f"{name}.nii.gz").canonical for name in ("ct", "label"))
    voxels, expected = ct.voxels[80:100], truth.voxels[80:100]
    labels = cascade.segment(Volume(voxels, replace(ct.geometry, shape=voxels.shape))).labels
    for label, least in ((1, 0.90), (2, 0.87), (3, 0.88), (4, 0.65)):
        found, true = labels == label, expected == label
        assert 2 * np.count_nonzero(found & true) / (np.count_nonzero(found) + np.count_nonzero(true)) > least, label

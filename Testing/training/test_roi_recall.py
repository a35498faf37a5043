"""What a network's ROI holds of the organs, as the cascade draws the box."""

from __future__ import annotations

import pytest
import torch
from flareseg.training.batches import TrainingBatch
from flareseg.training.roi_recall import RoiMeter
from flareseg.training.sample import Sample

VOXEL = (10.0, 10.0, 10.0)  # mm: a margin of 15 mm is a voxel and a half, and 40 mL are 40 voxels


def batch(*organs: tuple[slice, slice, slice], voxel: tuple[float, float, float] | None = VOXEL) -> TrainingBatch:
    labels = torch.zeros(1, 1, 20, 20, 20, dtype=torch.long)
    for where in organs:
        labels[(0, 0, *where)] = 1
    return TrainingBatch(torch.zeros(1, 1, 20, 20, 20), labels, voxels=[voxel], shown=[None])


def logits(*found: tuple[slice, slice, slice]) -> torch.Tensor:
    scores = torch.zeros(1, 2, 20, 20, 20)
    scores[:, 0] = 1
    for where in found:
        scores[(0, 1, *where)] = 2
    return scores


WHOLE = (slice(4, 16), slice(5, 15), slice(5, 15))
LOW = (slice(4, 10), slice(5, 15), slice(5, 15))  # the margin reaches up to slice 11


def test_an_organ_inside_the_margin_is_held() -> None:
    meter = RoiMeter()
    meter.add(logits((slice(5, 15), slice(6, 14), slice(6, 14))), batch(WHOLE))
    assert meter.figures() == {"roi recall": 1.0, "roi worst": 1.0}


def test_what_lies_beyond_the_margin_is_lost() -> None:
    """Eight of twelve slices, in one of two samples."""
    meter = RoiMeter()
    meter.add(logits(LOW), batch(WHOLE))
    meter.add(logits(WHOLE), batch(WHOLE))
    assert meter.figures() == pytest.approx({"roi recall": 10 / 12, "roi worst": 8 / 12})


def test_without_a_box_all_is_lost() -> None:
    """A few voxels are noise to the cascade."""
    meter = RoiMeter()
    meter.add(logits((slice(4, 6), slice(5, 8), slice(5, 8))), batch(WHOLE))
    assert meter.figures() == {"roi recall": 0.0, "roi worst": 0.0}


def test_a_box_where_nothing_is_counts_on_its_own() -> None:
    meter = RoiMeter()
    for found in ((WHOLE,), (), (), ()):
        meter.add(logits(*found), batch())
    assert meter.figures() == {"roi in nothing": 0.25}


def test_slices_that_continue_a_low_scan_do_not_count() -> None:
    """Of a slab of 60 mm, whose margin is 30 mm, its own six slices: the network errs on the others only."""
    low = Sample(torch.zeros(6, 20, 20), torch.ones(6, 20, 20, dtype=torch.uint8), voxel=VOXEL).continued(20)
    meter = RoiMeter()
    made = TrainingBatch(low.image[None, None], low.labels[None, None], voxels=[low.voxel], shown=[low.shown])
    meter.add(logits((slice(7, 13), slice(0, 20), slice(3, 17))), made)
    assert meter.figures() == {"roi recall": 1.0, "roi worst": 1.0}


def test_a_sample_of_unknown_size_is_left_out() -> None:
    meter = RoiMeter()
    meter.add(logits(LOW), batch(WHOLE, voxel=None))
    assert meter.figures() == {}

"""Guided borders and the HU gate in the cascade: their options, what is reported, cancelling, and the uncertainty."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch
from flareseg.core.errors import Cancelled
from flareseg.core.organs import CLASSES, LEFT_KIDNEY, RIGHT_KIDNEY
from flareseg.core.run import Run
from flareseg.core.volume import Volume
from flareseg.inference.cascade import Cascade, Segmentation
from flareseg.inference.options import Borders, SegmentationOptions
from flareseg.inference.pipeline import segment_scan
from flareseg.inference.uncertainty import follow_changes
from flareseg.phantom import Phantom
from scripted_networks import MUSCLE, Everywhere, cascade_of, scan
from torch import Tensor, nn

PLAIN = SegmentationOptions(borders=Borders.PLAIN, hu_gate=False, uncertainty=True)
FAT = -100
VOXEL_ML = 0.027
LOST_RIGHT, LOST_LEFT = 27, 500  # voxels of fat, all on the border of a kidney


class TwoKidneys(nn.Module):
    """Says that there are two kidneys, always at the same place, and is as sure of all that is inside."""

    def forward(self, x: Tensor) -> Tensor:
        logits = torch.full((1, CLASSES, *x.shape[2:]), -3.0)
        logits[:, 0] = 0
        k, j, i = (size // 8 for size in x.shape[2:])
        for column in (1, 5):
            logits[:, 2, 2 * k : 6 * k, 2 * j : 6 * j, column * i : (column + 2) * i] = 3.0
        return logits


@pytest.fixture(scope="module")
def finder() -> Cascade:
    return cascade_of(Everywhere(), TwoKidneys())


@pytest.fixture(scope="module")
def fatty() -> Volume:
    """Kidneys in columns 12 to 36 and 60 to 84, with fat along an edge of the right one and in a half of the left."""
    volume = scan((96, 96, 96))
    volume.voxels[:] = MUSCLE
    volume.voxels[24:27, 24:27, 12:15] = FAT
    volume.voxels[30:35, 30:40, 60:70] = FAT
    return volume


@pytest.fixture(scope="module")
def plain(finder: Cascade, fatty: Volume) -> Segmentation:
    return finder.segment(fatty, PLAIN)


@pytest.fixture(scope="module")
def final(finder: Cascade, fatty: Volume) -> Segmentation:
    return finder.segment(fatty, SegmentationOptions(uncertainty=True))


def test_fat_is_removed_and_told_in_ml(finder: Cascade, fatty: Volume, plain: Segmentation) -> None:
    gated = finder.segment(fatty, replace(PLAIN, hu_gate=True))
    lost = (plain.labels == 2) & (gated.labels != 2)
    assert (fatty.voxels[lost] == FAT).all()
    assert np.count_nonzero(lost) == LOST_RIGHT + LOST_LEFT
    assert gated.organs[1].removed_ml == pytest.approx((LOST_RIGHT + LOST_LEFT) * VOXEL_ML)
    assert [facts.removed_ml for facts in plain.organs] == [0, 0, 0, 0]


def test_what_a_kidney_lost_is_told_of_its_own_side(finder: Cascade, fatty: Volume) -> None:
    options = replace(PLAIN, hu_gate=True, split_kidneys=True)
    lost = {facts.label: facts.removed_ml for facts in finder.segment(fatty, options).organs}
    assert lost[RIGHT_KIDNEY.label] == pytest.approx(LOST_RIGHT * VOXEL_ML)
    assert lost[LEFT_KIDNEY.label] == pytest.approx(LOST_LEFT * VOXEL_ML)


def test_organs_that_are_chosen_are_gated_like_all(finder: Cascade, fatty: Volume, final: Segmentation) -> None:
    chosen = finder.segment(fatty, SegmentationOptions(organs=("kidneys",)))
    np.testing.assert_array_equal(chosen.labels, final.labels)
    assert chosen.organs == final.organs[1:2]


def test_an_organ_that_lost_voxels_is_less_certain(plain: Segmentation, final: Segmentation) -> None:
    before, after = (found.organs[1].confidence for found in (plain, final))
    assert before is not None
    assert after is not None
    assert after < before


def test_the_uncertainty_is_that_of_the_final_labels(plain: Segmentation, final: Segmentation) -> None:
    assert plain.uncertainty is not None
    assert final.uncertainty is not None
    changed = plain.labels != final.labels
    assert changed.any()
    np.testing.assert_array_equal(final.uncertainty[~changed], plain.uncertainty[~changed])
    np.testing.assert_array_equal(final.uncertainty[changed], 100 - plain.uncertainty[changed])


def test_a_left_kidney_apart_counts_as_unchanged() -> None:
    before = np.array([[[0, 2, 2, 1, 0]]], np.uint8)
    labels = np.array([[[0, 2, 5, 0, 5]]], np.uint8)
    uncertainty = np.array([[[1, 2, 3, 4, 5]]], np.uint8)
    follow_changes(uncertainty, before, labels)
    assert uncertainty.ravel().tolist() == [1, 2, 3, 96, 95]


@pytest.mark.parametrize("options", [PLAIN, SegmentationOptions()], ids=["off", "default"])
def test_the_report_names_both_choices(cascade: Cascade, phantom: Phantom, options: SegmentationOptions) -> None:
    with Run() as run:
        report = segment_scan(cascade, lambda: phantom.volume, lambda found, geometry: None, run, options).report
    assert (report.borders, report.hu_gate) == (options.borders.value, options.hu_gate)


@pytest.mark.parametrize("stage", ["put_back", "clean_up"])
def test_a_cancel_within_their_stages_ends_the_run(stage: str, cascade: Cascade, phantom: Phantom) -> None:
    """Asked for the second time after the first slab, which in both stages is before the end."""
    seen: list[tuple[str, float]] = []

    def is_cancelled() -> bool:
        return any(name == stage and fraction > 0 for name, fraction in seen)

    run = Run(lambda name, fraction: seen.append((name, fraction)), is_cancelled)
    with run, pytest.raises(Cancelled):
        cascade.segment(phantom.volume, run=run)
    name, fraction = seen[-1]
    assert name == stage
    assert fraction < 1


def stages_between(seen: list[tuple[str, float]], stage: str) -> Iterator[float]:
    return (fraction for name, fraction in seen if name == stage)


def test_guided_borders_advance_the_put_back(cascade: Cascade, phantom: Phantom) -> None:
    seen: list[tuple[str, float]] = []
    with Run(lambda name, fraction: seen.append((name, fraction))) as run:
        cascade.segment(phantom.volume, run=run)
    assert any(0.6 < fraction < 1 for fraction in stages_between(seen, "put_back"))

"""The cascade around networks whose answer is known: what reaches them, and what becomes of what they say."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from flareseg.core.errors import FlareError
from flareseg.inference.cascade import Cascade, SegmentationOptions
from flareseg.inference.engine import normalised
from scripted_networks import BRIGHT, MUSCLE, Brightest, Everywhere, cascade_of, kidney_finder, scan
from torch import Tensor, nn


@pytest.fixture
def finder() -> Cascade:
    return kidney_finder()


def test_the_networks_see_minus_200_to_300_hu_as_minus_1_to_1() -> None:
    hu = torch.tensor([-1000.0, -200.0, -75.0, 50.0, 175.0, 300.0, 3000.0])
    assert normalised(hu).tolist() == [-1.0, -1.0, -0.5, 0.0, 0.5, 1.0, 1.0]


REGION = (-280.0, -10.0, -280.0, -10.0, 10.0, 280.0)  # RAS mm
_NO_ORGAN = "No abdomen found in this scan: it shows no liver, kidney, spleen or pancreas."


@pytest.mark.parametrize(
    ("planes", "hu", "message"),
    [
        (0, MUSCLE, "No abdomen found in this scan."),
        (1, MUSCLE, _NO_ORGAN),  # 1 of 96: 1.04 %
        (1, -149, _NO_ORGAN),
        (1, -151, "No abdomen found in this scan."),
    ],
)
def test_a_scan_with_less_than_a_hundredth_of_tissue_is_not_shown_to_the_first_network(
    planes: int, hu: int, message: str, finder: Cascade
) -> None:
    volume = scan((96, 96, 96))
    volume.voxels[48 : 48 + planes] = hu
    volume.voxels[10, 10, :90] = MUSCLE  # 0.01 % more
    with pytest.raises(FlareError) as caught:
        finder.segment(volume)
    assert caught.value.message == message


def test_the_midline_is_the_bodys_and_not_the_pictures(finder: Cascade) -> None:
    """A body from column 40 to 200 of 384: its middle is 120, and both kidneys lie right of the picture's."""
    volume = scan((32, 64, 384))
    volume.voxels[:, 10:50, 40:200] = MUSCLE
    volume.voxels[8:24, 20:40, 60:90] = BRIGHT
    volume.voxels[8:24, 20:40, 140:180] = BRIGHT
    labels = finder.segment(volume, SegmentationOptions(split_kidneys=True)).labels
    assert set(np.unique(labels[..., :120])) == {0, 2}
    assert set(np.unique(labels[..., 120:])) == {0, 5}


@pytest.mark.parametrize(("columns", "side"), [((60, 90), 2), ((140, 180), 5)])
def test_in_a_region_around_one_kidney_the_midline_is_still_the_bodys(
    columns: tuple[int, int], side: int, finder: Cascade
) -> None:
    volume = scan((32, 64, 384))
    volume.voxels[:, 10:50, 40:200] = MUSCLE
    volume.voxels[8:24, 20:40, slice(*columns)] = BRIGHT
    right, left = -3.0 * (columns[0] - 10), -3.0 * (columns[1] + 10)
    options = SegmentationOptions(roi=(left, right, -150.0, -30.0, 0.0, 90.0), split_kidneys=True)
    assert set(np.unique(finder.segment(volume, options).labels)) == {0, side}


def test_a_horseshoe_kidney_is_cut_in_the_bodys_middle_to_the_voxel(finder: Cascade) -> None:
    volume = scan((32, 64, 384))
    volume.voxels[:, 10:50, 40:200] = MUSCLE
    volume.voxels[8:24, 20:40, 80:160] = BRIGHT
    labels = finder.segment(volume, SegmentationOptions(split_kidneys=True)).labels
    assert labels[16, 30, 81:159].tolist() == [2] * 39 + [5] * 39


@pytest.mark.parametrize(("spacing", "is_found"), [(3.0, True), (1.0, False)])
def test_an_organ_of_less_than_5_ml_is_not_reported(spacing: float, is_found: bool, finder: Cascade) -> None:
    """About 3400 voxels: 92 mL and 3.4 mL."""
    volume = scan((96, 96, 96), (spacing,) * 3)
    volume.voxels[10:90, 10:90, 10:90] = MUSCLE
    volume.voxels[40:55, 40:55, 40:55] = BRIGHT
    if is_found:
        assert 80 < finder.segment(volume).organs[1].volume_ml < 100
    else:
        with pytest.raises(FlareError, match="it shows no liver, kidney, spleen or pancreas"):
            finder.segment(volume)


def test_a_roi_network_may_answer_on_a_coarser_grid() -> None:
    class Halved(Everywhere):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x[..., ::2, ::2, ::2])

    volume = scan((96, 96, 96))
    volume.voxels[10:90, 10:90, 10:90] = MUSCLE
    volume.voxels[40:55, 40:55, 40:55] = BRIGHT
    coarse = cascade_of(Halved(), Brightest(label=2, classes=5))
    assert np.array_equal(coarse.segment(volume).labels, kidney_finder().segment(volume).labels)


def test_warnings_about_the_scan_come_first_and_those_about_the_result_follow(finder: Cascade) -> None:
    volume = scan((96, 96, 96))
    volume.voxels[10:90, 10:90, 10:90] = MUSCLE
    volume.voxels[40:55, 40:55, 40:55] = BRIGHT
    volume.warnings.append("a warning of the reader")
    warnings = finder.segment(volume).warnings
    assert warnings[0] == "a warning of the reader"
    assert warnings[-1].startswith("Missing or of unusual size: liver, spleen, pancreas.")


class AirIsLiver(nn.Module):
    """Gives liver to air, kidneys to what is bright, and background to the rest."""

    def forward(self, x: Tensor) -> Tensor:
        logits = torch.zeros(1, 5, *x.shape[2:])
        logits[:, 1] = 100 * (-0.9 - x[:, 0].float())
        logits[:, 2] = 100 * (x[:, 0].float() - 0.7)
        return logits


@pytest.mark.parametrize(
    ("options", "liver_stays"),
    [
        (SegmentationOptions(), False),
        (SegmentationOptions(roi=REGION), False),
        (SegmentationOptions(hu_gate=False), False),
        (SegmentationOptions(roi=REGION, hu_gate=False), True),
    ],
)
def test_an_organ_of_air_is_removed_alone_but_in_a_chosen_region_without_the_gate(
    options: SegmentationOptions, liver_stays: bool
) -> None:
    volume = scan((96, 96, 96))
    volume.voxels[10:90, 10:90, 10:90] = MUSCLE
    volume.voxels[40:55, 40:55, 40:55] = BRIGHT
    found = cascade_of(Everywhere(), AirIsLiver()).segment(volume, options)
    assert [bool(facts.voxels) for facts in found.organs] == [liver_stays, True, False, False]
    what = "check it" if liver_stays else "it was removed"
    assert f"Liver: most of it has the HU of air, fat or bone; {what}." in found.warnings

"""The cascade around networks whose answer is known: what reaches them, and what becomes of what they say."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from flareseg.cascade import Cascade, Wishes, normalised
from flareseg.device import Chosen, choose
from flareseg.errors import FlareError
from flareseg.geometry import Geometry
from flareseg.limits import Limits
from flareseg.volume import Volume
from torch import Tensor, nn

UP_BACK_LEFT = ((0, 0, 1), (0, 1, 0), (1, 0, 0))
AIR, MUSCLE, BRIGHT = -1000, 40, 280


class Brightest(nn.Module):
    """Gives a class to all that is brighter than 225 HU, and background to the rest."""

    def __init__(self, label: int, classes: int) -> None:
        super().__init__()
        self.label, self.classes = label, classes

    def forward(self, x: Tensor) -> Tensor:
        scores = torch.zeros(1, self.classes, *x.shape[2:])
        scores[:, self.label] = 100 * (x[:, 0].float() - 0.7)
        return scores


class Everywhere(nn.Module):
    """Takes all it is shown for an abdomen."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.stack([torch.zeros_like(x[:, 0]), torch.ones_like(x[:, 0])], dim=1).float()


def cascade_of(cascade: Cascade, abdomen: nn.Module, organs: nn.Module) -> Cascade:
    engine = cascade._engine
    abdomen, organs = replace(engine.abdomen, network=abdomen), replace(engine.organs, network=organs)
    return Cascade(replace(engine, abdomen=abdomen, organs=organs), cascade.weights)


@pytest.fixture
def kidney_finder(cascade: Cascade) -> Cascade:
    return cascade_of(cascade, Everywhere(), Brightest(label=2, classes=5))


def scan(shape: tuple[int, int, int], spacing: tuple[float, float, float] = (3.0, 3.0, 3.0)) -> Volume:
    """Nothing but air."""
    return Volume(np.full(shape, AIR, np.int16), Geometry(shape, spacing, UP_BACK_LEFT, (0.0, 0.0, 0.0)))


def test_the_networks_see_minus_200_to_300_hu_as_minus_1_to_1() -> None:
    hu = torch.tensor([-1000.0, -200.0, -75.0, 50.0, 175.0, 300.0, 3000.0])
    assert normalised(hu).tolist() == [-1.0, -1.0, -0.5, 0.0, 0.5, 1.0, 1.0]


@pytest.mark.parametrize(
    ("planes", "hu", "sentence"),
    [
        (0, MUSCLE, "No abdomen found in this scan."),
        (1, MUSCLE, "No liver, kidney, spleen or pancreas was found in this scan."),  # 1 of 96: 1.04 %
        (1, -149, "No liver, kidney, spleen or pancreas was found in this scan."),
        (1, -151, "No abdomen found in this scan."),
    ],
)
def test_a_scan_with_less_than_a_hundredth_of_tissue_is_not_shown_to_the_first_network(
    planes: int, hu: int, sentence: str, kidney_finder: Cascade
) -> None:
    volume = scan((96, 96, 96))
    volume.voxels[48 : 48 + planes] = hu
    volume.voxels[10, 10, :90] = MUSCLE  # 0.01 % more
    with pytest.raises(FlareError) as caught:
        kidney_finder.segment(volume)
    assert caught.value.sentence == sentence


def test_the_midline_is_the_bodys_and_not_the_pictures(kidney_finder: Cascade) -> None:
    """A body from column 40 to 200 of 384: its middle is 120, and both kidneys lie right of the picture's."""
    volume = scan((32, 64, 384))
    volume.voxels[:, 10:50, 40:200] = MUSCLE
    volume.voxels[8:24, 20:40, 60:90] = BRIGHT
    volume.voxels[8:24, 20:40, 140:180] = BRIGHT
    labels = kidney_finder.segment(volume, Wishes(split_kidneys=True)).labels
    assert set(np.unique(labels[..., :120])) == {0, 2}
    assert set(np.unique(labels[..., 120:])) == {0, 5}


def test_a_horseshoe_kidney_is_cut_in_the_bodys_middle_to_the_voxel(kidney_finder: Cascade) -> None:
    volume = scan((32, 64, 384))
    volume.voxels[:, 10:50, 40:200] = MUSCLE
    volume.voxels[8:24, 20:40, 80:160] = BRIGHT
    labels = kidney_finder.segment(volume, Wishes(split_kidneys=True)).labels
    assert labels[16, 30, 81:159].tolist() == [2] * 39 + [5] * 39


@pytest.mark.parametrize(("spacing", "is_found"), [(3.0, True), (1.0, False)])
def test_an_organ_of_less_than_5_ml_is_not_reported(spacing: float, is_found: bool, kidney_finder: Cascade) -> None:
    """About 3400 voxels: 92 mL and 3.4 mL."""
    volume = scan((96, 96, 96), (spacing,) * 3)
    volume.voxels[10:90, 10:90, 10:90] = MUSCLE
    volume.voxels[40:55, 40:55, 40:55] = BRIGHT
    if is_found:
        assert 80 < kidney_finder.segment(volume).organs[1].volume_ml < 100
    else:
        with pytest.raises(FlareError, match="No liver, kidney, spleen or pancreas was found"):
            kidney_finder.segment(volume)


def test_warnings_about_the_scan_come_first_and_those_about_the_result_follow(kidney_finder: Cascade) -> None:
    volume = scan((96, 96, 96))
    volume.voxels[10:90, 10:90, 10:90] = MUSCLE
    volume.voxels[40:55, 40:55, 40:55] = BRIGHT
    volume.warnings.append("a warning of the reader")
    warnings = kidney_finder.segment(volume).warnings
    assert warnings[0] == "a warning of the reader"
    assert warnings[-1].startswith("Missing or of unusual size: liver, spleen, pancreas.")


def test_a_limit_of_gpu_memory_is_told_to_the_device_before_anything_is_put_on_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Told(Chosen):
        def allow_mb(self, megabytes: float) -> None:
            told.append(megabytes)

    told: list[float] = []
    cpu = choose("cpu")
    monkeypatch.setattr("flareseg.cascade.choose", lambda choice: Told(cpu.device, cpu.name, cpu.reason))
    Cascade.load("auto")
    assert told == []
    Cascade.load("auto", limits=Limits(gpu=512.0))
    assert told == [512.0]

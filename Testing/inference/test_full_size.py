"""Whole scans in one pass: by weights of one's own, through the same pipeline, and refused where memory is short."""

from __future__ import annotations

import functools
import hashlib
import json
import math
import re
from collections.abc import Callable
from pathlib import Path

import flareseg
import numpy as np
import pytest
import safetensors.torch
import torch
from flareseg.core.errors import FlareError, GpuMemoryError, InsufficientMemoryError, NoAbdomenError, WeightsError
from flareseg.core.free_memory import bounds
from flareseg.core.limits import Limits
from flareseg.core.report import WeightsFacts
from flareseg.core.volume import Volume
from flareseg.inference.cascade import Cascade
from flareseg.inference.device import Device, select_device
from flareseg.inference.engine import Engine
from flareseg.inference.full_size import Networks, require_room
from flareseg.inference.networks import build
from flareseg.inference.options import Borders, SegmentationOptions
from flareseg.inference.own_grid import largest_factor, own_grid
from flareseg.inference.precision import Precision
from flareseg.inference.weights import TrainedNetwork, shipped_folder
from scripted_networks import BRIGHT, MUSCLE, Brightest, Everywhere, scan
from strict_gpu import StrictGpu, out_of_memory, strict_gpu
from torch import nn

FCN = {"stem": 4, "growth": [2, 2], "units": [1, 1], "skips": [4, 4], "downs": [4], "convolution": "plain"}


def whole(
    make: Callable[[], nn.Module],
    factor: float | None = 1.0,
    limits: Limits | None = None,
    abdomen: nn.Module | None = None,
    gpu: StrictGpu | None = None,
    may_leave: bool = False,
) -> Cascade:
    """A network for whole scans, in float32, on the CPU or a stand-in for a GPU, which it may leave for the CPU.

    ``abdomen``: the ROI network; None sees abdomen everywhere.
    """
    chosen = engine(make, gpu or select_device("cpu"), factor, abdomen)
    on_cpu = functools.partial(engine, make, select_device("cpu"), factor, abdomen)
    facts = [chosen.abdomen.facts, chosen.organs.facts]
    return Cascade(chosen, facts, limits, on_cpu if may_leave else None)


def engine(
    make: Callable[[], nn.Module],
    device: Device,
    factor: float | None = 1.0,
    abdomen: nn.Module | None = None,
) -> Engine:
    trained = TrainedNetwork(make(), (32, 32, 32), WeightsFacts("full_size", ""), {}, factor, make)
    roi = TrainedNetwork(abdomen or Everywhere(), (96, 96, 96), WeightsFacts("abdomen", ""))
    return Engine.of(device, Precision(torch.float32), roi, trained, whole=True)


def liver_everywhere() -> nn.Module:
    """The network for whole scans, with weights that call everything liver."""
    network = build("MemoryEfficientFCN", 5, FCN)
    nn.init.zeros_(network.head.weight)  # type: ignore[union-attr, arg-type]
    network.head.bias = nn.Parameter(torch.tensor([0.0, 4.0, 0.0, 0.0, 0.0]))  # type: ignore[union-attr]
    return network


def muscle(shape: tuple[int, int, int], spacing: tuple[float, float, float] = (3.0, 3.0, 3.0)) -> Volume:
    """Muscle in air, which fills the first row of each slice."""
    made = scan(shape, spacing)
    made.voxels[:, 1:] = MUSCLE
    return made


def test_a_bright_organ_is_found_where_it_is_at_full_resolution() -> None:
    volume = scan((24, 40, 56))
    volume.voxels[:, 4:36, 4:52] = MUSCLE
    volume.voxels[6:18, 10:31, 12:33] = BRIGHT
    options = SegmentationOptions(borders=Borders.PLAIN)
    found = flareseg.segment(volume, options=options, cascade=whole(lambda: Brightest(label=3, classes=5)))
    expected = np.zeros((24, 40, 56), np.uint8)
    expected[6:18, 10:31, 12:33] = 3
    assert np.array_equal(found.labels, expected)
    assert found.report.roi_source == "scan"
    assert found.report.roi == [-165.0, 0.0, -117.0, 0.0, 0.0, 69.0]


def test_weights_of_ones_own_run_in_the_pipeline_with_the_same_report(tmp_path: Path) -> None:
    folder = exported(liver_everywhere(), tmp_path)
    volume = muscle((16, 24, 24), (6.0, 6.0, 6.0))
    cascade = Cascade.load("cpu", folder, precision="float32", networks=Networks.FULL_SIZE)
    everywhere = SegmentationOptions(roi=(-144.0, 6.0, -144.0, 6.0, -6.0, 96.0))
    found = flareseg.segment(volume, options=everywhere, cascade=cascade)
    assert (found.labels[:, 2:] == 1).all()
    assert [facts.name for facts in found.report.weights] == ["roi_unet.safetensors", "full_size.safetensors"]
    assert found.report.organs[0].volume_ml == pytest.approx(16 * 23 * 24 * 0.216, rel=0.05)


def test_organs_where_the_roi_network_sees_no_abdomen_are_refused() -> None:
    volume = muscle((24, 40, 56))
    volume.voxels[6:18, 10:31, 12:33] = BRIGHT
    nowhere = Brightest(label=0, classes=2)
    with pytest.raises(NoAbdomenError, match="No abdomen found in this scan"):
        flareseg.segment(volume, cascade=whole(lambda: Brightest(label=3, classes=5), abdomen=nowhere))


def test_a_liver_without_lungs_kidneys_and_spleen_is_refused() -> None:
    with pytest.raises(NoAbdomenError, match="neither kidneys nor a spleen, and no liver under the lungs"):
        flareseg.segment(muscle((16, 24, 24), (6.0, 6.0, 6.0)), cascade=whole(liver_everywhere))


def exported(network: nn.Module, folder: Path, **more: object) -> Path:
    content = safetensors.torch.save(dict(network.state_dict()))
    (folder / "full_size.safetensors").write_bytes(content)
    entry = {
        "file": "full_size.safetensors",
        "sha256": hashlib.sha256(content).hexdigest(),
        "network": "MemoryEfficientFCN",
        "options": FCN,
        "grid": [16, 32, 32],
        "factor": 1.0,
        **more,
    }
    (folder / "manifest.json").write_text(json.dumps({"weights": {"full_size": entry}}))
    return folder


@pytest.mark.parametrize("factor", [0, 2, -1.0, True, "half"])
def test_a_factor_that_is_none_is_damage(factor: object, tmp_path: Path) -> None:
    folder = exported(liver_everywhere(), tmp_path, factor=factor)
    with pytest.raises(FlareError, match="its factor is not a number above 0, up to 1"):
        Cascade.load("cpu", folder, networks=Networks.FULL_SIZE)


def test_no_weights_for_whole_scans_are_shipped_and_the_message_says_what_to_do() -> None:
    with pytest.raises(FlareError, match=r"No weights for the whole scan .* give their folder: --weights") as caught:
        Cascade.load("cpu", networks=Networks.FULL_SIZE)
    assert caught.value.kind == "weights"


def test_weights_of_the_cascade_are_none_for_whole_scans() -> None:
    with pytest.raises(WeightsError, match=r"are for the two networks, .* Leave out --network full-size"):
        Cascade.load("cpu", shipped_folder(), networks=Networks.FULL_SIZE)


def test_weights_for_whole_scans_are_none_of_the_cascade(tmp_path: Path) -> None:
    folder = exported(liver_everywhere(), tmp_path)
    with pytest.raises(
        WeightsError, match=r"are for the whole scan in one pass\. Choose that, too: --network full-size"
    ):
        Cascade.load("cpu", folder)


def test_weights_of_neither_kind_lack_an_entry(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text('{"weights": {}}')
    for networks, missing in ((Networks.CASCADE, "abdomen"), (Networks.FULL_SIZE, "full_size")):
        with pytest.raises(WeightsError, match=f"has no entry {missing}"):
            Cascade.load("cpu", tmp_path, networks=networks)


def test_an_unknown_network_is_refused() -> None:
    with pytest.raises(FlareError, match=r'Unknown network: "whole"\. Use one of cascade, full-size\.'):
        Networks.of("whole")


def test_a_scan_too_large_for_the_limit_is_refused_with_what_it_needs_and_the_largest_factor() -> None:
    volume = muscle((64, 256, 256))
    with pytest.raises(InsufficientMemoryError) as caught:
        whole(liver_everywhere, limits=Limits(ram=1.0)).segment(volume)
    assert "The whole scan in one pass needs about" in caught.value.message
    assert "0 MB are free within the RAM limit" in caught.value.message
    assert "No factor would fit" in caught.value.hint


class Card(StrictGpu):
    """A GPU of 230 MB, 200 MB of which PyTorch holds after an earlier scan."""

    @property
    def memory_mb(self) -> tuple[float, float]:
        return (230.0 if self.released else 30.0), 230.0


def test_the_largest_factor_fits_indeed_and_a_hundredth_more_does_not() -> None:
    """The network's grid goes in steps of four voxels, so that the next factor is another size."""
    with strict_gpu():
        card = engine(liver_everywhere, Card())
        with pytest.raises(GpuMemoryError, match="230 MB are free on the GPU") as caught:
            require_room(card, muscle((256, 512, 512)), SegmentationOptions(), Limits())
        assert "give a region (ROI), or use the cascade" in caught.value.hint
        found = re.search(r"The largest factor that would fit is (0\.\d\d):", str(caught.value))
        assert found
        factor = float(found[1])
        require_room(card, muscle(times((256, 512, 512), factor)), SegmentationOptions(), Limits())
        with pytest.raises(GpuMemoryError):
            require_room(card, muscle(times((256, 512, 512), factor + 0.01)), SegmentationOptions(), Limits())


@pytest.mark.parametrize("slices", [17, 33, 65, 160])
def test_the_largest_factor_is_found_where_a_size_is_rounded_up_by_much(slices: int) -> None:
    """17 slices become 32 with every factor above 16 / 17."""

    def voxels(factor: float) -> int:
        return math.prod(own_grid((slices, 512, 512), factor, 16))

    def fits(factor: float) -> bool:
        return voxels(factor) <= voxels(1) / 2

    found = largest_factor(fits)
    assert found is not None
    assert fits(found)
    assert not fits(found + 0.01)


def test_a_network_with_a_grid_of_its_own_is_not_helped_by_a_smaller_scan() -> None:
    with pytest.raises(InsufficientMemoryError) as caught:
        whole(liver_everywhere, factor=None, limits=Limits(ram=1.0)).segment(muscle((64, 256, 256)))
    assert caught.value.hint.startswith("The network takes every scan on 32 x 32 x 32 voxels: use the cascade")


@pytest.mark.parametrize(
    ("fits", "found"), [(lambda n: False, None), (lambda n: n < 0.055, 0.05), (lambda n: True, 0.99)]
)
def test_the_largest_factor_is_one_below_the_present_or_none(
    fits: Callable[[float], bool], found: float | None
) -> None:
    assert largest_factor(fits) == found


def times(shape: tuple[int, int, int], factor: float) -> tuple[int, int, int]:
    k, j, i = (round(n * factor) for n in shape)
    return (k, j, i)


def test_memory_that_pytorch_holds_since_an_earlier_scan_is_free() -> None:
    with strict_gpu():
        require_room(engine(liver_everywhere, Card()), muscle((64, 128, 128)), SegmentationOptions(), Limits())


def test_on_a_gpu_main_memory_is_checked_too() -> None:
    with strict_gpu(), pytest.raises(InsufficientMemoryError, match="This scan needs about"):
        whole(liver_everywhere, limits=Limits(ram=1.0), gpu=StrictGpu()).segment(muscle((16, 24, 24)))


def test_the_cpu_that_takes_over_is_asked_whether_it_has_the_memory() -> None:
    """The scan needs 0.16 GB, the pass on a grid twice as fine 1.2 GB: what Python frees meanwhile changes nothing."""
    volume, held = muscle((64, 256, 256)), 1e6 - bounds(1e6)[-1].free_mb
    gpu, limits = StrictGpu(failures=[out_of_memory()] * 4), Limits(ram=held + 700)
    with strict_gpu(), pytest.raises(InsufficientMemoryError, match=r"one pass needs about 1\d{3} MB"):
        whole(liver_everywhere, 2.0, limits, gpu=gpu, may_leave=True).segment(volume)


class FullCard(StrictGpu):
    memory_mb = (0.0, 230.0)


def test_a_scan_too_large_for_the_gpu_goes_to_the_cpu_without_a_try() -> None:
    options = SegmentationOptions(roi=(-90.0, -30.0, -90.0, -30.0, 0.0, 45.0))
    with strict_gpu():
        found = whole(liver_everywhere, gpu=FullCard(), may_leave=True).segment(muscle((16, 40, 40)), options)
    assert found.device.kind == "cpu"
    said = found.warnings.index("The scan was segmented on the CPU instead.")
    assert found.warnings[said - 1].endswith("MB of memory; 0 MB are free on the GPU.")
    assert not any("ran out" in warning for warning in found.warnings)


def test_the_callers_region_is_segmented_alone() -> None:
    volume = muscle((16, 40, 40))
    options = SegmentationOptions(roi=(-90.0, -30.0, -90.0, -30.0, 0.0, 45.0))
    found = flareseg.segment(volume, options=options, cascade=whole(liver_everywhere))
    assert found.report.roi_source == "caller"
    assert int((found.labels == 1).sum()) == 16 * 21 * 21


@pytest.mark.parametrize(
    ("shape", "factor", "expected"),
    [
        ((160, 512, 512), 1.0, (160, 512, 512)),
        ((155, 500, 512), 1.0, (160, 512, 512)),
        ((160, 512, 512), 0.5, (80, 256, 256)),
        ((3, 512, 512), 0.5, (16, 256, 256)),
        ((400, 400, 400), 0.28, (112, 112, 112)),
        ((10, 12, 16), 1.0, (16, 16, 32)),
    ],
)
def test_the_networks_grid_is_the_scans_own_up_to_what_can_be_halved(
    shape: tuple[int, int, int], factor: float, expected: tuple[int, int, int]
) -> None:
    assert own_grid(shape, factor, 16) == expected

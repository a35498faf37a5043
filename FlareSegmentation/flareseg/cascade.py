"""The two stages in order: find the abdomen, crop, segment, put back, clean up."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from flareseg.components import remove_small_parts
from flareseg.device import Chosen, choose, fastest_dtype
from flareseg.errors import FlareError
from flareseg.findings import doubt, organ_facts
from flareseg.geometry import Bounds, Geometry, Orientation
from flareseg.networks.dense_vnet import DenseVNet
from flareseg.networks.roi_unet import RoiUNet
from flareseg.organs import CLASSES
from flareseg.report import DeviceFacts, OrganFacts, WeightsFacts
from flareseg.resample import MINIMAL_SLAB_MB, SLAB_MB, Box, Size, Slabs, grow_labels, shrink
from flareseg.roi import bounds_of_box, box_of_bounds, box_of_foreground
from flareseg.run import Run
from flareseg.volume import Volume, checked
from flareseg.weights import load_weights

ROI_GRID: Size = (96, 96, 96)
ORGAN_GRID: Size = (96, 128, 192)
TISSUE_HU = -150.0  # fat and all that is denser
LEAST_TISSUE = 0.01  # share of the scan


@dataclass(frozen=True)
class Segmentation:
    """The organs of one scan: ``labels`` uint8 on the scan's own (k, j, i) grid, and what was found.

    ``roi``: RAS bounds in mm of the segmented box; ``device``: where the networks really ran.
    """

    labels: np.ndarray
    organs: list[OrganFacts]
    roi: Bounds
    device: DeviceFacts
    warnings: list[str]


@dataclass(frozen=True)
class Engine:
    """The two networks on one device in one number format."""

    chosen: Chosen
    dtype: torch.dtype
    roi_net: nn.Module
    organ_net: nn.Module

    @property
    def facts(self) -> DeviceFacts:
        return DeviceFacts(self.chosen.device.type, self.chosen.name, str(self.dtype).removeprefix("torch."))

    def scores(self, network: nn.Module, grid: Tensor, run: Run) -> Tensor:
        """Class scores (classes, k, j, i) of a grid in HU, in float32."""
        x = normalised(grid)[None, None].to(self.dtype)
        with _signs_of_life(network, run):
            return network(x)[0].float()

    def on_cpu(self) -> Engine:
        """A copy of the networks on the CPU."""
        chosen = choose("cpu")
        roi_net, organ_net = copy.deepcopy(self.roi_net).cpu(), copy.deepcopy(self.organ_net).cpu()
        dtype = fastest_dtype(organ_net, chosen)
        return Engine(chosen, dtype, roi_net.to(dtype), organ_net.to(dtype))


def normalised(hu: Tensor) -> Tensor:
    """The networks' input: soft tissue, -200 to 300 HU, scaled to -1..1."""
    return (hu.clamp(-200, 300) - 50) / 250


class Cascade:
    """Loaded once, segments many scans. Not for several threads at a time."""

    def __init__(self, engine: Engine, weights: list[WeightsFacts]) -> None:
        self._engine = engine
        self.weights = weights

    @classmethod
    def load(cls, device: str = "auto", weights: Path | None = None) -> Cascade:
        """Networks with their weights on "auto", "cuda" or "cpu".

        ``weights``: folder with manifest and safetensors, the shipped one by default.
        Raises FlareError("no_gpu") or FlareError("weights").
        """
        chosen = choose(device)
        roi_net, organ_net = RoiUNet(classes=2).eval(), DenseVNet(classes=CLASSES).eval()
        facts = [load_weights(roi_net, "roi_unet", weights), load_weights(organ_net, "dense_vnet", weights)]
        dtype = fastest_dtype(organ_net, chosen)
        nets = [net.requires_grad_(False).to(chosen.device, dtype) for net in (roi_net, organ_net)]
        return cls(Engine(chosen, dtype, *nets), facts)

    @property
    def device(self) -> DeviceFacts:
        return self._engine.facts

    def segment(self, volume: Volume, roi: Bounds | None = None, run: Run | None = None) -> Segmentation:
        """The organs of a scan, inside ``roi`` (RAS bounds in mm) or where stage 1 finds the abdomen.

        Raises FlareError: "bad_scan", "bad_roi", "no_abdomen", "cancelled".
        """
        run = run or Run()
        volume = checked(volume)
        with torch.inference_mode():
            return self._with_retries(volume, roi, run)

    def _with_retries(self, volume: Volume, roi: Bounds | None, run: Run) -> Segmentation:
        """Full slabs, then small slabs, then (from a GPU) the CPU; each step down is a warning."""
        warnings = [*volume.warnings, *filter(None, [self._engine.chosen.note])]
        for slab_mb in (SLAB_MB, MINIMAL_SLAB_MB):
            try:
                return _attempt(self._engine, volume, roi, run, Slabs(slab_mb, run.advance), warnings)
            except torch.OutOfMemoryError:
                warnings.append(f"The memory of {self._engine.chosen.name} ran out with slabs of {slab_mb:g} MB.")
                _release_gpu()
        warnings.append("The scan was segmented on the CPU instead.")
        return _attempt(self._engine.on_cpu(), volume, roi, run, Slabs(SLAB_MB, run.advance), warnings)


def _attempt(
    engine: Engine, volume: Volume, roi: Bounds | None, run: Run, slabs: Slabs, warnings: list[str]
) -> Segmentation:
    device = engine.chosen.device
    run.clock.synchronise = engine.chosen.synchronise
    if device.type == "cuda":
        run.memory.watch_gpu(device.index)
    orientation = Orientation.of(volume.geometry)
    voxels, geometry = orientation.view(volume.voxels), orientation.geometry(volume.geometry)

    with run.stage("find_abdomen"):
        box = box_of_bounds(roi, geometry) if roi else _find_abdomen(engine, voxels, geometry, run, slabs)
    with run.stage("crop"):
        crop = shrink(voxels, box, ORGAN_GRID, device, slabs)
    with run.stage("segment"):
        scores = engine.scores(engine.organ_net, crop, run)
    labels = np.zeros(volume.voxels.shape, np.uint8)
    canonical = orientation.view(labels)
    with run.stage("put_back"):
        grow_labels(scores, canonical[box.slices], slabs)
    with run.stage("clean_up"):
        voxels_left = remove_small_parts(canonical[box.slices])
        organs = organ_facts(canonical, voxels_left, box, geometry)
    if not any(voxels_left.values()):
        raise nothing_found("No liver, kidney, spleen or pancreas was found in this scan.")
    return Segmentation(labels, organs, bounds_of_box(box, geometry), engine.facts, warnings + doubt(organs))


def _find_abdomen(engine: Engine, voxels: np.ndarray, geometry: Geometry, run: Run, slabs: Slabs) -> Box:
    coarse = shrink(voxels, Box.whole(geometry.shape), ROI_GRID, engine.chosen.device, slabs)
    if float((coarse > TISSUE_HU).float().mean()) < LEAST_TISSUE:  # instance norm would blow up the noise of air
        raise nothing_found("No abdomen found in this scan.")
    background, organs = engine.scores(engine.roi_net, coarse, run)
    box = box_of_foreground((organs > background).cpu().numpy(), geometry)
    if box is None:
        raise nothing_found("No abdomen found in this scan.")
    return box


def nothing_found(sentence: str) -> FlareError:
    return FlareError(
        "no_abdomen", sentence, "Check that it is a CT of the abdomen in HU, or give the region (ROI) that holds it."
    )


@contextlib.contextmanager
def _signs_of_life(network: nn.Module, run: Run) -> Iterator[None]:
    """Advance the run at each convolution, so that a long pass can be watched and cancelled."""
    layers = [m for m in network.modules() if isinstance(m, (nn.Conv3d, nn.ConvTranspose3d))]
    done = iter(range(len(layers) + 1))
    hooks = [m.register_forward_pre_hook(lambda *_: run.advance(next(done) / len(layers))) for m in layers]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _release_gpu() -> None:
    if torch.cuda.is_available():
        torch.cuda.empty_cache()

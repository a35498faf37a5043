"""The two stages in order: find the abdomen, crop, segment, put back, clean up."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from flareseg.core.errors import FlareError
from flareseg.core.geometry import Bounds, Geometry, Orientation
from flareseg.core.limits import Limits
from flareseg.core.organs import CLASSES, LEFT_KIDNEY, ORGANS, RIGHT_KIDNEY, organs_shown
from flareseg.core.report import DeviceFacts, OrganFacts, WeightsFacts
from flareseg.core.run import Run
from flareseg.core.shortage import shortage_said
from flareseg.core.volume import Volume, checked
from flareseg.inference.components import CleanUp, clean_up
from flareseg.inference.confidence import organ_confidence
from flareseg.inference.device import Device, select_device
from flareseg.inference.gpu_check import gpu_failure, is_gpu_error, is_out_of_memory, too_full
from flareseg.inference.kidneys import split_kidneys
from flareseg.inference.networks.folding import folded
from flareseg.inference.precision import AUTO, Precision, emulation, select_precision
from flareseg.inference.quality_checks import organ_facts, scan_warnings
from flareseg.inference.resample import MINIMAL_SLAB_MB, SLAB_MB, Box, Slabs, logits_to_labels, resample_to_grid
from flareseg.inference.roi import bounds_of_box, box_of_bounds, box_of_foreground
from flareseg.inference.weights import TrainedNetwork, load_network

TISSUE_HU = -150.0  # fat and all that is denser
LEAST_TISSUE = 0.01  # share of the scan
_NO_ROOM = "The GPU has too little free memory for the networks."


@dataclass(frozen=True)
class SegmentationOptions:
    """What a caller wants of one segmentation.

    ``roi``: RAS bounds in mm (r0, r1, a0, a1, s0, s1) to segment inside; None: where stage 1 finds the
    abdomen. ``split_kidneys``: the left kidney gets its own label. ``clean_up``: how thoroughly.
    ``uncertainty``: also tell how uncertain each voxel is.
    """

    roi: Bounds | None = None
    split_kidneys: bool = False
    clean_up: CleanUp = CleanUp.NORMAL
    uncertainty: bool = False


@dataclass(frozen=True)
class Segmentation:
    """The organs of one scan: ``labels`` uint8 on the scan's own (k, j, i) grid, and what was found.

    ``roi``: RAS bounds in mm of the segmented box; ``device``: where the networks really ran.
    ``uncertainty``: uint8 like ``labels``, percent of uncertainty in each voxel, if it was wished for.
    """

    labels: np.ndarray
    uncertainty: np.ndarray | None
    organs: list[OrganFacts]
    roi: Bounds
    device: DeviceFacts
    warnings: list[str]


@dataclass(frozen=True)
class Engine:
    """The two networks on one device in one precision."""

    device: Device
    precision: Precision
    abdomen: TrainedNetwork
    organs: TrainedNetwork

    @classmethod
    def of(cls, device: Device, precision: Precision, abdomen: TrainedNetwork, organs: TrainedNetwork) -> Engine:
        """Copies of the networks as trained on a device, their batch norm folded into the convolutions."""
        on_device = [
            replace(trained, network=precision.network(folded(trained.network), device.torch_device))
            for trained in (abdomen, organs)
        ]
        return cls(device, precision, *on_device)

    @property
    def facts(self) -> DeviceFacts:
        return DeviceFacts(self.device.torch_device.type, self.device.name, self.precision.name)

    def logits(self, network: nn.Module, grid: Tensor, run: Run) -> Tensor:
        """Logits (classes, k, j, i) of a grid in HU, in float32."""
        x = self.precision.tensor(normalised(grid)[None, None])
        with _signs_of_life(network, run), self.device.reproducible():
            return network(x)[0].float()


def normalised(hu: Tensor) -> Tensor:
    """The networks' input: soft tissue, -200 to 300 HU, scaled to -1..1."""
    return (hu.clamp(-200, 300) - 50) / 250


class Cascade:
    """Loaded once, segments many scans. Not for several threads at a time.

    ``on_cpu`` makes the engine that takes over when a GPU's memory runs out; None: that is an error.
    """

    def __init__(
        self,
        engine: Engine,
        weights: list[WeightsFacts],
        limits: Limits | None = None,
        on_cpu: Callable[[], Engine] | None = None,
    ) -> None:
        self._engine = engine
        self.limits = limits or Limits()
        self._on_cpu = None if on_cpu is None else functools.cache(on_cpu)
        self.weights = weights

    @classmethod
    def load(
        cls, device: str = "auto", weights: Path | None = None, limits: Limits | None = None, precision: str = AUTO
    ) -> Cascade:
        """Networks with their weights on "auto", "cuda" or "cpu".

        ``weights``: folder with manifest and safetensors, the shipped one by default. ``limits``: of memory.
        ``precision``: "auto", "float32", "float16" or "bfloat16", see precision.py. "auto" as ``device`` takes the
        CPU when the GPU's memory runs out, "cuda" never does.
        Raises FlareError("no_gpu", "gpu_memory", "weights" or "bad_config").
        """
        return cls.on(select_device(device), device == "auto", weights, limits, precision)

    @classmethod
    def on(
        cls,
        device: Device,
        may_leave: bool = False,
        weights: Path | None = None,
        limits: Limits | None = None,
        precision: str = AUTO,
    ) -> Cascade:
        """As ``load``, on a device; ``may_leave``: for the CPU, when the memory of a GPU runs out."""
        limits = limits or Limits()
        if limits.gpu is not None:
            device.allow_mb(limits.gpu)
        networks = [load_network("abdomen", 2, weights), load_network("organs", CLASSES, weights)]

        def engine_on(target: Device) -> Engine:
            return Engine.of(target, select_precision(target, precision), *networks)

        try:
            engine = engine_on(device)
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            if not may_leave:
                raise too_full(_NO_ROOM) from error
            engine = engine_on(replace(select_device("cpu"), note=_NO_ROOM))
        on_cpu = (lambda: engine_on(select_device("cpu"))) if may_leave and engine.device.is_gpu else None
        return cls(engine, [trained.facts for trained in networks], limits, on_cpu)

    @property
    def device(self) -> DeviceFacts:
        return self._engine.facts

    @property
    def emulation(self) -> list[str]:
        """A warning where the networks run in a precision that the processor has to emulate."""
        return emulation(self._engine.device, self._engine.precision)

    def segment(
        self, volume: Volume, options: SegmentationOptions | None = None, run: Run | None = None
    ) -> Segmentation:
        """The organs of a scan.

        Raises FlareError: "bad_scan", "bad_roi", "no_abdomen", "memory", "gpu_memory", "no_gpu", "cancelled".
        """
        with torch.inference_mode(), shortage_said("This scan", self.limits.ram):
            return self._with_retries(checked(volume), options or SegmentationOptions(), run or Run())

    def _with_retries(self, volume: Volume, options: SegmentationOptions, run: Run) -> Segmentation:
        """Full slabs, then small slabs, then the CPU if that is allowed; each step down is a warning."""
        warnings = [*volume.warnings, *filter(None, [self._engine.device.note]), *self.emulation]
        self.limits.check_scan(volume.voxels.size, self._engine.precision.dtype.itemsize)
        for slab_mb in (SLAB_MB, MINIMAL_SLAB_MB):
            try:
                return _Attempt(self._engine, options, run, Slabs(slab_mb, run.advance)).segment(volume, warnings)
            except RuntimeError as error:
                if not is_out_of_memory(error):
                    raise (gpu_failure(error) if is_gpu_error(error) else error) from error
            # only here, with the failed attempt's tensors gone, can the GPU's cache be emptied
            warnings.append(f"The memory of {self._engine.device.name} ran out with slabs of {slab_mb:g} MB.")
            self._engine.device.release_memory()
        if self._on_cpu is None:
            raise too_full(f"The memory of {self._engine.device.name} ran out, in small slabs too.")
        warnings.append("The scan was segmented on the CPU instead.")
        return _Attempt(self._on_cpu(), options, run, Slabs(SLAB_MB, run.advance)).segment(volume, warnings)


@dataclass(frozen=True)
class _Attempt:
    """One try at a scan, with an engine and slabs of one size. Works in canonical orientation."""

    engine: Engine
    options: SegmentationOptions
    run: Run
    slabs: Slabs

    def segment(self, volume: Volume, warnings: list[str]) -> Segmentation:
        self._measure_device()
        orientation = Orientation.of(volume.geometry)
        voxels, geometry = orientation.view(volume.voxels), orientation.geometry(volume.geometry)
        organs = organs_shown(self.options.split_kidneys)
        with self.run.stage("find_abdomen"):
            box = self._box(voxels, geometry)
        with self.run.stage("crop"):
            crop = resample_to_grid(voxels, box, self.engine.organs.grid, self.engine.device.torch_device, self.slabs)
        with self.run.stage("segment"):
            logits = self.engine.logits(self.engine.organs.network, crop, self.run)
        labels = np.zeros(volume.voxels.shape, np.uint8)
        uncertainty = np.zeros_like(labels) if self.options.uncertainty else None
        with self.run.stage("put_back"):
            uncertainty_in_box = None if uncertainty is None else orientation.view(uncertainty)[box.slices]
            logits_to_labels(logits, orientation.view(labels)[box.slices], self.slabs, uncertainty_in_box)
        with self.run.stage("clean_up"):
            self._clean(orientation.view(labels)[box.slices], crop, geometry.voxel_ml)
            found = organ_facts(orientation.view(labels), voxels, organs, box, geometry)
            self._judge(found, logits, orientation.view(labels)[box.slices], box, volume.geometry)
        if not any(facts.voxels for facts in found):
            raise nothing_found("No liver, kidney, spleen or pancreas was found in this scan.")
        roi, warnings = bounds_of_box(box, geometry), warnings + scan_warnings(found, organs)
        return Segmentation(labels, uncertainty, found, roi, self.engine.facts, warnings)

    def _measure_device(self) -> None:
        self.run.clock.synchronise = self.engine.device.synchronise
        if self.engine.device.torch_device.type == "cuda":
            self.run.memory.watch_gpu(self.engine.device.torch_device.index)

    def _box(self, voxels: np.ndarray, geometry: Geometry) -> Box:
        if self.options.roi:
            return box_of_bounds(self.options.roi, geometry)
        return _find_abdomen(self.engine, voxels, geometry, self.run, self.slabs)

    def _clean(self, labels: np.ndarray, crop: Tensor, voxel_ml: float) -> None:
        clean_up(labels, self.options.clean_up, voxel_ml)
        if self.options.split_kidneys:
            split_kidneys(labels, _midline(crop) * labels.shape[2])

    def _judge(self, found: list[OrganFacts], logits: Tensor, labels: np.ndarray, box: Box, geometry: Geometry) -> None:
        classes = {**{organ.label: organ.label for organ in ORGANS}, LEFT_KIDNEY.label: RIGHT_KIDNEY.label}
        confidences = organ_confidence(logits, labels, classes, box, geometry)
        for facts in found:
            if facts.label in confidences:
                facts.confidence = confidences[facts.label].confidence
                facts.uncertain = confidences[facts.label].places


def _midline(crop: Tensor) -> float:
    """Where the body's middle lies along i, 0..1 of the crop: the mean column of all tissue."""
    tissue = (crop > TISSUE_HU).float().sum(dim=(0, 1))
    columns = torch.arange(len(tissue), device=tissue.device) + 0.5
    return float((tissue @ columns) / tissue.sum() / len(tissue)) if float(tissue.sum()) else 0.5


def _find_abdomen(engine: Engine, voxels: np.ndarray, geometry: Geometry, run: Run, slabs: Slabs) -> Box:
    coarse = resample_to_grid(voxels, Box.whole(geometry.shape), engine.abdomen.grid, engine.device.torch_device, slabs)
    if float((coarse > TISSUE_HU).float().mean()) < LEAST_TISSUE:  # instance norm would blow up the noise of air
        raise nothing_found("No abdomen found in this scan.")
    background, organs = engine.logits(engine.abdomen.network, coarse, run)
    box = box_of_foreground((organs > background).cpu().numpy(), geometry)
    if box is None:
        raise nothing_found("No abdomen found in this scan.")
    return box


def nothing_found(message: str) -> FlareError:
    return FlareError(
        "no_abdomen", message, "Check that it is a CT of the abdomen in HU, or give the region (ROI) that holds it."
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

"""The cascade of two networks: ROI, crop, organ segmentation, resampling to the scan's grid, borders, clean-up.

The cascade, its resolutions and its HU window follow the FLARE21 solution of He and Luo; docs/model-card.md says what
differs.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from flareseg.core.errors import GpuMemoryError
from flareseg.core.geometry import Bounds, Geometry, Orientation
from flareseg.core.limits import Limits
from flareseg.core.organs import LEFT_KIDNEY, ORGANS, RIGHT_KIDNEY, Organ, organs_shown
from flareseg.core.report import DeviceFacts, OrganFacts, WeightsFacts
from flareseg.core.run import Run
from flareseg.core.shortage import shortage_said
from flareseg.core.volume import Volume, checked
from flareseg.inference.abdomen import find_abdomen, nothing_found, require_abdomen
from flareseg.inference.anatomy import Overview, without_parenchyma
from flareseg.inference.components import clean_up, remove_labels
from flareseg.inference.confidence import organ_confidence
from flareseg.inference.device import Device, select_device
from flareseg.inference.engine import Engine
from flareseg.inference.full_size import Networks, load_networks, require_room
from flareseg.inference.gpu_check import gpu_failure, is_gpu_error, is_out_of_memory, too_full
from flareseg.inference.guided import guide_borders
from flareseg.inference.hu_gate import Removed, gate_by_hu
from flareseg.inference.kidneys import middle_of, split_kidneys
from flareseg.inference.options import Borders, SegmentationOptions
from flareseg.inference.precision import AUTO, emulation, select_precision
from flareseg.inference.quality_checks import organ_facts, scan_warnings
from flareseg.inference.resample import MINIMAL_SLAB_MB, SLAB_MB, Box, Slabs, logits_to_labels, sampled
from flareseg.inference.roi import bounds_of_box, box_of_bounds
from flareseg.inference.uncertainty import follow_changes

_PLAIN_SHARE = 0.6  # of the time that a guided put-back takes
_GATE_SHARE = 0.4  # of the time that cleaning up takes
_NO_ROOM = "The GPU has too little free memory for the networks."


@dataclass(frozen=True)
class Segmentation:
    """The organs of one scan.

    Attributes:
        labels: Label map, uint8 (k, j, i) on the scan's own grid; see ``flareseg.core.organs``.
        uncertainty: Uncertainty of each voxel in percent, uint8 (k, j, i); None unless the options ask for it.
        organs: Volume, mean HU, confidence and quality checks of each organ.
        roi: The box that was segmented, as RAS bounds in mm (r0, r1, a0, a1, s0, s1).
        device: Where the networks ran in the end, and in which precision.
        warnings: Messages about the scan and the run for people.
    """

    labels: np.ndarray
    uncertainty: np.ndarray | None
    organs: list[OrganFacts]
    roi: Bounds
    device: DeviceFacts
    warnings: list[str]


class Cascade:
    """The two networks: loaded once, they segment many scans. Not to be used by several threads at a time.

    ``load`` makes one. To have a scan read, a tilted gantry corrected and a report made, pass the cascade to
    ``flareseg.segment``.

    Args:
        engine: The networks on a device.
        weights: Facts about their weights for the report.
        limits: Limits of memory. None: those of the system.
        on_cpu: Makes the engine that takes over when the memory of a GPU is exhausted. None: that is an error.

    Attributes:
        weights: Facts about the weights for the report.
        limits: Limits of memory.
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
        cls,
        device: str = "auto",
        weights: Path | None = None,
        limits: Limits | None = None,
        precision: str = AUTO,
        networks: Networks = Networks.CASCADE,
    ) -> Cascade:
        """Load the networks and their weights.

        Args:
            device: "auto" (a usable GPU, else the CPU; the CPU too when the memory of the GPU is exhausted), "cuda"
                or "cpu".
            weights: Folder with a manifest and safetensors files. None: the weights of this package.
            limits: Limits of memory. None: those of the system.
            precision: "auto" (by the device, see ``flareseg.inference.precision``), "float32", "float16" or
                "bfloat16".
            networks: The cascade's two, or one that takes the whole scan in one pass, whose weights must be given.

        Returns:
            The cascade, ready to segment.

        Raises:
            GpuUnavailableError: "cuda" was requested and no GPU can be used, or the device is unknown.
            GpuMemoryError: "cuda" was requested and the memory of the GPU does not suffice.
            WeightsError: The weights are missing or damaged.
            ConfigError: The precision, or a switch in FLARESEG_GPU, is unknown.
        """
        return cls.on(select_device(device), device == "auto", weights, limits, precision, networks)

    @classmethod
    def on(
        cls,
        device: Device,
        may_leave: bool = False,
        weights: Path | None = None,
        limits: Limits | None = None,
        precision: str = AUTO,
        networks: Networks = Networks.CASCADE,
    ) -> Cascade:
        """Load the networks on a device that is selected already.

        Args:
            device: The device.
            may_leave: Whether the CPU takes over when the memory of a GPU is exhausted.
            weights: As for ``load``.
            limits: As for ``load``.
            precision: As for ``load``.
            networks: As for ``load``.

        Returns:
            The cascade, ready to segment.

        Raises:
            GpuMemoryError: The memory of the GPU does not suffice, and the CPU may not take over.
            WeightsError: The weights are missing or damaged.
            ConfigError: The precision, or a switch in FLARESEG_GPU, is unknown.
        """  # noqa: DOC501, too_full makes a GpuMemoryError
        limits = limits or Limits()
        device.allow_mb(limits.gpu)
        abdomen, organs = load_networks(networks, weights)

        def engine_on(target: Device) -> Engine:
            chosen = select_precision(target, precision)
            return Engine.of(target, chosen, abdomen, organs, whole=networks is Networks.FULL_SIZE)

        try:
            engine = engine_on(device)
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise (gpu_failure(error) if is_gpu_error(error) else error) from error
            if not may_leave:
                raise too_full(_NO_ROOM) from error
            engine = engine_on(replace(select_device("cpu"), note=_NO_ROOM))
        on_cpu = (lambda: engine_on(select_device("cpu"))) if may_leave and engine.device.is_gpu else None
        return cls(engine, [abdomen.facts, organs.facts], limits, on_cpu)

    @property
    def takes_whole_scans(self) -> bool:
        """Whether the scan is segmented as a whole, not only the ROI."""
        return self._engine.whole

    @property
    def device(self) -> DeviceFacts:
        """The device and the precision of the networks."""
        return self._engine.facts

    @property
    def emulation(self) -> list[str]:
        """A warning where the networks run in a precision that the processor has to emulate."""
        return emulation(self._engine.device, self._engine.precision)

    def segment(
        self, volume: Volume, options: SegmentationOptions | None = None, run: Run | None = None
    ) -> Segmentation:
        """Segment the organs of a scan, without a correction for a tilted gantry.

        Args:
            volume: The scan in HU, (k, j, i).
            options: Options. None: the defaults.
            run: Receives progress, and the times of the stages. None: they are not recorded.

        Returns:
            Label map on the scan's own grid, and what was found.

        Raises:
            ScanError: The scan is not a CT volume in HU.
            RoiError: The region of interest is not a box, lies outside the scan, or is too small.
            NoAbdomenError: No abdomen, or none of the organs, was found.
            InsufficientMemoryError: The main memory does not suffice.
            GpuMemoryError: The memory of the GPU is exhausted, and the CPU may not take over.
            GpuUnavailableError: The GPU failed.
            Cancelled: The run was cancelled.
        """
        with torch.inference_mode(), shortage_said("This scan", self.limits.ram):
            return self._with_retries(checked(volume), options or SegmentationOptions(), run or Run())

    def _with_retries(self, volume: Volume, options: SegmentationOptions, run: Run) -> Segmentation:
        """Full slabs, then small slabs, then the CPU if that is allowed; each step down is a warning."""
        warnings = [*volume.warnings, *filter(None, [self._engine.device.note]), *self.emulation]
        too_large = ""
        try:
            require_room(self._engine, volume, options, self.limits)
        except GpuMemoryError as error:
            if self._on_cpu is None:
                raise
            too_large = error.message
        if too_large and self._on_cpu:  # slabs do not make one pass over the whole scan smaller
            return self._on_the_cpu(self._on_cpu(), volume, options, run, [*warnings, too_large])
        self.limits.check_scan(volume.voxels.size, self._engine.precision.dtype.itemsize)
        for slab_mb in dict.fromkeys((self._engine.slabs.megabytes, SLAB_MB, MINIMAL_SLAB_MB)):
            slabs = replace(self._engine.slabs, megabytes=slab_mb, done=run.advance)
            try:
                return _Attempt(self._engine, options, run, slabs).segment(volume, warnings)
            except RuntimeError as error:
                if not is_out_of_memory(error):
                    raise (gpu_failure(error) if is_gpu_error(error) else error) from error
            # only here, with the failed attempt's tensors gone, can the GPU's cache be emptied
            warnings.append(f"The memory of {self._engine.device.name} ran out with slabs of {slab_mb:g} MB.")
            self._engine.device.release_memory()
        if self._on_cpu is None:
            raise too_full(f"The memory of {self._engine.device.name} ran out, in small slabs too.")
        return self._on_the_cpu(self._on_cpu(), volume, options, run, warnings)

    def _on_the_cpu(
        self, engine: Engine, volume: Volume, options: SegmentationOptions, run: Run, warnings: list[str]
    ) -> Segmentation:
        """The scan on the CPU in place of the GPU, whose failure is the last of the warnings."""
        require_room(engine, volume, options, self.limits)
        said = [*warnings, "The scan was segmented on the CPU instead."]
        return _Attempt(engine, options, run, replace(engine.slabs, done=run.advance)).segment(volume, said)


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
            box, overview = self._box(voxels, geometry)
        with self.run.stage("crop"):
            crop = self.engine.resampled(self.engine.organs, voxels, box, geometry, self.slabs)
        with self.run.stage("segment"):
            logits = self.engine.logits(self.engine.organs, crop, self.run)
        labels = np.zeros(volume.voxels.shape, np.uint8)
        uncertainty = np.zeros_like(labels) if self.options.uncertainty else None
        in_box, hu = orientation.view(labels)[box.slices], voxels[box.slices]
        with self.run.stage("put_back"):
            uncertainty_in_box = None if uncertainty is None else orientation.view(uncertainty)[box.slices]
            plain = self._put_back(logits, in_box, hu, uncertainty_in_box)
        with self.run.stage("clean_up"):
            warnings = warnings + self._without_parenchyma(in_box, crop)
            put_back = sampled(in_box, logits.shape[1:])
            removed = self._gate(in_box, hu, crop, geometry)
            excluded = sampled(in_box, logits.shape[1:]) != put_back
            removed_ml = self._clean(in_box, voxels, box, geometry, removed)
            if uncertainty_in_box is not None and plain is not None:
                follow_changes(uncertainty_in_box, plain, in_box)
            require_abdomen(orientation.view(labels), overview)
            found = organ_facts(orientation.view(labels), voxels, organs, box, geometry)
            for facts in found:
                facts.removed_ml = float(removed_ml[facts.label])
            self._judge(found, logits, in_box, excluded, box, volume.geometry)
        if not any(facts.voxels for facts in found):
            raise nothing_found("No liver, kidney, spleen or pancreas was found in this region.")
        chosen = organs_shown(self.options.split_kidneys, self.options.organs)
        found = _only(chosen, labels, found)
        roi, warnings = bounds_of_box(box, geometry), warnings + scan_warnings(found, chosen)
        return Segmentation(labels, uncertainty, found, roi, self.engine.facts, warnings)

    def _measure_device(self) -> None:
        self.run.clock.synchronise = self.engine.device.synchronise
        if self.engine.device.torch_device.type == "cuda":
            self.run.memory.watch_gpu(self.engine.device.torch_device.index)

    def _box(self, voxels: np.ndarray, geometry: Geometry) -> tuple[Box, Overview | None]:
        """What is segmented, and what the ROI network saw; None where the caller has said where the abdomen is."""
        if self.options.roi:
            return box_of_bounds(self.options.roi, geometry), None
        box, overview = find_abdomen(self.engine, voxels, geometry, self.run, self.slabs)
        return Box.whole(geometry.shape) if self.engine.whole else box, overview

    def _put_back(
        self, logits: Tensor, labels: np.ndarray, hu: np.ndarray, uncertainty: np.ndarray | None
    ) -> np.ndarray | None:
        """Fill labels and uncertainty; return the labels of that uncertainty: those before borders are guided."""
        is_guided = self.options.borders is Borders.GUIDED
        with self.run.part(0.0, _PLAIN_SHARE if is_guided else 1.0):
            logits_to_labels(logits, labels, self.slabs, uncertainty)
        plain = None if uncertainty is None else labels.copy()
        if is_guided:
            with self.run.part(_PLAIN_SHARE, 1.0):
                guide_borders(labels, logits, hu, self.slabs)
        return plain

    def _without_parenchyma(self, labels: np.ndarray, crop: Tensor) -> list[str]:
        """Remove organs of air, fat or bone; a warning for each. Without the HU gate they stay in the caller's ROI."""
        impossible = without_parenchyma(labels, crop)
        stay = self.options.roi is not None and not self.options.hu_gate
        if not stay:
            remove_labels(labels, [organ.label for organ in impossible])
        what = "check it" if stay else "it was removed"
        return [f"{organ.name}: most of it has the HU of air, fat or bone; {what}." for organ in impossible]

    def _gate(self, labels: np.ndarray, hu: np.ndarray, crop: Tensor, geometry: Geometry) -> Removed:
        """Remove air, fat, bone and metal from the organs, if the options say so."""
        if not self.options.hu_gate:
            return Removed.nothing()
        with self.run.part(0.0, _GATE_SHARE):
            return gate_by_hu(labels, hu, geometry.spacing, crop.device, self.slabs)

    def _clean(
        self, labels: np.ndarray, voxels: np.ndarray, box: Box, geometry: Geometry, removed: Removed
    ) -> np.ndarray:
        """Clean the labels; how much the gate removed, in mL by final label."""
        clean_up(labels, self.options.clean_up, geometry.voxel_ml)
        if not self.options.split_kidneys:
            return removed.counts() * geometry.voxel_ml
        midline = middle_of(voxels, box)
        split_kidneys(labels, midline)
        return removed.counts(midline) * geometry.voxel_ml

    def _judge(
        self,
        found: list[OrganFacts],
        logits: Tensor,
        labels: np.ndarray,
        excluded: np.ndarray,
        box: Box,
        geometry: Geometry,
    ) -> None:
        """Set the confidence and the uncertain places of what was found."""
        classes = {**{organ.label: organ.label for organ in ORGANS}, LEFT_KIDNEY.label: RIGHT_KIDNEY.label}
        calibrations = self.engine.organs.calibration
        confidences = organ_confidence(logits, labels, classes, box, geometry, calibrations, excluded)
        for facts in found:
            if facts.label in confidences:
                facts.confidence = confidences[facts.label].confidence
                facts.uncertain = confidences[facts.label].places


def _only(chosen: Sequence[Organ], labels: np.ndarray, found: list[OrganFacts]) -> list[OrganFacts]:
    """Remove other organs from the labels, in place, and from what was found."""
    kept = {organ.label for organ in chosen}
    remove_labels(labels, [facts.label for facts in found if facts.label not in kept])
    return [facts for facts in found if facts.label in kept]

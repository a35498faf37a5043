"""Memory of a run of one stage: of its steps, of making its samples, and of what it keeps between them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch

from flareseg.inference.live_bytes import MB
from flareseg.inference.resample import Size
from flareseg.training.config import CLASSES_OF, DataConfig, StageConfig
from flareseg.training.memory import StepMemory, count_step
from flareseg.training.sample import Stage
from flareseg.training.scans import can_be_learned
from flareseg.training.store import CaseFacts

SAMPLE_BYTES = 110  # for each voxel while a sample is made; 60 to 107 were counted by LiveBytes, synthetic and real
_SCAN_BYTES = 3  # a voxel of a loaded scan: HU and label
_REPLAYED_BYTES, _VALIDATION_BYTES = 3, 5  # a voxel of a sample with its labels, without shares


@dataclass(frozen=True)
class Samples:
    """The largest samples of a stage, (k, j, i), and the scans that they are made of.

    ``trained``: of those to learn from; ``made``: of those and of validation's; ``scans_mb``: of the scans in memory.
    """

    trained: Size
    made: Size
    scans_mb: float = 0.0

    @classmethod
    def of(
        cls, settings: StageConfig, data: DataConfig, training: Sequence[CaseFacts], validation: Sequence[CaseFacts]
    ) -> Samples:
        """Those of a store's cases, divided as a run divides them, before they are resized."""
        groups = [[case.shape for case in some if can_be_learned(case)] for some in (training, validation)]
        if not data.scans:
            groups = [[], []]
        synthetic = [settings.grid] if data.synthetic or not groups[0] else []
        loaded = (sum(map(math.prod, shapes)) * _SCAN_BYTES / MB for shapes in groups)
        return cls(
            _largest(settings, [*synthetic, *groups[0]]),
            _largest(settings, [*synthetic, *groups[0], *groups[1]]),
            sum(min(megabytes, data.scans_memory_mb) for megabytes in loaded),
        )

    def resized(self, settings: StageConfig) -> Samples:
        """The same as the network takes them."""
        return replace(self, trained=settings.own_grid(self.trained), made=settings.own_grid(self.made))


@dataclass(frozen=True)
class RunMemory:
    """Memory of a run in MB, counted.

    Attributes:
        step: Of a step on the largest samples.
        sample_mb: Of making the largest sample.
        kept_mb: Of what is kept between steps on the device.
        main_mb: Of what is kept in main memory, where the device is a GPU.
    """

    step: StepMemory
    sample_mb: float
    kept_mb: float
    main_mb: float

    @property
    def samples_decide(self) -> bool:
        """Whether making a sample takes more than a step."""
        return self.sample_mb > self.step.peak_mb

    @property
    def peak_mb(self) -> float:
        """The most at any time on the device."""
        return max(self.sample_mb, self.step.peak_mb) + self.kept_mb


def count_run(
    stage: Stage, settings: StageConfig, data: DataConfig, samples: Samples, precision: str, device: torch.device
) -> RunMemory:
    """Count the memory of a run of a stage on resized samples."""
    trained, made = samples.trained, samples.made
    on_cpu, shares = device.type == "cpu", CLASSES_OF[stage] - 1 if data.fractions else 0
    sized = settings.model_copy(update={"grid": trained, "factor": None})
    step = count_step(stage, sized, precision, data.fractions, "cpu" if on_cpu else "cuda")
    replayed = settings.replay_size * math.prod(trained) * (_REPLAYED_BYTES + shares) / MB if settings.fresh else 0.0
    validation = data.validation_samples * math.prod(made) * (_VALIDATION_BYTES + shares) / MB
    main = validation + samples.scans_mb
    sample_mb = step.fixed_mb + math.prod(made) * SAMPLE_BYTES / MB
    return RunMemory(step, sample_mb, replayed + main * on_cpu, 0.0 if on_cpu else main + step.main_mb)


def _largest(settings: StageConfig, shapes: Sequence[Size]) -> Size:
    return max(shapes, key=lambda shape: math.prod(settings.own_grid(shape)))

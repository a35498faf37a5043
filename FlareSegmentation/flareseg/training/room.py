"""Refusal of a run whose memory cannot suffice, with the numbers, before its first step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import nn

from flareseg.core.errors import ConfigError
from flareseg.core.free_memory import bounds
from flareseg.inference.live_bytes import MB
from flareseg.inference.networks import build, divisor_of
from flareseg.inference.networks.savings import has_savings
from flareseg.inference.own_grid import own_grid
from flareseg.inference.resample import Size
from flareseg.training.config import StageConfig, TrainingConfig
from flareseg.training.memory import StepMemory, count_step
from flareseg.training.sample import Stage
from flareseg.training.store import CaseFacts, Kind

SAMPLE_BYTES = 110  # for each voxel while a sample is made; 60 to 107 were counted by LiveBytes, synthetic and real
_LEAST_FACTOR, _FACTOR_STEP = 0.05, 0.01


@dataclass(frozen=True)
class Room:
    """Memory that a run may take: ``free_mb``, and what bounds it, as part of a message."""

    free_mb: float
    where: str = ""

    @classmethod
    def of(cls, device: torch.device, limit_mb: float | None = None) -> Room:
        """What is free on a device; ``limit_mb``: the most that the caller allows."""
        if device.type == "cuda":
            free = torch.cuda.mem_get_info(device)[0] / MB
            return cls(free, " on the GPU") if limit_mb is None or limit_mb > free else cls(limit_mb, _ALLOWED)
        bound = min(bounds(), key=lambda bound: bound.free_mb, default=None)
        if bound is None or (limit_mb is not None and limit_mb < bound.free_mb):
            return cls(float("inf") if limit_mb is None else limit_mb, _ALLOWED)
        return cls(bound.free_mb, bound.where)


_ALLOWED = " by the limit given"


def largest_size(stage: Stage, config: TrainingConfig, cases: Sequence[CaseFacts]) -> Size:
    """The largest grid of a stage's samples (k, j, i): of the synthetic ones or of the store's scans."""
    settings, sizes = config.stages[stage], []
    if config.data.synthetic:
        sizes.append(settings.size)
    if config.data.scans:
        sizes += [settings.own_grid(case.shape) for case in cases if case.kind is Kind.SCAN]
    return max(sizes or [settings.size], key=lambda size: size[0] * size[1] * size[2])


def require_room(
    stage: Stage, config: TrainingConfig, size: Size, precision: str, device: torch.device, room: Room
) -> StepMemory:
    """The counted memory of a step on samples of ``size``.

    Raises ConfigError if a step, or making its samples, has less room, with the largest factor that fits.
    """
    settings = config.stages[stage]

    def counted(size: Size) -> StepMemory:
        sized = settings.model_copy(update={"grid": size, "factor": None})
        return count_step(stage, sized, precision, config.data.fractions, "cuda" if device.type == "cuda" else "cpu")

    def needed(size: Size) -> float:
        return max(counted(size).peak_mb, size[0] * size[1] * size[2] * SAMPLE_BYTES / MB)

    if (needed_mb := needed(size)) <= room.free_mb:
        return counted(size)
    raise ConfigError(
        f"Training {settings.network.name} on {_voxels(size)} voxels needs {needed_mb / 1000:.1f} GB of memory; "
        f"{max(0.0, room.free_mb) / 1000:.1f} GB are {'allowed' if room.where == _ALLOWED else 'free'}{room.where}.",
        _advice(settings, size, needed_mb, room, needed),
    )


def _advice(settings: StageConfig, size: Size, needed: float, room: Room, count: Callable[[Size], float]) -> str:
    """What to do: the largest factor that fits, and the savings that are not used yet."""
    network = build(settings.network.name, 2, settings.network.options)
    factor = min(1.0, max(0.0, room.free_mb) / needed) ** (1 / 3) + 2 * _FACTOR_STEP  # memory grows with the voxels
    smaller = size
    while factor >= _LEAST_FACTOR:
        smaller = own_grid(size, factor, divisor_of(network))
        if smaller != size and count(smaller) <= room.free_mb:
            break
        factor -= _FACTOR_STEP
    unused = _unused_savings(settings, network)
    more = f", or switch on {', '.join(unused)} under `memory`" if unused else ""
    if factor < _LEAST_FACTOR:
        return f"No factor of this grid fits: take narrower layers{more}, or a device with more memory."
    now = settings.factor or 1.0
    fits = f"The largest factor that fits is {factor * now:.2f}, {_voxels(smaller)} voxels"
    return f"{fits}: set `factor` or `grid` so{more}."


def _unused_savings(settings: StageConfig, network: nn.Module) -> list[str]:
    memory, has = settings.memory, has_savings(network)
    savings = {
        "checkpoint": has and not memory.checkpoint,
        "in_place": has and not memory.in_place,
        "loss_slab": memory.loss_slab is None,
        "saved: bfloat16": memory.saved == "as_is",
    }
    return [name for name, is_unused in savings.items() if is_unused]


def _voxels(size: Size) -> str:
    return " x ".join(map(str, size))

"""Refusal of a run whose memory cannot suffice, with the numbers, before its first step."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass, replace
from typing import Protocol

import torch

from flareseg.core.errors import ConfigError
from flareseg.core.free_memory import bounds
from flareseg.inference.live_bytes import MB
from flareseg.inference.networks import build
from flareseg.inference.networks.savings import possible
from flareseg.inference.own_grid import largest_factor, own_grid
from flareseg.inference.resample import Size
from flareseg.training.config import SIZE_STEP, MemoryConfig, StageConfig, TrainingConfig
from flareseg.training.run_memory import RunMemory, Samples, count_run
from flareseg.training.sample import Stage

_SHOWN_MB = 100.0  # of what is kept, in a message
_LOSS_SLAB = 8  # slices, as in the preset full-size


class _Fits(Protocol):
    """Whether a step fits: of resized samples, so many a batch, with these savings (None: the config's)."""

    def __call__(self, samples: Samples, batch: int, memory: MemoryConfig | None = None) -> bool: ...


@dataclass(frozen=True)
class Room:
    """Memory that a run may take: ``free_mb``, and what bounds it, as part of a message; ``is_limit``: the caller."""

    free_mb: float
    where: str = ""
    is_limit: bool = False

    @classmethod
    def of(cls, device: torch.device, limit_mb: float | None = None) -> Room:
        """What is free on a device; ``limit_mb``: the most that the caller allows."""
        if device.type == "cuda":
            torch.cuda.empty_cache()  # what PyTorch keeps without using it does not count as free
            free = cls(torch.cuda.mem_get_info(device)[0] / MB, " on the GPU")
        else:
            bound = next(iter(bounds()), None)
            free = cls(float("inf")) if bound is None else cls(bound.free_mb, bound.where)
        return free if limit_mb is None or limit_mb > free.free_mb else cls(limit_mb, " by the limit given", True)

    def __str__(self) -> str:
        return f"{_gb(max(0.0, self.free_mb))} are {'allowed' if self.is_limit else 'free'}{self.where}"


def require_room(
    stage: Stage,
    config: TrainingConfig,
    samples: Samples,
    precision: str,
    device: torch.device,
    room: Room,
    main: Room | None = None,
) -> RunMemory:
    """The counted memory of a run of a stage.

    Args:
        stage: The stage.
        config: The run's config.
        samples: Its largest samples, before they are resized.
        precision: "32-true" or "bf16-mixed".
        device: The device.
        room: Memory of the device.
        main: Main memory, where the device is a GPU. None: it is not checked.

    Raises:
        ConfigError: There is less memory, with what would fit.
    """
    settings, sized = config.stages[stage], samples.resized(config.stages[stage])

    @functools.cache
    def counted(samples: Samples, batch: int, memory: MemoryConfig | None = None) -> RunMemory:
        fresh = settings.fresh and min(settings.fresh, batch)
        changes = {"batch": batch, "fresh": fresh, "memory": memory or settings.memory}
        return count_run(stage, settings.model_copy(update=changes), config.data, samples, precision, device)

    def fits(samples: Samples, batch: int, memory: MemoryConfig | None = None) -> bool:
        return counted(samples, batch, memory).peak_mb <= room.free_mb

    needed, training = counted(sized, settings.batch), f"Training {settings.network.name}"
    if needed.peak_mb > room.free_mb:
        what, size = ("Making a sample", sized.made) if needed.samples_decide else (training, sized.trained)
        more = [] if needed.samples_decide else _more_savings(settings, precision)
        savings = [each for each in more if counted(sized, settings.batch, each).peak_mb < needed.peak_mb]
        kept = f", {_gb(needed.kept_mb)} of it for samples that are kept" if needed.kept_mb > _SHOWN_MB else ""
        raise ConfigError(
            f"{what} on {_voxels(size)} voxels needs {_gb(needed.peak_mb)} of memory{kept}; {room}.",
            _advice(settings, samples, savings, fits),
        )
    if main is not None and needed.main_mb > main.free_mb:
        saved = ", or do without saved: cpu under `memory`" if needed.step.main_mb else ""
        raise ConfigError(
            f"{training} keeps {_gb(needed.main_mb)} in main memory; {main}.",
            f"Lower `scans_memory_mb` or `validation_samples`{saved}.",
        )
    return needed


def _advice(settings: StageConfig, samples: Samples, savings: list[MemoryConfig], fits: _Fits) -> str:
    """What to do: what would fit, and the savings that are not used yet."""
    found = _smaller(settings, samples, fits)
    advice = "No smaller grid fits: take narrower layers" if found is None else f"{found} so"
    whole = samples.resized(settings)
    enough = next((each for each in savings if fits(whole, settings.batch, each)), None)
    if enough is not None:
        advice += f", or switch on {_switches(settings.memory, enough)}"
    elif savings and found is not None:
        advice += f"; with {_switches(settings.memory, savings[-1])} a larger one may fit"
    return f"{advice}, or a device with more memory." if found is None else f"{advice}."


def _smaller(settings: StageConfig, samples: Samples, fits: _Fits) -> str | None:
    """The largest batch that fits, else the largest factor or grid."""
    for batch in range(settings.batch - 1, 0, -1):
        if fits(samples.resized(settings), batch):
            return f"The largest `batch` that fits is {batch}: set it{', and `fresh` up to it,' * bool(settings.fresh)}"

    def times(factor: float) -> Samples:
        return samples.resized(settings.model_copy(update={"factor": factor}))

    def on_grid(factor: float) -> Samples:
        size = own_grid(settings.grid, factor, math.lcm(SIZE_STEP, settings.network.divisor))
        return replace(samples, trained=size, made=size)

    if settings.factor is not None:
        found = largest_factor(lambda n: fits(times(n), 1), settings.factor)
        return None if found is None else f"The largest `factor` that fits is {found:.2f}: set it"
    found = largest_factor(lambda n: fits(on_grid(n), 1))
    if found is None:
        return None
    first = "With `batch: 1` the" if settings.batch > 1 else "The"
    return f"{first} largest `grid` that fits is about {list(on_grid(found).trained)}: set it"


def _more_savings(settings: StageConfig, precision: str) -> list[MemoryConfig]:
    """The memory settings with what is not switched on yet: first what is exact, then what rounds, too.

    Beside autocast rounding saves nothing, as most of what is kept has that type already.
    """
    with torch.device("meta"):
        has = possible(build(settings.network.name, 2, settings.network.options))
    memory = settings.memory
    exact = memory.model_copy(
        update={
            "checkpoint": memory.checkpoint or has.checkpoint,
            "in_place": memory.in_place or has.in_place,
            "loss_slab": memory.loss_slab or _LOSS_SLAB,
        }
    )
    rounded = exact.model_copy(update={"saved": "bfloat16"})
    rounds = memory.saved == "as_is" and precision == "32-true"
    return [each for each in (exact, *([rounded] if rounds else [])) if each != memory]


def _switches(before: MemoryConfig, after: MemoryConfig) -> str:
    """What differs, as a config has it."""
    changed = [(name, value) for name, value in after.model_dump().items() if value != getattr(before, name)]
    return f"{', '.join(f'{name}: {value}'.lower() for name, value in changed)} under `memory`"


def _voxels(size: Size) -> str:
    return " x ".join(map(str, size))


def _gb(megabytes: float) -> str:
    return f"{megabytes / 1000:.1f} GB"

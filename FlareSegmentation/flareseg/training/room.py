"""Refusal of a run whose memory cannot suffice, with the numbers, before its first step."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass, replace

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

_Fits = Callable[..., bool]  # of resized samples, how many of them are a batch, and what memory is saved


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
    def counted(samples: Samples, batch: int, memory: MemoryConfig = settings.memory) -> RunMemory:
        changes = {"batch": batch, "fresh": settings.fresh and min(settings.fresh, batch), "memory": memory}
        return count_run(stage, settings.model_copy(update=changes), config.data, samples, precision, device)

    needed, training = counted(sized, settings.batch), f"Training {settings.network.name}"
    if needed.peak_mb > room.free_mb:
        what, size = ("Making a sample", sized.made) if needed.samples_decide else (training, sized.trained)
        kept = f", {_gb(needed.kept_mb)} of it for samples that are kept" if needed.kept_mb > _SHOWN_MB else ""
        raise ConfigError(
            f"{what} on {_voxels(size)} voxels needs {_gb(needed.peak_mb)} of memory{kept}; {room}.",
            _advice(settings, samples, needed.samples_decide, lambda *run: counted(*run).peak_mb <= room.free_mb),
        )
    if main is not None and needed.main_mb > main.free_mb:
        saved = ", or do without saved: cpu under `memory`" if needed.step.main_mb else ""
        raise ConfigError(
            f"{training} keeps {_gb(needed.main_mb)} in main memory; {main}.",
            f"Lower `scans_memory_mb` or `validation_samples`{saved}.",
        )
    return needed


def _advice(settings: StageConfig, samples: Samples, samples_decide: bool, fits: _Fits) -> str:
    """What to do: what would fit, and the savings that are not used yet."""
    unused = {} if samples_decide else _unused_savings(settings)
    savings = f"{', '.join(f'{name}: {value}'.lower() for name, value in unused.items())} under `memory`"
    memory = settings.memory.model_copy(update=unused)
    found = _smaller(settings, samples, fits)
    advice = "No smaller grid fits: take narrower layers" if found is None else f"{found} so"
    if unused and fits(samples.resized(settings), settings.batch, memory):
        advice += f", or switch on {savings}"
    elif unused and found is not None:
        advice += f"; with {savings} a larger one may fit"
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


def _unused_savings(settings: StageConfig) -> dict[str, bool | int | str]:
    with torch.device("meta"):
        has = possible(build(settings.network.name, 2, settings.network.options))
    memory = settings.memory
    savings: dict[str, tuple[bool, bool | int | str]] = {
        "checkpoint": (has.checkpoint and not memory.checkpoint, True),
        "in_place": (has.in_place and not memory.in_place, True),
        "loss_slab": (memory.loss_slab is None, _LOSS_SLAB),
        "saved": (memory.saved == "as_is", "bfloat16"),
    }
    return {name: value for name, (is_unused, value) in savings.items() if is_unused}


def _voxels(size: Size) -> str:
    return " x ".join(map(str, size))


def _gb(megabytes: float) -> str:
    return f"{megabytes / 1000:.1f} GB"

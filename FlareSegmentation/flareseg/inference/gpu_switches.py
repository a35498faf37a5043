"""Optimisations for NVIDIA GPUs, off until it has been measured that they pay (docs/benchmark.md).

They are switched on by name in the environment variable FLARESEG_GPU, for example ``staged,graphs``. None changes the
labels beyond rounding, and none concerns a CPU.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, fields

from flareseg.core.errors import ConfigError

VARIABLE = "FLARESEG_GPU"
SLAB_MB = 72.0  # of large_slabs: a third of the launches


@dataclass(frozen=True)
class GpuSwitches:
    """Which optimisations are on.

    Attributes:
        staged: Copies through pinned memory, beside the work on other slabs (``flareseg.inference.transfer``).
        graphs: Each network with a fixed grid is recorded as a CUDA graph (``flareseg.inference.recorded``).
        channels_last: The channels of a voxel are adjacent in memory.
        large_slabs: Slabs of SLAB_MB.
    """

    staged: bool = False
    graphs: bool = False
    channels_last: bool = False
    large_slabs: bool = False

    @classmethod
    def of(cls, words: str) -> GpuSwitches:
        """Return the switches that are named in ``words``, separated by commas. Raises ConfigError for others."""
        named = {word.strip().lower() for word in words.split(",")} - {""}
        known = [field.name for field in fields(cls)]
        if unknown := sorted(named.difference(known)):
            raise ConfigError(f'Unknown switch in {VARIABLE}: "{unknown[0]}".', f"Use {', '.join(known)}.")
        return cls(**dict.fromkeys(named, True))

    @classmethod
    def of_environment(cls) -> GpuSwitches:
        """Return the switches of the environment variable FLARESEG_GPU. Raises ConfigError for unknown ones."""
        return cls.of(os.environ.get(VARIABLE, ""))

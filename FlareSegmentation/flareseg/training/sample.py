"""A training sample (one image with its labels), and the interface of its sources."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from torch import Tensor

from flareseg.inference.resample import Size
from flareseg.training.chance import Chance


class Stage(str, Enum):
    """The two networks of the cascade."""

    ABDOMEN = "abdomen"
    ORGANS = "organs"


@dataclass(frozen=True)
class Sample:
    """``image``: float32 HU; ``labels``: uint8 label values of core.organs. Both (k, j, i) on one device, axes to
    superior, posterior, left. ``voxel_mm``: size of a voxel along (k, j, i), where the source knows it."""

    image: Tensor
    labels: Tensor
    voxel_mm: tuple[float, float, float] | None = None


class SampleSource(Protocol):
    """Makes samples of one kind."""

    def sample(self, stage: Stage, grid: Size, chance: Chance) -> Sample:
        """A new sample on ``grid`` for a stage: a whole scan for ABDOMEN, a box around the organs for ORGANS."""
        ...

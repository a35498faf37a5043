"""A training sample (one image with its labels), and the interface of its sources."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Protocol

import torch
from torch import Tensor

from flareseg.inference.low_scans import continued
from flareseg.inference.resample import Size
from flareseg.training.chance import Chance


class Stage(str, Enum):
    """The two networks of the cascade, and the one that takes the whole scan in one pass."""

    ABDOMEN = "abdomen"
    ORGANS = "organs"
    FULL_SIZE = "full_size"

    @property
    def takes_whole_scan(self) -> bool:
        """Whether its samples show scans, rather than boxes around the organs."""
        return self is not Stage.ORGANS


CASCADE = (Stage.ABDOMEN, Stage.ORGANS)


@dataclass(frozen=True)
class Sample:
    """``image``: float32 HU; ``labels``: uint8 label values of core.organs. Both (k, j, i) on one device, axes to
    superior, posterior, left. ``shares``: uint8 (organs, k, j, i), how much of each voxel belongs to each organ, in
    255ths; None: a voxel belongs to its label's organ as a whole. ``voxel``: mm along (k, j, i), where known.
    ``shown``: how many slices show the box; the others continue them (``low_scans``). None: all."""

    image: Tensor
    labels: Tensor
    shares: Tensor | None = None
    voxel: tuple[float, float, float] | None = None
    shown: int | None = None

    def continued(self, slices: int) -> Sample:
        """The same with its outermost slices repeated, as the cascade continues what it resamples."""
        shares = None if self.shares is None else continued(self.shares, slices)
        return Sample(
            continued(self.image, slices), continued(self.labels, slices), shares, self.voxel, len(self.image)
        )


def in_bytes(shares: Tensor) -> Tensor:
    """Shares of 0..1 as Sample keeps them."""
    return (255 * shares).round().to(torch.uint8)


class SampleSource(Protocol):
    """Makes samples of one kind."""

    def sample(self, stage: Stage, grid: Size, chance: Chance) -> Sample:
        """A new sample on ``grid`` for a stage: a whole scan, or a box around the organs for ORGANS."""
        ...

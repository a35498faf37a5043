"""The anatomy of one sample: the tissue of each voxel, before acquisition."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from flareseg.training.chance import Chance
from flareseg.training.synthesis.masks import Spacing
from flareseg.training.tissues import ORGAN_TISSUES, Tissue

COARSE_MM = 3.5  # coarser grids do not show what is this small


@dataclass(frozen=True)
class Anatomy:
    """``tissues``: int32 (k, j, i) codes of Tissue; ``voxel``: mm along (k, j, i)."""

    tissues: Tensor
    voxel: Spacing

    def mask(self, *tissues: Tissue) -> Tensor:
        """Where any of the tissues lies, bool (k, j, i)."""
        found = self.tissues == int(tissues[0])
        for tissue in tissues[1:]:
            found |= self.tissues == int(tissue)
        return found

    def painted(self, where: Tensor, tissue: Tissue) -> Anatomy:
        """The anatomy with a tissue at ``where``, bool (k, j, i)."""
        return Anatomy(torch.where(where, int(tissue), self.tissues), self.voxel)

    @cached_property
    def organs(self) -> Tensor:
        """Where a labelled organ lies, bool (k, j, i)."""
        return self.mask(*ORGAN_TISSUES)

    @cached_property
    def body(self) -> Tensor:
        """Where any tissue lies, bool (k, j, i)."""
        return self.tissues > 0

    @property
    def shape(self) -> tuple[int, int, int]:
        k, j, i = self.tissues.shape
        return (k, j, i)

    @property
    def size_mm(self) -> float:
        """The longest side of the grid."""
        return max(n * size for n, size in zip(self.shape, self.voxel))

    def coordinates(self, axis: int) -> Tensor:
        """mm of the voxel centres from the grid's first edge along an axis, to be broadcast over (k, j, i)."""
        n = self.shape[axis]
        line = (torch.arange(n, device=self.tissues.device) + 0.5) * self.voxel[axis]
        return line.view([n if a == axis else 1 for a in range(3)])

    @property
    def backward(self) -> Tensor:
        """How far back each row lies: -0.5 at the front of the grid, 0.5 at its back; (1, j, 1)."""
        return self.coordinates(1) / (self.shape[1] * self.voxel[1]) - 0.5

    def field(self, chance: Chance, feature_mm: float, fewest: float = 3) -> Tensor:
        """A smooth random field (k, j, i) of mean 0 and SD about 1. ``fewest``: values along the longest side."""
        return chance.smooth_noise(self.shape, max(fewest, self.size_mm / feature_mm))[0]

    def tubes(self, chance: Chance, feature_mm: float, radius: float) -> Tensor:
        """Winding tubes, bool (k, j, i): where two smooth fields are both near zero, within ``radius`` (SD)."""
        pair = chance.smooth_noise(self.shape, max(4.0, self.size_mm / feature_mm), 2)
        return pair.square().sum(dim=0) < radius**2

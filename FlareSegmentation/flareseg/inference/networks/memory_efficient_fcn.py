"""A fully convolutional network that is trained on whole CTs.

After the idea of Wang, Oda and Mori, "Organ Segmentation From Full-size CT Images Using Memory-Efficient FCN" (arXiv
2003.10690, 2020): trained on the full-size CT without cropping, by savings in architecture and in implementation. The
layers are ours, as their table is not public: dense and narrow blocks, no layer on the scan's own grid but the first
convolution, and skips that are added rather than joined.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import cast

import torch
from torch import Tensor, nn

from flareseg.inference.networks.fcn_blocks import NORMS, DenseLevel, Merge, Output, Unit, convolutions
from flareseg.inference.networks.fcn_slabs import FinestBySlabs
from flareseg.inference.networks.savings import Savings, call

SLAB = 16  # slices of the finest level that are computed at a time, at least, where no gradients are needed
SLAB_VOXELS = 2**20  # of the finest level's grid that are computed at a time, if they are more slices than that

STEM_CHANNELS = 12
GROWTH = (6, 10, 16, 24)
UNITS = (2, 4, 6, 6)
SKIP_CHANNELS = (12, 32, 64, 80)
DOWN_CHANNELS = (32, 64, 80)
DECODER_UNITS = 2  # on each level
DILATIONS = (1, 2, 4)  # of the coarsest level, in turn

Size = tuple[int, int, int]


class MemoryEfficientFCN(nn.Module):
    """1,685,553 parameters with five classes and the default widths.

    Input (batch, 1, k, j, i), each size divisible by ``divisor``; output logits (batch, classes, k, j / 2, i / 2) with
    the default stride: the caller interpolates them to a finer grid, slab by slab.

    ``norm``: "instance" takes the statistics of the scan itself, "batch" those of the training.

    Without gradients the finest level of a large scan is computed in slabs, several times (see FinestBySlabs). Memory
    then grows with the coarser levels only, and the logits are the same but for rounding.
    """

    def __init__(
        self,
        classes: int = 5,
        stem: int = STEM_CHANNELS,
        stride: Sequence[int] = (1, 2, 2),
        growth: Sequence[int] = GROWTH,
        units: Sequence[int] = UNITS,
        skips: Sequence[int] = SKIP_CHANNELS,
        downs: Sequence[int] = DOWN_CHANNELS,
        decoder: int = DECODER_UNITS,
        dilations: Sequence[int] = DILATIONS,
        convolution: str = "plain",
        norm: str = "instance",
    ) -> None:
        super().__init__()
        if norm not in NORMS:
            raise ValueError(f"unknown norm {norm}; known are {', '.join(NORMS)}")
        if not set(stride) <= {1, 2}:
            raise ValueError(f"the stride is 1 or 2 along each axis, not {list(stride)}")
        if not len(growth) == len(units) == len(skips) == len(downs) + 1 or len(growth) < 2:
            raise ValueError("growth, units and skips need a number for each level, downs one fewer")
        self.stride, self.divisor = _three(stride), max(stride) * 2 ** len(downs)
        self.savings, self.slab, self.slab_voxels = Savings(), SLAB, SLAB_VOXELS
        self.stem = Unit(nn.Conv3d(1, stem, (3, 5, 5), self.stride, (1, 2, 2), bias=False), norm=norm)
        dilated: list[Sequence[int]] = [*([(1,)] * len(downs)), dilations]
        levels = [
            DenseLevel(channels, each, number, convolution, dilations, norm)
            for channels, each, number, dilations in zip((stem, *downs), growth, units, dilated)
        ]
        across = [
            Unit(nn.Conv3d(level.channels, channels, 1, bias=False), norm=norm)
            for level, channels in zip(levels, skips)
        ]
        merges = [Merge(coarse, fine, decoder, convolution, norm) for fine, coarse in pairwise(skips)]
        self.levels = nn.ModuleList(levels)
        self.downs = nn.ModuleList(
            Unit(*convolutions(convolution, level.channels, channels, stride=2), norm=norm)
            for level, channels in zip(levels, downs)
        )
        self.skips, self.merges = nn.ModuleList(across[1:]), nn.ModuleList(merges[1:])
        self.output = Output(across[0], merges[0], nn.Conv3d(skips[0], classes, 1))

    def forward(self, x: Tensor) -> Tensor:
        if any(size % self.divisor for size in x.shape[2:]):
            raise ValueError(f"input size {tuple(x.shape[2:])} is not divisible by {self.divisor}")
        if not torch.is_grad_enabled():
            finest = self._by_slabs(x)
            return finest.logits(self._coarse(finest.down(cast(Unit, self.downs[0]))))
        fine = self.levels[0](call(self.savings, self.stem, x))
        coarse = self._coarse(call(self.savings, self.downs[0], *fine))
        return cast(Tensor, call(self.savings, self.output, coarse, *fine))

    @property
    def head(self) -> nn.Conv3d:
        """The layer that gives the logits."""
        return self.output.head

    def convolutions(self, x: Tensor) -> int:
        """How many convolutions a pass without gradients computes."""
        finest = (self.stem, self.levels[0], self.downs[0], self.output)
        coarse = _convolutions(self) - sum(map(_convolutions, finest))
        return coarse + self._by_slabs(x).convolutions(cast(Unit, self.downs[0]))

    def _by_slabs(self, x: Tensor) -> FinestBySlabs:
        return FinestBySlabs(self.stem, cast(DenseLevel, self.levels[0]), self.output, x, self._slices_at_once(x))

    def _slices_at_once(self, x: Tensor) -> int:
        """Slices of the finest level to compute at a time, an even number."""
        plane = (x.shape[3] // self.stride[1]) * (x.shape[4] // self.stride[2])
        return max(self.slab, 2 * (self.slab_voxels // plane // 2))

    def _coarse(self, x: Tensor) -> Tensor:
        """Everything below the finest level: from its input to what the last merge adds."""
        skips = []
        for number, (level, skip) in enumerate(zip(list(self.levels)[1:], self.skips), start=1):
            features = level(x)
            skips.append(call(self.savings, skip, *features))
            if number < len(self.downs):
                x = call(self.savings, self.downs[number], *features)
            del features
        x = skips.pop()
        for merge in reversed(self.merges):
            x = call(self.savings, merge, x, skips.pop())
        return x


def _convolutions(module: nn.Module) -> int:
    return sum(isinstance(each, nn.Conv3d) for each in module.modules())


def _three(values: Sequence[int]) -> Size:
    k, j, i = values
    return (k, j, i)

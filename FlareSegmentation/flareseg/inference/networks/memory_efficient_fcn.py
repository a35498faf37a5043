"""A fully convolutional network that is trained on whole CTs.

After the idea of Wang, Oda and Mori, "Organ Segmentation From Full-size CT Images Using Memory-Efficient FCN" (arXiv
2003.10690, 2020): trained on the full-size CT without cropping, by savings in architecture and in implementation. The
layers are ours, as their table is not public: dense and narrow blocks, factorised convolutions, no layer on the scan's
own grid but the first convolution, and skips that are added rather than joined.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from flareseg.inference.networks.in_place_norm import in_place_norm_activation
from flareseg.inference.networks.savings import Savings, call

SLOPE = 0.01
SLAB = 16  # slices of the finest level that are computed at a time where no gradients are needed

STEM_CHANNELS = 12
GROWTH = (6, 8, 16, 24)
UNITS = (2, 4, 6, 6)
SKIP_CHANNELS = (12, 24, 48, 64)
DOWN_CHANNELS = (24, 48, 64)
DILATIONS = (1, 2, 4)  # of the coarsest level, in turn
CONVOLUTIONS = ("plain", "factorised", "separable")
NORMS = {"batch": nn.BatchNorm3d, "instance": nn.InstanceNorm3d}

Size = tuple[int, int, int]


class Unit(nn.Sequential):
    """Convolutions, batch or instance norm, leaky ReLU. Several inputs are joined along the channels."""

    norm_in_place = True

    def __init__(self, *convolutions: nn.Conv3d, norm: str = "batch") -> None:
        normed = NORMS[norm](convolutions[-1].out_channels, affine=True)
        super().__init__(*convolutions, normed, nn.LeakyReLU(SLOPE, inplace=True))
        self.savings = Savings()

    def forward(self, *features: Tensor) -> Tensor:
        x = torch.cat(features, dim=1) if len(features) > 1 else features[0]
        *convolutions, norm, activation = self
        for convolution in convolutions:
            x = convolution(x)
        if self.savings.in_place and self.training and torch.is_grad_enabled():
            assert isinstance(norm, (nn.BatchNorm3d, nn.InstanceNorm3d))
            return in_place_norm_activation(x, norm, SLOPE)
        return activation(norm(x))


class DenseLevel(nn.Module):
    """A block of dense units on one grid, with the skip to the decoder.

    Each unit sees the block's input and every unit before it. The features stay a list: they are joined only inside
    the units that use them, which a checkpoint frees.
    """

    def __init__(
        self, channels: int, growth: int, units: int, skip: int, kind: str, dilations: Sequence[int], norm: str
    ) -> None:
        super().__init__()
        self.units = nn.ModuleList(
            Unit(*convolutions(kind, channels + n * growth, growth, dilation=dilations[n % len(dilations)]), norm=norm)
            for n in range(units)
        )
        self.channels = channels + units * growth
        self.skip = Unit(nn.Conv3d(self.channels, skip, 1, bias=False), norm=norm)
        self.savings = Savings()

    def forward(self, x: Tensor) -> list[Tensor]:
        features = [x]
        for unit in self.units:
            features.append(call(self.savings, unit, *features))
        return features


class Merge(nn.Module):
    """Adds the decoder's coarser features, upsampled linearly, to a skip. A checkpoint keeps nothing upsampled."""

    def __init__(self, coarse: int, channels: int, kind: str, norm: str) -> None:
        super().__init__()
        self.reduce = nn.Conv3d(coarse, channels, 1, bias=False)
        self.unit = Unit(*convolutions(kind, channels, channels), norm=norm)

    def forward(self, coarse: Tensor, skip: Tensor) -> Tensor:
        finer = F.interpolate(self.reduce(coarse), skip.shape[2:], mode="trilinear", align_corners=False)
        return self.unit(finer + skip)


class MemoryEfficientFCN(nn.Module):
    """462,881 parameters with five classes and the default widths.

    Input (batch, 1, k, j, i), each size divisible by ``divisor``; output logits (batch, classes, k, j / 2, i / 2) with
    the default stride: the caller interpolates them to a finer grid, slab by slab.

    ``norm`` is that of the coarser levels: "instance" takes the statistics of the scan itself, not of the training.

    Without gradients the finest level is computed in slabs of SLAB slices, twice: for the coarser levels and for the
    logits. Memory then grows with the coarser levels only, and the logits are the same but for rounding.
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
        dilations: Sequence[int] = DILATIONS,
        convolution: str = "factorised",
        norm: str = "batch",
    ) -> None:
        super().__init__()
        if norm not in NORMS:
            raise ValueError(f"unknown norm {norm}; known are {', '.join(NORMS)}")
        if not len(growth) == len(units) == len(skips) == len(downs) + 1 or len(growth) < 2:
            raise ValueError("growth, units and skips need a number for each level, downs one fewer")
        self.stride, self.divisor = _three(stride), max(stride) * 2 ** len(downs)
        self.savings, self.slab = Savings(), SLAB
        self.stem = Unit(nn.Conv3d(1, stem, (3, 5, 5), self.stride, (1, 2, 2), bias=False))
        dilated: list[Sequence[int]] = [*([(1,)] * len(downs)), dilations]
        norms = ["batch", *[norm] * len(downs)]  # slab by slab the finest level does not know the scan's statistics
        levels = [
            DenseLevel(channels, each, number, skip, convolution, dilations, norm)
            for channels, each, number, skip, dilations, norm in zip(
                (stem, *downs), growth, units, skips, dilated, norms
            )
        ]
        self.levels = nn.ModuleList(levels)
        self.downs = nn.ModuleList(
            Unit(*convolutions(convolution, level.channels, channels, stride=2), norm=norm)
            for level, channels, norm in zip(levels, downs, norms)
        )
        self.merges = nn.ModuleList(
            Merge(coarse, fine, convolution, norm) for (fine, coarse), norm in zip(pairwise(skips), norms)
        )
        self.head = nn.Conv3d(skips[0], classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        if any(size % self.divisor for size in x.shape[2:]):
            raise ValueError(f"input size {tuple(x.shape[2:])} is not divisible by {self.divisor}")
        if torch.is_grad_enabled() or x.shape[2] // self.stride[0] <= self.slab:
            fine = self._fine(x)
            return self._logits(fine, self._coarse(self._down(0, fine)))
        return self._by_slabs(x)

    @property
    def _finest(self) -> DenseLevel:
        return cast(DenseLevel, self.levels[0])

    def _fine(self, x: Tensor) -> list[Tensor]:
        """The features of the finest level."""
        return self._finest(call(self.savings, self.stem, x))

    def _down(self, number: int, features: list[Tensor]) -> Tensor:
        return call(self.savings, self.downs[number], *features)

    def _coarse(self, x: Tensor) -> Tensor:
        """Everything below the finest level: from its input to what the last merge adds."""
        skips = []
        for number, level in enumerate(cast("list[DenseLevel]", list(self.levels)[1:]), start=1):
            features = level(x)
            skips.append(call(self.savings, level.skip, *features))
            if number < len(self.downs):
                x = self._down(number, features)
            del features
        x = skips.pop()
        for merge in reversed(self.merges[1:]):
            x = call(self.savings, merge, x, skips.pop())
        return x

    def _logits(self, fine: list[Tensor], coarse: Tensor) -> Tensor:
        skip = call(self.savings, self._finest.skip, *fine)
        return self.head(call(self.savings, self.merges[0], coarse, skip))

    def _by_slabs(self, x: Tensor) -> Tensor:
        """The same; the margin of a slab holds what its own slices see, so that every slice is as of the whole."""
        step = self.stride[0]
        slices = x.shape[2] // step
        margin = 2 * ((len(self._finest.units) + 3) // 2)  # stem, units and one more, even
        spans = [
            (start, stop, max(0, start - margin), min(slices, stop + margin))
            for start, stop in ((n, min(n + self.slab, slices)) for n in range(0, slices, self.slab))
        ]
        downs = []
        for start, stop, low, high in spans:
            down = self._down(0, self._fine(x[:, :, step * low : step * high]))
            downs.append(down[:, :, (start - low) // 2 : (stop - low) // 2].clone())
        coarse = self._coarse(torch.cat(downs, dim=2))
        size = (x.shape[0], self.head.out_channels, slices, *(n // s for n, s in zip(x.shape[3:], self.stride[1:])))
        logits = x.new_empty(size)
        for start, stop, low, high in spans:
            slab = self._logits(self._fine(x[:, :, step * low : step * high]), coarse[:, :, low // 2 : high // 2])
            logits[:, :, start:stop] = slab[:, :, start - low : stop - low]
        return logits


def convolutions(kind: str, channels_in: int, channels: int, stride: int = 1, dilation: int = 1) -> list[nn.Conv3d]:
    """A 3x3x3 convolution without bias: plain; factorised into 1x3x3 and 3x1x1; or separable, by channel and 1x1x1."""
    if kind == "plain":
        return [nn.Conv3d(channels_in, channels, 3, stride, dilation, dilation, bias=False)]
    if kind == "factorised":
        along, across = (1, stride, stride), (stride, 1, 1)
        return [
            nn.Conv3d(channels_in, channels, (1, 3, 3), along, (0, dilation, dilation), dilation, bias=False),
            nn.Conv3d(channels, channels, (3, 1, 1), across, (dilation, 0, 0), dilation, bias=False),
        ]
    if kind == "separable":
        return [
            nn.Conv3d(channels_in, channels_in, 3, stride, dilation, dilation, groups=channels_in, bias=False),
            nn.Conv3d(channels_in, channels, 1, bias=False),
        ]
    raise ValueError(f"unknown convolution {kind}; known are {', '.join(CONVOLUTIONS)}")


def _three(values: Sequence[int]) -> Size:
    k, j, i = values
    return (k, j, i)

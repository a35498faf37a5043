"""The light 3D U-Net of the ROI stage, which classifies the voxels of the coarse scan as organ or background."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class ConvInstanceNormLeakyReLU(nn.Sequential):
    """3x3x3 convolution without bias, instance norm, leaky ReLU."""

    def __init__(self, channels_in: int, channels: int, stride: int = 1) -> None:
        super().__init__(
            nn.Conv3d(channels_in, channels, 3, stride, 1, bias=False),
            nn.InstanceNorm3d(channels, affine=True),
            nn.LeakyReLU(0.01, inplace=True),
        )


class Level(nn.Sequential):
    """The two convolutions of one resolution level."""

    def __init__(self, channels_in: int, channels: int, stride: int = 1) -> None:
        super().__init__(
            ConvInstanceNormLeakyReLU(channels_in, channels, stride), ConvInstanceNormLeakyReLU(channels, channels)
        )


class RoiUNet(nn.Module):
    """U-Net of five levels by default; 1,412,514 parameters with two classes.

    Input (batch, 1, k, j, i), each size divisible by 2 ** (levels - 1); output logits
    (batch, classes, k, j, i).
    """

    def __init__(self, classes: int = 2, widths: Sequence[int] = (8, 16, 32, 64, 128)) -> None:
        super().__init__()
        outer, inner = widths[:-1], widths[1:]
        self.down = nn.ModuleList([Level(1, widths[0])])
        self.down.extend(Level(a, b, stride=2) for a, b in zip(outer, inner))
        self.grow = nn.ModuleList(nn.ConvTranspose3d(b, a, 2, 2) for a, b in zip(outer, inner))
        self.merge = nn.ModuleList(Level(2 * a, a) for a in outer)
        self.head = nn.Conv3d(widths[0], classes, 1)
        self.divisor = 2 ** len(outer)

    def forward(self, x: Tensor) -> Tensor:
        if any(size % self.divisor for size in x.shape[2:]):
            raise ValueError(f"input size {tuple(x.shape[2:])} is not divisible by {self.divisor}")
        skips = []
        for level in self.down:
            x = level(x)
            skips.append(x)
        skips.pop()
        for grow, merge in zip(reversed(self.grow), reversed(self.merge)):
            x = torch.cat([grow(x), skips.pop()], dim=1)
            for block in merge.children():  # one by one, so that the joined tensor is free after the first
                x = block(x)
        return self.head(x)

"""The building blocks of the memory-efficient FCN."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from flareseg.inference.networks.in_place_norm import in_place_norm_activation
from flareseg.inference.networks.savings import Savings, call

SLOPE = 0.01
CONVOLUTIONS = ("plain", "factorised", "separable")
NORMS = {"batch": nn.BatchNorm3d, "instance": nn.InstanceNorm3d}


class Unit(nn.Sequential):
    """Convolutions, batch or instance norm, leaky ReLU. Several inputs are joined along the channels."""

    norm_in_place = True

    def __init__(self, *convolutions: nn.Conv3d, norm: str = "instance") -> None:
        normed = NORMS[norm](convolutions[-1].out_channels, affine=True)
        super().__init__(*convolutions, normed, nn.LeakyReLU(SLOPE, inplace=True))
        self.savings = Savings()

    def forward(self, *features: Tensor) -> Tensor:
        return self.finished(self.convolved(*features))

    def convolved(self, *features: Tensor) -> Tensor:
        """What the convolutions give of features, each (batch, channels, k, j, i) on one grid."""
        first, *others = cast("list[nn.Conv3d]", list(self)[:-2])
        if self.savings.checkpoint and torch.is_grad_enabled() and first.kernel_size == (1, 1, 1):
            x = _convolved_apart(first, features)
        else:
            x = first(torch.cat(features, dim=1) if len(features) > 1 else features[0])
        for convolution in others:
            x = convolution(x)
        return x

    def finished(self, x: Tensor) -> Tensor:
        """Norm and activation of what the convolutions gave."""
        norm, activation = self[-2], self[-1]
        if self.savings.in_place and self.training and torch.is_grad_enabled():
            assert isinstance(norm, (nn.BatchNorm3d, nn.InstanceNorm3d))
            return in_place_norm_activation(x, norm, SLOPE)
        return cast(Tensor, activation(norm(x)))


class DenseLevel(nn.Module):
    """A block of dense units on one grid.

    Each unit sees the block's input and every unit before it. The features stay a list: they are joined only inside
    the units that use them, which a checkpoint frees.
    """

    def __init__(self, channels: int, growth: int, units: int, kind: str, dilations: Sequence[int], norm: str) -> None:
        super().__init__()
        self.units = nn.ModuleList(
            Unit(*convolutions(kind, channels + n * growth, growth, dilation=dilations[n % len(dilations)]), norm=norm)
            for n in range(units)
        )
        self.channels = channels + units * growth
        self.savings = Savings()

    def forward(self, x: Tensor) -> list[Tensor]:
        features = [x]
        for unit in self.units:
            features.append(call(self.savings, unit, *features))
        return features


class Merge(nn.Module):
    """Adds the decoder's coarser features, upsampled linearly, to a skip. A checkpoint keeps nothing upsampled."""

    def __init__(self, coarse: int, channels: int, units: int, kind: str, norm: str) -> None:
        super().__init__()
        self.reduce = nn.Conv3d(coarse, channels, 1, bias=False)
        self.units = nn.Sequential(*(Unit(*convolutions(kind, channels, channels), norm=norm) for _ in range(units)))

    def forward(self, coarse: Tensor, skip: Tensor) -> Tensor:
        return cast(Tensor, self.units(self.joined(coarse, skip)))

    def joined(self, coarse: Tensor, skip: Tensor) -> Tensor:
        """What goes into the units, on the skip's grid; ``coarse`` has half of its voxels along each axis."""
        finer = F.interpolate(self.reduce(coarse), skip.shape[2:], mode="trilinear", align_corners=False)
        return finer.add_(skip)


class Output(nn.Module):
    """The finest level of the decoder, and the logits. A checkpoint keeps none of its features."""

    def __init__(self, skip: Unit, merge: Merge, head: nn.Conv3d) -> None:
        super().__init__()
        self.skip, self.merge, self.head = skip, merge, head
        self.savings = Savings()

    def forward(self, coarse: Tensor, *fine: Tensor) -> Tensor:
        skip = call(self.savings, self.skip, *fine)
        return cast(Tensor, self.head(self.merge(coarse, skip)))


def _convolved_apart(convolution: nn.Conv3d, features: Sequence[Tensor]) -> Tensor:
    """A convolution of 1x1x1 of features that are not joined: what each gives is added up."""
    assert convolution.bias is None and set(convolution.stride) == {1} and convolution.groups == 1
    parts = convolution.weight.split([each.shape[1] for each in features], dim=1)
    x = F.conv3d(features[0], parts[0])
    for each, part in zip(features[1:], parts[1:]):
        x.add_(F.conv3d(each, part))
    return x


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

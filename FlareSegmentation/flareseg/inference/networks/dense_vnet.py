"""DenseVNet (Gibson et al., IEEE TMI 2018) in NiftyNet's default layout, as He and Luo use it."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from flareseg.inference.networks.channels_last import in_channels_last
from flareseg.inference.networks.savings import Savings, call

GROWTH = (4, 8, 16)
UNITS = (5, 10, 10)
SKIP_CHANNELS = (12, 24, 24)
STEM_CHANNELS = 24
DIVISOR = 8


class ConvBatchNormReLU(nn.Sequential):
    """3x3x3 convolution without bias, batch norm, ReLU. Several inputs are joined along the channels."""

    def __init__(self, channels_in: int, channels: int, stride: int = 1) -> None:
        super().__init__(
            nn.Conv3d(channels_in, channels, 3, stride, 1, bias=False),
            nn.BatchNorm3d(channels),
            nn.ReLU(inplace=True),
        )

    def forward(self, *features: Tensor) -> Tensor:
        x = torch.cat(features, dim=1) if len(features) > 1 else features[0]
        for layer in self:
            x = layer(x)
        return x


class DenseStack(nn.Module):
    """Units that each see the stack's input and every unit before them.

    Gives the skip (``skip`` channels, same resolution) and, unless it is the last stack, the input
    of the next one (``down`` channels at half the resolution).
    """

    def __init__(self, channels_in: int, growth: int, units: int, skip: int, down: int | None) -> None:
        super().__init__()
        self.growth, self.savings = growth, Savings()
        self.units = nn.ModuleList(ConvBatchNormReLU(channels_in + n * growth, growth) for n in range(units))
        channels = channels_in + units * growth
        self.skip = ConvBatchNormReLU(channels, skip)
        self.down = None if down is None else ConvBatchNormReLU(channels, down, stride=2)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor | None]:
        features = self._one_by_one(x) if torch.is_grad_enabled() else [self._side_by_side(x)]
        skip = call(self.savings, self.skip, *features)
        return skip, None if self.down is None else call(self.savings, self.down, *features)

    def _one_by_one(self, x: Tensor) -> list[Tensor]:
        """The features as a list with checkpoints, which free what is joined inside a unit; else joined."""
        features = [x]
        for unit in self.units:
            features.append(call(self.savings, unit, *features))
            if not self.savings.checkpoint:
                features = [torch.cat(features, dim=1)]
        return features

    def _side_by_side(self, x: Tensor) -> Tensor:
        """The same in one tensor that every unit writes its part of: half the memory, but no gradients."""
        start = x.shape[1]
        whole = _room(x, start + self.growth * len(self.units))
        whole[:, :start] = x
        for unit in self.units:
            whole[:, start : start + self.growth] = unit(whole[:, :start])
            start += self.growth
        return whole


class DenseVNet(nn.Module):
    """871,922 parameters with five classes and the default widths.

    Input (batch, 1, k, j, i), each size divisible by 8; output logits
    (batch, classes, k, j, i), computed at half resolution and doubled linearly.
    """

    def __init__(
        self,
        classes: int = 5,
        growth: Sequence[int] = GROWTH,
        units: Sequence[int] = UNITS,
        skips: Sequence[int] = SKIP_CHANNELS,
        stem: int = STEM_CHANNELS,
    ) -> None:
        super().__init__()
        self.input_norm = nn.BatchNorm3d(1)
        self.stem = nn.Sequential(nn.Conv3d(1, stem, 5, 2, 2, bias=False), nn.BatchNorm3d(stem))
        self.stacks = nn.ModuleList(
            DenseStack(*widths) for widths in zip((stem + 1, stem, stem), growth, units, skips, (stem, stem, None))
        )
        self.head = nn.Conv3d(sum(skips) + 1, classes, 3, padding=1)
        self.divisor = DIVISOR

    def forward(self, x: Tensor) -> Tensor:
        if any(size % self.divisor for size in x.shape[2:]):
            raise ValueError(f"input size {tuple(x.shape[2:])} is not divisible by {self.divisor}")
        y: Tensor | None
        small, y = self._at_half(x)
        features = [small]
        for stack in self.stacks:
            skip, y = stack(y)
            features.append(skip)
        logits = self.head(_joined(features))
        return _resize(logits.contiguous(), x.shape[2:])  # so few channels are resized faster one after the other

    def _at_half(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The pooled input, and the same joined with the stem's features."""
        stem = self.stem(x)
        small = _laid_out(self.input_norm(_halve(x)), stem)
        return small, torch.cat([small, stem], dim=1)


def _halve(x: Tensor) -> Tensor:
    # float32, because the CPU has no bfloat16 average pooling
    return F.avg_pool3d(x.float(), 3, 2, 1, count_include_pad=False).to(x.dtype)


def _laid_out(x: Tensor, like: Tensor) -> Tensor:
    """One channel in the type and the memory layout of other features, which it is joined with."""
    last = like.is_contiguous(memory_format=torch.channels_last_3d)
    return in_channels_last(x.to(like.dtype)) if last else x.to(like.dtype)


def _joined(features: list[Tensor]) -> Tensor:
    """All channels, resized to the first feature's resolution; without gradients one feature at a time."""
    size = features[0].shape[2:]
    if torch.is_grad_enabled():
        return torch.cat([_resize(feature, size) for feature in features], dim=1)
    whole, start = _room(features[1], sum(feature.shape[1] for feature in features)), 0
    for feature in features:
        whole[:, start : start + feature.shape[1]] = _resize(feature, size)
        start += feature.shape[1]
    return whole


def _room(like: Tensor, channels: int) -> Tensor:
    """A tensor for so many channels, otherwise as ``like``, in its memory layout."""
    last = like.is_contiguous(memory_format=torch.channels_last_3d)
    layout = torch.channels_last_3d if last else torch.contiguous_format
    size = (like.shape[0], channels, *like.shape[2:])
    return torch.empty(size, dtype=like.dtype, device=like.device, memory_format=layout)


def _resize(x: Tensor, size: torch.Size) -> Tensor:
    return x if x.shape[2:] == size else F.interpolate(x, size, mode="trilinear", align_corners=False)

"""Filters and look-up of volumes (k, j, i) on any device, without synchronising it."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from flareseg.training.chance import Chance

Spacing = tuple[float, float, float]


def box_mean(mask: Tensor, mm: float, voxel: Spacing) -> Tensor:
    """The share of ``mask`` in a box of about ``mm`` (3 voxels at least) around each voxel, 0..1."""
    share = _volume(mask)
    for axis, size in enumerate(voxel):
        kernel = [1, 1, 1]
        kernel[axis] = _kernel_size(mm / size)
        share = F.avg_pool3d(share, kernel, 1, [n // 2 for n in kernel], count_include_pad=False)
    return share[0, 0].float()


def dilate(mask: Tensor, mm: float, voxel: Spacing) -> Tensor:
    """``mask`` grown by a box of ``mm`` (1 voxel at least) to every side."""
    grown = _volume(mask)
    for axis, size in enumerate(voxel):
        kernel = [1, 1, 1]
        kernel[axis] = 2 * max(1, round(mm / size)) + 1
        grown = F.max_pool3d(grown, kernel, 1, [n // 2 for n in kernel])
    return grown[0, 0] > 0


def gaussian(volume: Tensor, sigma: Sequence[float]) -> Tensor:
    """Blurred by a Gaussian of ``sigma`` voxels along each axis, constant beyond the ends.

    Sums of shifted volumes: several times faster than a convolution of one channel.
    """
    for axis, sd in enumerate(sigma):
        if sd >= 0.15:
            volume = _gaussian_along(volume, axis, sd)
    return volume


def lookup(volume: Tensor, points: Tensor, spacing: Spacing) -> Tensor:
    """The nearest voxels (k, j, i) of a uint8 volume at ``points`` (3, k, j, i), mm from its first voxel; 0 outside."""
    indices = [(axis / size).round().to(torch.int32) for axis, size in zip(points, spacing)]
    inside = torch.ones_like(indices[0], dtype=torch.bool)
    flat = torch.zeros_like(indices[0])
    for index, length in zip(indices, volume.shape):
        inside &= (index >= 0) & (index < length)
        flat = flat * length + index
    found = volume.flatten()[torch.where(inside, flat, 0)]
    return torch.where(inside, found, 0)


def interpolate(volumes: Tensor, points: Tensor, first: Sequence[float], step: Sequence[float]) -> Tensor:
    """``volumes`` (n or 1, channels, k, j, i), float, interpolated linearly at ``points`` (n, 3, k, j, i) in mm;
    constant beyond the ends. ``first``, ``step``: mm of their first voxel and from voxel to voxel, along (k, j, i)."""
    reach = [mm * (n - 1) for mm, n in zip(step, volumes.shape[2:])]
    where = affine(points, [2 / mm for mm in reach], [-2 * start / mm - 1 for start, mm in zip(first, reach)])
    where = where.flip(1).permute(0, 2, 3, 4, 1)
    return F.grid_sample(volumes.expand(len(points), -1, -1, -1, -1), where, align_corners=True, padding_mode="border")


def affine(points: Tensor, scale: Sequence[float], shift: Sequence[float]) -> Tensor:
    """``points`` (..., 3, k, j, i) times ``scale`` plus ``shift`` along each axis."""
    numbers = to_device([*scale, *shift], points.device).view(2, 3, 1, 1, 1)
    return points * numbers[0] + numbers[1]


def random_voxels(mask: Tensor, count: int, chance: Chance) -> Tensor:
    """(count, 3) indices (k, j, i) of voxels of ``mask``, any of them as likely; anywhere if there are too few."""
    scores = torch.where(mask, chance.white_noise(mask.shape), -torch.inf)
    flat = scores.flatten().topk(count).indices
    _, rows, columns = mask.shape
    return torch.stack([flat // (rows * columns), flat // columns % rows, flat % columns], dim=1)


def to_device(values: Sequence[object], device: torch.device) -> Tensor:
    """Numbers as a float32 tensor on the device, without waiting for a GPU."""
    tensor = torch.tensor(values, dtype=torch.float32)
    return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor.to(device)


def _gaussian_along(volume: Tensor, axis: int, sd: float) -> Tensor:
    length = volume.shape[axis]
    reach = min(max(1, math.ceil(2.3 * sd)), length - 1)
    weights = [math.exp(-n * n / (2 * sd * sd)) for n in range(reach + 1)]
    total = weights[0] + 2 * sum(weights[1:])
    result = volume * (weights[0] / total)
    for n in range(1, reach + 1):
        share = weights[n] / total
        result.narrow(axis, 0, length - n).add_(volume.narrow(axis, n, length - n), alpha=share)
        result.narrow(axis, n, length - n).add_(volume.narrow(axis, 0, length - n), alpha=share)
        result.narrow(axis, length - n, n).add_(volume.narrow(axis, length - 1, 1), alpha=share)
        result.narrow(axis, 0, n).add_(volume.narrow(axis, 0, 1), alpha=share)
    return result


def _kernel_size(size: float) -> int:
    return max(3, 2 * round((size - 1) / 2) + 1)


def _volume(mask: Tensor) -> Tensor:
    return mask.to(torch.float16 if mask.is_cuda else torch.float32)[None, None]

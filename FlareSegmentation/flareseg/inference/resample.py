"""Resampling between the scan's grid and a network's grid, slab by slab, in both directions.

A slab is a run of slices small enough for the device. Nothing the size of the scan is ever put on
the device in floating point, so device memory does not grow with the scan. All arrays are in
canonical orientation, axis order (k, j, i).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from flareseg.inference.transfer import Pageable, Transfer

Size = tuple[int, int, int]

HU_RANGE = (-1024.0, 3000.0)  # padding below and metal above it would shift the averages
SLAB_MB = 24.0  # measured: slabs that stay in the cache of a CPU core are fastest
MINIMAL_SLAB_MB = 3.0


@dataclass(frozen=True)
class Box:
    """Voxels ``low`` (included) to ``high`` (excluded) along (k, j, i)."""

    low: Size
    high: Size

    @classmethod
    def whole(cls, shape: Size) -> Box:
        return cls((0, 0, 0), shape)

    @property
    def size(self) -> Size:
        k, j, i = (high - low for low, high in zip(self.low, self.high))
        return (k, j, i)

    @property
    def slices(self) -> tuple[slice, slice, slice]:
        k, j, i = (slice(low, high) for low, high in zip(self.low, self.high))
        return (k, j, i)


@dataclass(frozen=True)
class Slabs:
    """The size of a slab, the callback for each finished one (fraction 0..1), and how slabs are copied."""

    megabytes: float = SLAB_MB
    done: Callable[[float], None] = lambda fraction: None
    transfer: Transfer = field(default_factory=Pageable)

    def cut(self, slices: int, bytes_per_slice: float) -> Iterator[tuple[int, int]]:
        """Bounds of successive slabs; a slab has at least one slice."""
        for start, stop in self._bounds(slices, bytes_per_slice):
            yield start, stop
            self.done(stop / slices)

    def uploaded(
        self, array: np.ndarray, bytes_per_slice: float, device: torch.device
    ) -> Iterator[tuple[int, int, Tensor]]:
        """Bounds of successive slabs of an array, and each slab as a float32 tensor on the device."""
        bounds = self._bounds(len(array), bytes_per_slice)
        tensors = self.transfer.uploads((array[start:stop] for start, stop in bounds), device)
        for (start, stop), tensor in zip(bounds, tensors):
            yield start, stop, tensor
            self.done(stop / len(array))

    def _bounds(self, slices: int, bytes_per_slice: float) -> list[tuple[int, int]]:
        step = max(1, int(self.megabytes * 1e6 / bytes_per_slice))
        return [(start, min(slices, start + step)) for start in range(0, slices, step)]


def resample_to_grid(
    voxels: np.ndarray, box: Box, size: Size, device: torch.device, slabs: Slabs | None = None
) -> Tensor:
    """The voxels of a box on a grid of ``size``, as float32 HU (k, j, i) on the device.

    Area average along axes that shrink, linear interpolation along axes that grow. HU are clipped
    to HU_RANGE first.
    """
    slabs = slabs or Slabs()
    depth, rows, columns = box.size
    to_k = _weights(depth, size[0], device)
    grid = torch.zeros(size[0], size[1] * size[2], device=device)
    crop = voxels[box.slices]
    for start, stop, slab in slabs.uploaded(crop, rows * columns * 8, device):
        slab.clamp_(*HU_RANGE)
        reach = _reach(start, stop, depth, size[0])
        grid[reach].addmm_(to_k[reach, start:stop], _resample_slices(slab, size[1], size[2]).flatten(1))
    return grid.view(size)


def _resample_slices(slab: Tensor, rows: int, columns: int) -> Tensor:
    if slab.shape[1:] == (rows, columns):
        return slab
    if slab.shape[1] > rows and slab.shape[2] > columns:
        return F.adaptive_avg_pool2d(slab, (rows, columns))  # the same as below, in less than half the time
    to_j, to_i = (_weights(n, m, slab.device) for n, m in zip(slab.shape[1:], (rows, columns)))
    return to_j @ (slab @ to_i.T)


def logits_to_labels(
    logits: Tensor, out: np.ndarray, slabs: Slabs | None = None, uncertainty: np.ndarray | None = None
) -> None:
    """Write the winning class of logits (classes, k, j, i), interpolated linearly, to ``out``.

    ``out``: uint8 array or view (k, j, i) of any size. The logits are the network's, before
    softmax: interpolating them rather than labels keeps the borders smooth. ``uncertainty``: an array like
    ``out`` that receives, in percent, the probability that the winner is wrong.
    """
    slabs = slabs or Slabs()
    classes, depth, rows, columns = logits.shape
    to_k = _linear(depth, out.shape[0], logits.device)
    with slabs.transfer.downloads() as download:
        for start, stop in slabs.cut(out.shape[0], classes * out.shape[1] * out.shape[2] * 8):
            reach = _reach(start, stop, out.shape[0], depth)
            slab = (to_k[start:stop, reach] @ logits[:, reach].float().flatten(2)).view(classes, -1, rows, columns)
            slab = slab[1:] - slab[:1]  # the lead over the background, which so needs no interpolation of its own
            slab = F.interpolate(slab, tuple(out.shape[1:]), mode="bilinear", align_corners=False)
            download(_winner(slab), out[start:stop])
            if uncertainty is not None:
                wrong = 1 - F.pad(slab, (0, 0, 0, 0, 0, 0, 1, 0)).softmax(dim=0).amax(dim=0)
                download((100 * wrong).round().to(torch.uint8), uncertainty[start:stop])


def sampled(labels: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """The label under the centre of each voxel of another grid over the same box; a copy."""
    k, j, i = (((np.arange(n) + 0.5) * size / n).astype(int) for n, size in zip(shape, labels.shape))
    return np.stack([labels[plane].take(j, axis=0).take(i, axis=1) for plane in k])  # 7 times as fast as np.ix_


def _winner(leads: Tensor) -> Tensor:
    """The class that leads most over the background, 0 where none does, as uint8; axis 0 are the classes from 1.

    A later winner has the larger number, so maxima of bytes do; 40 times faster than torch.argmax on a CPU.
    """
    best = leads[0].clamp(min=0)
    label = (leads[0] > 0).view(torch.uint8)
    for number, lead in enumerate(leads[1:], start=2):
        torch.maximum(label, (lead > best).view(torch.uint8).mul_(number), out=label)
        torch.maximum(best, lead, out=best)
    return label


def _reach(start: int, stop: int, before: int, after: int) -> slice:
    """The voxels of an axis of ``after`` that weigh with start to stop on one of ``before``, and a few more."""
    ratio = after / before
    return slice(max(0, int((start - 1) * ratio) - 1), min(after, int((stop + 1) * ratio) + 2))


def _weights(before: int, after: int, device: torch.device) -> Tensor:
    return _area(before, after, device) if after < before else _linear(before, after, device)


def _area(before: int, after: int, device: torch.device) -> Tensor:
    """(after, before) matrix: the mean of all old voxels that a new, larger one touches.

    These are the windows of adaptive average pooling, which the weights' reference predictions were
    made with; weighing the outermost voxels by their overlap instead moves the ROI and costs a point.
    """
    new = torch.arange(after, device=device)[:, None]
    old = torch.arange(before, device=device)
    first, last = new * before // after, ((new + 1) * before - 1) // after
    touched = ((old >= first) & (old <= last)).float()
    return touched / touched.sum(dim=1, keepdim=True)


def _linear(before: int, after: int, device: torch.device) -> Tensor:
    """(after, before) matrix of linear interpolation between voxel centres, constant at the ends."""
    centre = (torch.arange(after, device=device, dtype=torch.float64) + 0.5) * (before / after) - 0.5
    distance = centre.clamp_(0, before - 1)[:, None] - torch.arange(before, device=device)
    return (1 - distance.abs()).clamp_(min=0).float()

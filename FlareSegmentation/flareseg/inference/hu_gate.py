"""The HU gate: voxels of air, fat, bone and metal leave the label of an organ.

Parenchyma is denser than fat, and contrast medium makes it only so dense. A voxel whose HU, lightly smoothed, are below
or above these limits leaves its organ, unless voxels that stay enclose it: fat around vessels, a coil and the noise of
single voxels make no holes. On five CTs the gate raised the Dice by 0.5 and the surface Dice at 1 mm by
2.3 points, most for the pancreas and for a spleen with lung in it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from flareseg.core.organs import BACKGROUND, LEFT_KIDNEY, ORGANS, RIGHT_KIDNEY
from flareseg.inference.resample import Size, Slabs
from flareseg.inference.tiles import TILE, gather, labels_in_tiles, starts_of, voxels_of
from flareseg.inference.transfer import upload

LEAST_HU = -50.0  # half of the way from fat to soft tissue; -40 takes voxels that are part pancreas and part fat
FAT_HU = -100.0  # the lower limit is never below it
BELOW_MEDIAN = 50.0  # HU that the lower limit stays below the organ's median: fatty livers
NOISE_BELOW_MEDIAN = 2.5  # and standard deviations of the noise
MOST_HU = 400.0  # the cortex of a kidney reaches 300 in the arterial phase
MOST_ABOVE_MEDIAN = 300.0  # HU, in organs so dense that MOST_HU would cut into them
BONE_HU = 700.0  # the upper limit is never above it
SIGMA_MM = 0.8  # of the Gaussian that smooths the CT
_CLIP_HU = (-200.0, 1000.0)  # thinner air and denser metal would reach into the voxels beside them
_TRUNCATED = 2.5  # standard deviations
_SAMPLED_TILES = 32  # of an organ, for its median and its noise
_FEWEST = 100  # voxels; of fewer no median is taken, and the organ stays as it is
_ARRAYS = 4  # of floats that a tile takes
_MARK = 0x80  # a bit of the label: this voxel leaves its organ unless it is enclosed
_STEPS = np.array([(1, 0, 0), (-1, 0, 0), (0, 1, 0), (0, -1, 0), (0, 0, 1), (0, 0, -1)], np.int32)
_MAD_TO_SIGMA = 1.4826  # of a normal distribution


@dataclass(frozen=True)
class Removed:
    """The voxels that left their organs: indices, int32 (3, n), and the label that each had, uint8 (n)."""

    voxels: np.ndarray
    labels: np.ndarray

    @classmethod
    def nothing(cls) -> Removed:
        """Return what a gate that is off removes."""
        return cls(np.zeros((3, 0), np.int32), np.zeros(0, np.uint8))

    def counts(self, midline: float | None = None) -> np.ndarray:
        """Count the voxels by label, (256). With ``midline``, the column at which the left kidney begins, by side."""
        labels = self.labels
        if midline is not None:
            is_left = (labels == RIGHT_KIDNEY.label) & (self.voxels[2] >= midline)
            labels = np.where(is_left, np.uint8(LEFT_KIDNEY.label), labels)
        return np.bincount(labels, minlength=256)


def gate_by_hu(
    labels: np.ndarray,
    hu: np.ndarray,
    spacing: tuple[float, float, float],
    device: torch.device,
    slabs: Slabs | None = None,
) -> Removed:
    """Remove from organs the voxels that cannot be parenchyma, in place.

    Args:
        labels: Label map of the segmented box, uint8 (k, j, i), array or view.
        hu: The CT in HU, of the same shape.
        spacing: Voxel size along (k, j, i) in mm.
        device: Where the CT is smoothed.
        slabs: How many megabytes are worked on at a time, and the callback for progress.

    Returns:
        The voxels that left their organs.
    """
    slabs = slabs or Slabs()
    smooth = _Smoothing(hu, tuple(_gaussian(SIGMA_MM / mm) for mm in spacing), device)
    values = labels_in_tiles(labels)
    low, high = _limits(labels, smooth, values, slabs)
    starts = starts_of(values & ~np.uint8(1 << BACKGROUND) != 0)
    marked = []
    for start, stop in slabs.cut(len(starts), smooth.bytes_per_tile):
        here = starts[start:stop]
        label = torch.from_numpy(gather(labels, here)).to(device).int()
        smoothed = smooth.tiles(here)
        outside = (smoothed < low[label]) | (smoothed > high[label])
        marked.append(voxels_of(outside, here, labels.shape)[0])
    voxels = np.concatenate(marked, axis=1) if marked else np.zeros((3, 0), np.int32)
    had = labels[tuple(voxels)]
    leaves = _leave_unless_enclosed(labels, voxels, had)
    return Removed(voxels[:, leaves], had[leaves])


@dataclass(frozen=True)
class _Smoothing:
    """Smooths tiles of the CT; ``weights`` of the Gaussian along each axis, from the voxel itself outwards."""

    hu: np.ndarray
    weights: tuple[tuple[float, ...], ...]
    device: torch.device

    @property
    def halo(self) -> Size:
        k, j, i = (len(each) - 1 for each in self.weights)
        return (k, j, i)

    @property
    def bytes_per_tile(self) -> float:
        return 4.0 * _ARRAYS * math.prod(size + 2 * halo for size, halo in zip(TILE, self.halo))

    def tiles(self, starts: np.ndarray) -> Tensor:
        """The smoothed CT in tiles, float32 (n, k, j, i), without halo."""
        tiles = upload(gather(self.hu, starts, self.halo), self.device).clamp_(*_CLIP_HU)
        row = tiles.flatten()  # what crosses the edge of a tile reaches its halo alone
        for step, weights in zip((tiles.stride(1), tiles.stride(2), 1), self.weights):
            total = row * weights[0]
            for distance, weight in enumerate(weights[1:], start=1):
                total[distance * step :].add_(row[: -distance * step], alpha=weight)
                total[: -distance * step].add_(row[distance * step :], alpha=weight)
            row = total
        k, j, i = (slice(halo, halo + size) for halo, size in zip(self.halo, TILE))
        return row.view(tiles.shape)[:, k, j, i]


def _gaussian(sigma: float) -> tuple[float, ...]:
    """Weights of a Gaussian of ``sigma`` voxels at 0, 1, 2, ... voxels; those of both sides add up to 1."""
    weights = [math.exp(-0.5 * (n / sigma) ** 2) for n in range(round(_TRUNCATED * sigma) + 1)]
    total = 2 * sum(weights) - weights[0]
    return tuple(weight / total for weight in weights)


def _limits(labels: np.ndarray, smooth: _Smoothing, values: np.ndarray, slabs: Slabs) -> tuple[Tensor, Tensor]:
    """The lowest and the highest HU of each label value; without limits where an organ has too few voxels.

    The noise is the spread of the HU in the organ where it is least: that of others may be their tissue.
    """
    sampled = {organ.label: _sample(labels, smooth, values, organ.label, Slabs(slabs.megabytes)) for organ in ORGANS}
    found = {label: _median_and_spread(hu) for label, hu in sampled.items() if len(hu) >= _FEWEST}
    noise = min((spread for _, spread in found.values()), default=0.0)
    low, high = torch.full((256,), -math.inf), torch.full((256,), math.inf)
    for label, (median, _) in found.items():
        below = median - max(BELOW_MEDIAN, NOISE_BELOW_MEDIAN * noise)
        low[label] = min(LEAST_HU, max(FAT_HU, below))
        high[label] = min(BONE_HU, max(MOST_HU, median + MOST_ABOVE_MEDIAN))
    return low.to(smooth.device), high.to(smooth.device)


def _median_and_spread(hu: Tensor) -> tuple[float, float]:
    """The median of what is denser than fat in an organ, or of all if little is, and the spread above it."""
    dense = hu[hu > LEAST_HU]
    median = (dense if len(dense) >= _FEWEST else hu).median()
    return float(median), _MAD_TO_SIGMA * float((hu[hu >= median] - median).median())


def _sample(labels: np.ndarray, smooth: _Smoothing, values: np.ndarray, label: int, slabs: Slabs) -> Tensor:
    """The smoothed HU of an organ's voxels in at most _SAMPLED_TILES tiles, evenly over all that hold it."""
    starts = starts_of(values & 1 << label != 0)
    starts = starts[:: max(1, math.ceil(len(starts) / _SAMPLED_TILES))]
    found = [torch.zeros(0, device=smooth.device)]
    for start, stop in slabs.cut(len(starts), smooth.bytes_per_tile):
        here = starts[start:stop]
        is_organ = torch.from_numpy(gather(labels, here) == label).to(smooth.device)
        found.append(smooth.tiles(here)[is_organ])
    return torch.cat(found)


def _leave_unless_enclosed(labels: np.ndarray, voxels: np.ndarray, had: np.ndarray) -> np.ndarray:
    """Make background of the voxels (3, n) that a path of them joins to the outside of their organ; which they are.

    ``had``: their labels. No path leads over the edge of the array.
    """
    labels[tuple(voxels)] = had | _MARK
    leaving = voxels[:, _touches_others(labels, voxels, had)]
    while leaving.size:
        was = labels[tuple(leaving)]
        labels[tuple(leaving)] = BACKGROUND
        reached = [_moved(labels, leaving, step) for step in _STEPS]
        joined = [there[:, labels[tuple(there)] == was] for there in reached]
        leaving = np.unique(np.concatenate(joined, axis=1), axis=1)
    leaves = labels[tuple(voxels)] == BACKGROUND
    labels[tuple(voxels[:, ~leaves])] = had[~leaves]
    return leaves


def _touches_others(labels: np.ndarray, voxels: np.ndarray, had: np.ndarray) -> np.ndarray:
    """Whether a neighbour through a face has another label."""
    touches = np.zeros(len(had), bool)
    for step in _STEPS:
        touches |= labels[tuple(_moved(labels, voxels, step))] & ~np.uint8(_MARK) != had
    return touches


def _moved(labels: np.ndarray, voxels: np.ndarray, step: np.ndarray) -> np.ndarray:
    """The neighbours of voxels (3, n); a voxel itself where its neighbour is beyond the array."""
    last = np.array(labels.shape, np.int32)[:, None] - 1
    return np.clip(voxels + step[:, None], 0, last)

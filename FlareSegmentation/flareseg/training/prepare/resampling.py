"""Resampling of cases to the store's spacing: labels by vote, CT by area average and linear interpolation.

Along an axis that shrinks, a new voxel takes the old ones by their overlap with it (sharper than the windows that the
cascade uses on its way to a network's grid, and the CT is resampled once more on that way); along one that grows,
the two nearest by their distance.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy import ndimage

from flareseg.inference.resample import HU_RANGE, Size
from flareseg.training.prepare.found import Spacing

_SLAB = 32  # new slices at a time: keeps floating-point copies small


def new_grid(shape: tuple[int, ...], spacing: Spacing, mm: float) -> tuple[Size, Spacing]:
    """Shape and exact spacing of the grid over the same box whose voxels come closest to cubes of ``mm``."""
    k, j, i = (max(1, round(n * size / mm)) for n, size in zip(shape, spacing))
    exact = tuple(n * size / m for n, size, m in zip(shape, spacing, (k, j, i)))
    return (k, j, i), (exact[0], exact[1], exact[2])


def labels_on(size: Size, labels: np.ndarray) -> np.ndarray:
    """A uint8 label map (k, j, i) on a grid of ``size``: the label with the largest share of each new voxel, where
    shares are interpolated, so that thick slices give smooth borders."""
    if labels.shape == size:
        return labels
    out = np.zeros(size, np.uint8)
    for rows, used, weights in _slabs(labels.shape, size):
        out[rows] = _winners(labels[used], weights)
    return out


def hu_on(size: Size, hu: np.ndarray) -> np.ndarray:
    """HU (k, j, i) on a grid of ``size``, int16, clipped to HU_RANGE."""
    out = np.empty(size, np.int16)
    for rows, used, weights in _slabs(hu.shape, size):
        slab = np.clip(hu[used].astype(np.float32), *HU_RANGE)
        out[rows] = np.rint(_applied(weights, slab))
    return out


def _slabs(before: tuple[int, ...], size: Size) -> Iterator[tuple[slice, slice, list[np.ndarray]]]:
    """Runs of new slices, the old slices that they need, and the weights along (k, j, i)."""
    to_k, to_j, to_i = (_weights(n, m) for n, m in zip(before, size))
    for start in range(0, size[0], _SLAB):
        rows = slice(start, start + _SLAB)
        used = _span(to_k[rows], across=0)
        yield rows, used, [to_k[rows, used], to_j, to_i]


def _winners(labels: np.ndarray, weights: list[np.ndarray]) -> np.ndarray:
    size = tuple(len(matrix) for matrix in weights)
    best, total = np.zeros(size, np.float32), np.zeros(size, np.float32)
    winner = np.zeros(size, np.uint8)
    for label, box in enumerate(ndimage.find_objects(labels), start=1):
        if box is None:
            continue
        near = [matrix[:, span] for matrix, span in zip(weights, box)]
        place = tuple(_span(matrix, across=1) for matrix in near)
        if any(span.start == span.stop for span in place):
            continue
        share = _applied([matrix[span] for matrix, span in zip(near, place)], (labels[box] == label).astype(np.float32))
        total[place] += share
        better = share > best[place]
        best[place][better] = share[better]
        winner[place][better] = label
    return np.where(best > 1 - total, winner, 0)


def _applied(weights: list[np.ndarray], values: np.ndarray) -> np.ndarray:
    to_k, to_j, to_i = weights
    flat = (to_j @ (values @ to_i.T)).reshape(len(values), -1)
    return (to_k @ flat).reshape(len(to_k), len(to_j), len(to_i))


def _span(weights: np.ndarray, across: int) -> slice:
    """From the first to the last row or column with a weight."""
    found = np.flatnonzero(weights.any(axis=across))
    return slice(int(found[0]), int(found[-1]) + 1) if len(found) else slice(0, 0)


def _weights(before: int, after: int) -> np.ndarray:
    """(after, before) float32; each row sums to 1."""
    old = np.arange(before)
    if after >= before:
        centre = np.clip((np.arange(after) + 0.5) * before / after - 0.5, 0, before - 1)
        return np.clip(1 - np.abs(centre[:, None] - old), 0, None).astype(np.float32)
    low = np.arange(after)[:, None] * before / after
    overlap = np.clip(np.minimum(low + before / after, old + 1) - np.maximum(low, old), 0, None)
    return (overlap / overlap.sum(axis=1, keepdims=True)).astype(np.float32)

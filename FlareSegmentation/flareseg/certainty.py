"""How sure the class probabilities are of each organ, and in which slices least."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

from flareseg.geometry import Geometry, Orientation
from flareseg.report import DoubtfulPlace
from flareseg.resample import Box

CERTAIN = 0.9  # organs above it are not worth a look for doubt alone
MOST_PLACES = 3
_SLAB = 16  # slices of the network's grid at a time


@dataclass(frozen=True)
class Certainty:
    """``confidence`` 0..1 of one organ, and the places where it is least sure, worst first."""

    confidence: float
    places: list[DoubtfulPlace] = field(default_factory=list)


@dataclass(frozen=True)
class _Slices:
    """One organ in each slice of the network's grid.

    ``agreed`` and ``total``: numerator and denominator of the Dice that the probabilities p expect of
    the label m, 2 sum(p m) and sum(p) + sum(m). ``centre``: (2, slices), row and column of the doubt.
    """

    agreed: np.ndarray
    total: np.ndarray
    centre: np.ndarray

    @property
    def confidence(self) -> float:
        return float(self.agreed.sum() / self.total.sum())

    @property
    def doubt(self) -> np.ndarray:
        """Voxels of each slice expected to be wrong."""
        return self.total - self.agreed


def certainty(
    scores: Tensor, labels: np.ndarray, classes: Mapping[int, int], box: Box, geometry: Geometry
) -> dict[int, Certainty]:
    """Certainty of each label value that is there, from the network's class probabilities.

    ``scores``: (classes, k, j, i) on the network's grid; ``labels``: the finished label map of the
    box, canonical (k, j, i); ``classes``: the class behind each label value; ``geometry``: the
    scan's own, in whose slices the places are told. Works slab by slab, in little memory.
    """
    grid = scores.shape[1:]
    marks = labels[np.ix_(*(_nearest(n, size) for n, size in zip(grid, labels.shape)))]
    found = {}
    for label in np.intersect1d(marks, list(classes)).tolist():
        slices = _slices(scores, torch.from_numpy(marks).to(scores.device), label, classes)
        places = _places(slices, box, grid, geometry) if slices.confidence < CERTAIN else []
        found[label] = Certainty(slices.confidence, places)
    return found


def _nearest(coarse: int, fine: int) -> np.ndarray:
    """The voxel of a fine axis under the centre of each voxel of a coarse one."""
    return ((np.arange(coarse) + 0.5) * fine / coarse).astype(int)


def _slices(scores: Tensor, marks: Tensor, label: int, classes: Mapping[int, int]) -> _Slices:
    rows, columns = (torch.arange(n, device=scores.device, dtype=torch.float32) for n in scores.shape[2:])
    parts = []
    for start in range(0, scores.shape[1], _SLAB):
        here = marks[start : start + _SLAB]
        probability = scores[:, start : start + _SLAB].softmax(dim=0)[classes[label]]
        for other in classes:  # a voxel of the other kidney says nothing about this one
            if other != label and classes[other] == classes[label]:
                probability = probability * (here != other)
        mark = (here == label).float()
        agreed, total = 2 * (probability * mark).sum((1, 2)), (probability + mark).sum((1, 2))
        doubt = (probability - mark).abs()
        weight = doubt.sum((1, 2)).clamp(min=1e-6)
        centre = torch.stack([doubt.sum(2) @ rows / weight, doubt.sum(1) @ columns / weight])
        parts.append((agreed, total, centre))
    joined = [torch.cat(part, dim=-1).double().cpu().numpy() for part in zip(*parts)]
    return _Slices(*joined)


def _places(slices: _Slices, box: Box, grid: torch.Size, geometry: Geometry) -> list[DoubtfulPlace]:
    """Runs of slices whose expected error is unusually high for this organ, worst first."""
    there = slices.total > 1
    doubt = np.where(there, slices.doubt, 0.0)
    high = there & (doubt > doubt[there].mean() + doubt[there].std())
    high = ndimage.binary_closing(high, np.ones(3))  # slices apart by one are one place
    edges = np.flatnonzero(np.diff(np.concatenate([[0], high.astype(np.int8), [0]])))
    runs = sorted(zip(edges[0::2], edges[1::2]), key=lambda run: -doubt[run[0] : run[1]].sum())
    return [_place(int(a), int(b), slices, box, grid, geometry) for a, b in runs[:MOST_PLACES]]


def _place(start: int, stop: int, slices: _Slices, box: Box, grid: torch.Size, geometry: Geometry) -> DoubtfulPlace:
    """The place of grid slices start to stop, in the scan's own slices and in RAS mm."""
    orientation = Orientation.of(geometry)
    worst = start + int(np.argmax(slices.doubt[start:stop]))
    centre = np.array([worst, *slices.centre[:, worst]])
    step = np.array(box.size) / np.array(grid)
    canonical = np.array(box.low) + (centre + 0.5) * step - 0.5
    ends = box.low[0] + np.array([start * step[0], stop * step[0] - 1])
    if orientation.flips[0]:
        ends = geometry.shape[orientation.order[0]] - 1 - ends[::-1]
    ras = orientation.geometry(geometry).ijk_to_ras() @ [*canonical[::-1], 1.0]
    first, last = int(np.floor(ends[0])), int(np.ceil(ends[1]))
    return DoubtfulPlace(first, max(first, last), [round(float(mm), 2) for mm in ras[:3]])

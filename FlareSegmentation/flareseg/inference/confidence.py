"""The confidence of each organ, and the slices where its border is least certain."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import cc3d
import numpy as np
import torch
from torch import Tensor

from flareseg.core.geometry import Geometry, Orientation
from flareseg.core.organs import BACKGROUND, LEFT_KIDNEY, ORGANS
from flareseg.core.report import UncertainPlace
from flareseg.inference.calibration import Calibration
from flareseg.inference.resample import Box, sampled

CERTAIN = 0.9  # organs above it are not worth a look for uncertainty alone
MOST_PLACES = 3
_APART = 0.5  # uncertainty, at least, of a voxel that does not hang together with the rest of its organ
_KIDNEYS = ORGANS[1].label  # unless the left one has a label of its own, they are two
_SLAB = 16  # slices of the network's grid at a time


@dataclass(frozen=True)
class OrganConfidence:
    """``confidence`` 0..1 of one organ, and the places where it is least certain, worst first."""

    confidence: float
    places: list[UncertainPlace] = field(default_factory=list)


@dataclass(frozen=True)
class _Slices:
    """One organ in each slice of the network's grid, of the probabilities p and the label m of its voxels.

    In each slice, ``uncertainty``: the voxels expected to be wrong, sum |p - m|, where a labelled voxel apart from the
    organ counts as _APART at least; ``total``: sum(p) + sum(m); ``centre``: (2, slices), row and column of the
    uncertainty.
    """

    uncertainty: np.ndarray
    total: np.ndarray
    centre: np.ndarray

    @property
    def expected_dice(self) -> float:
        """The Dice that the probabilities expect of the label: 2 sum(p m) is what is not uncertain of the total."""
        return 1 - float(self.uncertainty.sum() / self.total.sum())


def organ_confidence(
    logits: Tensor,
    labels: np.ndarray,
    classes: Mapping[int, int],
    box: Box,
    geometry: Geometry,
    calibrations: Mapping[int, Calibration] | None = None,
    excluded: np.ndarray | None = None,
) -> dict[int, OrganConfidence]:
    """OrganConfidence of each label value that is there, from the network's class probabilities.

    ``logits``: (classes, k, j, i) on the network's grid; ``labels``: the finished label map of the
    box, canonical (k, j, i); ``classes``: the class behind each label value; ``geometry``: the
    scan's own, in whose slices the places are told; ``calibrations``: by class, none where it is left out;
    ``excluded``: bool (k, j, i) on the network's grid, voxels whose HU tells that they are outside all organs, whatever
    the network says. Works slab by slab, in little memory.
    """
    grid = logits.shape[1:]
    marks = sampled(labels, grid)
    parts = parts_apart(marks)
    apart = None if parts is None else torch.from_numpy(parts).to(logits.device)
    on_device = torch.from_numpy(marks).to(logits.device)
    if excluded is not None and excluded.any():
        logits = logits.clone()
        logits[BACKGROUND + 1 :, torch.from_numpy(excluded).to(logits.device)] = -torch.inf
    present = {label: of for label, of in classes.items() if bool((on_device == label).any())}
    found = {}
    for label, slices in _slices(logits, on_device, apart, present).items():
        calibration = (calibrations or {}).get(classes[label], Calibration())
        confidence = calibration.confidence(slices.expected_dice)
        places = _places(slices, box, grid, geometry) if confidence < CERTAIN else []
        found[label] = OrganConfidence(confidence, places)
    return found


def parts_apart(labels: np.ndarray) -> np.ndarray | None:
    """Which voxels of ``labels`` (uint8 (k, j, i)) belong to a part of an organ that is not its main one, as bool; None
    where there is none.

    A part is connected through faces, edges or corners. The main part is the largest, of kidneys that share a label
    the two largest.
    """
    parts, count = cc3d.connected_components(np.ascontiguousarray(labels), connectivity=26, return_N=True)
    there = labels != BACKGROUND
    found = parts[there]
    voxels, owner = np.bincount(found, minlength=count + 1), np.zeros(count + 1, labels.dtype)
    owner[found] = labels[there]
    apart = np.zeros(count + 1, bool)
    for label in np.unique(owner[1:]):
        members = np.flatnonzero(owner == label)
        main = 2 if label == _KIDNEYS and LEFT_KIDNEY.label not in owner else 1
        apart[members[np.argsort(-voxels[members], kind="stable")[main:]]] = True
    return apart[parts] if apart.any() else None


def _slices(logits: Tensor, marks: Tensor, apart: Tensor | None, classes: Mapping[int, int]) -> dict[int, _Slices]:
    """Each label's probabilities summed up by slices; those of a slab are computed once for all labels."""
    parts: dict[int, list[Tensor]] = {label: [] for label in classes}
    for start in range(0, logits.shape[1], _SLAB):
        here = marks[start : start + _SLAB]
        probabilities = logits[:, start : start + _SLAB].softmax(dim=0)
        for label, own in classes.items():
            probability = probabilities[own]
            for other, of in classes.items():  # a voxel of the other kidney says nothing about this one
                if other != label and of == own:
                    probability = probability * (here != other)
            parts[label].append(
                _sums(probability, (here == label).float(), None if apart is None else apart[start : start + _SLAB])
            )
    sums = {label: torch.cat(each, dim=1).cpu().numpy() for label, each in parts.items()}
    return {
        label: _Slices(uncertainty, total, centre=np.stack(centre))
        for label, (uncertainty, total, *centre) in sums.items()
    }


def _sums(probability: Tensor, mark: Tensor, apart: Tensor | None) -> Tensor:
    """Of a slab (k, j, i): uncertainty, p + m, and row and column of the uncertainty's centre, as (4, k)."""
    rows, columns = (torch.arange(n, device=mark.device, dtype=torch.float32) for n in mark.shape[1:])
    total = probability.sum((1, 2)) + mark.sum((1, 2))
    uncertainty = (probability - mark).abs()
    if apart is not None:
        uncertainty = uncertainty.maximum(_APART * (mark * apart))
    by_row, by_column = uncertainty.sum(2), uncertainty.sum(1)
    all_of_it = by_row.sum(1)
    weight = all_of_it.clamp(min=1e-6)
    return torch.stack([all_of_it, total, by_row @ rows / weight, by_column @ columns / weight]).double()


def _places(slices: _Slices, box: Box, grid: torch.Size, geometry: Geometry) -> list[UncertainPlace]:
    """Runs of slices whose expected error is unusually high for this organ, worst first."""
    there = slices.total > 1
    uncertainty = np.where(there, slices.uncertainty, 0.0)
    high = there & (uncertainty > uncertainty[there].mean() + uncertainty[there].std())
    high[1:-1] |= high[:-2] & high[2:]  # slices apart by one are one place
    edges = np.flatnonzero(np.diff(np.concatenate([[0], high.astype(np.int8), [0]])))
    runs = sorted(zip(edges[0::2], edges[1::2]), key=lambda run: -uncertainty[run[0] : run[1]].sum())
    return [_place(int(a), int(b), slices, box, grid, geometry) for a, b in runs[:MOST_PLACES]]


def _place(start: int, stop: int, slices: _Slices, box: Box, grid: torch.Size, geometry: Geometry) -> UncertainPlace:
    """The place of grid slices start to stop, in the scan's own slices and in RAS mm."""
    orientation = Orientation.of(geometry)
    worst = start + int(np.argmax(slices.uncertainty[start:stop]))
    centre = np.array([worst, *slices.centre[:, worst]])
    step = np.array(box.size) / np.array(grid)
    canonical = np.array(box.low) + (centre + 0.5) * step - 0.5
    ends = box.low[0] + np.array([start * step[0], stop * step[0] - 1])
    if orientation.flips[0]:
        ends = geometry.shape[orientation.order[0]] - 1 - ends[::-1]
    ras = orientation.geometry(geometry).ijk_to_ras() @ [*canonical[::-1], 1.0]
    first, last = int(np.floor(ends[0])), int(np.ceil(ends[1]))
    return UncertainPlace(first, max(first, last), [round(float(mm), 2) for mm in ras[:3]])

"""How much of each voxel of a sample belongs to each organ, from lookups within the voxels where labels meet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import torch
from torch import Tensor

from flareseg.core.organs import CLASSES
from flareseg.training.sample import in_bytes
from flareseg.training.synthesis.cases import OrganMap
from flareseg.training.synthesis.masks import lookup

_OFFSETS = (-0.25, 0.25)  # voxels from the centre along each axis


def organ_shares(labels: Tensor, case: OrganMap, points: Tensor, table: Tensor) -> Tensor:
    """The share of each organ in each voxel, from eight lookups in the organ map per voxel where labels meet.

    Args:
        labels: uint8 label values (k, j, i) of the sample, after all changes to its anatomy.
        case: The organ map they come from.
        points: (3, k, j, i), mm of the voxel centres in the map.
        table: uint8 label value by tissue code.

    Returns:
        uint8 (organs, k, j, i) in 255ths, as Sample keeps them. A voxel has shares only of organs that it or a face
        neighbour is labelled as, and none of an organ that was removed at its centre: what surgery or atrophy took
        out stays out.
    """
    organs = torch.arange(1, CLASSES, device=labels.device, dtype=torch.uint8)[:, None]
    shares = (labels.flatten() == organs).to(torch.uint8) * 255
    border = _Border.of(labels)
    counts = torch.zeros(len(organs), len(border.index), device=labels.device)
    for place in border.places(points):
        counts += table[lookup(case.tissues, place, case.spacing).int()] == organs
    mapped = table[lookup(case.tissues, points.flatten(1)[:, border.index], case.spacing).int()]
    removed = (mapped == organs) & (mapped != labels.flatten()[border.index])
    counts *= border.is_shown(labels, organs) & ~removed
    shares[:, border.index] = in_bytes(counts / len(_OFFSETS) ** 3)
    return shares.view(-1, *labels.shape)


@dataclass(frozen=True)
class _Border:
    """The voxels with a face neighbour of another label. ``index``: their places (n,) in the flattened grid;
    ``sides``: by axis, those of their neighbours before and after, or themselves at the grid's edges, and how many
    voxels lie between the two."""

    index: Tensor
    sides: Sequence[tuple[Tensor, Tensor, Tensor]]

    @classmethod
    def of(cls, labels: Tensor) -> _Border:
        border = torch.zeros_like(labels, dtype=torch.bool)
        for axis, n in enumerate(labels.shape):
            differs = labels.narrow(axis, 1, n - 1) != labels.narrow(axis, 0, n - 1)
            border.narrow(axis, 1, n - 1).logical_or_(differs)
            border.narrow(axis, 0, n - 1).logical_or_(differs)
        index = border.flatten().nonzero()[:, 0]
        sides = []
        for n, stride in zip(labels.shape, labels.stride()):
            along = index // stride % n
            before, after = (along > 0).long(), (along < n - 1).long()
            sides.append((index - stride * before, index + stride * after, before + after))
        return cls(index, sides)

    def places(self, points: Tensor) -> list[Tensor]:
        """Points (3, n) spread evenly in these voxels, from the centres of all voxels, (3, k, j, i)."""
        flat = points.flatten(1)
        centre = flat[:, self.index]
        slopes = [(flat[:, after] - flat[:, before]) / between for before, after, between in self.sides]
        offsets = product(_OFFSETS, repeat=len(slopes))
        return [centre + sum(part * slope for part, slope in zip(parts, slopes)) for parts in offsets]

    def is_shown(self, labels: Tensor, organs: Tensor) -> Tensor:
        """Whether the voxel or a face neighbour is labelled as each organ (organs, 1): bool (organs, n)."""
        flat = labels.flatten()
        shown = flat[self.index] == organs
        for before, after, _ in self.sides:
            shown |= (flat[before] == organs) | (flat[after] == organs)
        return shown

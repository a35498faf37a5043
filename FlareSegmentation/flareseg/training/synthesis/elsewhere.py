"""Scans that no body of a store shows: heads, and the phantoms that scanners are checked with. None holds an organ."""

from __future__ import annotations

import torch
from torch import Tensor

from flareseg.training.chance import Chance
from flareseg.training.synthesis.anatomy import Anatomy
from flareseg.training.synthesis.config import ElsewhereConfig
from flareseg.training.synthesis.view import View
from flareseg.training.tissues import Tissue

_SKIN_MM = 4.0
_INSERTS = (Tissue.AIR, Tissue.FAT, Tissue.BLADDER, Tissue.CARTILAGE, Tissue.SPONGY_BONE, Tissue.BONE)


def elsewhere(view: View, settings: ElsewhereConfig, chance: Chance) -> Anatomy | None:
    """A head or a phantom on the grid of a view, as often as the config says."""
    if chance.happens(settings.head):
        return _head(_air(view, chance), settings, chance)
    if chance.happens(settings.phantom):
        return _phantom(_air(view, chance), settings, chance)
    return None


def _air(view: View, chance: Chance) -> Anatomy:
    return Anatomy(torch.zeros(view.shape, dtype=torch.int32, device=chance.device), view.voxel)


def _head(anatomy: Anatomy, settings: ElsewhereConfig, chance: Chance) -> Anatomy:
    """Skin, skull and brain with its ventricles; the face below and in front, then the neck, which widens downwards."""
    height, depth, width = (n * mm for n, mm in zip(anatomy.shape, anatomy.voxel))
    radii = [chance.uniform(*range_mm) for range_mm in settings.head_radii_mm]
    middle = (height - radii[0] * chance.uniform(0.7, 1.2), depth / 2, width / 2)
    k, j, i = (anatomy.coordinates(axis) - mm for axis, mm in enumerate(middle))
    uneven = 1 + 0.03 * anatomy.field(chance, 60, 3)
    from_middle = _distance((k, j, i), radii) * uneven
    inwards = (1 - from_middle) * min(radii)  # mm below the skin
    neck_mm = chance.uniform(50, 70) + (-k - radii[0]).clamp(min=0) * chance.uniform(0.2, 1)
    neck = (k < 0) & (_distance((j - 15, i), (1, 1)) * uneven < neck_mm)
    anatomy = anatomy.painted(neck | (inwards > 0), Tissue.WALL)
    anatomy = anatomy.painted((neck | (inwards > _SKIN_MM)) & anatomy.body, Tissue.MUSCLE)
    skull = chance.uniform(*settings.skull_mm)
    face = neck & (inwards < 0) | (k < -0.3 * radii[0]) & (j < 0.2 * radii[1])
    anatomy = anatomy.painted((inwards > _SKIN_MM) & ~face, Tissue.BONE)
    anatomy = anatomy.painted((inwards > _SKIN_MM + skull) & ~face, Tissue.CORD)
    ventricles = _distance((k - 10, j - 5, i.abs() - 14), (25, 30, 8)) * uneven < chance.uniform(0.3, 1)
    anatomy = anatomy.painted(ventricles & (inwards > _SKIN_MM + skull) & ~face, Tissue.GALLBLADDER)
    spine = (k < -0.5 * radii[0]) & (_distance((j - 25, i), (1, 1)) < 22)
    anatomy = anatomy.painted(spine & anatomy.body, Tissue.BONE)
    bones, caves = (anatomy.field(chance, 30, 4) for _ in range(2))
    anatomy = anatomy.painted(face & anatomy.body & (bones > 1.1), Tissue.BONE)
    return anatomy.painted(face & (inwards > 2 * _SKIN_MM) & (caves > 1.2), Tissue.GAS)


def _phantom(anatomy: Anatomy, settings: ElsewhereConfig, chance: Chance) -> Anatomy:
    """An elliptic cylinder of water or plastic, with rods along it."""
    _, depth, width = (n * mm for n, mm in zip(anatomy.shape, anatomy.voxel))
    j, i = (anatomy.coordinates(axis) - mm / 2 for axis, mm in ((1, depth), (2, width)))
    radius = chance.uniform(*settings.phantom_radius_mm)
    within = (_distance((j, i), (radius, radius * chance.uniform(1, 1.4))) < 1).expand(anatomy.shape)
    anatomy = anatomy.painted(within, chance.choose((Tissue.BLADDER, Tissue.CONTENT, Tissue.SOFT, Tissue.CARTILAGE)))
    for _ in range(chance.integer(0, settings.rods)):
        place = [chance.uniform(-0.8, 0.8) * radius for _ in range(2)]
        rod = _distance((j - place[0], i - place[1]), (1, 1)) < chance.uniform(*settings.rod_radius_mm)
        anatomy = anatomy.painted(rod & within, chance.choose(_INSERTS))
    return anatomy


def _distance(offsets: tuple[Tensor, ...], radii: tuple[float, ...] | list[float]) -> Tensor:
    """Distance from a middle, 1 on an ellipsoid or ellipse of ``radii``."""
    squares = [(offset / radius).square() for offset, radius in zip(offsets, radii)]
    return torch.stack(torch.broadcast_tensors(*squares)).sum(dim=0).sqrt()

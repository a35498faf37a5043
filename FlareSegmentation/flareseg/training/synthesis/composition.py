"""Placement of one map's organs in another's body, whose own organs are filled."""

from __future__ import annotations

import torch
from torch import Tensor

from flareseg.training.chance import Chance
from flareseg.training.synthesis.anatomy import COARSE_MM, Anatomy
from flareseg.training.synthesis.cases import Body, OrganMap
from flareseg.training.synthesis.config import AtrophyConfig, BodyConfig
from flareseg.training.synthesis.deformation import elastic_deformation
from flareseg.training.synthesis.fields import Field
from flareseg.training.synthesis.masks import box_mean, dilate, interpolate, lookup
from flareseg.training.synthesis.view import View
from flareseg.training.tissues import Tissue


def body_around(
    points: Tensor, view: View, case: OrganMap, body: Body, field: Field, settings: BodyConfig, chance: Chance
) -> Tensor:
    """The body's tissues, int32 (k, j, i), without the organs of the map. ``points``: (3, k, j, i) in mm of the map."""
    there = field(points) + chance.uniform(*settings.wobble_sd_mm) * elastic_deformation(
        view, settings.wobble_mm, chance
    )
    there[0].clamp_(0, body.top_mm)  # a body that ends goes on as it ends
    tissues = _without_organs(points, there, case, body)
    if body.bare or chance.happens(settings.new_layers):
        outside = _outside(there, body)
        return _layered(Anatomy(tissues, view.voxel), outside, settings, chance)
    return tissues


def joined(organs: Tensor, around: Tensor) -> Tensor:
    """The organ map (0 where it knows nothing) over the body."""
    return torch.where(organs > 0, organs, around)


def shielded(anatomy: Anatomy, settings: BodyConfig) -> Tensor:
    """Tissues with fat where air would lie next to an organ."""
    near = dilate(anatomy.organs, settings.shield_mm, anatomy.voxel)
    return torch.where((anatomy.tissues == int(Tissue.AIR)) & near, int(Tissue.FAT), anatomy.tissues)


def atrophied(anatomy: Anatomy, settings: AtrophyConfig, chance: Chance) -> Tensor:
    """Tissues with fat in place of a pancreas's outermost layer, here and there. Coarse grids would lose it all."""
    if not chance.happens(settings.probability) or min(anatomy.voxel) > COARSE_MM:
        return anatomy.tissues
    pancreas = anatomy.mask(Tissue.PANCREAS)
    surface = pancreas & (box_mean(pancreas, 3 * min(anatomy.voxel), anatomy.voxel) < chance.uniform(*settings.peel))
    lost = surface & (anatomy.field(chance, settings.feature_mm, 4) > chance.uniform(*settings.patchy))
    return torch.where(lost, int(Tissue.FAT), anatomy.tissues)


def _without_organs(points: Tensor, there: Tensor, case: OrganMap, body: Body) -> Tensor:
    tissues, filled = (lookup(volume, there, body.spacing).int() for volume in (body.tissues, body.filled))
    mapped = (points[0] >= 0) & (points[0] <= case.top_mm)
    beyond, within = case.replaces[:, tissues]
    return torch.where(torch.where(mapped, within, beyond), filled, tissues)


def _outside(there: Tensor, body: Body) -> Tensor:
    """mm outside the muscles, (k, j, i), also beyond the body's own grid."""
    half = [2 * mm for mm in body.spacing]
    inside = interpolate(body.outside[None, None], there[None], (0.0, 0.0, 0.0), half)[0, 0]
    for axis in (1, 2):
        end = (body.outside.shape[axis] - 1) * half[axis]
        inside += (there[axis] - there[axis].clamp(0, end)).abs()
    return inside


def _layered(anatomy: Anatomy, outside: Tensor, settings: BodyConfig, chance: Chance) -> Tensor:
    """Tissues with new muscle, fat and skin outside the muscles; fat is thicker here, thinner there."""
    tissues = anatomy.tissues
    muscle = chance.uniform(*settings.muscle_mm)
    varied = (1 + settings.fat_variation * anatomy.field(chance, 110, 2)).clamp(0.2, 2)
    front = 1 + 2 * chance.uniform(*settings.fat_in_front) * anatomy.backward
    fat = muscle + chance.log_uniform(*settings.fat_mm) * varied * front
    skin = torch.where(outside < fat + settings.skin_mm, int(Tissue.WALL), int(Tissue.AIR))
    layers = torch.where(outside < muscle, int(Tissue.MUSCLE), torch.where(outside < fat, int(Tissue.FAT), skin)).int()
    replaced = (tissues == int(Tissue.AIR)) | (tissues == int(Tissue.FAT)) | (tissues == int(Tissue.WALL))
    return torch.where((outside > 0) & replaced, layers, tissues)

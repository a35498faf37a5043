"""Hollow organs: their contents, the gas in front of them, and their walls."""

from __future__ import annotations

import torch
from torch import Tensor

from flareseg.training.chance import Chance
from flareseg.training.synthesis.gut_config import Content, GutConfig, HollowOrgan
from flareseg.training.synthesis.masks import box_mean
from flareseg.training.synthesis.texture import Scene
from flareseg.training.tissues import Tissue

GAS_HU = -970.0


def gut(hu: Tensor, scene: Scene, settings: GutConfig, chance: Chance) -> Tensor:
    """All hollow organs filled; their walls keep the HU they have."""
    for organ in settings.organs:
        hu = filled(hu, scene, organ, settings, chance)
    return hu


def filled(hu: Tensor, scene: Scene, organ: HollowOrgan, settings: GutConfig, chance: Chance) -> Tensor:
    """One hollow organ with two contents, and gas in front of them."""
    feature = chance.uniform(*organ.feature_mm)
    mixture, folds = (scene.anatomy.field(chance, feature) for _ in range(2))
    inside = _inside(scene, organ, settings, chance)
    if organ.loops:
        inside &= folds.abs() > chance.uniform(*settings.fold)
    wall = scene.palette.hu[Tissue[organ.tissues[0].upper()]]
    one, other = (_content(organ, wall, chance) for _ in range(2))
    first = mixture > chance.normal(0, settings.mixture_sd)
    hu = scene.paint(hu, inside & first, *one)
    hu = scene.paint(hu, inside & ~first, *other)
    if not chance.happens(organ.gas):
        return hu
    height = (mixture if organ.loops else folds) - chance.uniform(*settings.rise) * scene.anatomy.backward
    return torch.where(inside & (height > chance.normal(*settings.gas_threshold)), GAS_HU, hu)


def _inside(scene: Scene, organ: HollowOrgan, settings: GutConfig, chance: Chance) -> Tensor:
    mask = scene.anatomy.mask(*(Tissue[name.upper()] for name in organ.tissues))
    return mask & (box_mean(mask, settings.wall_mm, scene.anatomy.voxel) > chance.uniform(*settings.wall_share))


def _content(organ: HollowOrgan, wall: float, chance: Chance) -> tuple[float, float]:
    """Mean HU and SD of one content; ``wall``: HU of the organ's wall."""
    content = chance.choose(tuple(organ.contents), tuple(organ.contents.values()))
    if content is Content.COLLAPSED:
        return wall + chance.normal(0, 12), 8
    if content is Content.FLUID:
        return chance.normal(14, 9), 5
    if content is Content.CONTRAST:
        return chance.uniform(90, 450), chance.uniform(5, 50)
    if content is Content.STOOL:
        return chance.uniform(-150, 60), chance.uniform(30, 120)
    if content is Content.FOOD:
        return chance.uniform(0, 70), chance.uniform(8, 30)
    return GAS_HU, 8

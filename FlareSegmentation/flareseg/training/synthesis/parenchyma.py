"""Structure of organs and bones beyond mean and texture."""

from __future__ import annotations

import torch
from torch import Tensor

from flareseg.training.chance import Chance
from flareseg.training.synthesis.config import ParenchymaConfig
from flareseg.training.synthesis.masks import box_mean
from flareseg.training.synthesis.phases import Phase
from flareseg.training.synthesis.texture import Scene
from flareseg.training.tissues import Tissue

_DEEP = 0.85  # share of bone around a voxel that is marrow


def marrow(hu: Tensor, scene: Scene) -> Tensor:
    """Spongy bone inside a dense shell."""
    bone = scene.anatomy.mask(Tissue.BONE)
    deep = bone & (box_mean(bone, 3 * min(scene.anatomy.voxel), scene.anatomy.voxel) > _DEEP)
    return scene.paint(hu, deep, scene.palette.hu[Tissue.SPONGY_BONE], scene.palette.texture[Tissue.SPONGY_BONE])


def mottled_spleen(hu: Tensor, scene: Scene, settings: ParenchymaConfig, chance: Chance) -> Tensor:
    """The stripes of a spleen that contrast has only just reached."""
    if scene.palette.phase is not Phase.ARTERIAL or not chance.happens(settings.mottled_spleen):
        return hu
    stripes = torch.sin(4 * scene.anatomy.field(chance, settings.stripe_mm))
    striped = scene.palette.hu[Tissue.SPLEEN] + chance.uniform(*settings.stripe_hu) * stripes
    return scene.paint(hu, scene.anatomy.mask(Tissue.SPLEEN), striped, 4)


def lobulated_pancreas(hu: Tensor, scene: Scene, settings: ParenchymaConfig, chance: Chance) -> Tensor:
    """Fat between the lobules of the pancreas."""
    if not chance.happens(settings.lobulated_pancreas):
        return hu
    lobules = scene.anatomy.field(chance, chance.uniform(*settings.lobule_mm), 5)
    between = scene.anatomy.mask(Tissue.PANCREAS) & (lobules > chance.uniform(*settings.fat_threshold))
    mixture = scene.palette.hu[Tissue.FAT] * chance.uniform(0.2, 1)
    mixture += scene.palette.hu[Tissue.PANCREAS] * chance.uniform(0, 0.6)
    return scene.paint(hu, between, mixture, 6)

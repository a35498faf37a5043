"""Unlabelled vessels in liver, fat and lungs, and soft tissue scattered in the fat."""

from __future__ import annotations

from torch import Tensor

from flareseg.training.chance import Chance
from flareseg.training.synthesis.config import Range, VesselsConfig
from flareseg.training.synthesis.masks import box_mean
from flareseg.training.synthesis.texture import Scene
from flareseg.training.tissues import Tissue

_SKIN_MM = 17.0  # box without any air around what lies deep in the fat


def liver_vessels(hu: Tensor, scene: Scene, settings: VesselsConfig, chance: Chance) -> Tensor:
    """Branches in the liver, once or twice, between the liver's HU and the veins'."""
    hu = _branches(hu, scene, settings.liver_mm, settings.liver_radius, settings, chance)
    if chance.happens(settings.more_in_liver):
        hu = _branches(hu, scene, settings.more_mm, settings.more_radius, settings, chance)
    return hu


def fat_vessels(hu: Tensor, scene: Scene, settings: VesselsConfig, chance: Chance) -> Tensor:
    """Vessels of the mesentery, retroperitoneum and under the skin."""
    tubes = scene.anatomy.tubes(chance, chance.uniform(*settings.fat_mm), chance.uniform(*settings.fat_radius))
    vein = scene.palette.hu[Tissue.VEIN] + chance.uniform(-30, 10)
    return scene.paint(hu, tubes & scene.anatomy.mask(Tissue.FAT), vein, 5)


def soft_blobs(hu: Tensor, scene: Scene, settings: VesselsConfig, chance: Chance) -> Tensor:
    """Soft tissue deep in the fat: nodes, loops of gut that no map shows."""
    if not chance.happens(settings.blobs):
        return hu
    field = scene.anatomy.field(chance, chance.uniform(*settings.blob_mm), 4)
    deep = scene.anatomy.mask(Tissue.FAT) & (box_mean(~scene.anatomy.body, _SKIN_MM, scene.anatomy.voxel) < 0.01)
    soft = scene.palette.hu[Tissue.STOMACH] + chance.normal(0, 15)
    return scene.paint(hu, deep & (field > chance.uniform(*settings.blob_threshold)), soft, 8)


def lung_vessels(hu: Tensor, scene: Scene, settings: VesselsConfig, chance: Chance) -> Tensor:
    """Vessels of the lungs."""
    tubes = scene.anatomy.tubes(chance, chance.uniform(*settings.lung_mm), chance.uniform(*settings.lung_radius))
    blood = scene.palette.hu[Tissue.HEART] - chance.uniform(0, 60)
    return scene.paint(hu, tubes & scene.anatomy.mask(Tissue.LUNG), blood)


def _branches(
    hu: Tensor, scene: Scene, feature_mm: Range, radius: Range, settings: VesselsConfig, chance: Chance
) -> Tensor:
    tubes = scene.anatomy.tubes(chance, chance.uniform(*feature_mm), chance.uniform(*radius))
    liver, vein = scene.palette.hu[Tissue.LIVER], scene.palette.hu[Tissue.VEIN]
    enhanced = liver + (vein - liver) * chance.uniform(*settings.liver_contrast)
    return scene.paint(hu, tubes & scene.anatomy.mask(Tissue.LIVER), enhanced, 3)

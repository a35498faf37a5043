"""Kidneys with cortex, the pyramids of the medulla, and pelvis."""

from __future__ import annotations

from torch import Tensor

from flareseg.training.chance import Chance
from flareseg.training.synthesis.config import KidneysConfig
from flareseg.training.synthesis.masks import box_mean
from flareseg.training.synthesis.phases import Part
from flareseg.training.synthesis.texture import Scene
from flareseg.training.tissues import Tissue


def kidneys(hu: Tensor, scene: Scene, settings: KidneysConfig, chance: Chance) -> Tensor:
    """Medulla and pelvis painted into kidneys that have the HU of the cortex."""
    anatomy = scene.anatomy
    kidney = anatomy.mask(Tissue.RIGHT_KIDNEY, Tissue.LEFT_KIDNEY)
    depth = box_mean(kidney, settings.medulla_depth_mm, anatomy.voxel)
    pyramids = anatomy.field(chance, chance.uniform(*settings.pyramid_mm), 4)
    medulla = kidney & (depth > chance.uniform(*settings.medulla_share))
    medulla &= pyramids > chance.uniform(*settings.pyramid_threshold)
    hu = scene.paint(hu, medulla, scene.palette.hu[Part.MEDULLA], 5)
    deep = kidney & (box_mean(kidney, settings.pelvis_depth_mm, anatomy.voxel) > settings.pelvis_share)
    pelvis = deep & (anatomy.field(chance, settings.pelvis_mm, 4) > chance.uniform(*settings.pelvis_threshold))
    inside = Tissue.FAT if chance.happens(settings.fatty_sinus) else Part.RENAL_PELVIS
    return scene.paint(hu, pelvis, scene.palette.hu[inside], 5)

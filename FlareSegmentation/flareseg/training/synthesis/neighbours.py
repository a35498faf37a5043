"""Vessels and bowel loops next to the pancreas, which are easily mistaken for it."""

from __future__ import annotations

import torch
from torch import Tensor

from flareseg.training.chance import Chance
from flareseg.training.synthesis.anatomy import Anatomy
from flareseg.training.synthesis.config import NeighboursConfig
from flareseg.training.synthesis.masks import dilate
from flareseg.training.tissues import Tissue


def with_neighbours(anatomy: Anatomy, settings: NeighboursConfig, chance: Chance) -> Tensor:
    """Tissues with more vessels and loops in the fat around the pancreas; nothing but fat is replaced."""
    tissues = anatomy.tissues
    vessels, loops = chance.happens(settings.vessels), chance.happens(settings.loops)
    if not vessels and not loops:
        return tissues
    near = dilate(anatomy.mask(Tissue.PANCREAS), settings.reach_mm, anatomy.voxel) & anatomy.mask(Tissue.FAT)
    if loops:
        field = anatomy.field(chance, chance.uniform(*settings.loop_mm), 4)
        tissues = torch.where(
            near & (field > chance.uniform(*settings.loop_threshold)), int(Tissue.SMALL_BOWEL), tissues
        )
    if vessels:
        tubes = anatomy.tubes(chance, chance.uniform(*settings.vessel_mm), chance.uniform(*settings.vessel_radius))
        vessel = chance.choose((Tissue.VEIN, Tissue.VEIN, Tissue.ARTERY))
        tissues = torch.where(near & tubes, int(vessel), tissues)
    return tissues

"""Simulation of surgery: an organ, or a part of it, is removed with its label."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from flareseg.training.chance import Chance
from flareseg.training.synthesis.cases import OrganMap
from flareseg.training.synthesis.config import SurgeryConfig
from flareseg.training.tissues import Tissue

_KIDNEYS = (Tissue.RIGHT_KIDNEY, Tissue.LEFT_KIDNEY)
_LIVER = (Tissue.LIVER, Tissue.LIVER_VESSEL)


def operated(organs: Tensor, points: Tensor, case: OrganMap, settings: SurgeryConfig, chance: Chance) -> Tensor:
    """The organ map's tissues (k, j, i) with 0 for what was taken out. ``points``: (3, k, j, i) in mm of the map."""
    if chance.happens(settings.kidney):
        organs = _without(organs, (chance.choose(_KIDNEYS),))
    if chance.happens(settings.spleen):
        organs = _without(organs, (Tissue.SPLEEN,))
    if chance.happens(settings.part_of_liver) and Tissue.LIVER in case.centres:
        organs = _without(organs, _LIVER, _beyond_cut(points, case, Tissue.LIVER, settings, chance))
    if chance.happens(settings.part_of_pancreas) and Tissue.PANCREAS in case.centres:
        organs = _without(organs, (Tissue.PANCREAS,), _beyond_cut(points, case, Tissue.PANCREAS, settings, chance))
    return organs


def _without(organs: Tensor, tissues: Sequence[Tissue], where: Tensor | None = None) -> Tensor:
    taken = torch.stack([organs == int(tissue) for tissue in tissues]).any(dim=0)
    return torch.where(taken if where is None else taken & where, 0, organs)


def _beyond_cut(points: Tensor, case: OrganMap, tissue: Tissue, settings: SurgeryConfig, chance: Chance) -> Tensor:
    """One side of a plane across the organ, which lies mostly from right to left."""
    slant = (chance.normal(0, 0.3), chance.normal(0, 0.3), chance.choose((-1.0, 1.0)))
    distance = torch.zeros_like(points[0])
    for axis, weight, centre in zip(points, slant, case.centres[tissue]):
        distance += weight * (axis - centre)
    return distance > chance.uniform(*settings.offset_mm)

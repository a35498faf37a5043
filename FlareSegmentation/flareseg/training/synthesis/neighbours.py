"""Tissues next to the organs, which are easily mistaken for them."""

from __future__ import annotations

from flareseg.training.chance import Chance
from flareseg.training.synthesis.anatomy import Anatomy
from flareseg.training.synthesis.config import NeighboursConfig
from flareseg.training.synthesis.masks import dilate
from flareseg.training.tissues import Tissue

_KIDNEYS = (Tissue.RIGHT_KIDNEY, Tissue.LEFT_KIDNEY)
_CONTACTS = (  # a tissue, and an organ that it touches in some patients
    (Tissue.HEART, (Tissue.LIVER,)),
    (Tissue.STOMACH, (Tissue.LIVER,)),
    (Tissue.VEIN, (Tissue.LIVER,)),
    (Tissue.COLON, (Tissue.LIVER,)),
    (Tissue.MUSCLE, (Tissue.LIVER,)),
    (Tissue.STOMACH, (Tissue.SPLEEN,)),
    (Tissue.COLON, (Tissue.SPLEEN,)),
    (Tissue.MUSCLE, _KIDNEYS),
    (Tissue.COLON, _KIDNEYS),
    (Tissue.DUODENUM, _KIDNEYS),
    (Tissue.DUODENUM, (Tissue.PANCREAS,)),
    (Tissue.STOMACH, (Tissue.PANCREAS,)),
    (Tissue.VEIN, (Tissue.PANCREAS,)),
)


def with_neighbours(anatomy: Anatomy, settings: NeighboursConfig, chance: Chance) -> Anatomy:
    """The anatomy with other tissues beside the organs; nothing but fat and lung is replaced."""
    if chance.happens(settings.lean):
        anatomy = _lean(anatomy, settings, chance)
    if chance.happens(settings.contacts):
        for tissue, organ in (chance.choose(_CONTACTS), chance.choose(_CONTACTS)):
            anatomy = _touching(anatomy, tissue, organ, chance.uniform(*settings.contact_mm))
    return _around_pancreas(anatomy, settings, chance)


def _touching(anatomy: Anatomy, tissue: Tissue, organ: tuple[Tissue, ...], reach_mm: float) -> Anatomy:
    """The tissue in place of the fat and lung that lie between it and the organ."""
    between = anatomy.mask(Tissue.FAT, Tissue.LUNG)
    for mask in (anatomy.mask(tissue), anatomy.mask(*organ)):
        between &= dilate(mask, reach_mm, anatomy.voxel)
    return anatomy.painted(between, tissue)


def _lean(anatomy: Anatomy, settings: NeighboursConfig, chance: Chance) -> Anatomy:
    """A patient with little fat between the organs: bowel and muscle lie against them."""
    near = dilate(anatomy.organs, chance.uniform(*settings.lean_mm), anatomy.voxel) & anatomy.mask(Tissue.FAT)
    field = anatomy.field(chance, chance.uniform(*settings.loop_mm), 4)
    gap = chance.uniform(*settings.lean_gap)
    anatomy = anatomy.painted(near & (field > gap), Tissue.SMALL_BOWEL)
    return anatomy.painted(near & (field < -gap), Tissue.MUSCLE)


def _around_pancreas(anatomy: Anatomy, settings: NeighboursConfig, chance: Chance) -> Anatomy:
    """More vessels and loops in the fat around the pancreas."""
    vessels, loops = chance.happens(settings.vessels), chance.happens(settings.loops)
    if not vessels and not loops:
        return anatomy
    near = dilate(anatomy.mask(Tissue.PANCREAS), settings.reach_mm, anatomy.voxel) & anatomy.mask(Tissue.FAT)
    if loops:
        field = anatomy.field(chance, chance.uniform(*settings.loop_mm), 4)
        anatomy = anatomy.painted(near & (field > chance.uniform(*settings.loop_threshold)), Tissue.SMALL_BOWEL)
    if vessels:
        tubes = anatomy.tubes(chance, chance.uniform(*settings.vessel_mm), chance.uniform(*settings.vessel_radius))
        vessel = chance.choose((Tissue.VEIN, Tissue.VEIN, Tissue.ARTERY))
        anatomy = anatomy.painted(near & tubes, vessel)
    return anatomy

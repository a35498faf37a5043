"""The HU of each tissue in four contrast phases, and their variation between patients."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Union

import torch
from torch import Tensor

from flareseg.training.chance import Chance
from flareseg.training.synthesis.config import PhasesConfig
from flareseg.training.synthesis.masks import to_device
from flareseg.training.tissues import Tissue


class Phase(IntEnum):
    NATIVE = 0
    ARTERIAL = 1
    PORTAL = 2
    LATE = 3


class Part(IntEnum):
    """Parts of a tissue that enhance in their own way."""

    MEDULLA = 100
    RENAL_PELVIS = 101


Material = Union[Tissue, Part]


@dataclass(frozen=True)
class Normal:
    """HU around a mean, cut off where no patient has been seen."""

    mean: float
    sd: float
    low: float = -1024.0
    high: float = 3000.0

    def draw(self, chance: Chance) -> float:
        return min(self.high, max(self.low, chance.normal(self.mean, self.sd)))


@dataclass(frozen=True)
class Between:
    """Any HU of a range, all as likely."""

    low: float
    high: float

    def draw(self, chance: Chance) -> float:
        return chance.uniform(self.low, self.high)


Distribution = Union[Normal, Between]


@dataclass(frozen=True)
class Prior:
    """``hu``: of the mean, one for all phases or one a phase. ``texture``: HU, SD within the tissue."""

    hu: tuple[Distribution, ...]
    texture: Between

    def in_phase(self, phase: Phase) -> Distribution:
        return self.hu[phase if len(self.hu) > 1 else 0]


def _phases(*means_and_sds: tuple[float, float]) -> tuple[Distribution, ...]:
    return tuple(Normal(mean, sd) for mean, sd in means_and_sds)


_VESSEL_BLOOD = _phases((42, 6), (200, 70), (150, 25), (112, 18))
_RENAL_CORTEX = _phases((33, 6), (170, 45), (185, 35), (150, 30))
_GUT_WALL = _phases((42, 8), (75, 20), (82, 18), (70, 14))

# Typical of adults at 120 kV; native, late arterial, portal venous, delayed. From the trial that the starting weights
# come from (docs/training.md): spreads are wide, for a network learns more from too much variety than from too little.
PRIORS: dict[Material, Prior] = {
    Tissue.AIR: Prior((Normal(-1000, 0),), Between(3, 3)),
    Tissue.FAT: Prior((Normal(-102, 9, -128, -65),), Between(3, 10)),
    Tissue.MUSCLE: Prior(_phases((52, 7), (58, 8), (62, 9), (60, 8)), Between(5, 14)),
    Tissue.BONE: Prior((Between(250, 800),), Between(60, 160)),
    Tissue.SPONGY_BONE: Prior((Between(100, 320),), Between(30, 80)),
    Tissue.CARTILAGE: Prior((Normal(100, 30),), Between(15, 35)),
    Tissue.CORD: Prior((Normal(35, 8),), Between(8, 8)),
    Tissue.WALL: Prior((Normal(30, 25),), Between(12, 12)),
    Tissue.SOFT: Prior((Normal(55, 12),), Between(12, 12)),
    Tissue.LUNG: Prior((Between(-900, -720),), Between(20, 60)),
    Tissue.HEART: Prior(_VESSEL_BLOOD, Between(5, 15)),
    Tissue.ARTERY: Prior(_phases((42, 6), (290, 70), (160, 28), (115, 20)), Between(6, 6)),
    Tissue.VEIN: Prior(_phases((40, 6), (110, 45), (165, 28), (115, 20)), Between(8, 8)),
    Tissue.LIVER: Prior(_phases((56, 9), (70, 12), (104, 18), (90, 15)), Between(2, 8)),
    Tissue.LIVER_VESSEL: Prior(_phases((40, 6), (110, 45), (165, 28), (115, 20)), Between(4, 4)),
    Tissue.RIGHT_KIDNEY: Prior(_RENAL_CORTEX, Between(6, 6)),
    Tissue.LEFT_KIDNEY: Prior(_RENAL_CORTEX, Between(6, 6)),
    Part.MEDULLA: Prior(_phases((33, 6), (75, 30), (150, 45), (150, 30)), Between(5, 5)),
    Part.RENAL_PELVIS: Prior(_phases((15, 8), (15, 10), (40, 40), (200, 150)), Between(5, 5)),
    Tissue.SPLEEN: Prior(_phases((48, 6), (115, 28), (115, 18), (95, 15)), Between(2, 7)),
    Tissue.PANCREAS: Prior(_phases((33, 12), (95, 24), (86, 20), (66, 16)), Between(4, 16)),
    Tissue.GALLBLADDER: Prior((Normal(12, 8),), Between(4, 4)),
    Tissue.ADRENAL: Prior((Normal(60, 20),), Between(8, 8)),
    Tissue.OESOPHAGUS: Prior((Normal(45, 12),), Between(10, 10)),
    Tissue.STOMACH: Prior(_GUT_WALL, Between(8, 8)),
    Tissue.DUODENUM: Prior(_GUT_WALL, Between(12, 12)),
    Tissue.SMALL_BOWEL: Prior(_GUT_WALL, Between(14, 14)),
    Tissue.COLON: Prior(_GUT_WALL, Between(12, 12)),
    Tissue.BLADDER: Prior((Normal(8, 6), Normal(8, 6), Normal(8, 6), Between(5, 300)), Between(4, 4)),
    Tissue.GAS: Prior((Normal(-980, 0),), Between(10, 10)),
    Tissue.CONTENT: Prior((Normal(30, 20),), Between(15, 15)),
}

# One draw holds for both; each then gets its own jitter.
_LIKE: dict[Material, Material] = {
    Tissue.LEFT_KIDNEY: Tissue.RIGHT_KIDNEY,
    Tissue.LIVER_VESSEL: Tissue.VEIN,
    Tissue.DUODENUM: Tissue.STOMACH,
    Tissue.SMALL_BOWEL: Tissue.STOMACH,
    Tissue.COLON: Tissue.STOMACH,
}
_STEADY = (Tissue.AIR, Tissue.GAS)
_BESIDE: dict[Tissue, tuple[Tissue, ...]] = {
    Tissue.LIVER: (Tissue.HEART, Tissue.STOMACH, Tissue.VEIN, Tissue.COLON, Tissue.DUODENUM),
    Tissue.SPLEEN: (Tissue.STOMACH, Tissue.COLON, Tissue.SMALL_BOWEL),
    Tissue.RIGHT_KIDNEY: (Tissue.DUODENUM, Tissue.COLON, Tissue.SMALL_BOWEL),
    Tissue.PANCREAS: (Tissue.DUODENUM, Tissue.STOMACH, Tissue.SMALL_BOWEL, Tissue.VEIN),
}
_UNUSUAL = (Tissue.LIVER, Tissue.SPLEEN, Tissue.RIGHT_KIDNEY, Part.MEDULLA, Tissue.PANCREAS)


@dataclass(frozen=True)
class Palette:
    """The HU of one patient in one phase. ``hu``, ``texture``: by material, mean and SD in HU."""

    phase: Phase
    hu: dict[Material, float]
    texture: dict[Material, float]

    def tables(self, device: torch.device) -> tuple[Tensor, Tensor]:
        """Return mean and SD in HU by tissue code, float32."""
        rows = [[table[tissue] for tissue in Tissue] for table in (self.hu, self.texture)]
        mean, texture = to_device(rows, device)
        return mean, texture


def palette(settings: PhasesConfig, chance: Chance) -> Palette:
    """The HU of a new patient."""
    phase = chance.choose(tuple(Phase), settings.weights)
    hu = {material: prior.in_phase(phase).draw(chance) for material, prior in PRIORS.items()}
    _sicken(hu, settings, chance)
    hu.update({material: hu[model] for material, model in _LIKE.items()})
    if not chance.happens(settings.liver_vessels_seen):
        hu[Tissue.LIVER_VESSEL] = hu[Tissue.LIVER]
    for material in hu:
        if material not in _STEADY:
            hu[material] += chance.normal(0, settings.jitter_sd)
    if chance.happens(settings.alike):
        _make_alike(hu, settings, chance)
    return Palette(phase, hu, {material: prior.texture.draw(chance) for material, prior in PRIORS.items()})


def _make_alike(hu: dict[Material, float], settings: PhasesConfig, chance: Chance) -> None:
    """Give about half of what lies beside one organ the HU of that organ: borders that only the shape tells."""
    organ = chance.choose(tuple(_BESIDE))
    for tissue in _BESIDE[organ]:
        if chance.happens(0.5):
            hu[tissue] = hu[organ] + chance.normal(0, settings.alike_sd)


def _sicken(hu: dict[Material, float], settings: PhasesConfig, chance: Chance) -> None:
    """Change the mean HU of an organ as diseases do."""
    if chance.happens(settings.fatty_liver):
        hu[Tissue.LIVER] -= chance.uniform(*settings.fatty_liver_loss)
    if chance.happens(settings.dense_bile):
        hu[Tissue.GALLBLADDER] = chance.uniform(*settings.dense_bile_hu)
    if chance.happens(settings.unusual):
        hu.update({material: chance.uniform(*settings.unusual_hu) for material in _UNUSUAL})

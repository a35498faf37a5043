"""The tissues of the phantom: the organ of each, and its HU in three contrast phases."""

from __future__ import annotations

from enum import IntEnum, auto

import numpy as np

from flareseg.core.organs import BACKGROUND, ORGANS

PHASES_OF_SEEDS = ("portal venous", "late arterial", "delayed")  # in turn; without contrast only where it is asked for
PHASES = (*PHASES_OF_SEEDS, "unenhanced")
PATIENT_SD_HU = 4.0  # how much the mean of a tissue differs from patient to patient


class PhantomTissue(IntEnum):
    AIR = 0
    SKIN = auto()
    FAT = auto()
    MUSCLE = auto()
    CORTICAL_BONE = auto()
    SPONGY_BONE = auto()
    DISC = auto()
    CARTILAGE = auto()
    CORD = auto()
    LUNG = auto()
    LUNG_VESSEL = auto()
    HEART = auto()
    ARTERY = auto()
    VEIN = auto()
    GUT_WALL = auto()
    GAS = auto()
    FLUID = auto()
    FOOD = auto()
    STOOL = auto()
    BILE = auto()
    ADRENAL = auto()
    LIVER = auto()
    LIVER_VESSEL = auto()
    RENAL_CORTEX = auto()
    RENAL_MEDULLA = auto()
    SPLEEN = auto()
    PANCREAS = auto()
    TABLE_SHELL = auto()
    TABLE_FOAM = auto()


# Vessels inside the liver count as liver, as in the labels the networks learn from.
_ORGAN_OF = {
    PhantomTissue.LIVER: "Liver",
    PhantomTissue.LIVER_VESSEL: "Liver",
    PhantomTissue.RENAL_CORTEX: "Kidneys",
    PhantomTissue.RENAL_MEDULLA: "Kidneys",
    PhantomTissue.SPLEEN: "Spleen",
    PhantomTissue.PANCREAS: "Pancreas",
}

# Mean HU (one value, or one per phase) and texture (standard deviation in HU, before noise), typical of adults at
# 120 kV. Portal venous, 70 s after injection, is the usual abdominal protocol.
_HU: dict[PhantomTissue, tuple[float | tuple[float, float, float, float], float]] = {
    PhantomTissue.AIR: (-1000, 0),
    PhantomTissue.SKIN: (20, 10),
    PhantomTissue.FAT: (-102, 7),
    PhantomTissue.MUSCLE: ((60, 58, 60, 52), 9),
    PhantomTissue.CORTICAL_BONE: (520, 90),
    PhantomTissue.SPONGY_BONE: (190, 45),
    PhantomTissue.DISC: (85, 8),
    PhantomTissue.CARTILAGE: (110, 20),
    PhantomTissue.CORD: (35, 6),
    PhantomTissue.LUNG: (-830, 35),
    PhantomTissue.LUNG_VESSEL: (40, 20),
    PhantomTissue.HEART: ((145, 210, 112, 42), 8),
    PhantomTissue.ARTERY: ((150, 270, 115, 42), 5),
    PhantomTissue.VEIN: ((160, 125, 115, 42), 6),
    PhantomTissue.GUT_WALL: ((82, 78, 70, 38), 12),
    PhantomTissue.GAS: (-970, 5),
    PhantomTissue.FLUID: (16, 6),
    PhantomTissue.FOOD: (38, 20),
    PhantomTissue.STOOL: (-10, 70),
    PhantomTissue.BILE: (9, 4),
    PhantomTissue.ADRENAL: ((70, 75, 60, 32), 6),
    PhantomTissue.LIVER: ((105, 76, 92, 58), 6),
    PhantomTissue.LIVER_VESSEL: ((150, 92, 112, 42), 4),
    PhantomTissue.RENAL_CORTEX: ((182, 180, 150, 34), 6),
    PhantomTissue.RENAL_MEDULLA: ((158, 95, 155, 32), 6),
    PhantomTissue.SPLEEN: ((120, 122, 98, 48), 5),
    PhantomTissue.PANCREAS: ((95, 104, 76, 40), 14),
    PhantomTissue.TABLE_SHELL: (60, 10),
    PhantomTissue.TABLE_FOAM: (-880, 5),
}


def hu_tables(phase: str, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Mean HU and texture by tissue, float32 (len(Tissue),), with each mean shifted a little for this patient."""
    column = PHASES.index(phase)
    mean = np.array([np.broadcast_to(_HU[tissue][0], len(PHASES))[column] for tissue in PhantomTissue], np.float32)
    texture = np.array([_HU[tissue][1] for tissue in PhantomTissue], np.float32)
    tissue_not_gas = mean > -200
    mean[tissue_not_gas] += rng.normal(0, PATIENT_SD_HU, tissue_not_gas.sum()).astype(np.float32)
    return mean, texture


def label_table() -> np.ndarray:
    """Label value by tissue, uint8 (len(Tissue),)."""
    labels = {organ.name: organ.label for organ in ORGANS}
    return np.array([labels[_ORGAN_OF[t]] if t in _ORGAN_OF else BACKGROUND for t in PhantomTissue], np.uint8)

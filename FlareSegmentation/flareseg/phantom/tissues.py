"""The tissues of the phantom: the organ of each, and its HU in three contrast phases."""

from __future__ import annotations

from enum import IntEnum, auto

import numpy as np

from flareseg.core.organs import BACKGROUND, ORGANS

PHASES = ("portal venous", "late arterial", "delayed")
PATIENT_SD_HU = 4.0  # how much the mean of a tissue differs from patient to patient


class Tissue(IntEnum):
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
    Tissue.LIVER: "Liver",
    Tissue.LIVER_VESSEL: "Liver",
    Tissue.RENAL_CORTEX: "Kidneys",
    Tissue.RENAL_MEDULLA: "Kidneys",
    Tissue.SPLEEN: "Spleen",
    Tissue.PANCREAS: "Pancreas",
}

# Mean HU (one value, or one per phase) and texture (standard deviation in HU, before noise), typical of adults at
# 120 kV. Portal venous, 70 s after injection, is the usual abdominal protocol.
_HU: dict[Tissue, tuple[float | tuple[float, float, float], float]] = {
    Tissue.AIR: (-1000, 0),
    Tissue.SKIN: (20, 10),
    Tissue.FAT: (-102, 7),
    Tissue.MUSCLE: ((60, 58, 60), 9),
    Tissue.CORTICAL_BONE: (520, 90),
    Tissue.SPONGY_BONE: (190, 45),
    Tissue.DISC: (85, 8),
    Tissue.CARTILAGE: (110, 20),
    Tissue.CORD: (35, 6),
    Tissue.LUNG: (-830, 35),
    Tissue.LUNG_VESSEL: (40, 20),
    Tissue.HEART: ((145, 210, 112), 8),
    Tissue.ARTERY: ((150, 270, 115), 5),
    Tissue.VEIN: ((160, 125, 115), 6),
    Tissue.GUT_WALL: ((82, 78, 70), 12),
    Tissue.GAS: (-970, 5),
    Tissue.FLUID: (16, 6),
    Tissue.FOOD: (38, 20),
    Tissue.STOOL: (-10, 70),
    Tissue.BILE: (9, 4),
    Tissue.ADRENAL: ((70, 75, 60), 6),
    Tissue.LIVER: ((105, 76, 92), 6),
    Tissue.LIVER_VESSEL: ((150, 92, 112), 4),
    Tissue.RENAL_CORTEX: ((182, 180, 150), 6),
    Tissue.RENAL_MEDULLA: ((158, 95, 155), 6),
    Tissue.SPLEEN: ((120, 122, 98), 5),
    Tissue.PANCREAS: ((95, 104, 76), 14),
    Tissue.TABLE_SHELL: (60, 10),
    Tissue.TABLE_FOAM: (-880, 5),
}


def hu_tables(phase: str, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Mean HU and texture by tissue, float32 (len(Tissue),), with each mean shifted a little for this patient."""
    column = PHASES.index(phase)
    mean = np.array([np.broadcast_to(_HU[tissue][0], len(PHASES))[column] for tissue in Tissue], np.float32)
    texture = np.array([_HU[tissue][1] for tissue in Tissue], np.float32)
    tissue_not_gas = mean > -200
    mean[tissue_not_gas] += rng.normal(0, PATIENT_SD_HU, tissue_not_gas.sum()).astype(np.float32)
    return mean, texture


def label_table() -> np.ndarray:
    """Label value by tissue, uint8 (len(Tissue),)."""
    labels = {organ.name: organ.label for organ in ORGANS}
    return np.array([labels[_ORGAN_OF[t]] if t in _ORGAN_OF else BACKGROUND for t in Tissue], np.uint8)

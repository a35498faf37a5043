"""The tissues of training anatomy: their codes in a store's label maps, and the organ each belongs to."""

from __future__ import annotations

from enum import IntEnum

import numpy as np

from flareseg.core.organs import BACKGROUND


class Tissue(IntEnum):
    """One byte of a tissue map. Stores on disk hold these codes: add new ones at the end."""

    AIR = 0  # in a map that holds organs only: not labelled
    FAT = 1
    MUSCLE = 2
    BONE = 3
    LUNG = 4
    HEART = 5
    LIVER = 6
    RIGHT_KIDNEY = 7
    SPLEEN = 8
    PANCREAS = 9
    STOMACH = 10
    GALLBLADDER = 11
    DUODENUM = 12
    SMALL_BOWEL = 13
    COLON = 14
    ARTERY = 15
    VEIN = 16
    OESOPHAGUS = 17
    ADRENAL = 18
    BLADDER = 19
    GAS = 20
    CONTENT = 21
    SOFT = 22  # soft tissue that is none of the others
    CORD = 23
    CARTILAGE = 24
    SPONGY_BONE = 25
    LIVER_VESSEL = 26
    LEFT_KIDNEY = 27
    WALL = 28  # skin


ORGAN_OF = {
    Tissue.LIVER: 1,
    Tissue.LIVER_VESSEL: 1,
    Tissue.RIGHT_KIDNEY: 2,
    Tissue.LEFT_KIDNEY: 2,
    Tissue.SPLEEN: 3,
    Tissue.PANCREAS: 4,
}
"""Label value of flareseg.core.organs by tissue; all other tissues are background."""

ORGAN_TISSUES = tuple(ORGAN_OF)


def label_table() -> np.ndarray:
    """Label value by tissue code, uint8 (256,)."""
    table = np.full(256, BACKGROUND, np.uint8)
    for tissue, label in ORGAN_OF.items():
        table[tissue] = label
    return table

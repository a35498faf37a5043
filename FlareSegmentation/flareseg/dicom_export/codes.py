"""The organs as DICOM codes them: SNOMED CT concepts, laterality, and colours in CIELab."""

from __future__ import annotations

from collections.abc import Sequence

import highdicom as hd
import numpy as np
from highdicom.coding_schemes import CodingSchemeIdentificationItem
from pydicom.sr.coding import Code

from flareseg.core.organs import LEFT_KIDNEY, ORGANS, RIGHT_KIDNEY, Organ
from flareseg.core.report import OrganFacts

SCHEME = "99FLARESEG"
"""Coding scheme of concepts that no public scheme has; names that begin with 99 are private (DICOM PS3.16, 8.2)."""
UNCERTAINTY = Code("uncertainty", SCHEME, "Probability that the label is wrong")
_ORGANS = {organ.name: organ for organ in (*ORGANS, RIGHT_KIDNEY, LEFT_KIDNEY)}
_SCT = "SCT"


def scheme_items() -> list[CodingSchemeIdentificationItem]:
    """What an object that uses SCHEME says about it."""
    return [
        CodingSchemeIdentificationItem(SCHEME, name="FlareSegmentation", responsible_organization="FlareSegmentation")
    ]


def organ_named(name: str) -> Organ:
    """The organ of a report by its name."""
    return _ORGANS[name]


def found(organs: Sequence[OrganFacts]) -> list[OrganFacts]:
    """The organs that have voxels, by label: that is the order of the segments."""
    return sorted((facts for facts in organs if facts.voxels), key=lambda facts: facts.label)


def concept(organ: Organ) -> Code:
    return Code(organ.code.value, _SCT, organ.code.meaning)


def laterality(organ: Organ) -> Code | None:
    """The side of a kidney, or that both are meant."""
    return None if organ.modifier is None else Code(organ.modifier.value, _SCT, organ.modifier.meaning)


def colour(organ: Organ) -> hd.color.CIELabColor:
    """The organ's colour in Slicer and in previews."""
    return hd.color.CIELabColor.from_rgb(*organ.colour)


def segment_numbers(labels: np.ndarray, organs: Sequence[OrganFacts]) -> np.ndarray:
    """The label map with the segment numbers 1, 2, ... of the ``organs`` in place of their labels.

    Args:
        labels: Label map, uint8 (k, j, i).
        organs: The organs that become segments, in their order.

    Returns:
        uint8 (k, j, i), 0 for what belongs to none of them. ``labels`` itself where both are the same.
    """
    table = np.zeros(256, np.uint8)
    table[[facts.label for facts in organs]] = np.arange(1, len(organs) + 1)
    if np.array_equal(np.flatnonzero(table), np.arange(1, len(organs) + 1)) and int(labels.max()) <= len(organs):
        return labels
    return table[labels]

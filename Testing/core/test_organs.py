"""The organ table against values written out here, from SNOMED CT and Slicer's terminology files."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from flareseg.core.errors import JobError
from flareseg.core.organs import CLASSES, LEFT_KIDNEY, ORGANS, RIGHT_KIDNEY, organs_shown

HEAD = "Segmentation category and type - DICOM master list~SCT^123037004^Anatomical Structure~SCT^"
TAIL = "~Anatomic codes - DICOM master list~^^~^^"
LIVER, KIDNEYS, SPLEEN, PANCREAS = ORGANS


def test_the_labels_are_those_of_flare21() -> None:
    assert [(organ.label, organ.name) for organ in ORGANS] == [
        (1, "Liver"),
        (2, "Kidneys"),
        (3, "Spleen"),
        (4, "Pancreas"),
    ]
    assert CLASSES == 5


def test_the_left_kidney_alone_has_a_label_beyond_the_four_and_stands_beside_the_right() -> None:
    assert [(organ.label, organ.name) for organ in organs_shown(split_kidneys=True)] == [
        (1, "Liver"),
        (2, "Right kidney"),
        (5, "Left kidney"),
        (3, "Spleen"),
        (4, "Pancreas"),
    ]
    assert organs_shown(split_kidneys=False) == ORGANS


@pytest.mark.parametrize(
    ("organ", "type_and_modifier"),
    [
        (LIVER, "10200004^Liver~^^"),
        (KIDNEYS, "64033007^Kidney~SCT^51440002^Right and left"),
        (SPLEEN, "78961009^Spleen~^^"),
        (PANCREAS, "15776009^Pancreas~^^"),
        (RIGHT_KIDNEY, "64033007^Kidney~SCT^24028007^Right"),
        (LEFT_KIDNEY, "64033007^Kidney~SCT^7771000^Left"),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_the_code_is_the_organs_in_snomed_ct(organ, type_and_modifier) -> None:
    assert organ.terminology_entry == HEAD + type_and_modifier + TAIL


def test_the_colours_are_these() -> None:
    assert [organ.colour for organ in (*ORGANS, RIGHT_KIDNEY, LEFT_KIDNEY)] == [
        (221, 130, 101),
        (40, 145, 170),
        (150, 95, 226),
        (250, 233, 111),
        (40, 145, 170),
        (120, 235, 235),
    ]


def cielab(linear: np.ndarray) -> np.ndarray:
    """CIE 1976 L*a*b* of linear sRGB 0..1, white D65."""
    xyz = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]] @ linear
    x, y, z = (np.cbrt(v) if v > 0.008856 else 7.787 * v + 16 / 116 for v in xyz / [0.9505, 1.0, 1.089])
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


DEUTERANOPIA = [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]]


@pytest.mark.parametrize("eye", [np.eye(3), np.array(DEUTERANOPIA)], ids=["normal", "deuteranopia"])
@pytest.mark.parametrize(("one", "other"), list(combinations((*ORGANS, LEFT_KIDNEY), 2)), ids=lambda organ: organ.name)
def test_any_two_organs_can_be_told_apart_by_colour(one, other, eye) -> None:
    """Slicer's terminology has 12.5 between liver and kidneys. Deuteranopia: Machado and others, 2009."""
    shades = [np.clip(eye @ ((np.array(organ.colour) / 255 + 0.055) / 1.055) ** 2.4, 0, 1) for organ in (one, other)]
    assert np.linalg.norm(cielab(shades[0]) - cielab(shades[1])) > 30


def test_volumes_that_raise_no_question_and_parts_that_anatomy_allows() -> None:
    assert {o.name: (*o.plausible_ml, o.max_parts) for o in (*ORGANS, RIGHT_KIDNEY, LEFT_KIDNEY)} == {
        "Liver": (600, 3500, 1),
        "Kidneys": (80, 800, 2),
        "Spleen": (40, 1200, 1),
        "Pancreas": (20, 200, 3),
        "Right kidney": (40, 400, 1),
        "Left kidney": (40, 400, 1),
    }


@pytest.mark.parametrize(
    ("split", "names", "shown"),
    [
        (False, None, ["Liver", "Kidneys", "Spleen", "Pancreas"]),
        (False, ("pancreas", "liver"), ["Liver", "Pancreas"]),
        (True, ("kidneys",), ["Right kidney", "Left kidney"]),
        (True, ("spleen",), ["Spleen"]),
    ],
)
def test_organs_are_chosen_by_name(split: bool, names: tuple[str, ...] | None, shown: list[str]) -> None:
    assert [organ.name for organ in organs_shown(split, names)] == shown


@pytest.mark.parametrize(
    ("names", "message"),
    [((), "No organ is chosen."), (("liver", "heart"), 'Unknown organ: "heart".')],
)
def test_a_choice_without_an_organ_or_with_an_unknown_one_is_refused(names: tuple[str, ...], message: str) -> None:
    with pytest.raises(JobError) as caught:
        organs_shown(False, names)
    assert caught.value.message == message
    assert caught.value.hint == "Choose among liver, kidneys, spleen, pancreas."

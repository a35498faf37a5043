"""The organ table against values written out here, from SNOMED CT and Slicer's terminology files."""

from __future__ import annotations

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


def test_the_left_kidney_alone_has_a_label_beyond_the_four() -> None:
    assert [(organ.label, organ.name) for organ in organs_shown(split_kidneys=True)] == [
        (1, "Liver"),
        (2, "Right kidney"),
        (3, "Spleen"),
        (4, "Pancreas"),
        (5, "Left kidney"),
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


def test_the_colours_are_slicers() -> None:
    assert [organ.colour for organ in (*ORGANS, LEFT_KIDNEY)] == [
        (221, 130, 101),
        (185, 102, 83),
        (157, 108, 162),
        (249, 180, 111),
        (185, 102, 83),
    ]


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
    [((), "No organ is chosen."), (("liver", "heart"), 'There is no organ called "heart".')],
)
def test_a_choice_without_an_organ_or_with_an_unknown_one_is_refused(names: tuple[str, ...], message: str) -> None:
    with pytest.raises(JobError) as caught:
        organs_shown(False, names)
    assert caught.value.message == message
    assert caught.value.hint == "Choose among liver, kidneys, spleen, pancreas."

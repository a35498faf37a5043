"""What makes an abdomen, on scans of 48 cubic voxels of 5 mm: a body of muscle in air, organs and lungs as boxes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from flareseg.core.geometry import Geometry
from flareseg.core.organs import ORGANS
from flareseg.inference.anatomy import Overview, contradiction, without_parenchyma

LIVER, KIDNEYS, SPLEEN, PANCREAS = (organ.label for organ in ORGANS)
AIR, LUNG, MUSCLE, BONE = -1000.0, -800.0, 50.0, 700.0
# canonical: k runs up, j to the back, i to the left; a voxel is 0.125 mL
GEOMETRY = Geometry((48, 48, 48), (5.0, 5.0, 5.0), ((0, 0, 1), (0, 1, 0), (1, 0, 0)), (0.0, 0.0, 0.0))
ALONE = "it shows neither kidneys nor a spleen, and no liver under the lungs"

Box = tuple[slice, slice, slice]


def box(k: tuple[int, int], j: tuple[int, int], i: tuple[int, int]) -> Box:
    return slice(*k), slice(*j), slice(*i)


LIVER_BOX = box((10, 24), (16, 32), (12, 26))  # 392 mL
KIDNEY_BOX = box((10, 16), (26, 32), (28, 34))  # 27 mL


def body() -> np.ndarray:
    hu = np.full(GEOMETRY.shape, AIR, np.float32)
    hu[:, 8:40, 6:42] = MUSCLE
    return hu


def labels_of(**organs: Box) -> np.ndarray:
    labels = np.zeros(GEOMETRY.shape, np.uint8)
    for name, where in organs.items():
        labels[where] = {"liver": LIVER, "kidneys": KIDNEYS, "spleen": SPLEEN, "pancreas": PANCREAS, "left": 5}[name]
    return labels


def judged(labels: np.ndarray, hu: np.ndarray | None = None, abdomen: np.ndarray | None = None) -> str:
    """What speaks against it; the ROI network sees the abdomen where the labels are, unless told otherwise."""
    seen = labels > 0 if abdomen is None else abdomen
    return contradiction(labels, Overview(body() if hu is None else hu, seen, GEOMETRY))


@pytest.mark.parametrize("organ", ["kidneys", "spleen", "left"])
def test_kidneys_or_a_spleen_make_an_abdomen(organ: str) -> None:
    assert judged(labels_of(liver=LIVER_BOX, **{organ: KIDNEY_BOX})) == ""


@pytest.mark.parametrize("others", [{}, {"pancreas": KIDNEY_BOX}], ids=["alone", "with a pancreas"])
def test_a_liver_does_not(others: dict[str, Box]) -> None:
    assert judged(labels_of(liver=LIVER_BOX, **others)) == ALONE


def test_no_organ_does_not() -> None:
    assert judged(labels_of()) == "it shows no liver, kidney, spleen or pancreas"


@pytest.mark.parametrize(("rows", "is_abdomen"), [(4, True), (3, False)])
def test_the_roi_network_has_to_see_two_fifths_of_a_kidney(rows: int, is_abdomen: bool) -> None:
    """Four and three of its ten slices: 24 and 18 mL."""
    labels = labels_of(kidneys=box((10, 20), (26, 32), (28, 36)))
    abdomen = labels > 0
    abdomen[10 + rows :] = False
    assert (judged(labels, abdomen=abdomen) == "") == is_abdomen


@pytest.mark.parametrize(("voxels", "is_abdomen"), [(120, True), (119, False)])
def test_15_ml_of_a_kidney_count(voxels: int, is_abdomen: bool) -> None:
    labels = labels_of()
    labels[20].flat[1000 : 1000 + voxels] = KIDNEYS
    assert (judged(labels) == "") == is_abdomen


@pytest.mark.parametrize(("gap", "is_abdomen"), [(8, True), (9, False)])
def test_a_liver_within_40_mm_under_the_lungs_makes_an_abdomen(gap: int, is_abdomen: bool) -> None:
    hu = body()
    hu[LIVER_BOX[0].stop + gap - 1 :, 12:36, 10:38] = LUNG
    assert (judged(labels_of(liver=LIVER_BOX), hu) == "") == is_abdomen


@pytest.mark.parametrize(("columns", "is_abdomen"), [(5, True), (4, False)])
def test_three_tenths_of_the_liver_lie_under_the_lungs(columns: int, is_abdomen: bool) -> None:
    """Five and four of its fourteen columns: 36 and 29 %."""
    hu = body()
    hu[26:, 10:38, 12 - 4 : 12 + columns] = LUNG
    assert (judged(labels_of(liver=LIVER_BOX), hu) == "") == is_abdomen


@pytest.mark.parametrize(("rows", "is_abdomen"), [(20, True), (19, False)])
def test_air_of_less_than_50_cm2_in_a_slice_is_bowel_gas(rows: int, is_abdomen: bool) -> None:
    """Twenty and nineteen rows of ten columns."""
    hu = body()
    hu[26:, 14 : 14 + rows, 14:24] = LUNG
    assert (judged(labels_of(liver=LIVER_BOX), hu) == "") == is_abdomen


def test_air_outside_the_body_does_not_count_as_lung() -> None:
    """A liver that reaches up to the top of a body that ends there."""
    hu = body()
    hu[LIVER_BOX[0].stop :] = AIR
    assert judged(labels_of(liver=LIVER_BOX), hu) == ALONE


def test_a_liver_in_a_skull_makes_no_abdomen_whatever_lies_beside_it() -> None:
    hu = body()
    hu[:, 12:36, 10:38] = BONE
    hu[:, 13:35, 11:37] = MUSCLE
    found = judged(labels_of(liver=LIVER_BOX, spleen=KIDNEY_BOX), hu)
    assert found == "what looks like a liver lies inside the skull"


@pytest.mark.parametrize("hu", [140, 160, 250])
def test_the_rim_of_a_bright_liver_is_not_taken_for_a_skull(hu: float) -> None:
    """At 80 kV or 40 keV a liver is as bright as thin bone; its label is a voxel smaller than it is."""
    k, j, i = LIVER_BOX
    scan = body()
    scan[k, j.start - 1 : j.stop + 1, i.start - 1 : i.stop + 1] = hu
    assert judged(labels_of(liver=LIVER_BOX, kidneys=KIDNEY_BOX), scan) == ""


def test_ribs_are_not_taken_for_a_skull() -> None:
    hu = body()
    hu[:, 12:36, 10:38] = BONE
    hu[:, 13:35, 11:37] = MUSCLE
    hu[:, 12, 20:22] = MUSCLE  # one gap of 10 mm in each slice
    assert judged(labels_of(liver=LIVER_BOX, spleen=KIDNEY_BOX), hu) == ""


@pytest.mark.parametrize(
    ("hu", "is_organ"),
    [(-981.0, False), (-100.0, False), (-60.0, True), (50.0, True), (400.0, True), (900.0, False)],
    ids=["air", "fat", "fatty liver", "liver", "cortex of a kidney", "bone"],
)
def test_organs_of_air_fat_or_bone_cannot_be(hu: float, is_organ: bool) -> None:
    scan = body()
    scan[LIVER_BOX] = hu
    crop = torch.from_numpy(scan).repeat_interleave(2, dim=2)  # another grid over the same box
    found = without_parenchyma(labels_of(liver=LIVER_BOX, spleen=box((30, 40), (16, 30), (28, 36))), crop)
    assert [organ.name for organ in found] == ([] if is_organ else ["Liver"])


def test_an_organ_may_hold_some_air() -> None:
    scan = body()
    scan[10:16, 16:32, 12:26] = AIR  # 6 of its 14 slices
    assert without_parenchyma(labels_of(liver=LIVER_BOX), torch.from_numpy(scan)) == []

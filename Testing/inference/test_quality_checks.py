"""Volumes, HU and warnings of organs, against numbers worked out by hand on a grid of unequal sides."""

from __future__ import annotations

import numpy as np
import pytest
from flareseg.core.geometry import Geometry
from flareseg.core.organs import LEFT_KIDNEY, ORGANS, RIGHT_KIDNEY, Organ, organs_shown
from flareseg.core.report import OrganFacts
from flareseg.inference.quality_checks import organ_facts, scan_warnings
from flareseg.inference.resample import Box

LIVER, KIDNEYS, SPLEEN, PANCREAS = ORGANS
SHAPE = (10, 12, 16)
# canonical: k runs up, j to the back, i to the left; a voxel is 4 x 2.5 x 10 mm, 0.1 mL
GEOMETRY = Geometry(SHAPE, (4.0, 2.5, 10.0), ((0, 0, 1), (0, 1, 0), (1, 0, 0)), (0.0, 0.0, 0.0))
MIDDLE = Box((1, 2, 3), (9, 10, 13))


def nothing() -> tuple[np.ndarray, np.ndarray]:
    """No organ (uint8) in a scan of soft tissue whose neighbours have other HU, 30 to 90 (int16)."""
    return np.zeros(SHAPE, np.uint8), (np.arange(10 * 12 * 16, dtype=np.int16) % 61 + 30).reshape(SHAPE)


def facts_of(
    labels: np.ndarray, hu: np.ndarray, box: Box = MIDDLE, organs: tuple[Organ, ...] = ORGANS
) -> dict[str, OrganFacts]:
    return {facts.name: facts for facts in organ_facts(labels, hu, organs, box, GEOMETRY)}


def test_hu_are_the_mean_and_the_standard_deviation_of_the_organs_own_voxels() -> None:
    labels, hu = nothing()
    labels[4, 5, 6:11] = PANCREAS.label
    hu[4, 5, 6:11] = (70, 80, 90, 100, 135)
    pancreas = facts_of(labels, hu)["Pancreas"]
    assert (pancreas.voxels, pancreas.mean_hu, pancreas.std_hu) == (5, 95.0, 22.4)  # the root of 500


def test_hu_have_one_decimal() -> None:
    labels, hu = nothing()
    labels[4, 5, 6:9] = SPLEEN.label
    hu[4, 5, 6:9] = (-10, -11, -11)
    spleen = facts_of(labels, hu)["Spleen"]
    assert (spleen.mean_hu, spleen.std_hu) == (-10.7, 0.5)


def test_hu_of_large_squares_do_not_overflow() -> None:
    labels, hu = nothing()
    labels[4, 5, 6:8] = LIVER.label
    hu[4, 5, 6:8] = (3000, 2000)
    liver = facts_of(labels, hu)["Liver"]
    assert (liver.mean_hu, liver.std_hu) == (2500.0, 500.0)


def test_the_volume_is_voxels_times_a_voxels_volume() -> None:
    labels, hu = nothing()
    labels[2:6, 3:8, 4:11] = PANCREAS.label
    pancreas = facts_of(labels, hu)["Pancreas"]
    assert (pancreas.voxels, pancreas.volume_ml) == (140, pytest.approx(14.0))
    assert pancreas.warnings == ["14 mL is less than expected"]


def test_an_organ_that_is_too_large_is_told() -> None:
    labels, hu = nothing()
    labels[1:9, 2:10, 3:13] = PANCREAS.label
    thick = Geometry(SHAPE, (16.0, 2.5, 10.0), GEOMETRY.direction, GEOMETRY.origin)
    pancreas = organ_facts(labels, hu, ORGANS, MIDDLE, thick)[3]
    assert pancreas.warnings[-1] == "256 mL is more than expected"


def test_an_organ_that_is_not_there_has_no_figures() -> None:
    facts = facts_of(*nothing())["Spleen"]
    assert facts == OrganFacts(3, "Spleen", 0, 0.0, ["not found"], mean_hu=None, std_hu=None)


@pytest.mark.parametrize(
    ("voxel", "face"),
    [
        ((1, 5, 6), "lower"),
        ((8, 5, 6), "upper"),
        ((4, 2, 6), "front"),
        ((4, 9, 6), "back"),
        ((4, 5, 3), "right"),
        ((4, 5, 12), "left"),
    ],
)
def test_an_organ_on_a_face_of_the_region_is_told_which(voxel: tuple[int, int, int], face: str) -> None:
    labels, hu = nothing()
    labels[voxel] = SPLEEN.label
    assert facts_of(labels, hu)["Spleen"].warnings[:-1] == [f"touches the {face} edge of the region"]


@pytest.mark.parametrize(
    ("voxel", "face"),
    [
        ((0, 5, 6), "lower"),
        ((9, 5, 6), "upper"),
        ((4, 0, 6), "front"),
        ((4, 11, 6), "back"),
        ((4, 5, 0), "right"),
        ((4, 5, 15), "left"),
    ],
)
def test_a_face_that_is_the_scans_own_edge_is_called_so(voxel: tuple[int, int, int], face: str) -> None:
    labels, hu = nothing()
    labels[voxel] = SPLEEN.label
    spleen = facts_of(labels, hu, Box.whole(SHAPE))["Spleen"]
    assert spleen.warnings[:-1] == [f"touches the {face} edge of the scan"]


def test_an_organ_one_voxel_from_every_face_touches_none() -> None:
    labels, hu = nothing()
    labels[2:8, 3:9, 4:12] = SPLEEN.label
    assert facts_of(labels, hu)["Spleen"].warnings == ["29 mL is less than expected"]


def test_two_kidneys_have_facts_of_their_own() -> None:
    labels, hu = nothing()
    labels[4, 5, 4:6], labels[4, 5, 9:12] = RIGHT_KIDNEY.label, LEFT_KIDNEY.label
    hu[4, 5, 4:6], hu[4, 5, 9:12] = 150, 180
    found = facts_of(labels, hu, organs=organs_shown(split_kidneys=True))
    assert {name: (found[name].voxels, found[name].mean_hu) for name in ("Right kidney", "Left kidney")} == {
        "Right kidney": (2, 150.0),
        "Left kidney": (3, 180.0),
    }


def of_volumes(*volumes_ml: float) -> list[OrganFacts]:
    return [OrganFacts(organ.label, organ.name, 1, volume) for organ, volume in zip(ORGANS, volumes_ml)]


def test_a_scan_with_one_implausible_organ_is_not_doubted() -> None:
    assert scan_warnings(of_volumes(1500, 300, 200, 5), ORGANS) == []


def test_a_scan_with_two_implausible_organs_of_four_is_doubted_by_name() -> None:
    assert scan_warnings(of_volumes(1500, 900, 200, 5), ORGANS) == [
        "Missing or of unusual size: kidneys, pancreas. Check that this scan shows the whole abdomen."
    ]


def soft_tissue(organs: dict[int, tuple[float, float]]) -> tuple[np.ndarray, np.ndarray]:
    """Organs of 64 voxels, each half at mean - spread and half at mean + spread HU: by label (mean, spread)."""
    labels, hu = nothing()
    for row, (label, (mean, spread)) in enumerate(organs.items()):
        labels[1:9, 2 + row, 4:12] = label
        hu[1:9, 2 + row, 4:12] = np.tile((mean - spread, mean + spread), 4)
    return labels, hu


@pytest.mark.parametrize(
    ("organ", "mean", "warning"),
    [
        (SPLEEN, 18, "a mean of 18 HU is less than expected"),
        (LIVER, -60, "a mean of -60 HU is less than expected"),
        (KIDNEYS, 600, "a mean of 600 HU is more than expected"),
        (PANCREAS, -90, "a mean of -90 HU is less than expected"),
    ],
)
def test_a_mean_that_no_such_organ_has_is_told(organ: Organ, mean: int, warning: str) -> None:
    assert warning in facts_of(*soft_tissue({organ.label: (mean, 10)}))[organ.name].warnings


def test_a_fatty_liver_and_kidneys_full_of_contrast_are_nothing_unusual() -> None:
    facts = facts_of(*soft_tissue({LIVER.label: (-20, 15), KIDNEYS.label: (250, 90)}))
    assert [warning for name in ("Liver", "Kidneys") for warning in facts[name].warnings if "HU" in warning] == []


def test_a_spleen_with_lung_in_it_spreads_more_than_the_liver() -> None:
    facts = facts_of(*soft_tissue({LIVER.label: (45, 23), SPLEEN.label: (40, 68)}))
    assert "the HU spread by ±68, more than expected" in facts["Spleen"].warnings
    assert not any("spread" in warning for warning in facts["Liver"].warnings)


def test_a_spleen_alone_with_lung_in_it_spreads_too_much_as_well() -> None:
    facts = facts_of(*soft_tissue({SPLEEN.label: (18, 68)}))
    assert "the HU spread by ±68, more than expected" in facts["Spleen"].warnings


def test_noise_spreads_all_organs_and_is_not_held_against_any() -> None:
    facts = facts_of(*soft_tissue({organ.label: (60, 62) for organ in ORGANS}))
    assert not any("spread" in warning for each in facts.values() for warning in each.warnings)

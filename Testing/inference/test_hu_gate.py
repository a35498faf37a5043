"""The HU gate on balls of parenchyma whose labels hold air, fat, bone and metal, too."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from flareseg.core.errors import Cancelled
from flareseg.core.organs import ORGANS
from flareseg.inference.hu_gate import Removed, gate_by_hu
from flareseg.inference.resample import Slabs

LIVER, KIDNEYS, SPLEEN, PANCREAS = (organ.label for organ in ORGANS)
FAT, AIR, LUNG, CORTICAL_BONE, METAL = -100, -1000, -850, 900, 3000
SHAPE = (40, 60, 60)
FINE, COARSE, THICK = (0.8, 0.8, 0.8), (3.0, 3.0, 3.0), (8.0, 0.7, 0.7)
CPU = torch.device("cpu")


def ball(radius: float, centre: tuple[int, int, int] = (20, 30, 30)) -> np.ndarray:
    distance = sum((axis - middle) ** 2 for axis, middle in zip(np.indices(SHAPE), centre))
    return distance <= radius**2


def scan(organ: np.ndarray, hu: float, noise: float = 0.0, around: float = FAT) -> np.ndarray:
    """An organ of one density among fat, int16, with white noise."""
    clean = np.where(organ, hu, around)
    return (clean + np.random.default_rng(0).normal(0, noise, SHAPE)).astype(np.int16)


def gated(
    marks: np.ndarray, hu: np.ndarray, spacing: tuple[float, float, float] = FINE, label: int = LIVER
) -> np.ndarray:
    """What is left of a mask."""
    labels = np.where(marks, label, 0).astype(np.uint8)
    gate_by_hu(labels, hu, spacing, CPU)
    return labels == label


def lost(organ: np.ndarray, left: np.ndarray) -> float:
    """The share of an organ's voxels that its label does not hold."""
    return 1 - np.count_nonzero(organ & left) / np.count_nonzero(organ)


@pytest.mark.parametrize("spacing", [FINE, COARSE, THICK])
def test_fat_around_an_organ_leaves_its_label(spacing: tuple[float, float, float]) -> None:
    organ = ball(12)
    left = gated(ball(15), scan(organ, 60, noise=12), spacing)
    assert lost(organ, left) < 0.02
    assert not (left & ~ball(13)).any()  # what touches the organ is in part its own, once it is smoothed


def test_lung_in_the_dome_leaves_and_the_tissue_beside_it_stays() -> None:
    organ, above = ball(16), np.indices(SHAPE)[0] >= 26
    hu = scan(organ, 60)
    hu[above] = LUNG
    left = gated(organ, hu)
    assert not (left & above).any()
    assert lost(organ & ~above, left) < 0.01  # of the rim, beside both lung and fat


@pytest.mark.parametrize(("hu", "label"), [(55, LIVER), (30, KIDNEYS), (45, SPLEEN), (40, PANCREAS)])
def test_an_organ_without_contrast_stays_whole(hu: float, label: int) -> None:
    organ = ball(15)
    assert lost(organ, gated(organ, scan(organ, hu, noise=15, around=30), label=label)) == 0


@pytest.mark.parametrize("spacing", [FINE, COARSE, THICK])
def test_noise_of_60_hu_takes_hardly_a_voxel(spacing: tuple[float, float, float]) -> None:
    organ = ball(15)
    assert lost(organ, gated(organ, scan(organ, 55, noise=60, around=40), spacing)) < 0.01


@pytest.mark.parametrize("hu", [0, -20, -35])
def test_a_fatty_liver_stays_whole(hu: float) -> None:
    organ = ball(15)
    assert lost(organ, gated(organ, scan(organ, hu, noise=15, around=40))) < 0.002


def test_a_fatty_liver_in_a_noisy_scan_keeps_its_inside_and_nearly_all_of_its_border() -> None:
    organ = ball(15)
    left = gated(organ, scan(organ, -20, noise=60, around=40), COARSE)
    assert lost(ball(12), left) < 0.001
    assert lost(organ, left) < 0.04


def test_a_coil_inside_an_organ_makes_no_hole() -> None:
    organ = ball(15)
    hu = scan(organ, 110, noise=12)
    hu[18:22, 28:32, 28:32] = METAL
    hu[22:24, 28:32, 28:32] = AIR  # its streaks
    assert lost(organ, gated(organ, hu)) < 0.002


def test_a_coil_on_the_border_of_an_organ_leaves_and_what_is_beside_it_stays() -> None:
    organ = ball(15)
    hu = scan(organ, 110, around=40)
    coil = np.zeros(SHAPE, bool)
    coil[18:22, 28:32, 40:48] = True
    hu[coil] = METAL
    np.testing.assert_array_equal(gated(organ, hu), organ & ~coil)


def test_a_rib_leaves_the_liver() -> None:
    organ, rib = ball(12), np.indices(SHAPE)[2] >= 40
    hu = scan(organ, 60, noise=12, around=40)
    hu[rib] = CORTICAL_BONE
    np.testing.assert_array_equal(gated(ball(14), hu), ball(14) & ~rib)


def test_contrast_in_the_renal_pelvis_leaves_the_parenchyma_whole() -> None:
    kidney = ball(15)
    pelvis = ball(6, (20, 30, 40))
    hu = scan(kidney, 220, noise=20)
    hu[pelvis] = 1200
    assert lost(kidney & ~pelvis, gated(kidney, hu, label=KIDNEYS)) < 0.005


def test_fat_that_the_organ_encloses_stays_in_its_label() -> None:
    organ = ball(15)
    hu = scan(organ, 60)
    hu[ball(5)] = FAT
    np.testing.assert_array_equal(gated(organ, hu), organ)


def test_fat_that_leads_out_of_the_organ_leaves() -> None:
    organ, hilum = ball(15), np.zeros(SHAPE, bool)
    hilum[18:23, 28:33, 30:] = True
    hu = scan(organ, 60)
    hu[hilum] = FAT
    left = gated(organ, hu)
    assert not left[20, 30, 31:].any()
    assert lost(organ & ~hilum, left) < 0.02


def test_an_organ_of_air_is_none() -> None:
    assert not gated(ball(15), scan(ball(15), -981, noise=20, around=AIR)).any()


def test_each_organ_has_limits_of_its_own() -> None:
    liver, pancreas = ball(10, (20, 15, 15)), ball(10, (20, 45, 45))
    labels = np.where(liver, LIVER, np.where(pancreas, PANCREAS, 0)).astype(np.uint8)
    hu = np.where(liver, -40, np.where(pancreas, 40, FAT)).astype(np.int16)
    hu[ball(10, (20, 45, 45)) & ~ball(7, (20, 45, 45))] = -60  # lobules with fat between them
    gate_by_hu(labels, hu + np.random.default_rng(0).normal(0, 8, SHAPE).astype(np.int16), FINE, CPU)
    assert lost(liver, labels == LIVER) < 0.2
    assert lost(pancreas, labels == PANCREAS) > 0.4


def test_what_left_is_told_by_organ_and_side() -> None:
    right, left = ball(8, (20, 30, 12)), ball(8, (20, 30, 48))
    labels = np.where(right | left, KIDNEYS, 0).astype(np.uint8)
    hu = scan(right | left, 150)
    hu[right & (np.indices(SHAPE)[1] >= 36)] = FAT
    before = labels.copy()
    removed = gate_by_hu(labels, hu, FINE, CPU)
    gone = np.count_nonzero(before != labels)
    assert gone > 30
    assert removed.counts()[[0, KIDNEYS, 5]].tolist() == [0, gone, 0]
    assert removed.counts(midline=30.0)[[KIDNEYS, 5]].tolist() == [gone, 0]
    assert removed.counts(midline=5.0)[[KIDNEYS, 5]].tolist() == [0, gone]


@pytest.mark.parametrize("megabytes", [0.001, 1000.0])
def test_the_size_of_a_slab_changes_nothing(megabytes: float) -> None:
    hu = scan(ball(12), 60, noise=40)
    labels = [np.where(ball(15), SPLEEN, 0).astype(np.uint8) for _ in range(2)]
    gate_by_hu(labels[0], hu, FINE, CPU)
    gate_by_hu(labels[1], hu, FINE, CPU, Slabs(megabytes))
    np.testing.assert_array_equal(*labels)


@pytest.mark.parametrize("dtype", ["int32", ">i2", "uint16", "float32", "float64"])
def test_a_scan_of_any_number_type_gives_the_same(dtype: str) -> None:
    hu = scan(ball(12), 60, noise=12) + 1024 * (dtype == "uint16")
    expected = gated(ball(15), hu)
    given = hu.astype(dtype)
    given.flags.writeable = False
    np.testing.assert_array_equal(gated(ball(15), given), expected)


def test_labels_and_scan_may_be_views() -> None:
    hu, marks = scan(ball(12), 60, noise=12), ball(15)
    labels = np.where(marks, LIVER, 0).astype(np.uint8)
    turned = labels.transpose(2, 0, 1)[::-1]
    gate_by_hu(turned, hu.transpose(2, 0, 1)[::-1], FINE, CPU)
    np.testing.assert_array_equal(labels == LIVER, gated(marks, hu))


@pytest.mark.parametrize("shape", list(itertools.permutations((1, 3, 40))))
def test_a_thin_box_is_gated(shape: tuple[int, int, int]) -> None:
    labels, hu = np.full(shape, LIVER, np.uint8), np.full(shape, 60, np.int16)
    gate_by_hu(labels, hu, FINE, CPU)
    assert (labels == LIVER).all()


def test_an_organ_of_a_few_voxels_is_left_alone() -> None:
    labels = np.zeros(SHAPE, np.uint8)
    labels[5:8, 5:8, 5:8] = PANCREAS
    removed = gate_by_hu(labels, np.full(SHAPE, FAT, np.int16), FINE, CPU)
    assert np.count_nonzero(labels) == 27
    assert removed.counts().sum() == 0


def test_without_labels_nothing_happens() -> None:
    labels = np.zeros(SHAPE, np.uint8)
    assert gate_by_hu(labels, scan(ball(9), 60), FINE, CPU).counts().sum() == 0


def test_a_gate_that_is_off_removes_nothing() -> None:
    assert Removed.nothing().counts(midline=10.0).sum() == 0


def test_progress_ends_at_one_and_a_cancel_ends_the_work_with_labels_as_they_were() -> None:
    fractions: list[float] = []
    labels = np.where(ball(15), LIVER, 0).astype(np.uint8)
    hu = scan(ball(12), 60)
    gate_by_hu(labels.copy(), hu, FINE, CPU, Slabs(1.0, fractions.append))
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0

    def cancel(_fraction: float) -> None:
        raise Cancelled()

    before = labels.copy()
    with pytest.raises(Cancelled):
        gate_by_hu(labels, hu, FINE, CPU, Slabs(1.0, cancel))
    np.testing.assert_array_equal(labels, before)

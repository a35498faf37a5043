"""The synthetic patients that accuracy is measured on: fixed, different, and stored in different ways."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from accuracy.patients import PatientPlan, plans


def small(number: int) -> PatientPlan:
    return replace(plans(number + 1)[number], shape=(40, 60, 60), spacing=(8.0, 7.0, 7.0))


def test_each_phase_is_scanned_with_each_slice_thickness_four_times() -> None:
    counts = Counter((plan.variation.phase, plan.spacing[0]) for plan in plans())
    assert len(plans()) == 64
    assert len(counts) == 16
    assert set(counts.values()) == {4}


def test_patients_differ_in_size_fat_noise_and_voxels() -> None:
    all_of_them = plans()
    assert len({plan.variation for plan in all_of_them}) == 64
    assert len({(plan.shape, plan.spacing) for plan in all_of_them}) == 64
    sizes, fat = zip(*((plan.variation.size, plan.variation.fat_mm) for plan in all_of_them))
    assert (min(sizes) < 0.9, max(sizes) > 1.1) == (True, True)
    assert (min(fat) < 10, max(fat) > 40) == (True, True)


def test_scans_are_whole_abdomens_and_now_and_then_parts() -> None:
    heights = [plan.shape[0] * plan.spacing[0] for plan in plans()]
    assert sum(height < 245 for height in heights) == 12
    assert max(plan.shape[0] * plan.shape[1] ** 2 for plan in plans()) < 20_000_000


def test_a_number_is_the_same_patient_each_time() -> None:
    first, again = small(5).make(), small(5).make()
    np.testing.assert_array_equal(first.volume.voxels, again.volume.voxels)
    np.testing.assert_array_equal(first.labels, again.labels)


@pytest.mark.parametrize(("number", "stored"), [(0, "LPS"), (1, "RAI"), (3, "LPI"), (4, "RAS")])
def test_axes_are_stored_in_different_directions_and_the_patient_lies_the_same(number: int, stored: str) -> None:
    from flareseg.core.geometry import Orientation

    plan = small(number)
    turned, straight = plan.make(), replace(plan, flipped=(False, False, False)).make()
    assert Orientation.of(turned.volume.geometry).name == stored
    canonical = turned.volume.canonical
    np.testing.assert_array_equal(canonical.voxels, straight.volume.voxels)
    assert canonical.geometry.is_close_to(straight.volume.geometry)

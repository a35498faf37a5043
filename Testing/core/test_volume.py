"""Warnings about an unusual scan, given before it is segmented."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from flareseg.core.errors import FlareError
from flareseg.core.geometry import Geometry
from flareseg.core.volume import AIR_HU, Volume, checked
from images import ct_like
from scipy.spatial.transform import Rotation


def volume(voxels: np.ndarray, spacing: tuple[float, float, float] = (3.0, 2.0, 2.0), turn: float = 0.0) -> Volume:
    columns = Rotation.from_euler("x", turn, degrees=True).as_matrix()
    axes = tuple(tuple(axis) for axis in columns.T[::-1])
    return Volume(voxels, Geometry(voxels.shape, spacing, axes, (0.0, 0.0, 0.0)))


def test_an_ordinary_scan_has_no_warnings() -> None:
    assert checked(volume(ct_like())).warnings == []


@pytest.mark.parametrize(
    ("scan", "message"),
    [
        (volume(ct_like((10, 32, 32))), "only 10 slices"),
        (volume(ct_like(), (8.0, 2.0, 2.0)), "coarse (8.0 mm)"),
        (volume(ct_like(), turn=30.0), "turned by 30 degrees"),
        (volume(np.clip(ct_like(), -60, None)), "unusual for a CT"),
        (volume(ct_like() * 100), "unusual for a CT"),
    ],
    ids=["few slices", "coarse", "oblique", "no air", "too bright"],
)
def test_an_unusual_scan_is_warned_of(scan: Volume, message: str) -> None:
    assert any(message in warning for warning in checked(scan).warnings)


def test_warnings_of_the_reader_are_kept() -> None:
    scan = volume(ct_like())
    scan.warnings.append("read with care")
    assert checked(scan).warnings == ["read with care"]


def test_voxels_that_are_not_numbers_become_air() -> None:
    voxels = ct_like().astype(np.float32)
    voxels[0, 0, 0], voxels[1, 1, 1] = np.nan, np.inf
    found = checked(volume(voxels))
    assert (found.voxels[0, 0, 0], found.voxels[1, 1, 1]) == (AIR_HU, AIR_HU)
    assert found.warnings == ["2 voxels are not numbers (NaN or infinite); they were treated as air."]
    assert np.isnan(voxels[0, 0, 0]), "the caller's own voxels are left alone"


def test_values_beyond_float32_are_told_of_without_a_raw_warning() -> None:
    voxels = ct_like().astype(np.float64)
    voxels[0, 0, 0] = 1e300
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        (told,) = checked(volume(voxels)).warnings
    assert "(-1000 to 1e+300) are unusual for a CT" in told


@pytest.mark.parametrize(
    ("voxels", "message"),
    [
        (ct_like((64, 64)), "not a volume"),
        (np.ones((10, 10, 10), complex), "not a volume"),
        (ct_like((3, 64, 64)), "only 3 slice"),
        (np.full((10, 10, 10), np.inf), "not numbers"),
        (np.zeros((10, 10, 10), np.int16), "same value"),
        (np.abs(ct_like()), "not Hounsfield units"),
    ],
    ids=["2D", "complex", "three slices", "infinite", "constant", "no negative values"],
)
def test_a_scan_that_cannot_be_segmented_is_refused(voxels: np.ndarray, message: str) -> None:
    scan = Volume(voxels, volume(ct_like()).geometry)
    with pytest.raises(FlareError, match=message) as caught:
        checked(scan)
    assert caught.value.kind == "bad_scan"
    assert caught.value.hint

"""The same body in any number of slices."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from flareseg.core.geometry import Geometry
from flareseg.core.volume import Volume
from flareseg.io.reading import read_volume
from flareseg.phantom import Phantom

from benchmarks.scans import BaseScan, resampled, write_with_slices


def centre_of(volume: Volume) -> np.ndarray:
    """RAS centre of mass in mm."""
    density = np.clip(volume.voxels + 1024.0, 0, None)
    k, j, i = (np.average(places, weights=density) for places in np.indices(density.shape))
    return (volume.geometry.ijk_to_ras() @ [i, j, k, 1])[:3]


@pytest.mark.parametrize("slices", [40, 160])
def test_a_body_stays_where_it_is_when_its_slices_change(phantom: Phantom, slices: int):
    made = resampled(phantom.volume, (slices, 128, 128))
    before, after = phantom.volume.geometry, made.geometry
    assert np.multiply(made.voxels.shape, after.spacing) == pytest.approx(np.multiply(before.shape, before.spacing))
    assert centre_of(made) == pytest.approx(centre_of(phantom.volume), abs=0.3)


def test_a_tilted_scan_keeps_its_place():
    voxels = np.full((20, 30, 40), -1000, np.int16)
    voxels[8:12, 10:20, 10:30] = 300
    axes = ((0.0, -0.6, 0.8), (0.0, 0.8, 0.6), (1.0, 0.0, 0.0))
    tilted = Volume(voxels, Geometry(voxels.shape, (5.0, 2.0, 2.0), axes, (30.0, -20.0, 700.0)))
    made = resampled(tilted, (60, 60, 60))
    assert made.geometry.direction == tilted.geometry.direction
    assert centre_of(made) == pytest.approx(centre_of(tilted), abs=0.3)


def test_the_file_holds_whole_numbers_in_the_size_asked_for(phantom: Phantom, tmp_path: Path):
    write_with_slices(tmp_path / "scan.nii.gz", phantom.volume, 24, in_plane=64)
    volume = read_volume(tmp_path / "scan.nii.gz")
    assert volume.voxels.shape == (24, 64, 64)
    assert volume.voxels.dtype == np.int16


def test_what_the_scans_are_made_of_is_said(phantom_file: Path):
    assert BaseScan.of(phantom_file).about == "a CT of 128 x 128 x 80 voxels"

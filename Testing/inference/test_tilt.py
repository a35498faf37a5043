"""A tilted gantry: the networks see an upright patient, and the labels lie on the scan's own voxels."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from dicom_files import moved, small_volume, write_series
from flareseg.cli.app import app
from flareseg.core.geometry import Geometry
from flareseg.core.run import Run
from flareseg.core.volume import Volume
from flareseg.evaluation.overlap import dice_per_organ
from flareseg.inference.cascade import Cascade
from flareseg.inference.pipeline import PipelineResult, segment_scan
from flareseg.inference.tilt import put_back, upright
from flareseg.io.reading import read_volume
from flareseg.phantom import Phantom, make_phantom
from typer.testing import CliRunner

STEP = 2.0  # mm that each slice of 4 mm lies further back: a tilt of 26.6 degrees


def tilted_grid(tilt: tuple[float, float], shape: tuple[int, int, int] = (6, 5, 4)) -> Geometry:
    axes = ((0.0, 0.0, 1.0), (0.0, 1.0, 0.0), (1.0, 0.0, 0.0))
    return Geometry(shape, (5.0, 2.0, 1.5), axes, (10.0, 20.0, 30.0), tilt)


def in_patient(geometry: Geometry, k: int, j: int, i: int) -> np.ndarray:
    """Where a voxel lies, LPS in mm, the tilt included."""
    along = np.array([k * geometry.spacing[0], j * geometry.spacing[1], i * geometry.spacing[2]])
    along[1:] += k * np.array(geometry.tilt)
    return np.array(geometry.origin) + along @ np.array(geometry.direction)


@pytest.mark.parametrize("tilt", [(2.0, 0.0), (-4.0, 0.0), (2.0, -1.5)])
def test_a_voxel_keeps_its_place_in_the_patient(tilt: tuple[float, float]) -> None:
    """Tilts by whole voxels a slice, so that nothing is interpolated."""
    volume = Volume(np.arange(120, dtype=np.int16).reshape(6, 5, 4), tilted_grid(tilt))
    straight = upright(volume)
    assert straight.geometry.tilt == (0.0, 0.0)
    for k, j, i in ((0, 0, 0), (3, 1, 2), (5, 4, 3)):
        way = in_patient(volume.geometry, k, j, i) - straight.geometry.origin
        place = np.rint(way @ np.array(straight.geometry.direction).T / straight.geometry.spacing).astype(int)
        assert straight.voxels[tuple(place)] == volume.voxels[k, j, i]
    assert (straight.voxels == -1024).sum() == straight.voxels.size - 120


@pytest.mark.parametrize("tilt", [(2.0, 0.0), (-0.7, 0.4), (1.3, -0.9)])
def test_what_went_to_the_upright_grid_comes_back_as_it_was(tilt: tuple[float, float]) -> None:
    voxels = np.arange(120, dtype=np.int16).reshape(6, 5, 4)
    straight = upright(Volume(voxels, tilted_grid(tilt)))
    np.testing.assert_array_equal(put_back(straight.voxels, tilted_grid(tilt)), voxels)


def test_a_volume_without_tilt_stays_as_it_is() -> None:
    volume = small_volume()
    assert upright(volume) is volume


@pytest.mark.parametrize("back", [1.5, -1.5])
def test_spacing_is_the_distance_of_the_planes(back: float, tmp_path: Path) -> None:
    volume = small_volume()
    read = read_volume(write_series(tmp_path / "series", volume, lambda x, k: moved(x, back=back * k)))
    assert read.geometry.spacing == pytest.approx((5.0, 2.0, 1.5))
    assert read.geometry.tilt == pytest.approx((back, 0.0), abs=1e-4)
    assert read.geometry.voxel_ml == pytest.approx(volume.geometry.voxel_ml)
    (warning,) = read.warnings
    assert warning.startswith("The gantry was tilted by 16.7 degrees. The tilt was undone for the networks.")


def test_slices_tilted_against_the_table_are_told_by_their_orientation(tmp_path: Path) -> None:
    """As scanners write it: the table moves along the body, the slices lean."""

    def lean(dataset, k):
        dataset.ImageOrientationPatient = [1, 0, 0, 0, "0.984808", "-0.173648"]
        dataset.ImagePositionPatient = [-50, -60, -70 + 5 * k]
        return dataset

    read = read_volume(write_series(tmp_path / "series", small_volume(), lean))
    assert read.geometry.spacing[0] == pytest.approx(5 * 0.984808, abs=1e-4)
    assert read.geometry.tilt == pytest.approx((-5 * 0.173648, 0.0), abs=1e-4)
    assert "tilted by 10.0 degrees" in read.warnings[0]


def test_positions_rounded_to_a_tenth_of_a_millimetre_are_not_a_tilt(tmp_path: Path) -> None:
    volume = small_volume()
    read = read_volume(write_series(tmp_path / "series", volume, lambda x, k: moved(x, left=0.05 * (k % 3))))
    assert (read.geometry.tilt, read.warnings) == ((0.0, 0.0), [])


def test_a_tilt_survives_the_way_to_the_worker() -> None:
    geometry = tilted_grid((1.25, -0.5))
    assert Geometry.from_json(geometry.to_json()) == geometry


@pytest.fixture(scope="module")
def fine() -> Phantom:
    """A phantom with a row for each millimetre."""
    return make_phantom(shape=(80, 384, 128), spacing=(4.0, 1.0, 3.0))


def scanned(fine: Phantom, step: float) -> tuple[Volume, np.ndarray]:
    """Every third row of the phantom, in each slice from ``step`` mm further back, and its true labels there."""
    rows = [np.clip(3 * np.arange(128) + round((k - 40) * step), 0, 383) for k in range(80)]
    voxels, labels = (
        np.stack([plane[own] for plane, own in zip(array, rows)]) for array in (fine.volume.voxels, fine.labels)
    )
    return Volume(voxels, replace(fine.volume.geometry, shape=voxels.shape, spacing=(4.0, 3.0, 3.0))), labels


@pytest.fixture(scope="module")
def tilted(fine: Phantom, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, np.ndarray]:
    """The phantom scanned with a tilted gantry, as a DICOM series, and its true labels on the same voxels."""
    volume, labels = scanned(fine, STEP)
    folder = tmp_path_factory.mktemp("tilted") / "series"
    return write_series(folder, volume, lambda x, k: moved(x, back=(k - 40) * STEP)), labels


def segmented(cascade: Cascade, volume: Volume) -> PipelineResult:
    with Run() as run:
        return segment_scan(cascade, lambda: volume, lambda found, geometry: None, run)


def test_a_tilted_scan_is_segmented_as_well_as_an_upright_one(
    cascade: Cascade, fine: Phantom, tilted: tuple[Path, np.ndarray]
) -> None:
    folder, ground_truth = tilted
    upright_scan, upright_ground_truth = scanned(fine, 0)
    straight, leaning = segmented(cascade, upright_scan), segmented(cascade, read_volume(folder))
    before = dice_per_organ(straight.segmentation.labels, upright_ground_truth)
    after = dice_per_organ(leaning.segmentation.labels, ground_truth)
    for label in (1, 2, 3, 4):
        assert after[label] >= before[label] - 0.02
    for one, other in zip(leaning.report.organs, straight.report.organs):
        assert one.volume_ml == pytest.approx(other.volume_ml, rel=0.02)
        assert one.voxels == (leaning.segmentation.labels == one.label).sum()


def test_the_label_map_has_a_voxel_for_each_of_the_scan(tilted: tuple[Path, np.ndarray], tmp_path: Path) -> None:
    folder, ground_truth = tilted
    arguments = ["segment", str(folder), "-o", str(tmp_path / "organs.nii.gz"), "--device", "cpu"]
    done = CliRunner().invoke(app, [*arguments, "--preview", str(tmp_path / "organs.png")])
    assert done.exit_code == 0
    assert "The gantry was tilted by 26.6 degrees." in done.stderr
    image = sitk.ReadImage(str(tmp_path / "organs.nii.gz"))
    assert image.GetSpacing() == pytest.approx((3.0, 3.0, 4.0), abs=1e-4)
    assert dice_per_organ(sitk.GetArrayFromImage(image), ground_truth)[1] > 0.9

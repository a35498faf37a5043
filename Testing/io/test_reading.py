"""Reading scans from files and DICOM folders."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from dicom_files import small_volume, write_series
from flareseg.core.errors import FlareError
from flareseg.core.volume import Volume
from flareseg.io.reading import is_scan_file, read_volume, stem
from images import ct_like, write_image
from pydicom.uid import generate_uid


@pytest.mark.parametrize("suffix", [".nii.gz", ".nii", ".nrrd", ".mha", ".mhd", ".nhdr"])
def test_voxels_spacing_and_position_are_read(suffix: str, tmp_path: Path) -> None:
    image = sitk.GetImageFromArray(ct_like())
    image.SetSpacing((0.7, 0.8, 2.5))
    image.SetOrigin((-100.0, -120.0, 50.0))
    image.SetDirection((0, 1, 0, -1, 0, 0, 0, 0, 1))
    sitk.WriteImage(image, str(tmp_path / f"scan{suffix}"))
    volume = read_volume(tmp_path / f"scan{suffix}")
    np.testing.assert_array_equal(volume.voxels, ct_like())
    assert volume.geometry.spacing == pytest.approx((2.5, 0.8, 0.7))
    assert volume.geometry.origin == pytest.approx((-100, -120, 50))
    np.testing.assert_allclose(volume.geometry.direction, [(0, 0, 1), (1, 0, 0), (0, -1, 0)], atol=1e-6)
    assert volume.name == "scan"


def test_the_ijk_to_ras_matrix_is_slicers(tmp_path: Path) -> None:
    """Slicer flips the sign of x and y of ITK's origin and columns."""
    volume = read_volume(write_image(tmp_path / "scan.nrrd", ct_like()))
    np.testing.assert_allclose(volume.geometry.ijk_to_ras(), np.diag([-1.0, -2.0, 3.0, 1.0]))


def test_names_with_spaces_and_letters_beyond_ascii_are_read(tmp_path: Path) -> None:
    path = write_image(tmp_path / "Größe des Bauchs 腹部 ü" / "scan é 1.nii.gz", ct_like())
    assert read_volume(path).name == "scan é 1"


def test_a_fourth_dimension_of_one_frame_is_accepted(tmp_path: Path) -> None:
    sitk.WriteImage(sitk.JoinSeries([sitk.GetImageFromArray(ct_like())]), str(tmp_path / "one.nii.gz"))
    assert read_volume(tmp_path / "one.nii.gz").voxels.shape == ct_like().shape


def test_the_voxels_outlive_the_reader(tmp_path: Path) -> None:
    path = write_image(tmp_path / "scan.nii", ct_like())
    voxels = [read_volume(path) for _ in range(20)]
    assert all(np.array_equal(volume.voxels, ct_like()) for volume in voxels)


@pytest.mark.parametrize(("name", "expected"), [("a.b.nii.gz", "a.b"), ("a.NRRD", "a"), ("folder", "folder")])
def test_the_stem_is_the_name_without_the_image_suffix(name: str, expected: str) -> None:
    assert stem(Path(name)) == expected


def test_only_image_files_are_scan_files(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("x")
    write_image(tmp_path / "a.nii.gz", ct_like())
    assert [path.name for path in sorted(tmp_path.iterdir()) if is_scan_file(path)] == ["a.nii.gz"]


@pytest.fixture
def series(tmp_path: Path) -> Path:
    """20 slices as an anonymiser leaves them, without UIDs."""
    volume = small_volume(20, 64, 48)
    thin = Volume(volume.voxels % 2000 - 1000, replace(volume.geometry, spacing=(2.0, 0.977, 0.977)))
    tags = {"SOPInstanceUID": "", "SeriesInstanceUID": "", "SeriesNumber": None, "SeriesDescription": "CT Body 3.0"}
    return write_series(tmp_path / "series", thin, **tags)


def test_a_dicom_series_is_read_in_hu(series: Path) -> None:
    volume = read_volume(series)
    assert volume.voxels.shape == (20, 64, 48)
    assert volume.geometry.spacing == pytest.approx((2.0, 0.977, 0.977), abs=1e-3)
    assert -1100 < volume.voxels.min() < -900
    assert volume.warnings == []


def test_of_several_series_the_longest_is_read_and_a_warning_says_so(series: Path) -> None:
    other = generate_uid()
    for n, path in enumerate(sorted(series.iterdir())[:5]):
        dataset = pydicom.dcmread(path)
        dataset.SeriesInstanceUID, dataset.SOPInstanceUID = other, generate_uid()
        dataset.save_as(series / f"other-{n}.dcm")
    volume = read_volume(series)
    assert volume.voxels.shape[0] == 20
    assert volume.warnings == [
        "The folder holds 2 DICOM series or stacks of slices; series without a number (CT Body 3.0) with 20 slices "
        "was read, because it has the most slices. flareseg segment FOLDER --list shows all."
    ]


def change(paths: list[Path], **tags: object) -> None:
    for path in paths:
        dataset = pydicom.dcmread(path)
        for tag, value in tags.items():
            setattr(dataset, tag, value)
        dataset.save_as(path)


def add_copies(paths: list[Path], **tags: object) -> list[Path]:
    copies = [Path(shutil.copy(path, path.with_name(f"copy-{path.name[-8:]}"))) for path in paths]
    change(copies, **tags)
    return copies


def test_the_same_file_twice_is_one_slice(series: Path) -> None:
    paths = sorted(series.iterdir())[:5]
    for path in paths:  # the anonymised files have lost theirs
        change([path], SOPInstanceUID=generate_uid())
    add_copies(paths)
    volume = read_volume(series)
    assert (volume.voxels.shape[0], volume.warnings) == (20, ["5 images are there twice; each was read once."])


def test_two_phases_at_the_same_places_are_refused(series: Path) -> None:
    for copy in add_copies(sorted(series.iterdir())):
        change([copy], SOPInstanceUID=generate_uid())
    with pytest.raises(FlareError, match="several phases"):
        read_volume(series)


def test_a_localizer_within_the_series_is_left_out(series: Path) -> None:
    sideways = [0, 1, 0, 0, 0, -1]
    add_copies(sorted(series.iterdir())[:1], SOPInstanceUID=generate_uid(), ImageOrientationPatient=sideways)
    volume = read_volume(series)
    assert volume.voxels.shape[0] == 20
    assert volume.geometry.spacing[0] == pytest.approx(2.0)
    assert "2 DICOM series or stacks" in volume.warnings[0]


def test_slices_without_a_spacing_are_not_a_scan(series: Path) -> None:
    change(sorted(series.iterdir()), PixelSpacing=[0, 0])
    with pytest.raises(FlareError, match="holds no DICOM series"):
        read_volume(series)


def test_ct_is_read_before_a_longer_series_of_another_kind(series: Path) -> None:
    other = generate_uid()
    paths = sorted(series.iterdir())
    for path in paths[:12]:
        change([path], SeriesInstanceUID=other, Modality="PT", SOPInstanceUID=generate_uid())
    assert read_volume(series).voxels.shape[0] == 8


def test_a_missing_slice_is_warned_of(series: Path) -> None:
    sorted(series.iterdir())[9].unlink()
    assert any("not evenly spaced" in warning for warning in read_volume(series).warnings)


def test_a_series_of_another_modality_is_warned_of(series: Path) -> None:
    for path in series.iterdir():
        dataset = pydicom.dcmread(path)
        dataset.Modality = "MR"
        dataset.save_as(path)
    assert read_volume(series).warnings == ["The series is MR, not CT; the networks know CT only."]


def test_a_tilted_gantry_is_warned_of(series: Path) -> None:
    for path in series.iterdir():
        dataset = pydicom.dcmread(path)
        dataset.ImagePositionPatient[1] += 0.5 * float(dataset.ImagePositionPatient[2])
        dataset.save_as(path)
    assert any("gantry was tilted" in warning for warning in read_volume(series).warnings)

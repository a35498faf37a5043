"""DICOM series and multi-frame files: each voxel in HU at its place in the patient."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from dicom_files import ct_slice, moved, set_pixels, small_volume, write_enhanced, write_series
from flareseg.core.errors import FlareError
from flareseg.core.volume import Volume
from flareseg.io.reading import read_volume
from pydicom import Dataset
from pydicom.uid import UID, DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian, ImplicitVRLittleEndian, RLELossless


@pytest.fixture(scope="module")
def volume() -> Volume:
    return small_volume()


def assert_same(read: Volume, volume: Volume, warnings: list[str] | None = None) -> None:
    np.testing.assert_array_equal(read.voxels, volume.voxels)
    assert read.geometry.is_close_to(volume.geometry)
    assert read.geometry.tilt == (0.0, 0.0)
    assert read.warnings == (warnings or [])


def test_a_series_is_read_in_hu_at_its_place(volume: Volume, tmp_path: Path) -> None:
    read = read_volume(write_series(tmp_path / "series", volume))
    assert_same(read, volume)
    assert (read.name, read.voxels.dtype) == ("series", np.int16)
    assert read.geometry.spacing == pytest.approx((5.0, 2.0, 1.5))
    assert read.geometry.origin == pytest.approx((-50.0, -60.0, -70.0))


def test_it_is_what_itk_reads(volume: Volume, tmp_path: Path) -> None:
    folder = write_series(tmp_path / "series", volume)
    image = sitk.ReadImage(sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(folder)))
    np.testing.assert_array_equal(read_volume(folder).voxels, sitk.GetArrayFromImage(image))


def test_file_names_and_instance_numbers_say_nothing_about_the_order(volume: Volume, tmp_path: Path) -> None:
    order = np.random.default_rng(0).permutation(24)
    for n, k in enumerate(order):
        dataset = ct_slice(volume, int(k))
        dataset.InstanceNumber = n + 1
        dataset.save_as(tmp_path / f"{n:02}", enforce_file_format=True)
    assert_same(read_volume(tmp_path), volume)


def test_a_series_scanned_from_head_to_foot_is_read_from_foot_to_head(volume: Volume, tmp_path: Path) -> None:
    for n, k in enumerate(reversed(range(24))):
        ct_slice(volume, k).save_as(tmp_path / f"{n:02}", enforce_file_format=True)
    assert_same(read_volume(tmp_path), volume)


def test_a_patient_who_lies_prone_keeps_left_and_right(volume: Volume, tmp_path: Path) -> None:
    def turn(dataset: Dataset, k: int) -> Dataset:
        dataset.ImageOrientationPatient = [-1, 0, 0, 0, -1, 0]
        return dataset

    read = read_volume(write_series(tmp_path / "series", volume, turn))
    np.testing.assert_allclose(read.geometry.direction, [(0, 0, 1), (0, -1, 0), (-1, 0, 0)])
    np.testing.assert_array_equal(read.voxels, volume.voxels)


def test_cosines_that_differ_in_the_last_digits_belong_together(volume: Volume, tmp_path: Path) -> None:
    def jitter(dataset: Dataset, k: int) -> Dataset:
        dataset.ImageOrientationPatient = ["1", f"{(k % 3 - 1) * 4e-4:.4f}", "0", f"{(k % 2) * 5e-4:.4f}", "1", "0"]
        return dataset

    read = read_volume(write_series(tmp_path / "series", volume, jitter))
    np.testing.assert_array_equal(read.voxels, volume.voxels)
    assert read.warnings == []


def test_slices_turned_by_a_degree_do_not_belong_together(volume: Volume, tmp_path: Path) -> None:
    def turn(dataset: Dataset, k: int) -> Dataset:
        if k >= 20:
            dataset.ImageOrientationPatient = ["0.999848", "0.017452", "0", "-0.017452", "0.999848", "0"]
        return dataset

    read = read_volume(write_series(tmp_path / "series", volume, turn))
    np.testing.assert_array_equal(read.voxels, volume.voxels[:20])
    assert "4 images of the same series were left out" in read.warnings[1]


def test_another_field_of_view_is_never_merged(volume: Volume, tmp_path: Path) -> None:
    def narrow(dataset: Dataset, k: int) -> Dataset:
        if k >= 14:
            dataset.PixelSpacing = ["1.6", "1.2"]
        return dataset

    read = read_volume(write_series(tmp_path / "series", volume, narrow))
    np.testing.assert_array_equal(read.voxels, volume.voxels[:14])
    assert "2 DICOM series or stacks of slices; series 1 with 14 slices was read" in read.warnings[0]
    assert "10 images of the same series were left out, because they differ" in read.warnings[1]
    assert "field of view" in read.warnings[1]


def test_a_field_of_view_that_moves_sideways_is_refused(volume: Volume, tmp_path: Path) -> None:
    folder = write_series(tmp_path / "series", volume, lambda x, k: moved(x, left=30.0) if k > 12 else x)
    with pytest.raises(FlareError, match="displaced sideways"):
        read_volume(folder)


def test_positions_count_where_all_slices_have_one_sop_instance_uid(volume: Volume, tmp_path: Path) -> None:
    assert_same(read_volume(write_series(tmp_path / "series", volume, SOPInstanceUID="1.2.3.4")), volume)


def test_a_copy_of_a_slice_counts_once(volume: Volume, tmp_path: Path) -> None:
    write_series(tmp_path / "series", volume)
    write_series(tmp_path / "series" / "again", volume)
    found = read_volume(tmp_path / "series")
    assert_same(found, volume, ["24 images are there twice; each was read once."])


def test_images_of_another_modality_in_one_series_are_left_out_and_said(volume: Volume, tmp_path: Path) -> None:
    def without_the_top(image: Dataset, k: int) -> Dataset:
        image.Modality = "CT" if k < 18 else "MR"
        return image

    found = read_volume(write_series(tmp_path / "series", volume, without_the_top))
    assert found.geometry.shape[0] == 18
    assert any("6 images of the same series were left out" in warning for warning in found.warnings)


def test_another_image_at_the_same_place_is_not_a_copy(volume: Volume, tmp_path: Path) -> None:
    write_series(tmp_path / "series", volume)
    write_series(tmp_path / "series" / "other", Volume(volume.voxels + 1, volume.geometry))
    with pytest.raises(FlareError, match="several images of the same place"):
        read_volume(tmp_path / "series")


def test_phases_of_one_series_are_told_apart_by_their_acquisition(volume: Volume, tmp_path: Path) -> None:
    write_series(tmp_path / "first", volume, AcquisitionNumber=1)
    write_series(tmp_path / "second", Volume(volume.voxels + 7, volume.geometry), AcquisitionNumber=2)
    read = read_volume(tmp_path)
    np.testing.assert_array_equal(read.voxels, volume.voxels)
    assert "24 images of the same series were left out" in read.warnings[1]


def test_a_missing_slice_is_warned_of_with_its_place(volume: Volume, tmp_path: Path) -> None:
    read = read_volume(write_series(tmp_path / "series", volume, lambda x, k: None if k == 9 else x))
    assert read.warnings == [
        "The slices are not evenly spaced (some may be missing): 10 mm at S -30.0 to S -20.0, 5 mm elsewhere; "
        "they were read as 5.23 mm apart, so borders and volumes may be wrong."
    ]


def test_several_missing_slices_are_refused_with_their_place(volume: Volume, tmp_path: Path) -> None:
    folder = write_series(tmp_path / "series", volume, lambda x, k: None if 8 <= k < 12 else x)
    with pytest.raises(FlareError, match=r"missing, or it consists of parts: 25 mm at S -35\.0 to S -10\.0"):
        read_volume(folder)


@pytest.mark.parametrize("signed", [False, True])
def test_stored_values_are_read_signed_or_not(signed: bool, volume: Volume, tmp_path: Path) -> None:
    def store(dataset: Dataset, k: int) -> Dataset:
        plane = volume.voxels[k]
        dataset.RescaleIntercept = "0" if signed else "-1024"
        return set_pixels(dataset, plane if signed else (plane + 1024).astype(np.uint16))

    assert_same(read_volume(write_series(tmp_path / "series", volume, store)), volume)


def test_each_slice_has_its_own_slope_and_intercept(volume: Volume, tmp_path: Path) -> None:
    """As scanners with a slope for each slice write them: the first slice's would be wrong for all others."""

    def rescale(dataset: Dataset, k: int) -> Dataset:
        slope, intercept = 0.25 * (k + 1), -1000.0 - 10 * k
        dataset.RescaleSlope, dataset.RescaleIntercept = str(slope), str(intercept)
        return set_pixels(dataset, np.rint((volume.voxels[k] - intercept) / slope).astype(np.int16))

    read = read_volume(write_series(tmp_path / "series", volume, rescale))
    assert read.voxels.dtype == np.float32
    assert np.abs(read.voxels - volume.voxels).max() <= 3.0  # half of the largest slope
    np.testing.assert_array_equal(read.voxels[3], volume.voxels[3])  # its slope is 1


def test_signed_slices_without_rescale_are_taken_for_hu_and_said(volume: Volume, tmp_path: Path) -> None:
    def strip(dataset: Dataset, k: int) -> Dataset:
        if k < 5:
            del dataset.RescaleSlope, dataset.RescaleIntercept
            set_pixels(dataset, volume.voxels[k])
        return dataset

    read = read_volume(write_series(tmp_path / "series", volume, strip))
    assert_same(read, volume, ["5 slices have no rescale slope and intercept; their values were taken for HU."])


def test_unsigned_slices_without_rescale_among_others_are_refused(volume: Volume, tmp_path: Path) -> None:
    def strip(dataset: Dataset, k: int) -> Dataset:
        if k == 5:
            del dataset.RescaleSlope, dataset.RescaleIntercept
        return dataset

    with pytest.raises(FlareError, match=r"1 of 24 slices .* no rescale slope .*\(IM005.dcm is one\)"):
        read_volume(write_series(tmp_path / "series", volume, strip))


@pytest.mark.parametrize(("padding", "expected"), [(0xFFFF, -1024), (0x8000, -1024), (1064, 40)])
def test_padding_becomes_air_unless_it_may_be_tissue(
    padding: int, expected: int, volume: Volume, tmp_path: Path
) -> None:
    def pad(dataset: Dataset, k: int) -> Dataset:
        dataset.PixelPaddingValue = padding
        stored = (volume.voxels[k] + 1024).astype(np.uint16)
        stored[0, 0] = padding
        return set_pixels(dataset, stored)

    read = read_volume(write_series(tmp_path / "series", volume, pad))
    assert (read.voxels[:, 0, 0] == expected).all()
    np.testing.assert_array_equal(read.voxels[:, 1:], volume.voxels[:, 1:])


def test_bits_above_those_stored_are_left_out(volume: Volume, tmp_path: Path) -> None:
    """Old scanners keep an overlay in them."""
    narrow = Volume((volume.voxels % 2000 - 1000).astype(np.int16), volume.geometry)

    def overlay(dataset: Dataset, k: int) -> Dataset:
        dataset.BitsStored, dataset.HighBit = 12, 11
        return set_pixels(dataset, (narrow.voxels[k] + 1024).astype(np.uint16) | 0x4000)

    assert_same(read_volume(write_series(tmp_path / "series", narrow, overlay)), narrow)


@pytest.mark.parametrize(
    "syntax", [ImplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian, RLELossless]
)
def test_other_transfer_syntaxes_are_read(syntax: UID, volume: Volume, tmp_path: Path) -> None:
    assert_same(read_volume(write_series(tmp_path / "series", volume, lambda x, k: recoded(x, syntax))), volume)


def recoded(dataset: Dataset, syntax: UID) -> Dataset:
    if syntax == RLELossless:
        dataset.compress(syntax, generate_instance_uid=False)
    elif syntax == ExplicitVRBigEndian:
        dataset.PixelData = np.frombuffer(dataset.PixelData, "<u2").astype(">u2").tobytes()
    dataset.file_meta.TransferSyntaxUID = syntax
    return dataset


def test_files_without_preamble_and_meta_information_are_read(volume: Volume, tmp_path: Path) -> None:
    for k in range(24):
        dataset = ct_slice(volume, k)
        del dataset.file_meta
        dataset.save_as(tmp_path / f"IM{k:03}", implicit_vr=True, little_endian=True, enforce_file_format=False)
    assert (tmp_path / "IM000").read_bytes()[128:132] != b"DICM"
    assert_same(read_volume(tmp_path), volume)


ORDERS = {
    "as scanned": list(range(24)),
    "head first": list(reversed(range(24))),
    "interleaved": [*range(0, 24, 2), *range(1, 24, 2)],
}


@pytest.mark.parametrize("frames", ORDERS.values(), ids=ORDERS)
def test_frames_of_an_enhanced_file_are_read_in_the_order_of_their_places(
    frames: list[int], volume: Volume, tmp_path: Path
) -> None:
    read = read_volume(write_enhanced(tmp_path / "scan.dcm", volume, frames))
    assert_same(read, volume)
    assert read.name == "scan"


def test_an_enhanced_file_may_lie_in_a_folder_or_have_no_suffix(volume: Volume, tmp_path: Path) -> None:
    assert_same(read_volume(write_enhanced(tmp_path / "folder" / "I1", volume)), volume)
    assert_same(read_volume(tmp_path / "folder"), volume)


def test_a_missing_frame_is_warned_of_and_several_are_refused(volume: Volume, tmp_path: Path) -> None:
    frames = [k for k in range(24) if k != 9]
    read = read_volume(write_enhanced(tmp_path / "scan.dcm", volume, frames))
    assert "not evenly spaced (some may be missing): 10 mm at S -30.0 to S -20.0" in read.warnings[0]
    assert read.geometry.spacing == pytest.approx((115 / 22, 2.0, 1.5))
    gap = [k for k in range(24) if not 8 <= k < 12]
    with pytest.raises(FlareError, match=r"25 mm at S -35\.0 to S -10\.0"):
        read_volume(write_enhanced(tmp_path / "gap.dcm", volume, gap))


@pytest.mark.parametrize("compressed", [False, True])
def test_each_frame_has_its_own_rescale(compressed: bool, volume: Volume, tmp_path: Path) -> None:
    slopes = [0.5 if k % 2 else 1.0 for k in range(24)]
    path = write_enhanced(tmp_path / "scan.dcm", volume, list(reversed(range(24))), slopes)
    if compressed:
        recoded(pydicom.dcmread(path), RLELossless).save_as(path)
    assert_same(read_volume(path), volume)


def test_a_folder_may_hold_subfolders_and_other_files(volume: Volume, tmp_path: Path) -> None:
    write_series(tmp_path / "study" / "series", volume)
    (tmp_path / "README").write_text("From the archive.")
    (tmp_path / "study" / "series" / "notes.txt").write_text("Dear colleague")
    (tmp_path / "study" / "series" / "._IM000.dcm").write_bytes(bytes(100))  # as macOS leaves them
    assert_same(read_volume(tmp_path), volume)


def test_a_dicomdir_is_not_an_image(volume: Volume, tmp_path: Path) -> None:
    write_series(tmp_path / "IMAGES", volume)
    directory = ct_slice(volume, 0)
    directory.file_meta.MediaStorageSOPClassUID = directory.SOPClassUID = "1.2.840.10008.1.3.10"
    directory.save_as(tmp_path / "DICOMDIR", enforce_file_format=True)
    assert_same(read_volume(tmp_path), volume)


def test_images_at_one_place_in_another_series_are_another_stack(volume: Volume, tmp_path: Path) -> None:
    write_series(tmp_path / "a", volume)
    write_series(tmp_path / "b", volume, series="1.2.3.9")
    assert "2 DICOM series" in read_volume(tmp_path).warnings[0]


def test_series_without_uid_are_told_apart_by_their_folders(volume: Volume, tmp_path: Path) -> None:
    """As anonymisers leave them."""
    write_series(tmp_path / "a", volume, SeriesInstanceUID="", SOPInstanceUID="")
    write_series(tmp_path / "b", small_volume(10), SeriesInstanceUID="")
    read = read_volume(tmp_path)
    np.testing.assert_array_equal(read.voxels, volume.voxels)
    assert "2 DICOM series" in read.warnings[0]
    assert len(read.warnings) == 1


def test_the_real_series_is_read_as_itk_reads_it(real_ct: Path) -> None:
    """JPEG 2000, without UIDs."""
    read = read_volume(real_ct / "dicom_series")
    image = sitk.ReadImage(sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(real_ct / "dicom_series")))
    np.testing.assert_array_equal(read.voxels, sitk.GetArrayFromImage(image))
    assert read.geometry.spacing == pytest.approx(image.GetSpacing()[::-1])
    assert read.geometry.origin == pytest.approx(image.GetOrigin())
    assert read.warnings == []

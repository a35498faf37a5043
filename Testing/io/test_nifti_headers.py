"""NIfTI and Analyze headers: orientation, units, scaling, byte order, pairs, and what is said about them."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
from flareseg.core.errors import FlareError
from flareseg.io.reading import read_volume
from nifti_bytes import (
    CODES,
    DIM,
    MAGIC,
    PIXDIM,
    QUATERNION,
    ROTATED,
    SCALE,
    SROW,
    UNITS,
    VOX_OFFSET,
    VOXELS,
    header,
    written,
)

LPS = [(0, 0, 1), (0, 1, 0), (1, 0, 0)]  # axes k, j, i
TURNED = [(0, 0, 1), (-1, 0, 0), (0, 1, 0)]  # of ROTATED


def axes(path: Path) -> np.ndarray:
    return np.array(read_volume(path).geometry.direction)


def test_an_ordinary_file_is_read_without_a_word(tmp_path: Path) -> None:
    volume = read_volume(written(tmp_path / "scan.nii"))
    np.testing.assert_array_equal(volume.voxels, VOXELS)
    np.testing.assert_allclose(volume.geometry.direction, LPS, atol=1e-6)
    assert volume.geometry.spacing == pytest.approx((3, 2, 1))
    assert volume.warnings == []


def test_an_sform_off_a_right_angle_by_rounding_is_straightened(tmp_path: Path) -> None:
    """A hundred CTs of a public data set have such sforms, which ITK refuses."""
    off = (-1, 4.8e-4, 0, 0, 0, -2, 0, 0, 0, 0, 3, 0)
    found = axes(written(tmp_path / "scan.nii", (CODES, "2h", (0, 1)), (SROW, "12f", off)))
    np.testing.assert_allclose(found, LPS, atol=5e-4)
    np.testing.assert_allclose(found @ found.T, np.eye(3), atol=1e-12)


def test_a_shear_beyond_rounding_is_refused(tmp_path: Path) -> None:
    sheared = (-1, 0.01, 0, 0, 0, -2, 0, 0, 0, 0, 3, 0)
    path = written(tmp_path / "scan.nii", (CODES, "2h", (0, 1)), (SROW, "12f", sheared))
    with pytest.raises(FlareError, match="sheared"):
        read_volume(path)


@pytest.mark.parametrize(("code", "form"), [(1, "sform"), (2, "qform"), (4, "qform")])
def test_of_two_forms_that_differ_slicers_choice_is_taken_and_said(code: int, form: str, tmp_path: Path) -> None:
    path = written(tmp_path / "scan.nii", (CODES, "2h", (1, code)), (SROW, "12f", ROTATED))
    np.testing.assert_allclose(axes(path), TURNED if form == "sform" else LPS, atol=1e-6)
    assert read_volume(path).warnings == [f"The file's qform and sform differ; the {form} was used, as 3D Slicer does."]


def test_a_sheared_sform_beside_a_good_qform_is_left_and_said(tmp_path: Path) -> None:
    path = written(tmp_path / "scan.nii", (SROW, "12f", (-1, 0.5, 0, 0, 0, -2, 0, 0, 0, 0, 3, 0)))
    np.testing.assert_allclose(axes(path), LPS, atol=1e-6)
    assert read_volume(path).warnings == ["The file's sform is sheared or damaged; its qform was used."]


def test_a_damaged_qform_beside_a_good_sform_is_left_and_said(tmp_path: Path) -> None:
    path = written(tmp_path / "scan.nii", (CODES, "2h", (1, 2)), (QUATERNION, "3f", (9.0, 0, 0)))
    np.testing.assert_allclose(axes(path), LPS, atol=1e-6)
    assert read_volume(path).warnings == ["The file's qform is sheared or damaged; its sform was used."]


def test_a_file_without_orientation_is_read_as_slicer_does_and_it_is_said(tmp_path: Path) -> None:
    path = written(tmp_path / "scan.nii", (CODES, "2h", (0, 0)))
    np.testing.assert_allclose(axes(path), LPS)
    assert read_volume(path).warnings == [
        "The file does not state the orientation of the patient; its axes were taken to run to left, posterior and "
        "superior. Check right and left in the result."
    ]


def test_a_qform_with_a_negative_qfac_turns_the_slices_around(tmp_path: Path) -> None:
    path = written(tmp_path / "scan.nii", (CODES, "2h", (1, 0)), (PIXDIM, "f", (-1.0,)))
    np.testing.assert_allclose(axes(path), [(0, 0, -1), (0, 1, 0), (1, 0, 0)], atol=1e-6)


@pytest.mark.parametrize(("unit", "mm"), [(0, 1.0), (1, 1000.0), (2, 1.0), (3, 0.001)])
def test_lengths_in_metres_and_micrometres_become_mm(unit: int, mm: float, tmp_path: Path) -> None:
    volume = read_volume(written(tmp_path / "scan.nii", (UNITS, "B", (unit,))))
    assert volume.geometry.spacing == pytest.approx((3 * mm, 2 * mm, 1 * mm))


def test_two_voxel_sizes_in_one_header_are_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "scan.nii", (CODES, "2h", (0, 1)), (PIXDIM + 12, "f", (5.0,)))
    with pytest.raises(FlareError, match=r"two voxel sizes, 1 x 2 x 3 mm \(sform\) and 1 x 2 x 5 mm \(pixdim\)"):
        read_volume(path)


@pytest.mark.parametrize(
    ("slope", "intercept", "expected"),
    [(0, 5, -1000), (float("nan"), 5, -1000), (1, 24, -976), (2, float("nan"), -2000), (0.5, -10, -510)],
)
def test_values_are_scaled_as_the_standard_says(
    slope: float, intercept: float, expected: float, tmp_path: Path
) -> None:
    """A slope of zero, or none, stands for values as they are stored. VOXELS begin with -1000."""
    path = written(tmp_path / "scan.nii", (SCALE, "2f", (slope, intercept)))
    assert read_volume(path).voxels[0, 0, 0] == expected


def test_unsigned_values_become_hu_by_their_intercept(tmp_path: Path) -> None:
    stored = (VOXELS + 1024).astype(np.uint16)
    path = written(tmp_path / "scan.nii", (70, "h", (512,)), (SCALE, "2f", (1, -1024)), voxels=stored)
    np.testing.assert_array_equal(read_volume(path).voxels, VOXELS)


def test_a_big_endian_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "scan.nii").write_bytes(bytes(header(">")) + VOXELS.astype(">i2").tobytes())
    volume = read_volume(tmp_path / "scan.nii")
    np.testing.assert_array_equal(volume.voxels, VOXELS)
    assert volume.voxels.dtype.isnative
    assert volume.geometry.spacing == pytest.approx((3, 2, 1))


def nifti2() -> bytes:
    content = bytearray(544)
    struct.pack_into("<i", content, 0, 540)
    content[4:12] = b"n+2\0\r\n\032\n"
    struct.pack_into("<2h8q", content, 12, 4, 16, 3, 20, 16, 12, 1, 1, 1, 1)
    struct.pack_into("<8d", content, 104, 1, 1, 2, 3, 0, 0, 0, 0)
    struct.pack_into("<q", content, 168, 544)
    struct.pack_into("<2i", content, 344, 0, 1)
    struct.pack_into("<12d", content, 400, *ROTATED)
    struct.pack_into("<i", content, 500, 2)
    return bytes(content)


@pytest.mark.parametrize("compress", [False, True], ids=["plain", "gzip"])
def test_a_nifti2_file_is_read(compress: bool, tmp_path: Path) -> None:
    content = nifti2() + VOXELS.tobytes()
    (tmp_path / "scan.nii").write_bytes(gzip.compress(content) if compress else content)
    volume = read_volume(tmp_path / "scan.nii")
    np.testing.assert_array_equal(volume.voxels, VOXELS)
    np.testing.assert_allclose(volume.geometry.direction, TURNED, atol=1e-6)
    assert volume.geometry.origin == (-5, -6, 7)


def pair(folder: Path, magic: bytes = b"ni1\0") -> Path:
    content = header()
    struct.pack_into("<f", content, VOX_OFFSET, 0)
    content[MAGIC : MAGIC + 4] = magic
    (folder / "scan.hdr").write_bytes(content[:348])
    (folder / "scan.img").write_bytes(VOXELS.tobytes())
    return folder / "scan.hdr"


@pytest.mark.parametrize("suffix", [".hdr", ".img"])
def test_a_pair_is_read_by_either_of_its_files(suffix: str, tmp_path: Path) -> None:
    volume = read_volume(pair(tmp_path).with_suffix(suffix))
    np.testing.assert_array_equal(volume.voxels, VOXELS)
    assert volume.warnings == []


def test_an_analyze_pair_states_no_orientation(tmp_path: Path) -> None:
    volume = read_volume(pair(tmp_path, b"\0\0\0\0"))
    np.testing.assert_array_equal(volume.voxels, VOXELS)
    assert ["does not state the orientation" in warning for warning in volume.warnings] == [True]


def test_a_pair_cut_short_is_refused(tmp_path: Path) -> None:
    path = pair(tmp_path)
    (tmp_path / "scan.img").write_bytes(VOXELS.tobytes()[:-10])
    with pytest.raises(FlareError, match=r"scan.img is cut short: 7670 of 7680 bytes"):
        read_volume(path)


def test_half_a_pair_names_what_is_missing(tmp_path: Path) -> None:
    path = pair(tmp_path)
    (tmp_path / "scan.img").unlink()
    with pytest.raises(FlareError, match=r"keeps its voxels in scan.img, which is missing"):
        read_volume(path)


def test_sizes_that_the_file_cannot_hold_take_no_memory(tmp_path: Path) -> None:
    """30,000 cubed voxels are 54 TB, which no computer could promise."""
    path = written(tmp_path / "scan.nii", (DIM, "4h", (3, 30000, 30000, 30000)))
    with pytest.raises(FlareError, match="cut short"):
        read_volume(path)
    (tmp_path / "scan.nii.gz").write_bytes(gzip.compress(path.read_bytes()))
    with pytest.raises(FlareError, match="cut short"):
        read_volume(tmp_path / "scan.nii.gz")


def test_a_file_that_holds_more_than_its_header_says_is_warned_of(tmp_path: Path) -> None:
    path = written(tmp_path / "scan.nii", (DIM + 6, "h", (11,)))
    assert read_volume(path).warnings == ["The file holds 640 more bytes than its header says; they were left out."]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ((DIM, "h", (0,)), "0 dimensions are not possible"),
        ((DIM + 2, "h", (-20,)), "-20 x 16 x 12 voxels is not possible"),
        ((70, "h", (77,)), "unknown data type 77"),
        ((70, "h", (32,)), "colour or vector image"),
        ((VOX_OFFSET, "f", (float("nan"),)), "cannot begin at byte nan"),
        ((MAGIC, "4s", (b"xxxx",)), "has no NIfTI header"),
        ((SROW, "f", (float("inf"),)), "sheared or damaged"),
    ],
    ids=["no dimensions", "negative size", "unknown type", "complex", "offset", "magic", "infinite sform"],
)
def test_a_damaged_header_is_refused_or_said(
    change: tuple[int, str, tuple[float, ...]], message: str, tmp_path: Path
) -> None:
    path = written(tmp_path / "scan.nii", change)
    try:
        told = " ".join(read_volume(path).warnings)
    except FlareError as error:
        told = str(error)
    assert message in told

"""NRRD and MetaImage headers, and the data files that they name."""

from __future__ import annotations

import bz2
import gzip
import os
import zlib
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from flareseg.core.errors import FlareError
from flareseg.io.reading import read_volume
from images import ct_like

VOXELS = ct_like((12, 16, 20))
NRRD = {
    "type": "short",
    "dimension": "3",
    "space": "left-posterior-superior",
    "sizes": "20 16 12",
    "space directions": "(1,0,0) (0,2,0) (0,0,3)",
    "kinds": "domain domain domain",
    "endian": "little",
    "encoding": "raw",
    "space origin": "(10,20,30)",
}
META = {
    "ObjectType": "Image",
    "NDims": "3",
    "BinaryData": "True",
    "BinaryDataByteOrderMSB": "False",
    "CompressedData": "False",
    "TransformMatrix": "1 0 0 0 1 0 0 0 1",
    "Offset": "10 20 30",
    "ElementSpacing": "1 2 3",
    "DimSize": "20 16 12",
    "ElementType": "MET_SHORT",
    "ElementDataFile": "LOCAL",
}


def nrrd(path: Path, data: bytes = VOXELS.tobytes(), **changes: str | None) -> Path:
    """A NRRD file; an underscore in a field's name stands for a space, None leaves the field out."""
    fields = NRRD | {name.replace("_", " "): value for name, value in changes.items()}
    lines = [f"{name}: {value}\n" for name, value in fields.items() if value is not None]
    path.write_bytes(("NRRD0004\n" + "".join(lines) + "\n").encode() + data)
    return path


def meta(path: Path, data: bytes = VOXELS.tobytes(), **changes: str | None) -> Path:
    fields = META | changes
    fields["ElementDataFile"] = fields.pop("ElementDataFile")  # stays the last
    lines = [f"{name} = {value}\n" for name, value in fields.items() if value is not None]
    path.write_bytes("".join(lines).encode() + data)
    return path


@pytest.mark.parametrize(
    ("space", "expected"),
    [
        ("left-posterior-superior", (10, 20, 30)),
        ("LPS", (10, 20, 30)),
        ("right-anterior-superior", (-10, -20, 30)),
        ("left-anterior-superior", (10, -20, 30)),
    ],
)
def test_a_nrrds_space_becomes_lps(space: str, expected: tuple[int, int, int], tmp_path: Path) -> None:
    volume = read_volume(nrrd(tmp_path / "scan.nrrd", space=space))
    assert volume.geometry.origin == expected
    assert volume.geometry.spacing == (3, 2, 1)
    np.testing.assert_array_equal(volume.voxels, VOXELS)
    assert volume.warnings == []


@pytest.mark.parametrize(
    "changes", [{"space": None, "space_dimension": "3"}, {"space": None, "space_directions": None, "spacings": "1 2 3"}]
)
def test_a_nrrd_without_a_space_states_no_orientation(changes: dict[str, str | None], tmp_path: Path) -> None:
    if "spacings" in changes:
        changes = {**changes, "space_origin": None}
    volume = read_volume(nrrd(tmp_path / "scan.nrrd", **changes))
    assert volume.geometry.spacing == (3, 2, 1)
    assert ["does not state the orientation" in warning for warning in volume.warnings] == [True]


@pytest.mark.parametrize(
    ("encoding", "compress"), [("gzip", gzip.compress), ("gz", gzip.compress), ("bzip2", bz2.compress)]
)
def test_compressed_nrrds_are_read_and_cut_ones_refused(encoding: str, compress: object, tmp_path: Path) -> None:
    data = compress(VOXELS.tobytes())  # type: ignore[operator]
    np.testing.assert_array_equal(read_volume(nrrd(tmp_path / "a.nrrd", data, encoding=encoding)).voxels, VOXELS)
    with pytest.raises(FlareError, match="damaged or cut short"):
        read_volume(nrrd(tmp_path / "b.nrrd", data[:-40], encoding=encoding))


def test_a_compressed_meta_image_is_read_and_a_cut_one_refused(tmp_path: Path) -> None:
    data = zlib.compress(VOXELS.tobytes())
    np.testing.assert_array_equal(read_volume(meta(tmp_path / "a.mha", data, CompressedData="True")).voxels, VOXELS)
    with pytest.raises(FlareError, match="damaged or cut short"):
        read_volume(meta(tmp_path / "b.mha", data[:-40], CompressedData="True"))


def test_big_endian_voxels_and_skipped_bytes_are_read(tmp_path: Path) -> None:
    big = VOXELS.astype(">i2").tobytes()
    (tmp_path / "scan.raw").write_bytes(b"one line\n1234" + big)
    path = nrrd(tmp_path / "a.nhdr", b"", endian="big", data_file="scan.raw", line_skip="1", byte_skip="4")
    np.testing.assert_array_equal(read_volume(path).voxels, VOXELS)
    path = nrrd(tmp_path / "b.nhdr", b"", endian="big", data_file="scan.raw", byte_skip="-1")
    np.testing.assert_array_equal(read_volume(path).voxels, VOXELS)
    path = meta(tmp_path / "c.mhd", b"", BinaryDataByteOrderMSB="True", ElementDataFile="scan.raw", HeaderSize="-1")
    np.testing.assert_array_equal(read_volume(path).voxels, VOXELS)


NRRD_FAULTS: dict[str, tuple[dict[str, str | None], str]] = {
    "NaN spacing": ({"space_directions": "(nan,0,0) (0,2,0) (0,0,3)"}, "not a positive size|not numbers"),
    "no voxel size": ({"space_directions": None, "space_origin": None, "space": None}, 'no "spacings"'),
    "zero spacing": ({"space_directions": None, "space": None, "spacings": "1 0 3"}, "not positive"),
    "sheared": ({"space_directions": "(1,0.1,0) (0,2,0) (0,0,3)"}, "sheared"),
    "sizes too large": ({"sizes": "20 16 99999999999999999999"}, "damaged"),
    "sizes beyond the file": ({"sizes": "9000 9000 9000"}, "cut short"),
    "colours": ({"dimension": "4", "sizes": "3 20 16 12", "kinds": "RGB-color domain domain domain"}, "colour"),
    "vectors": ({"dimension": "4", "sizes": "3 20 16 12", "kinds": "vector domain domain domain"}, "colour or vector"),
    "a time series": (
        {"dimension": "4", "sizes": "20 16 12 2", "kinds": "domain domain domain time"},
        "has 4 dimensions",
    ),
    "a slice": ({"dimension": "2", "sizes": "20 16", "kinds": "domain domain"}, "2D image"),
    "text": ({"encoding": "ascii"}, 'stores its voxels as "ascii"'),
    "inches": ({"space_units": '"inch" "inch" "inch"'}, "voxel size in inch"),
    "no byte order": ({"endian": None}, 'no "endian"'),
    "unknown type": ({"type": "block"}, 'unknown type "block"'),
}


@pytest.mark.parametrize(("changes", "message"), NRRD_FAULTS.values(), ids=NRRD_FAULTS)
def test_a_nrrd_that_is_not_a_ct_is_refused(changes: dict[str, str | None], message: str, tmp_path: Path) -> None:
    with pytest.raises(FlareError, match=message):
        read_volume(nrrd(tmp_path / "scan.nrrd", **changes))


META_FAULTS: dict[str, tuple[dict[str, str | None], str]] = {
    "NaN spacing": ({"ElementSpacing": "1 nan 3"}, "not positive"),
    "no spacing": ({"ElementSpacing": None}, "does not state its voxel size"),
    "many dimensions": ({"NDims": "4294967296"}, "4.29497e+09 dimensions"),
    "negative dimensions": ({"NDims": "-1"}, "-1 dimensions"),
    "no data": ({"ElementDataFile": None}, 'no "ElementDataFile"'),
    "cut short": ({"DimSize": "20 16 13"}, "7680 of 8320 bytes"),
    "channels": ({"ElementNumberOfChannels": "3"}, "colour or vector"),
    "arrays": ({"ElementType": "MET_SHORT_ARRAY"}, "colour or vector"),
    "text": ({"BinaryData": "False"}, "stores its voxels as text"),
    "position": ({"Offset": "1 inf 3"}, "are not numbers"),
}


@pytest.mark.parametrize(("changes", "message"), META_FAULTS.values(), ids=META_FAULTS)
def test_a_meta_image_that_is_not_a_ct_is_refused(changes: dict[str, str | None], message: str, tmp_path: Path) -> None:
    path = tmp_path / "scan.mha"
    if "ElementDataFile" in changes:
        path.write_text("ObjectType = Image\nNDims = 3\nDimSize = 20 16 12\n")
    else:
        meta(path, **changes)
    with pytest.raises(FlareError) as caught:
        read_volume(path)
    assert message in str(caught.value)


def test_a_meta_image_without_axes_states_no_orientation(tmp_path: Path) -> None:
    volume = read_volume(meta(tmp_path / "scan.mha", TransformMatrix=None))
    assert ["does not state the orientation" in warning for warning in volume.warnings] == [True]


def test_a_meta_images_own_scaling_is_left_as_in_slicer_and_said(tmp_path: Path) -> None:
    path = meta(tmp_path / "scan.mha", ElementToIntensityFunctionSlope="2", ElementToIntensityFunctionOffset="-24")
    volume = read_volume(path)
    assert volume.voxels[0, 0, 0] == -1000
    np.testing.assert_array_equal(volume.voxels, sitk.GetArrayFromImage(sitk.ReadImage(str(path))))
    assert volume.warnings == [
        "The file says ElementToIntensityFunctionSlope = 2 and ElementToIntensityFunctionOffset = -24; "
        "as in 3D Slicer, its values were taken as stored."
    ]


STRANGE = {
    "scan%d.raw 1 12 1": "several data files",
    "scan%s%n.raw": "several data files",
    "LIST": "several data files",
    "/etc/passwd": "another folder",
    "../scan.raw": "another folder",
    "a/../../scan.raw": "another folder",
    "C:\\scan.raw": "another folder",
    "\\\\server\\scan.raw": "another folder",
    "~/scan.raw": "another folder",
    "none.raw": "keeps its voxels in none.raw, which is missing",
}


@pytest.mark.parametrize(("name", "message"), STRANGE.items())
def test_only_a_data_file_beside_the_header_is_opened(name: str, message: str, tmp_path: Path) -> None:
    folder = tmp_path / "scans"
    folder.mkdir()
    (tmp_path / "scan.raw").write_bytes(VOXELS.tobytes())
    for path in (
        meta(folder / "scan.mhd", b"", ElementDataFile=name),
        nrrd(folder / "scan.nhdr", b"", data_file=name),
    ):
        with pytest.raises(FlareError, match=message):
            read_volume(path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no named pipes in folders")
def test_a_pipe_as_scan_or_data_file_is_refused_before_anything_blocks(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "scan.raw")
    os.mkfifo(tmp_path / "scan.nii")
    for path in (meta(tmp_path / "scan.mhd", b"", ElementDataFile="scan.raw"), tmp_path / "scan.nii"):
        with pytest.raises(FlareError, match="not an ordinary file"):
            read_volume(path)


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="this system has no /dev/zero")
def test_a_device_is_refused_before_it_fills_memory() -> None:
    with pytest.raises(FlareError, match="not an ordinary file"):
        read_volume(Path("/dev/zero"))


def test_a_broken_link_is_named(tmp_path: Path) -> None:
    (tmp_path / "scan.nii.gz").symlink_to("moved.nii.gz")
    with pytest.raises(FlareError, match=r"is a broken link \(to moved.nii.gz\)"):
        read_volume(tmp_path / "scan.nii.gz")


def test_a_nrrd_with_one_point_in_time_is_a_volume(tmp_path: Path) -> None:
    """As SimpleITK writes it, and with the name of a space that has a time."""
    image = sitk.GetImageFromArray(np.arange(24, dtype=np.int16).reshape(2, 3, 4) - 1000)
    image.SetSpacing((0.7, 0.8, 2.5))
    image.SetOrigin((3, -4, 5))
    path = tmp_path / "scan.nrrd"
    sitk.WriteImage(sitk.JoinSeries([image]), str(path))
    written = path.read_bytes()
    for content in (written, written.replace(b"space dimension: 4", b"space: left-posterior-superior-time")):
        path.write_bytes(content)
        volume = read_volume(path)
        assert volume.geometry.shape == (2, 3, 4)
        assert volume.geometry.spacing == pytest.approx((2.5, 0.8, 0.7))
        assert volume.geometry.origin == pytest.approx((3, -4, 5))


def test_names_and_vectors_of_a_nrrd_may_be_spelled_freely(tmp_path: Path) -> None:
    path = nrrd(tmp_path / "scan.nrrd")
    expected = read_volume(path)
    head, end, voxels = path.read_bytes().partition(b"\n\n")
    path.write_bytes(head.replace(b"sizes:", b"Sizes:").replace(b",", b", ").replace(b"(", b"( ") + end + voxels)
    assert read_volume(path).geometry == expected.geometry


def test_a_nrrd_whose_position_is_given_by_axis_mins_is_refused(tmp_path: Path) -> None:
    path = nrrd(tmp_path / "scan.nrrd", space=None, space_directions=None, space_origin=None, kinds=None)
    path.write_bytes(path.read_bytes().replace(b"\n\n", b"\nspacings: 1 2 3\naxis mins: 4 5 6\n\n", 1))
    with pytest.raises(FlareError, match='states its position by "axis mins"'):
        read_volume(path)

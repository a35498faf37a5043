"""Bad scans through the command line: a plain message, an exit code, and nothing left behind."""

from __future__ import annotations

import gzip
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from flareseg.cli.app import app
from flareseg.cli.console import BAD_INPUT, NOTHING_FOUND
from images import ct_like, write_image
from typer.testing import CliRunner, Result


def segment(scan: Path, folder: Path, *options: str) -> Result:
    """``flareseg segment`` in this process: the same code, without two seconds of start for each case."""
    return CliRunner().invoke(
        app, ["segment", str(scan), "-o", str(folder / "out.nii.gz"), "--device", "cpu", *options]
    )


def no_file(path: Path) -> Path:
    return path / "none.nii.gz"


def empty_file(path: Path) -> Path:
    (path / "scan.nii.gz").touch()
    return path / "scan.nii.gz"


def text_file(path: Path) -> Path:
    (path / "scan.nii.gz").write_text("Dear radiologist,\nthis is not a scan.\n" * 40)
    return path / "scan.nii.gz"


def cut(suffix: str) -> Callable[[Path], Path]:
    def make(path: Path) -> Path:
        scan = write_image(path / f"scan{suffix}", ct_like())
        content = scan.read_bytes()
        scan.write_bytes(content[: len(content) * 2 // 3])
        return scan

    return make


def damaged_gzip(path: Path) -> Path:
    scan = write_image(path / "scan.nii.gz", ct_like())
    content = bytearray(scan.read_bytes())
    content[len(content) // 2] ^= 0xFF
    scan.write_bytes(content)
    return scan


def image_of(voxels: np.ndarray, name: str = "scan.nii.gz", **vector: bool) -> Callable[[Path], Path]:
    return lambda path: write_image(path / name, voxels, **vector)


def time_series(path: Path) -> Path:
    sitk.WriteImage(sitk.JoinSeries([sitk.GetImageFromArray(ct_like())] * 2), str(path / "scan.nii.gz"))
    return path / "scan.nii.gz"


def header_with(offset: int, form: str, *values: float) -> Callable[[Path], Path]:
    """A NIfTI file with other values at an offset of its header."""

    def make(path: Path) -> Path:
        content = bytearray(gzip.decompress(write_image(path / "whole.nii.gz", ct_like()).read_bytes()))
        struct.pack_into(form, content, offset, *values)
        (path / "scan.nii").write_bytes(content)
        return path / "scan.nii"

    return make


def sheared_nifti(path: Path) -> Path:
    scan = header_with(252, "<2h", 0, 1)(path)  # no qform, only an sform
    content = bytearray(scan.read_bytes())
    struct.pack_into("<12f", content, 280, 1, 0.5, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0)
    scan.write_bytes(content)
    return scan


def meta_image_with(field: str, value: str) -> Callable[[Path], Path]:
    def make(path: Path) -> Path:
        scan = write_image(path / "scan.mha", ct_like())
        lines = scan.read_bytes().split(b"\n")
        changed = [f"{field} = {value}".encode() if line.startswith(field.encode()) else line for line in lines]
        scan.write_bytes(b"\n".join(changed))
        return scan

    return make


def folder_without_dicom(path: Path) -> Path:
    (path / "series").mkdir()
    (path / "series" / "notes.txt").write_text("no images here")
    return path / "series"


CASES: dict[str, tuple[Callable[[Path], Path], str]] = {
    "no file": (no_file, "File or folder not found"),
    "empty file": (empty_file, "is empty (0 bytes)"),
    "text file": (text_file, "not an image file"),
    "truncated .nii": (cut(".nii"), "cut short"),
    "truncated .nii.gz": (cut(".nii.gz"), "damaged or cut short"),
    "truncated .nrrd": (cut(".nrrd"), "cut short: 40861 of 61440 bytes"),
    "truncated .mha": (cut(".mha"), "cut short: 40861 of 61440 bytes"),
    "damaged .nii.gz": (damaged_gzip, "damaged"),
    "2D image": (image_of(ct_like((64, 64)), "slice.nrrd"), "is a 2D image"),
    "one slice": (image_of(ct_like((1, 64, 64))), "at least 4 are needed"),
    "mostly NaN": (image_of(np.full((20, 32, 32), np.nan, np.float32)), "are not numbers"),
    "constant": (image_of(np.full((20, 32, 32), 40, np.int16)), "same value (40)"),
    "MR-like range": (image_of(np.abs(ct_like()) % 800), "not Hounsfield units"),
    "normalised": (image_of(ct_like().astype(np.float32) / 1000), "not Hounsfield units"),
    "RGB": (image_of(np.zeros((20, 32, 32, 3), np.uint8), "rgb.nrrd", isVector=True), "colour or vector image"),
    "4D": (time_series, "has 4 dimensions"),
    "NaN spacing": (header_with(88, "<f", float("nan")), "not positive"),
    "spacing of a kilometre": (header_with(88, "<f", 1e6), "mm is not plausible"),
    "zero spacing": (header_with(88, "<f", 0.0), "not positive"),
    "negative spacing": (header_with(88, "<f", -3.0), "not positive"),
    "zero spacing .mha": (meta_image_with("ElementSpacing", "1 2 0"), "not positive"),
    "negative spacing .mha": (meta_image_with("ElementSpacing", "1 2 -3"), "not positive"),
    "sheared .nii": (sheared_nifti, "sheared"),
    "sheared .mha": (meta_image_with("TransformMatrix", "1 0.5 0 0 1 0 0 0 1"), "sheared"),
    "no DICOM": (folder_without_dicom, "holds no DICOM series"),
}


@pytest.mark.parametrize(("make", "message"), CASES.values(), ids=CASES)
def test_a_bad_scan_is_refused_in_a_message(make: Callable[[Path], Path], message: str, tmp_path: Path) -> None:
    (tmp_path / "results").mkdir()
    result = segment(make(tmp_path), tmp_path / "results")
    assert result.exit_code == BAD_INPUT
    assert message in result.stderr
    assert "Traceback" not in result.output
    assert list((tmp_path / "results").iterdir()) == []


@pytest.mark.parametrize("offset", [float("nan"), float("inf"), 1e30])
def test_an_impossible_voxel_offset_does_not_crash(offset: float, tmp_path: Path) -> None:
    result = segment(header_with(108, "<f", offset)(tmp_path), tmp_path)
    assert "Traceback" not in result.output
    assert "Failed unexpectedly" not in result.output


@pytest.mark.parametrize("change", ["uncompressed", "bytes behind", "two members"])
def test_unusual_but_complete_gzip_files_are_read(change: str, phantom_file: Path, tmp_path: Path) -> None:
    content = gzip.decompress(phantom_file.read_bytes())
    half = len(content) // 2
    scan = tmp_path / "scan.nii.gz"
    scan.write_bytes(
        {
            "uncompressed": content,
            "bytes behind": phantom_file.read_bytes() + b"trailing",
            "two members": gzip.compress(content[:half]) + gzip.compress(content[half:]),
        }[change]
    )
    assert segment(scan, tmp_path).exit_code == 0


def test_a_scan_without_an_abdomen_exits_with_1(tmp_path: Path) -> None:
    air = np.random.default_rng(0).integers(-1000, -800, (40, 64, 64)).astype(np.int16)
    result = segment(write_image(tmp_path / "air.nii.gz", air), tmp_path)
    assert result.exit_code == NOTHING_FOUND
    assert "No abdomen found in this scan." in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["air.nii.gz"]


def test_some_voxels_that_are_not_numbers_are_taken_for_air(phantom_file: Path, tmp_path: Path) -> None:
    image = sitk.ReadImage(str(phantom_file), sitk.sitkFloat32)
    image[3, 4, 5], image[6, 7, 8] = float("nan"), float("inf")
    sitk.WriteImage(image, str(tmp_path / "scan.nii.gz"))
    result = segment(tmp_path / "scan.nii.gz", tmp_path)
    assert result.exit_code == 0
    assert "2 voxels are not numbers" in result.stderr


def test_names_with_spaces_and_letters_beyond_ascii_are_written(phantom_file: Path, tmp_path: Path) -> None:
    folder = tmp_path / "Müller's Bäuche 腹部"
    folder.mkdir()
    scan = folder / "scan é 1.nii.gz"
    scan.write_bytes(phantom_file.read_bytes())
    assert segment(scan, folder, "--preview", str(folder / "Bild ü.png")).exit_code == 0
    assert sorted(path.name for path in folder.iterdir()) == sorted(["Bild ü.png", "out.nii.gz", "scan é 1.nii.gz"])

"""DICOM files that are damaged, no images, or no files at all: named, never left out in silence."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from dicom_files import ct_slice, small_volume, write_enhanced, write_segmentation, write_series
from flareseg.core.errors import FlareError
from flareseg.io.reading import read_volume
from pydicom import Dataset
from pydicom.uid import RLELossless

Spoil = Callable[[bytes], bytes]


@pytest.fixture
def series(tmp_path: Path) -> Path:
    return write_series(tmp_path / "series", small_volume())


def compressed(dataset: Dataset, k: int) -> Dataset:
    dataset.compress(RLELossless, generate_instance_uid=False)
    return dataset


DAMAGES: dict[str, Spoil] = {
    "pixel data cut short": lambda content: content[:-100],
    "pixel data missing": lambda content: content[:-640],
    "header cut short": lambda content: content[:500],
    "nothing but the preamble": lambda content: content[:140],
    "beginning missing": lambda content: content[60:],
    "preamble missing": lambda content: content[300:],
    "empty": lambda content: b"",
    "zeros": lambda content: bytes(len(content)),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_slice_is_named(damage: Spoil, series: Path) -> None:
    path = series / "IM007.dcm"
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(FlareError, match=r"IM007\.dcm.*(damaged|cut short)"):
        read_volume(series)


@pytest.mark.parametrize("cut", [1, 9, 200])
def test_a_compressed_slice_that_is_cut_short_is_named(cut: int, tmp_path: Path) -> None:
    path = write_series(tmp_path / "series", small_volume(), compressed) / "IM003.dcm"
    path.write_bytes(path.read_bytes()[:-cut])
    with pytest.raises(FlareError, match=r"IM003\.dcm is damaged or cut short"):
        read_volume(tmp_path / "series")


def test_an_enhanced_file_that_is_cut_short_is_named(tmp_path: Path) -> None:
    path = write_enhanced(tmp_path / "scan.dcm", small_volume())
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(FlareError, match=r"scan\.dcm is damaged or cut short"):
        read_volume(path)


def test_a_damaged_file_elsewhere_is_named_and_does_not_stop_the_scan(series: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "report.dcm").write_bytes((series / "IM000.dcm").read_bytes()[:400])
    read = read_volume(tmp_path)
    assert read.voxels.shape == (24, 20, 16)
    assert read.warnings == ["report.dcm is damaged or cut short; it was left out."]


@pytest.mark.parametrize(
    ("tags", "message"),
    [
        ({"ImagePositionPatient": None}, "24 x an image without a position in the patient"),
        ({"ImageOrientationPatient": None}, "24 x an image without a valid orientation"),
        ({"ImageOrientationPatient": [1, 0, 0, 1, 0, 0]}, "24 x an image without a valid orientation"),
        ({"PixelSpacing": [0, 0]}, "without a valid pixel spacing"),
        ({"PixelSpacing": ["NaN", "NaN"]}, "without a valid pixel spacing"),
        ({"PixelSpacing": None}, "without a valid pixel spacing"),
        ({"RescaleSlope": "0"}, "without a valid rescale slope"),
        ({"SamplesPerPixel": 3, "Rows": 4, "PhotometricInterpretation": "RGB"}, "24 x a colour image"),
    ],
)
def test_images_that_make_no_volume_are_refused_with_the_reason(
    tags: dict[str, object], message: str, tmp_path: Path
) -> None:
    folder = write_series(tmp_path / "series", small_volume(), **tags)
    with pytest.raises(FlareError, match=message):
        read_volume(folder)


def test_a_slice_without_a_position_among_others_is_named(tmp_path: Path) -> None:
    def strip(dataset: Dataset, k: int) -> Dataset:
        if k == 23:
            del dataset.ImagePositionPatient
        return dataset

    read = read_volume(write_series(tmp_path / "series", small_volume(), strip))
    assert read.warnings == [
        "Left out: 1 x an image without a position in the patient (ImagePositionPatient).",
        "1 of them belong to the series that was read (IM023.dcm is one).",
    ]


def test_a_colour_image_beside_the_scan_is_said(series: Path, tmp_path: Path) -> None:
    picture = ct_slice(small_volume(), 0, series="1.2.3.4")
    picture.SamplesPerPixel, picture.Rows, picture.PhotometricInterpretation = 3, 4, "RGB"
    picture.save_as(series / "picture.dcm", enforce_file_format=True)
    assert read_volume(series).warnings == ["Left out: 1 x a colour image."]


def test_a_segmentation_beside_the_scan_is_not_taken_for_it(series: Path) -> None:
    write_segmentation(series / "segmentation.dcm", small_volume(30))
    read = read_volume(series)
    assert read.voxels.shape == (24, 20, 16)
    assert read.warnings == ["Left out: 1 x a SEG object, which is not a scan."]


def test_a_segmentation_alone_is_refused(tmp_path: Path) -> None:
    path = write_segmentation(tmp_path / "segmentation.dcm", small_volume())
    with pytest.raises(FlareError, match="make no volume: 1 x a SEG object, which is not a scan"):
        read_volume(path)


def test_a_single_slice_file_is_refused_with_a_hint(series: Path) -> None:
    with pytest.raises(FlareError, match=r"IM004\.dcm is a single DICOM slice\. Give the folder"):
        read_volume(series / "IM004.dcm")


def test_a_multi_frame_file_without_positions_is_refused(tmp_path: Path) -> None:
    dataset = ct_slice(small_volume(), 0)
    dataset.NumberOfFrames, dataset.Rows = 2, 10
    dataset.save_as(tmp_path / "cine.dcm", enforce_file_format=True)
    with pytest.raises(FlareError, match="without a position for each of its frames"):
        read_volume(tmp_path / "cine.dcm")


def test_broken_links_and_pipes_are_named_and_not_opened(series: Path) -> None:
    (series / "IM100.dcm").symlink_to("nowhere.dcm")
    os.mkfifo(series / "IM200.dcm")
    assert read_volume(series).warnings == [
        "IM100.dcm is a link to a file that is not there; it was left out.",
        "IM200.dcm is a pipe or a device, not a file; it was left out.",
    ]


def test_links_to_files_and_folders_are_followed_once(series: Path, tmp_path: Path) -> None:
    links = tmp_path / "links"
    links.mkdir()
    (links / "series").symlink_to(series)
    (series / "back").symlink_to(links)
    read = read_volume(links)
    assert (read.voxels.shape, read.warnings) == ((24, 20, 16), [])


def test_a_folder_with_nothing_but_a_broken_link_says_so(tmp_path: Path) -> None:
    (tmp_path / "scan.dcm").symlink_to("nowhere.dcm")
    with pytest.raises(FlareError, match=r"holds no DICOM series .* scan\.dcm is a link to a file that is not there"):
        read_volume(tmp_path)


def test_no_warning_names_the_patient(tmp_path: Path) -> None:
    folder = write_series(tmp_path / "a", small_volume())
    write_series(tmp_path / "Mustermann, Erika" / "b", small_volume(10), series="1.2.3")
    write_segmentation(folder / "segmentation.dcm", small_volume())
    (tmp_path / "Mustermann, Erika" / "c.dcm").write_bytes((folder / "IM000.dcm").read_bytes()[:400])
    said = " ".join(read_volume(tmp_path).warnings)
    assert "c.dcm is damaged" in said
    assert "Mustermann" not in said
    assert "4711" not in said


def test_what_invalid_tags_hold_is_not_repeated(series: Path) -> None:
    path = series / "IM002.dcm"
    path.write_bytes(path.read_bytes().replace(b"1.2.3.1", b"Erika 1"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert read_volume(series).voxels.shape == (24, 20, 16)


@pytest.mark.parametrize("kind", ["native", "compressed", "enhanced"])
def test_random_damage_ends_in_a_message_or_in_a_volume(kind: str, tmp_path: Path) -> None:
    folder = tmp_path / "series"
    if kind == "enhanced":
        path = write_enhanced(folder / "scan.dcm", small_volume(6))
    else:
        path = write_series(folder, small_volume(6), compressed if kind == "compressed" else None) / "IM002.dcm"
    whole = path.read_bytes()
    refused = 0
    for seed in range(40):
        chance = np.random.default_rng(seed)
        content = bytearray(whole)
        for place in chance.integers(128, min(len(whole), 3000), 4):
            content[place] = chance.integers(256)
        path.write_bytes(content)
        try:
            assert read_volume(folder).voxels.ndim == 3
        except FlareError as error:
            assert error.kind == "bad_scan"
            refused += 1
    assert refused >= 4

"""Of the series of a patient the best CT of the abdomen is taken, and said; --list shows all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from dicom_files import small_volume, write_segmentation, write_series
from flareseg.cli.app import app
from flareseg.io.reading import read_volume
from typer.testing import CliRunner, Result

GOOD = {"SeriesNumber": 4, "SeriesDescription": "Abdomen portal venous"}

# another series beside the good one, which has fewer slices, and why it is not taken
RIVALS: dict[str, tuple[dict[str, object], str]] = {
    "MR": ({"Modality": "MR"}, "it is CT"),
    "scout": ({"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]}, "original slices"),
    "MIP": ({"ImageType": ["DERIVED", "SECONDARY", "MIP"]}, "original slices"),
    "derived": ({"ImageType": ["DERIVED", "PRIMARY", "MPR"]}, "original slices"),
    "coronal": ({"ImageOrientationPatient": [1, 0, 0, 0, 0, -1]}, "axial slices cover at least 100 mm"),
    "head": ({"BodyPartExamined": "HEAD", "SeriesDescription": ""}, "fits the abdomen better"),
    "chest": ({"SeriesDescription": "Thorax venous"}, "fits the abdomen better"),
    "bone kernel": ({"ConvolutionKernel": "B70f"}, "soft tissue"),
    "lung kernel": ({"ConvolutionKernel": ["Bl57d", "3"]}, "soft tissue"),
    "GE bone": ({"ConvolutionKernel": "BONEPLUS"}, "soft tissue"),
    "arterial": ({"SeriesDescription": "Abdomen arterial"}, "contrast phase"),
    "native": ({"SeriesDescription": "Abdomen native"}, "contrast phase"),
}


@pytest.mark.parametrize(("rival", "why"), RIVALS.values(), ids=RIVALS)
def test_the_best_ct_of_the_abdomen_is_taken(rival: dict[str, object], why: str, tmp_path: Path) -> None:
    write_series(tmp_path / "z" / "good", small_volume(22), ConvolutionKernel="B30f", **GOOD)
    tags = {"SeriesNumber": 3, "SeriesDescription": "Abdomen portal venous", **rival}

    def place(dataset, k):
        if "ImageOrientationPatient" in rival:
            dataset.ImagePositionPatient = [0, 5 * k, 0]
        return dataset

    write_series(tmp_path / "a", small_volume(40), place, series="1.2.3", **tags)
    read = read_volume(tmp_path)
    assert read.voxels.shape[0] == 22
    assert read.warnings[0].startswith(
        "The folder holds 2 DICOM series or stacks of slices; series 4 (Abdomen portal venous) with 22 slices was read"
    )
    assert why in read.warnings[0]


def test_a_short_series_of_the_abdomen_is_not_taken_for_the_whole(tmp_path: Path) -> None:
    write_series(tmp_path / "short", small_volume(8), **GOOD)
    write_series(tmp_path / "long", small_volume(24), series="1.2.3", SeriesNumber=2)
    read = read_volume(tmp_path)
    assert read.voxels.shape[0] == 24
    assert "series 2 with 24 slices was read, because its axial slices cover at least 100 mm" in read.warnings[0]


def test_thorax_and_abdomen_is_an_abdomen(tmp_path: Path) -> None:
    write_series(tmp_path / "both", small_volume(22), SeriesNumber=5, SeriesDescription="Thorax/Abdomen 5.0 B30f")
    write_series(tmp_path / "chest", small_volume(30), series="1.2.3", SeriesDescription="Thorax")
    assert "series 5 (Thorax/Abdomen 5.0 B30f) with 22 slices was read" in read_volume(tmp_path).warnings[0]


def test_a_series_that_cannot_be_ordered_gives_way_to_one_that_can(tmp_path: Path) -> None:
    write_series(tmp_path / "good", small_volume(22), SeriesDescription="unknown", SeriesNumber=2)
    write_series(tmp_path / "mess", small_volume(30), series="1.2.3", **{**GOOD, "ImagePositionPatient": [0, 0, 0]})
    read = read_volume(tmp_path)
    assert read.voxels.shape[0] == 22
    assert "because its slices can be put on one grid" in read.warnings[0]


def test_a_projection_alone_is_read_with_a_warning(tmp_path: Path) -> None:
    write_series(tmp_path / "mip", small_volume(), ImageType=["DERIVED", "SECONDARY", "MIP"])
    (warning,) = read_volume(tmp_path / "mip").warnings
    assert "marked as DERIVED\\SECONDARY\\MIP" in warning


def test_values_of_another_kind_than_hu_are_warned_of(tmp_path: Path) -> None:
    write_series(tmp_path / "spectral", small_volume(), RescaleType="Z_EFF")
    (warning,) = read_volume(tmp_path / "spectral").warnings
    assert "given as Z_EFF, not as HU" in warning


def listing(*arguments: str | Path) -> Result:
    return CliRunner(env={"COLUMNS": "200"}).invoke(app, ["segment", *map(str, arguments), "--list"])


def test_list_shows_every_series_and_which_would_be_taken(tmp_path: Path) -> None:
    write_series(tmp_path / "good", small_volume(22), **GOOD)
    write_series(
        tmp_path / "chest", small_volume(30), series="1.2.3", SeriesNumber=2, SeriesDescription="Thorax\n lung"
    )
    write_series(tmp_path / "mess", small_volume(), series="1.2.4", SeriesNumber=7, ImagePositionPatient=[0, 0, 0])
    write_segmentation(tmp_path / "segmentation.dcm", small_volume())
    done = listing(tmp_path)
    assert done.exit_code == 0
    rows = [" ".join(line.split()) for line in done.stdout.splitlines()[2:5]]
    assert sorted(rows) == [
        "2 Thorax lung CT 30 16 x 20 1.5 x 2 x 5",
        "7 CT 24 16 x 20 1.5 x 2 x 0 several images of the same place",
        "yes 4 Abdomen portal venous CT 22 16 x 20 1.5 x 2 x 5",
    ]
    assert "! 1 x a SEG object, which is not a scan" in done.stdout
    assert "Mustermann" not in done.output


def test_list_writes_nothing_and_needs_no_output(tmp_path: Path) -> None:
    folder = write_series(tmp_path / "series", small_volume())
    before = sorted(path.name for path in tmp_path.rglob("*"))
    assert listing(folder).exit_code == 0
    assert sorted(path.name for path in tmp_path.rglob("*")) == before


@pytest.mark.parametrize("name", ["nowhere", "empty", "pipe"])
def test_list_of_no_dicom_is_refused(name: str, tmp_path: Path) -> None:

    (tmp_path / "empty").mkdir()
    os.mkfifo(tmp_path / "pipe")
    done = listing(tmp_path / name)
    assert done.exit_code == 2
    assert str(tmp_path / name) in done.stderr.replace("\n", "")
    assert "Traceback" not in done.output


def test_without_list_an_output_is_needed(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["segment", str(tmp_path)])
    assert done.exit_code == 2
    assert "--output" in done.output

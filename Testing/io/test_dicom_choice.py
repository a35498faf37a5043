"""Of the series of a patient the best CT of the abdomen is taken, and said; --list shows all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from dicom_files import moved, small_volume, write_segmentation, write_series
from flareseg.cli.app import app
from flareseg.core.errors import FlareError
from flareseg.io.reading import read_volume
from pydicom import Dataset
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
    "without contrast": ({"SeriesDescription": "Abd w/o contrast"}, "contrast phase"),
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


def stations(folder: Path, *bottoms_mm: float, **tags: object) -> Path:
    """Series of 24 slices, 5 mm apart, that begin at these heights; their numbers count from 1."""
    for number, bottom in enumerate(bottoms_mm, start=1):
        write_series(
            folder / str(number),
            small_volume(24),
            lambda dataset, k, up=bottom: moved(dataset, up=up),
            series=f"1.2.3.{number}",
            SeriesNumber=number,
            **tags,
        )
    return folder


def test_the_next_choice_is_the_next_best_series_of_another_part_of_the_body(tmp_path: Path) -> None:
    first = read_volume(stations(tmp_path, 0.0, 10.0, 400.0))
    assert first.geometry.origin[2] == -70.0
    assert first.next_choice is not None
    second = first.next_choice()
    assert second.geometry.origin[2] == 330.0  # not the one 10 mm higher, which shows the same part
    assert second.warnings[0].startswith(
        "The folder holds 3 DICOM series or stacks of slices; series 3 with 24 slices was read, because no abdomen was "
        "found in series 1 with 24 slices."
    )
    assert second.next_choice is None


def test_a_longer_series_is_another_part_of_the_body(tmp_path: Path) -> None:
    """Three times as long as the first, of which it shows all."""
    write_series(tmp_path / "head", small_volume(24), SeriesDescription="liver", SeriesNumber=1)
    write_series(tmp_path / "all", small_volume(72), series="1.2.3", SeriesNumber=2)
    first = read_volume(tmp_path)
    assert first.voxels.shape[0] == 24
    assert first.next_choice is not None
    assert first.next_choice().voxels.shape[0] == 72


def test_series_of_two_frames_of_reference_are_two_parts(tmp_path: Path) -> None:
    stations(tmp_path / "a", 0.0)
    write_series(tmp_path / "b", small_volume(24), series="1.2.4", SeriesNumber=2, FrameOfReferenceUID="1.2.3.9")
    assert read_volume(tmp_path).next_choice is not None


def test_without_contrast_is_behind_any_contrast(tmp_path: Path) -> None:
    write_series(tmp_path / "late", small_volume(22), SeriesNumber=2, SeriesDescription="Abdomen late")
    native = {"SeriesNumber": 1, "SeriesDescription": "Abdomen non-contrast"}
    write_series(tmp_path / "native", small_volume(30), series="1.2.3", **native)
    assert read_volume(tmp_path).voxels.shape[0] == 22


def test_a_few_slices_do_not_make_a_next_choice(tmp_path: Path) -> None:
    stations(tmp_path / "a", 0.0)
    other = {"SeriesNumber": 2, "FrameOfReferenceUID": "1.2.3.9"}
    write_series(tmp_path / "b", small_volume(3), series="1.2.4", **other)
    assert read_volume(tmp_path).next_choice is None


def test_a_next_choice_that_is_damaged_gives_way_to_the_one_after_it(tmp_path: Path) -> None:
    for number, slices in enumerate((40, 30, 24), start=1):
        tags = {"SeriesNumber": number, "FrameOfReferenceUID": f"1.2.3.{number}"}
        write_series(tmp_path / str(number), small_volume(slices), series=f"1.2.4.{number}", **tags)
    cut = next((tmp_path / "2").glob("*.dcm"))
    cut.write_bytes(cut.read_bytes()[:-1000])
    first = read_volume(tmp_path)
    assert first.next_choice is not None
    assert first.next_choice().voxels.shape[0] == 24


@pytest.mark.parametrize("kind", ["MR", "scout", "MIP"])
def test_only_ct_slices_are_a_next_choice(kind: str, tmp_path: Path) -> None:
    stations(tmp_path / "a", 0.0)
    other = {"SeriesNumber": 2, "FrameOfReferenceUID": "1.2.3.9", **RIVALS[kind][0]}
    write_series(tmp_path / "b", small_volume(40), series="1.2.4", **other)
    assert read_volume(tmp_path).next_choice is None


def two_stations(dataset: Dataset, k: int) -> Dataset:
    """The upper half of a series lies 300 mm higher, as another acquisition."""
    dataset.AcquisitionNumber = 1 + (k >= 14)
    return moved(dataset, up=300.0 if k >= 14 else 0.0)


def test_two_stations_of_one_series_are_two_choices(tmp_path: Path) -> None:
    """The larger one is read first."""
    first = read_volume(write_series(tmp_path, small_volume(38), two_stations))
    assert (first.voxels.shape[0], first.geometry.origin[2]) == (24, 300.0)
    assert first.next_choice is not None
    second = first.next_choice()
    assert (second.voxels.shape[0], second.geometry.origin[2]) == (14, -70.0)


def test_a_gap_within_one_acquisition_is_refused(tmp_path: Path) -> None:
    def torn(dataset: Dataset, k: int) -> Dataset:
        return moved(dataset, up=300.0 if k >= 14 else 0.0)

    with pytest.raises(FlareError, match="missing, or it consists of parts"):
        read_volume(write_series(tmp_path, small_volume(38), torn))

"""What is found in a tree of files: each CT series that can show the abdomen once, and why the rest was left out."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dicom_files import moved, small_volume, write_enhanced, write_segmentation, write_series
from flareseg.archive.discovery import count_cases, discover
from flareseg.archive.status import status_of
from flareseg.core.errors import FlareError
from flareseg.core.geometry import Geometry
from flareseg.core.volume import Volume
from flareseg.io.dicom.series import read_part
from flareseg.io.ledger import ResultLedger, file_key
from flareseg.io.writing import write_labels, write_scan
from looking import ANATOMICAL, found, left_out, links, one_by_one, reasons

CORONAL = ((0.0, 1.0, 0.0), (0.0, 0.0, -1.0), (1.0, 0.0, 0.0))


def test_series_of_nested_studies_among_other_files(source: Path, ledger: ResultLedger) -> None:
    write_series(source / "p1" / "st1" / "se1", ANATOMICAL, series="1.2.1", SeriesNumber=7, StudyInstanceUID="1.2")
    write_series(source / "p1" / "st2" / "deep" / "er", ANATOMICAL, series="1.2.2")
    write_enhanced(source / "p2" / "enhanced.dcm", ANATOMICAL)
    (source / "p3").mkdir()
    write_scan(source / "p3" / "ct.nrrd", ANATOMICAL)
    (source / "p1" / "notes.txt").write_text("not an image")
    (source / ".hidden").mkdir()
    write_scan(source / ".hidden" / "ct.nii.gz", ANATOMICAL)
    first, *others = found(source, ledger)
    assert (first.folder, first.target[:17], len(first.files)) == ("p1/st1/se1", "p1/st1/se1/S7-" + first.key[:3], 24)
    assert (first.study_uid, first.series_uid) == ("1.2", "1.2.1")
    assert [case.folder for case in others] == ["p1/st2/deep/er", "p2", "p3"]
    assert left_out(ledger) == {"p1": ("neither DICOM nor an image file", "")}


@pytest.mark.parametrize(
    ("tags", "reason"),
    [
        ({"Modality": "MR"}, "MR, not CT"),
        ({"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]}, "a localizer"),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.7"}, "a secondary capture"),
        ({"ImageType": ["DERIVED", "SECONDARY", "REFORMATTED"]}, "a reformat, or not axial"),
        ({"ImageType": ["DERIVED", "SECONDARY"]}, "a secondary image or projection"),
        ({"SamplesPerPixel": 3}, "a colour image"),
        ({"Modality": "SR"}, "a SR object, which is not a scan"),
    ],
)
def test_series_that_cannot_show_the_abdomen_are_left_out(
    tags: dict[str, Any], reason: str, source: Path, ledger: ResultLedger
) -> None:
    write_series(source / "series", ANATOMICAL, **tags)
    assert reasons(source, ledger) == {"series": reason}


def test_a_coronal_series_is_left_out(source: Path, ledger: ResultLedger) -> None:
    geometry = Geometry(ANATOMICAL.voxels.shape, (5.0, 2.0, 1.5), CORONAL, (0.0, 0.0, 0.0))
    write_series(source / "series", Volume(ANATOMICAL.voxels, geometry))
    assert reasons(source, ledger) == {"series": "a reformat, or not axial"}


def test_less_than_sixty_mm_are_left_out_of_dicom_and_of_image_files(source: Path, ledger: ResultLedger) -> None:
    write_series(source / "short", small_volume(slices=11), series="1.2.1")
    write_series(source / "long", small_volume(slices=12), series="1.2.2")
    write_scan(source / "short.nii.gz", small_volume(slices=11))
    write_scan(source / "long.nii.gz", small_volume(slices=12))
    assert [case.folder or case.name for case in found(source, ledger)] == ["long.nii.gz", "long"]
    reason = ("covers less than 60 mm", "55 mm")
    assert left_out(ledger) == {"short": reason, "short.nii.gz": reason}


def test_segmentations_are_left_out(source: Path, ledger: ResultLedger) -> None:
    write_labels(source / "labels.nii.gz", np.ones(ANATOMICAL.voxels.shape, np.uint8), ANATOMICAL.geometry)
    write_segmentation(source / "seg.dcm", ANATOMICAL)
    assert reasons(source, ledger) == {
        "labels.nii.gz": "a segmentation",
        "seg.dcm": "a SEG object, which is not a scan",
    }


def test_a_series_that_is_there_twice_is_one_case(source: Path, ledger: ResultLedger) -> None:
    write_series(source / "a", ANATOMICAL, series="1.2.1")
    shutil.copytree(source / "a", source / "b" / "again")
    (case,) = found(source, ledger)
    assert (case.folder, len(case.files)) == ("a", 24)
    assert left_out(ledger) == {"b/again": ("duplicates of images elsewhere", "in a")}


def test_a_series_that_lies_in_several_folders_is_one_case(source: Path, ledger: ResultLedger) -> None:
    write_series(source / "a", ANATOMICAL, series="1.2.1")
    (source / "b").mkdir()
    for k in range(12, 24):
        (source / "a" / f"IM{k:03}.dcm").rename(source / "b" / f"IM{k:03}.dcm")
    (case,) = found(source, ledger)
    assert len(case.files) == 24
    assert np.array_equal(read_part(case.paths(source), case.part or 0).voxels, ANATOMICAL.voxels)


def test_many_series_in_one_folder_are_cases_of_their_own(source: Path, ledger: ResultLedger) -> None:
    for number in range(3):
        write_series(source / "one", ANATOMICAL, series=f"1.2.{number}")
        for path in list((source / "one").iterdir()):
            path.rename(source / f"{number}-{path.name}")
        (source / "one").rmdir()
    cases = found(source, ledger)
    assert [(case.folder, len(case.files)) for case in cases] == [("", 24)] * 3
    assert len({case.target for case in cases}) == 3


def test_stations_of_one_series_are_cases_of_their_own(source: Path, ledger: ResultLedger) -> None:
    def apart(dataset: Any, k: int) -> Any:
        dataset.AcquisitionNumber = 1 + (k >= 24)
        return moved(dataset, up=500.0) if k >= 24 else dataset

    write_series(source / "series", small_volume(slices=40), edit=apart)
    cases = found(source, ledger)
    volumes = {case.part: read_part(case.paths(source), case.part or 0) for case in cases}
    assert {part: len(volume.voxels) for part, volume in volumes.items()} == {0: 24, 1: 16}
    assert all(volume.next_choice is None for volume in volumes.values())


def test_two_scans_of_one_name_have_results_of_their_own(source: Path, ledger: ResultLedger) -> None:
    for name in ("ct.nii.gz", "CT.nrrd", "other.nrrd"):
        write_scan(source / name, ANATOMICAL)
    assert [case.target for case in found(source, ledger)] == ["CT.nrrd", "ct.nii.gz", "other"]


def test_results_inside_the_source_are_not_scans(source: Path) -> None:
    write_scan(source / "ct.nii.gz", ANATOMICAL)
    write_scan(source / "ct-organs.nii.gz", ANATOMICAL)
    ledger = ResultLedger(source / "results")
    ledger.prepare()
    write_scan(ledger.output / "another.nii.gz", ANATOMICAL)
    assert [case.name for case in found(source, ledger)] == ["ct.nii.gz"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows permits no colon in a name")
def test_keys_follow_the_names_as_they_are_and_results_stay_apart(source: Path, ledger: ResultLedger) -> None:
    for name in ("0830.nrrd", "08:30.nrrd"):
        write_scan(source / name, ANATOMICAL)
    first, second = found(source, ledger)
    assert (first.key, second.key) == (file_key("0830.nrrd"), file_key("08:30.nrrd"))
    assert (first.target, second.target) == ("0830", f"0830-{second.key[:8]}")


def test_each_folder_is_told_and_the_status_says_that_the_search_goes_on(source: Path, ledger: ResultLedger) -> None:
    for name in ("a", "b"):
        (source / name).mkdir()
        write_scan(source / name / "ct.nii.gz", ANATOMICAL)
    said: list[bool] = []
    with ledger.lock():
        discover(source, ledger, one_by_one, lambda: said.append(status_of(ledger.output).is_searching))
        assert status_of(ledger.output).is_searching is False
    assert said == [True] * 3  # with the source itself


@links
def test_links_are_followed_once_and_out_of_the_tree_only(source: Path, ledger: ResultLedger, tmp_path: Path) -> None:
    write_scan(tmp_path / "elsewhere.nii.gz", ANATOMICAL)
    (tmp_path / "far").mkdir()
    write_scan(tmp_path / "far" / "ct.nii.gz", ANATOMICAL)
    for name, target in {"loop": source, "up": tmp_path, "one": tmp_path / "far", "two": tmp_path / "far"}.items():
        (source / name).symlink_to(target)
    assert [case.name for case in found(source, ledger)] == ["one/ct.nii.gz"]


def test_a_second_look_reads_the_headers_of_changed_folders_only(source: Path, ledger: ResultLedger) -> None:
    write_series(source / "a", ANATOMICAL, series="1.2.1")
    write_series(source / "b", ANATOMICAL, series="1.2.2")
    before = found(source, ledger)
    opened: list[str] = []
    active = [True]
    sys.addaudithook(lambda event, arguments: opened.append(str(arguments[0])) if event == "open" and active else None)
    write_series(source / "b", ANATOMICAL, series="1.2.3")
    opened.clear()
    after = found(source, ledger)
    active.clear()
    assert [case.folder for case in before] == [case.folder for case in after] == ["a", "b"]
    assert after[1].key != before[1].key
    assert not [path for path in opened if path.startswith(str(source / "a"))]
    assert [path for path in opened if path.startswith(str(source / "b"))]


def test_keys_and_names_do_not_depend_on_where_the_source_lies(
    source: Path, ledger: ResultLedger, tmp_path: Path
) -> None:
    write_series(source / "dicom", ANATOMICAL)
    (source / "sub").mkdir()
    write_scan(source / "sub" / "ct.nii.gz", ANATOMICAL)
    before = found(source, ledger)
    elsewhere = source.rename(tmp_path / "mounted elsewhere")
    assert found(elsewhere, ledger) == before


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("missing", None, "File or folder not found"),
        ("list.csv", "file\nct.nii.gz\n", 'has no column "path"'),
        ("list.parquet", "not parquet", r"The list .* cannot be read"),
        ("ct.png", "picture", "is neither a folder nor a list"),
        ("list.csv", "path\n", "holds no CT of the abdomen"),
    ],
)
def test_a_source_that_cannot_be_used_is_said(
    name: str, content: str | None, message: str, source: Path, ledger: ResultLedger
) -> None:
    if content is not None:
        (source / name).write_text(content, encoding="utf-8")
    with pytest.raises(FlareError, match=message) as caught:
        discover(source / name, ledger, one_by_one)
    assert caught.value.hint
    assert count_cases(ledger) == 0

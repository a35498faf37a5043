"""Lists of scans and folders in place of a tree."""

from __future__ import annotations

import sys
from pathlib import Path

import pyarrow
import pytest
from dicom_files import write_series
from flareseg.io.ledger import ResultLedger
from flareseg.io.writing import write_scan
from looking import ANATOMICAL, found, left_out, links
from pyarrow import parquet


@pytest.mark.skipif(sys.platform == "win32", reason="Windows permits no colon in a name")
def test_an_absolute_path_of_a_list_is_not_a_path_inside(source: Path, ledger: ResultLedger, tmp_path: Path) -> None:
    inside = source / str(tmp_path / "far").lstrip("/")
    for folder in (tmp_path / "far", inside):
        folder.mkdir(parents=True)
        write_scan(folder / "ct.nrrd", ANATOMICAL)
    (source / "list.csv").write_text(f"path\n{tmp_path / 'far' / 'ct.nrrd'}\n{inside / 'ct.nrrd'}\n", encoding="utf-8")
    cases = found(source / "list.csv", ledger)
    assert len({case.key for case in cases}) == len({case.target for case in cases}) == 2


def test_two_scans_of_one_name_in_a_list_have_results_of_their_own(source: Path, ledger: ResultLedger) -> None:
    for name in ("ct.nii.gz", "ct.nrrd"):
        write_scan(source / name, ANATOMICAL)
    (source / "list.csv").write_text("path\nct.nii.gz\nct.nrrd\n", encoding="utf-8")
    assert [case.target for case in found(source / "list.csv", ledger)] == ["ct.nii.gz", "ct.nrrd"]


def test_a_file_that_a_list_names_in_several_ways_is_one_case(source: Path, ledger: ResultLedger) -> None:
    (source / "a").mkdir()
    (source / "b").mkdir()
    write_scan(source / "a" / "ct.nii.gz", ANATOMICAL)
    write_series(source / "a" / "dicom", ANATOMICAL)
    lines = ("path", "a", "a/ct.nii.gz", "b/../a/ct.nii.gz", "a/dicom/IM000.dcm", "a/dicom")
    (source / "list.csv").write_text("\n".join(lines), encoding="utf-8")
    assert [case.files[0] for case in found(source / "list.csv", ledger)] == ["ct.nii.gz", "IM000.dcm"]


@links
def test_a_folder_to_which_two_lines_of_a_list_lead_is_looked_through_once(
    source: Path, ledger: ResultLedger, tmp_path: Path
) -> None:
    (tmp_path / "far").mkdir()
    write_scan(tmp_path / "far" / "ct.nii.gz", ANATOMICAL)
    for name in ("a", "b"):
        (source / name).mkdir()
        (source / name / "link").symlink_to(tmp_path / "far")
    (source / "list.csv").write_text("path\na\nb\n", encoding="utf-8")
    assert [case.name for case in found(source / "list.csv", ledger)] == ["a/link/ct.nii.gz"]


@links
def test_a_link_to_itself_below_an_absolute_path_is_told(source: Path, ledger: ResultLedger, tmp_path: Path) -> None:
    far = tmp_path / "far"
    far.mkdir()
    write_scan(far / "ct.nii.gz", ANATOMICAL)
    (far / "loop").symlink_to(far / "loop")
    (source / "list.csv").write_text(f"path\n{far}\n{far}/../far/loop\n", encoding="utf-8")
    assert [case.files for case in found(source / "list.csv", ledger)] == [("ct.nii.gz",), ("loop",)]
    assert left_out(ledger)[str(far / "loop")][0] == "cannot be read"


@links
def test_a_source_given_by_a_link_is_followed_once(source: Path, ledger: ResultLedger, tmp_path: Path) -> None:
    (source / "series").mkdir()
    write_scan(source / "series" / "ct.nii.gz", ANATOMICAL)
    (source / "again").symlink_to(source / "series")
    (tmp_path / "by link").symlink_to(source)
    (tmp_path / "list.csv").write_text("path\nby link\n", encoding="utf-8")
    assert [case.name for case in found(tmp_path / "list.csv", ledger)] == ["by link/series/ct.nii.gz"]


@pytest.mark.parametrize("name", ["list.csv", "list.parquet"])
def test_a_list_names_scans_and_folders(name: str, source: Path, ledger: ResultLedger, tmp_path: Path) -> None:
    write_scan(source / "ct.nii.gz", ANATOMICAL)
    write_scan(source / "not listed.nii.gz", ANATOMICAL)
    write_series(source / "dicom" / "study" / "series", ANATOMICAL)
    paths = ["ct.nii.gz", "dicom", "missing.nii.gz", "ct.nii.gz"]
    if name.endswith(".csv"):
        (source / name).write_text("id,path\n" + "".join(f"1,{path}\n" for path in paths), encoding="utf-8")
    else:
        parquet.write_table(pyarrow.table({"path": paths, "id": [1] * 4}), source / name)
    cases = found(source / name, ledger)
    assert [case.folder or case.name for case in cases] == ["ct.nii.gz", "dicom/study/series", "missing.nii.gz"]

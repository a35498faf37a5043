"""What of a source cannot be read, or is damaged, is not lost."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from dicom_files import write_series
from flareseg.archive.discovery import discover
from flareseg.archive.survey import SourceFolder
from flareseg.core.errors import FlareError, WorkerError
from flareseg.io.dicom.series import read_part
from flareseg.io.ledger import ResultLedger
from flareseg.io.writing import write_scan
from looking import ANATOMICAL, found, left_out, links, one_by_one, reasons


@links
def test_a_slice_that_cannot_be_read_for_a_while_is_not_lost(
    source: Path, ledger: ResultLedger, tmp_path: Path
) -> None:
    write_series(source / "series", ANATOMICAL)
    slice_file, away = source / "series" / "IM000.dcm", tmp_path / "IM000.dcm"
    slice_file.rename(away)
    slice_file.symlink_to(tmp_path / "mount" / "IM000.dcm")
    (case,) = found(source, ledger)
    with pytest.raises(FlareError, match=r"IM000\.dcm of the DICOM series cannot be read: No such file"):
        read_part(case.paths(source), case.part or 0)
    (tmp_path / "mount").mkdir()
    away.rename(tmp_path / "mount" / "IM000.dcm")
    (case,) = found(source, ledger)
    assert len(read_part(case.paths(source), case.part or 0).voxels) == 24


@links
def test_a_series_that_cannot_be_read_for_a_while_is_a_case_later(
    source: Path, ledger: ResultLedger, tmp_path: Path
) -> None:
    """Names, sizes and times of its files are the same before and after."""
    write_series(tmp_path / "mount", ANATOMICAL)
    (source / "series").mkdir()
    for path in sorted((tmp_path / "mount").iterdir()):
        (source / "series" / path.name).symlink_to(path)
    (tmp_path / "mount").rename(tmp_path / "away")
    assert reasons(source, ledger)["series/IM007.dcm"] == "cannot be read"
    (tmp_path / "away").rename(tmp_path / "mount")
    assert [case.folder or case.name for case in found(source, ledger)] == ["scan.nii.gz", "series"]


def test_a_read_error_during_the_search_is_not_kept(source: Path, ledger: ResultLedger) -> None:
    """Name, size and time of the file are the same before and after."""
    for number in range(2):
        write_series(source / str(number), ANATOMICAL, series=f"1.2.{number}")
        for path in (source / str(number)).iterdir():
            path.rename(source / f"{number}-{path.name}")
    failing = [str(source / "0-IM005.dcm")]

    def fail(event: str, facts: tuple[object, ...]) -> None:
        if failing and event == "open" and str(facts[0]) in failing:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    sys.addaudithook(fail)  # stays until the process ends
    assert sorted(len(case.files) for case in found(source, ledger)) == [23, 24]
    assert left_out(ledger)["0-IM005.dcm"] == ("cannot be read", os.strerror(errno.EIO))
    failing.clear()
    assert sorted(len(case.files) for case in found(source, ledger)) == [24, 24]


def test_a_slice_that_is_gone_when_its_case_is_done_is_an_error(source: Path, ledger: ResultLedger) -> None:
    write_series(source / "series", ANATOMICAL)
    (case,) = found(source, ledger)
    (source / "series" / "IM023.dcm").unlink()
    with pytest.raises(FlareError, match=r"IM023\.dcm of the DICOM series cannot be read"):
        read_part(case.paths(source), case.part or 0)


def test_a_damaged_slice_fails_its_series_and_not_its_neighbours(source: Path, ledger: ResultLedger) -> None:
    for number in range(2):
        write_series(source / str(number), ANATOMICAL, series=f"1.2.{number}")
    (source / "0" / "IM003.dcm").write_bytes((source / "0" / "IM003.dcm").read_bytes()[:300])
    damaged, whole = found(source, ledger)
    with pytest.raises(FlareError, match=r"IM003\.dcm among the slices is damaged"):
        read_part(damaged.paths(source), damaged.part or 0)
    assert len(read_part(whole.paths(source), whole.part or 0).voxels) == 24


def test_a_series_is_not_too_short_whose_other_slices_are_damaged(source: Path, ledger: ResultLedger) -> None:
    write_series(source / "series", ANATOMICAL)
    for k in range(10, 24):
        (source / "series" / f"IM{k:03}.dcm").write_bytes((source / "series" / f"IM{k:03}.dcm").read_bytes()[:300])
    (case,) = found(source, ledger)
    with pytest.raises(FlareError, match="among the slices is damaged"):
        read_part(case.paths(source), case.part or 0)


def test_a_damaged_slice_of_a_series_in_several_folders_fails_it(source: Path, ledger: ResultLedger) -> None:
    write_series(source / "a", ANATOMICAL, series="1.2.1")
    (source / "b").mkdir()
    for k in range(12, 24):
        (source / "a" / f"IM{k:03}.dcm").rename(source / "b" / f"IM{k:03}.dcm")
    (source / "b" / "IM023.dcm").write_bytes((source / "b" / "IM023.dcm").read_bytes()[:300])
    (case,) = found(source, ledger)
    with pytest.raises(FlareError, match=r"IM023\.dcm among the slices is damaged"):
        read_part(case.paths(source), case.part or 0)


@links
def test_a_link_to_itself_hides_nothing(source: Path, ledger: ResultLedger) -> None:
    write_series(source / "zz", ANATOMICAL)
    (source / "loop").symlink_to(source / "loop")
    assert [case.folder for case in found(source, ledger)] == ["zz"]
    assert left_out(ledger) == {"loop": ("cannot be read", os.strerror(errno.ELOOP))}


@links
def test_images_that_are_links_to_a_share_that_is_away_are_counted(
    source: Path, ledger: ResultLedger, tmp_path: Path
) -> None:
    write_scan(source / "here.nii.gz", ANATOMICAL)
    (source / "there.nii.gz").symlink_to(tmp_path / "mount.nii.gz")
    assert discover(source, ledger, one_by_one).faults == 1
    write_scan(tmp_path / "mount.nii.gz", ANATOMICAL)
    assert [case.name for case in found(source, ledger)] == ["here.nii.gz", "there.nii.gz"]


@links
def test_a_folder_that_cannot_be_listed_at_first_is_searched_later(
    source: Path, ledger: ResultLedger, tmp_path: Path
) -> None:
    """The share is back before the files of the folder are looked at."""

    def mounted(function: Callable[[Any], Any], items: Iterable[Any]) -> Iterator[tuple[Any, Any]]:
        places = list(items)
        if (source / "share").is_symlink():
            (source / "share").unlink()
            (tmp_path / "share").rename(source / "share")
        return one_by_one(function, places)

    write_scan(source / "here.nii.gz", ANATOMICAL)
    write_series(tmp_path / "share" / "study", ANATOMICAL)
    (source / "share").symlink_to(source / "share")
    assert discover(source, ledger, mounted).faults == 1
    assert [case.folder or case.name for case in found(source, ledger)] == ["here.nii.gz", "share/study"]


def test_a_folder_that_ends_every_process_is_counted(source: Path, ledger: ResultLedger) -> None:
    def crashing(function: Callable[[Any], Any], items: Iterable[Any]) -> Iterator[tuple[Any, Any]]:
        for item in items:
            is_bad = isinstance(item, SourceFolder) and item.folder == "bad"
            yield item, WorkerError("The process ended.") if is_bad else function(item)

    for name in ("bad", "good"):
        (source / name).mkdir()
        write_scan(source / name / "ct.nii.gz", ANATOMICAL)
    census = discover(source, ledger, crashing)
    assert (census.cases, census.faults) == (1, 1)
    assert left_out(ledger) == {"bad": ("cannot be looked through", "WorkerError: The process ended.")}


def test_what_cannot_be_read_is_counted(source: Path, ledger: ResultLedger) -> None:
    write_scan(source / "ct.nii.gz", ANATOMICAL)
    for number in range(2):
        write_series(source / str(number), ANATOMICAL, series=f"1.2.{number}")
        for path in (source / str(number)).iterdir():
            path.rename(source / f"{number}-{path.name}")
    (source / "damaged.dcm").write_bytes((source / "0-IM003.dcm").read_bytes()[:300])
    (source / "notes.txt").write_text("not an image")
    census = discover(source, ledger, one_by_one)
    assert (census.cases, census.faults) == (3, 1)

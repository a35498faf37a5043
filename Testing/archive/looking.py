"""A look through a source in this process, without Dask."""

from __future__ import annotations

import csv
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from dicom_files import small_volume
from flareseg.archive.cases import ArchiveCase
from flareseg.archive.discovery import LEFT_OUT, cases_in, discover
from flareseg.io.ledger import ResultLedger
from flareseg.io.writing import write_scan

ANATOMICAL = small_volume()  # 24 slices of 5 mm
links = pytest.mark.skipif(sys.platform == "win32", reason="Windows lets only some people make links")


def one_by_one(function: Callable[[Any], Any], items: Iterable[Any]) -> Iterator[tuple[Any, Any]]:
    """In this process, without Dask."""
    for item in items:
        yield item, function(item)


def found(source: Path, ledger: ResultLedger) -> list[ArchiveCase]:
    """The cases of a source, by name."""
    discover(source, ledger, one_by_one)
    return sorted(cases_in(ledger), key=lambda case: case.name)


def left_out(ledger: ResultLedger) -> dict[str, tuple[str, str]]:
    """Reason and detail, by path."""
    with (ledger.output / LEFT_OUT).open(encoding="utf-8", newline="") as stream:
        return {row["what"]: (row["reason"], row["detail"]) for row in csv.DictReader(stream)}


def reasons(source: Path, ledger: ResultLedger) -> dict[str, str]:
    """Why the rest was left out, by path, of a source that holds one case besides."""
    write_scan(source / "scan.nii.gz", ANATOMICAL)
    assert [case.name for case in found(source, ledger)] == ["scan.nii.gz"]
    return {what: reason for what, (reason, _detail) in left_out(ledger).items()}

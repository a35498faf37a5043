"""The places of a source: every folder of a tree, or what a CSV or Parquet list names."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from flareseg.archive.survey import SourceFolder
from flareseg.core.errors import ScanError

LISTS = (".csv", ".parquet")
_COLUMN = "path"


def root_of(source: Path) -> Path:
    """The folder in which the places of a source lie. Raises ScanError."""
    if source.is_dir():
        return source.resolve()
    if source.is_file() and source.suffix.lower() in LISTS:
        return source.resolve().parent
    if source.exists():
        raise ScanError(f"{source} is neither a folder nor a list.", f"Give a folder, or a file {' or '.join(LISTS)}.")
    raise ScanError(f"File or folder not found: {source}.", "Check the path.")


def places_of(source: Path, output: Path) -> Iterator[SourceFolder]:
    """The places of a source, each once, but nothing in the output folder. Raises ScanError."""
    root, output = root_of(source), output.resolve()
    if source.is_dir():
        for folder, error in _tree(root, output, set()):
            yield SourceFolder(_inside(folder, root), error=error)
        return
    seen: set[int] = set()
    for place in _listed_places(source, root, output):
        number = hash(place)
        if number not in seen:
            seen.add(number)
            yield place


def _listed_places(source: Path, root: Path, output: Path) -> Iterator[SourceFolder]:
    followed: set[Path] = set()
    for text in _listed(source):
        path = root / text.strip()
        if ".." in path.parts:
            path = _real(path)
        if path.is_dir():
            for folder, error in _tree(path, output, followed):
                yield SourceFolder(_inside(folder, root), error=error)
        else:
            yield SourceFolder(_inside(path.parent, root), (path.name,))


def _tree(top: Path, output: Path, followed: set[Path]) -> Iterator[tuple[Path, str]]:
    """A folder and those below it, each with why it could not be listed. Hidden ones are left out.

    What may be a folder counts as one. Links and junctions are followed where they lead out of the tree; ``followed``:
    where they led so far.
    """
    real_top = _real(top)
    waiting = [(top, real_top)]
    while waiting:
        folder, real = waiting.pop()
        entries, error = _subfolders(folder)
        yield folder, error
        below = []
        for entry in entries:
            target = _real(entry)
            if target != real / entry.name:
                if target in followed or target.is_relative_to(real_top) or real_top.is_relative_to(target):
                    continue
                followed.add(target)
            if target != output:
                below.append((entry, target))
        waiting += reversed(below)


def _subfolders(folder: Path) -> tuple[list[Path], str]:
    """Those of a folder, and what may be one; and why it could not be listed."""
    try:
        with os.scandir(folder) as entries:
            return sorted(Path(e.path) for e in entries if not e.name.startswith(".") and _may_be_folder(e)), ""
    except OSError as error:
        return [], error.strerror or str(error)


def _may_be_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself, or a share that does not answer: its survey will tell
        return True


def _real(path: Path) -> Path:
    """A path without links; of a link to itself, at which Path.resolve may raise, the path."""
    return Path(os.path.realpath(path))


def _inside(folder: Path, root: Path) -> str:
    """Inside the root, or absolute; "" for the root itself."""
    try:
        inside = folder.relative_to(root).as_posix()
    except ValueError:
        return _real(folder).as_posix()
    return "" if inside == "." else inside


def _listed(source: Path) -> Iterator[str]:
    """The paths that a list names. Raises ScanError."""
    rows = _csv_rows(source) if source.suffix.lower() == ".csv" else _parquet_rows(source)
    try:
        for row in rows:
            if text := row.get(_COLUMN):
                yield str(text)
    except (OSError, ValueError, csv.Error) as error:
        raise ScanError(f"The list {source} cannot be read: {error}.", "Check the file.") from error


def _csv_rows(source: Path) -> Iterable[dict[str, str]]:
    with source.open(encoding="utf-8-sig", newline="") as stream:
        table = csv.DictReader(stream)
        _check_columns(source, table.fieldnames or [])
        yield from table


def _parquet_rows(source: Path) -> Iterable[dict[str, str]]:
    from pyarrow import parquet

    with parquet.ParquetFile(source) as table:
        _check_columns(source, table.schema_arrow.names)
        for batch in table.iter_batches(columns=[_COLUMN]):
            yield from batch.to_pylist()


def _check_columns(source: Path, names: Iterable[str]) -> None:
    if _COLUMN not in names:
        raise ScanError(
            f'The list {source} has no column "{_COLUMN}".',
            f'Give a column "{_COLUMN}" with scan files or DICOM folders, absolute or as seen from the list.',
        )

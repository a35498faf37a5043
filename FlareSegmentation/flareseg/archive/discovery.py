"""The cases of a whole source: a survey of every place, then of the DICOM series that lie in several folders.

Nothing grows with the number of cases but 8 bytes for each series: what is found passes through a file.
"""

from __future__ import annotations

import csv
import json
from array import array
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import astuple, dataclass, fields
from functools import partial
from pathlib import Path
from typing import Any, Protocol, TextIO, TypeVar

import numpy as np

from flareseg.archive.cases import NOT_SEARCHED, ArchiveCase, FoundCases, LeftOut
from flareseg.archive.source import places_of, root_of
from flareseg.archive.survey import SourceFolder, Survey, survey, survey_series
from flareseg.core.errors import OutputError, ScanError
from flareseg.io.ledger import ResultLedger, key_of
from flareseg.io.outputs import atomic_write

CASES, LEFT_OUT = "cases.jsonl", "left_out.csv"
_SPOOL = "found.jsonl"
ItemT = TypeVar("ItemT")
AnswerT = TypeVar("AnswerT")


class Map(Protocol):
    """Calls a function for each item, on whatever processes, and gives each item with the answer or an exception."""

    def __call__(
        self, function: Callable[[ItemT], AnswerT], items: Iterable[ItemT]
    ) -> Iterator[tuple[ItemT, AnswerT | Exception]]: ...


@dataclass
class Census:
    """How many cases a source has, and how many things were left out that may be cases (see LeftOut.is_fault)."""

    cases: int = 0
    faults: int = 0


def discover(source: Path, ledger: ResultLedger, map_all: Map, on_place: Callable[[], object] = lambda: None) -> Census:
    """Look through the source, and write the cases to the ledger and LEFT_OUT to the output folder.

    ``on_place`` is called after each folder, and each file of a list. Raises ScanError when there is nothing to
    segment, and OutputError.
    """
    root = root_of(source)
    spool = ledger.folder / _SPOOL
    try:
        several = _survey_places(source, root, ledger, map_all, spool, on_place)
        census = _write(spool, several, root, ledger, map_all, may_repeat=source.is_file())
    finally:
        spool.unlink(missing_ok=True)
    if not census.cases:
        raise ScanError(
            f"{source} holds no CT of the abdomen that could be segmented.",
            f"{ledger.output / LEFT_OUT} says what was left out, and why.",
        )
    return census


def cases_in(ledger: ResultLedger) -> Iterator[ArchiveCase]:
    """The cases that the last look through the source found."""
    with (ledger.folder / CASES).open(encoding="utf-8") as stream:
        for line in stream:
            yield ArchiveCase.from_json(json.loads(line))


def is_searching(ledger: ResultLedger) -> bool:
    """Whether a run looks through its source; also after one that was killed then."""
    return (ledger.folder / _SPOOL).exists()


def count_cases(ledger: ResultLedger) -> int:
    """How many cases the last look through the source found; 0 before the first."""
    try:
        with (ledger.folder / CASES).open("rb") as stream:
            return sum(1 for _ in stream)
    except FileNotFoundError:
        return 0


def _survey_places(
    source: Path, root: Path, ledger: ResultLedger, map_all: Map, spool: Path, on_place: Callable[[], object]
) -> set[int]:
    """Write the survey of every place to the spool; which series, by the numbers of their keys, lie in several."""
    look = partial(_surveyed, source=root, cache=ledger.folder / "folders")
    occurrences = array("Q")
    with spool.open("w", encoding="utf-8") as stream:
        for place, answer in map_all(look, places_of(source, ledger.output)):
            if isinstance(answer, Exception):
                answer = Survey(place.folder, found=_not_looked_through(place.folder, answer))
            occurrences.extend(_number(series.identity) for series in answer.series)
            stream.write(json.dumps(answer.to_json()) + "\n")
            on_place()
    numbers, counts = np.unique(np.frombuffer(occurrences, np.uint64), return_counts=True)
    return set(numbers[counts > 1].tolist())


def _write(spool: Path, several: set[int], root: Path, ledger: ResultLedger, map_all: Map, may_repeat: bool) -> Census:
    with (
        atomic_write(ledger.folder / CASES) as cases,
        atomic_write(ledger.output / LEFT_OUT, ".csv") as left_out,
        cases.open("w", encoding="utf-8") as case_lines,
        left_out.open("w", encoding="utf-8", newline="", errors="backslashreplace") as table,
    ):
        writer = _Writer(case_lines, table, may_repeat)
        scattered: dict[str, list[tuple[str, list[str]]]] = defaultdict(list)
        for one in _spooled(spool):
            writer.add(one.found)
            for series in one.series:
                if _number(series.identity) in several:
                    scattered[series.identity].append((one.folder, series.files))
                else:
                    writer.add(series.found)
        for (_uid, parts), answer in map_all(partial(_surveyed_series, source=root), _sorted(scattered)):
            if isinstance(answer, Exception):
                answer = _not_looked_through(parts[0][0], answer)
            writer.add(answer)
    return writer.census


def _not_looked_through(folder: str, error: Exception) -> FoundCases:
    """What is told of a folder that ends every process that reads it. Raises an OutputError, which is not its fault."""
    if isinstance(error, OutputError):
        raise error
    return FoundCases(left_out=[LeftOut(folder, NOT_SEARCHED, f"{type(error).__name__}: {error}")])


class _Writer:
    """``may_repeat``: whether a case may be found twice, as of a list that names a file and its folder."""

    def __init__(self, cases: TextIO, left_out: TextIO, may_repeat: bool) -> None:
        self.census = Census()
        self._seen: set[int] | None = set() if may_repeat else None
        self._cases, self._table = cases, csv.writer(left_out, lineterminator="\n")
        self._table.writerow(field.name for field in fields(LeftOut))

    def add(self, found: FoundCases) -> None:
        for case in filter(self._is_new, found.cases):
            self._cases.write(json.dumps(case.to_json()) + "\n")
            self.census.cases += 1
        self._table.writerows(map(astuple, found.left_out))
        self.census.faults += sum(each.is_fault for each in found.left_out)

    def _is_new(self, case: ArchiveCase) -> bool:
        if self._seen is None:
            return True
        before = len(self._seen)
        self._seen.add(int(case.key, 16))
        return len(self._seen) > before


def _spooled(spool: Path) -> Iterator[Survey]:
    with spool.open(encoding="utf-8") as stream:
        for line in stream:
            yield Survey.from_json(json.loads(line))


def _sorted(scattered: dict[str, list[Any]]) -> list[tuple[str, list[Any]]]:
    return [(identity, sorted(parts)) for identity, parts in sorted(scattered.items())]


def _surveyed(place: SourceFolder, source: Path, cache: Path) -> Survey:
    return survey(source, place, cache)


def _surveyed_series(series: tuple[str, list[tuple[str, list[str]]]], source: Path) -> FoundCases:
    return survey_series(*series, source)


def _number(identity: str) -> int:
    return int(key_of(identity), 16)

"""The table of results as CSV, from the rows of a ledger."""

from __future__ import annotations

import contextlib
import csv
from collections.abc import Iterable, Iterator
from pathlib import Path

from flareseg.io.ledger import ResultRow
from flareseg.io.outputs import atomic_write
from flareseg.io.result_row import COLUMNS

TABLE = "results.csv"


@contextlib.contextmanager
def csv_table(path: Path) -> Iterator[csv.DictWriter[str]]:
    """A CSV file in UTF-8 that takes rows and appears when the block ends. Raises OutputError."""
    with (
        atomic_write(path, path.suffix) as beside,
        beside.open("w", encoding="utf-8", errors="backslashreplace", newline="") as stream,
    ):
        table = csv.DictWriter(stream, list(COLUMNS), extrasaction="ignore", lineterminator="\n")
        table.writeheader()
        yield table


def write_csv(path: Path, rows: Iterable[ResultRow]) -> None:
    """Write rows as CSV. Raises OutputError."""
    with csv_table(path) as table:
        table.writerows(rows)

"""The table of results as Parquet and CSV, gathered from the rows on disk, a batch at a time."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow
from pyarrow import parquet

from flareseg.io.ledger import ResultLedger, ResultRow
from flareseg.io.outputs import atomic_write
from flareseg.io.result_row import COLUMNS
from flareseg.io.result_table import TABLE, csv_table

if TYPE_CHECKING:
    import pandas

PARQUET = "results.parquet"
_BATCH = 5000  # rows
_TYPES = {str: pyarrow.string(), int: pyarrow.int64(), float: pyarrow.float64()}
_SCHEMA = pyarrow.schema([(name, _TYPES[kind]) for name, kind in COLUMNS.items()])


def write_tables(ledger: ResultLedger) -> Counter[str]:
    """Write PARQUET and TABLE to the output folder; how many rows each state has. Raises OutputError."""
    states: Counter[str] = Counter()
    with (
        atomic_write(ledger.output / PARQUET, ".parquet") as beside,
        parquet.ParquetWriter(beside, _SCHEMA) as table,
        csv_table(ledger.output / TABLE) as lines,
    ):
        for batch in _batches(ledger.rows()):
            table.write_batch(pyarrow.RecordBatch.from_pylist(batch, schema=_SCHEMA))
            lines.writerows(batch)
            states.update(row["state"] for row in batch)
    return states


def read_table(output: Path, columns: Iterable[str]) -> pandas.DataFrame:
    """Some columns of the table in an output folder."""
    return parquet.read_table(output / PARQUET, columns=list(columns)).to_pandas()


def _batches(rows: Iterator[ResultRow]) -> Iterator[list[ResultRow]]:
    while batch := [_plain(row) for row in itertools.islice(rows, _BATCH)]:
        yield batch


def _plain(row: ResultRow) -> ResultRow:
    """Text that is not UTF-8, such as some file names, with what stands for it."""
    return {
        name: value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else value
        for name, value in row.items()
    }

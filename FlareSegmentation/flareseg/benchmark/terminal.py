"""The benchmark on a terminal: how far it is, and the tables."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from types import FrameType

from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from flareseg.benchmark.catalogue import METHODS, OURS
from flareseg.benchmark.results import Results, Row
from flareseg.benchmark.tables import TextTable, all_tables, machine_line, notes, number
from flareseg.cli import console

_PIPED_WIDTH = 150


class Watching:
    """A bar on a terminal; a line a row where stderr is piped."""

    def __init__(self, bar: Progress, task: TaskID) -> None:
        self._bar, self._task = bar, task
        self._what = ""

    def begin(self, what: str) -> None:
        self._what = what
        self.alive(0.0)

    def alive(self, seconds: float) -> None:
        self._bar.update(self._task, description=f"{self._what} ({seconds:.0f} s)" if seconds >= 1 else self._what)

    def done(self, row: Row, position: int, total: int) -> None:
        self._bar.update(self._task, completed=position, total=total)
        figure = f"{number(row.seconds)} s" if row.seconds is not None else row.problem
        how = f" ({row.extrapolated})" if row.extrapolated else ""
        name = f"{METHODS[row.method].title}, {row.slices} slices, {row.protocol}, {row.device}"
        console.err.print(f"[{position}/{total}] {name}: {figure}{how}", soft_wrap=True)


@contextlib.contextmanager
def watching(minutes: float) -> Iterator[Watching]:
    """A progress display for a benchmark of at most ``minutes``; a polite kill ends it like Ctrl-C."""
    columns = (BarColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
    limit = TextColumn(f"of at most {minutes:g} min")
    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        with Progress(*columns, limit, console=console.err, transient=True, disable=not console.err.is_terminal) as bar:
            yield Watching(bar, bar.add_task("", total=None))
    finally:
        signal.signal(signal.SIGTERM, before)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def show(results: Results) -> None:
    """All tables and notes on stdout."""
    out = console.PlainConsole()
    if not out.is_terminal:
        out.width = _PIPED_WIDTH
    out.print(Text(f"\n{machine_line(results)}", "bold"), Text(f"scans made of {results.about}", "dim"))
    for table in all_tables(results):
        out.print(Text(f"\n{table.title}", "bold"))
        out.print(_rich(table))
    out.print()
    for message in notes(results):
        out.print(message, soft_wrap=True)


def _rich(table: TextTable) -> Table:
    rich = Table(box=None, pad_edge=False, header_style="bold")
    for position, head in enumerate(table.heads):
        rich.add_column(head, justify="left" if 0 < position < table.names or table.names == 1 > position else "right")
    for cells in table.cells:
        rich.add_row(*cells, style="bold cyan" if OURS.title in cells else "")
    return rich

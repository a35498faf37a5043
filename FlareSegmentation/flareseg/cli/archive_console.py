"""An archive on a terminal: progress, the end of a run, and its status."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

import typer
from rich.progress import BarColumn, Progress, TextColumn
from rich.table import Table

from flareseg.archive.discovery import LEFT_OUT
from flareseg.archive.driver import ArchiveCounts, OnChange
from flareseg.archive.html_report import PAGE
from flareseg.archive.status import Status
from flareseg.archive.table import PARQUET
from flareseg.cli import console
from flareseg.cli.streams import printable
from flareseg.io.result_row import FAILED
from flareseg.io.result_table import TABLE

_INTERRUPTED = 130  # as shells call the end by SIGINT
_LINE_SECONDS = 60.0  # between two lines where stderr is not a terminal


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """Ctrl+C and SIGTERM, which a batch system sends, end the run in order: the same command goes on."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    except KeyboardInterrupt:
        console.say(["Interrupted. The same command goes on from here."])
        raise typer.Exit(_INTERRUPTED) from None


@contextlib.contextmanager
def show_progress() -> Iterator[OnChange]:
    """What shows the counts: a bar on a terminal, else a line a minute."""
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[line]}"))
    with Progress(*columns, console=console.err, transient=True, disable=not console.err.is_terminal) as bar:
        task = bar.add_task("Archive", total=None, line="looking through the source ...")
        said = time.monotonic()

        def show(counts: ArchiveCounts) -> None:
            nonlocal said
            bar.update(task, total=counts.total or None, completed=counts.ended, line=_line(counts))
            if bar.disable and time.monotonic() - said > _LINE_SECONDS:
                console.say([_line(counts)])
                said = time.monotonic()

        yield show


def show_counts(counts: ArchiveCounts, output: Path) -> None:
    """The end of a run."""
    states = ", ".join(f"{count} {state}" for state, count in sorted(counts.table.items()))
    console.say([f"{counts.total} cases in the source, {counts.before} of them done before. In the table: {states}."])
    if counts.faults:
        what = "1 file or folder" if counts.faults == 1 else f"{counts.faults} files or folders"
        console.say([f"{what} of the source could not be read: see {output / LEFT_OUT}. The same command tries again."])
    console.say([f"Written: {output / TABLE}, {output / PARQUET}, {output / PAGE}"])


def show_status(status: Status) -> None:
    """Counts, speed, time left, and failures by kind."""
    total = max(status.total, sum(status.states.values()))
    running = "running, looking through the source" if status.is_searching else "running"
    console.out.print(running if status.is_running else "not running")
    for state, count in (*sorted(status.states.items()), ("waiting", status.waiting)):
        console.out.print(f"{state:14}{count:9}  {100 * count / max(1, total):5.1f} %")
    if status.per_hour is not None:
        console.out.print(f"{'speed':14}{status.per_hour:9.0f}  an hour")
    if status.seconds_left is not None:
        console.out.print(f"{'time left':14}{_duration(status.seconds_left):>9}")
    if status.failures:
        table = Table("Failures", "Cases", "For example", box=None, pad_edge=False, header_style="bold")
        for kind, (count, name, message) in status.failures.items():
            table.add_row(kind, str(count), printable(f"{name}: {message}"))
        console.out.print(table)


def _line(counts: ArchiveCounts) -> str:
    if not counts.total:
        return f"looking through the source: {counts.searched} folders"
    failed = f", {counts.states[FAILED]} failed" if counts.states[FAILED] else ""
    left = counts.seconds_left
    return f"{counts.ended} of {counts.total}{failed}" + (f", {_duration(left)} left" if left is not None else "")


def _duration(seconds: float) -> str:
    hours, rest = divmod(int(seconds), 3600)
    minutes, seconds = divmod(rest, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {seconds:02} s"

"""Output of the command line: messages, a progress bar, and tables of the result."""

from __future__ import annotations

import contextlib
import traceback
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from flareseg.cli import streams
from flareseg.cli.streams import printable
from flareseg.core.errors import FlareError, OutputError
from flareseg.core.organs import LEFT_KIDNEY, ORGANS
from flareseg.core.report import STAGES, OrganFacts, Report
from flareseg.core.run import Progress as ProgressCall
from flareseg.core.shortage import shortage_said
from flareseg.io.batch import Batch, State

_COLOURS = {organ.label: organ.colour for organ in (*ORGANS, LEFT_KIDNEY)}
DONE, NOTHING_FOUND, BAD_INPUT, FAILED = 0, 1, 2, 3


class PlainConsole(Console):
    """Console that prints text as it is, without Rich markup, and ignores a reader that has closed the pipe."""

    def __init__(self, stderr: bool = False) -> None:
        super().__init__(stderr=stderr, markup=False, highlight=False)

    def print(self, *objects: Any, **options: Any) -> None:
        """Raises OutputError when stdout takes nothing more, once; of stderr nothing could be said."""
        try:
            super().print(*objects, **options)
        except OSError as error:
            self.on_broken_pipe()
            if not self.stderr:
                raise unwritable(error) from error

    def on_broken_pipe(self) -> None:
        streams.silence(2 if self.stderr else 1)


out = PlainConsole()
err = PlainConsole(stderr=True)


def unwritable(error: OSError) -> OutputError:
    return OutputError(
        f"Standard output cannot be written: {error.strerror}.", "Free some space, or print to another place."
    )


def say(messages: Iterable[str]) -> None:
    """Print each message on a line of stderr."""
    for message in messages:
        err.print(printable(message), soft_wrap=True)


def say_error(error: FlareError, scan: str = "") -> None:
    """The message and the hint on stderr, and of an unexpected failure where in the code it was."""
    text = Text(printable(f"{scan}: ") if scan else "", "bold")
    text.append(printable(error.message), "bold red" if err.is_terminal else "")
    err.print(text.append(f" {printable(error.hint)}" if error.hint else "", "not bold not red"), soft_wrap=True)
    if error.kind == "internal" and error.__cause__:
        err.print("".join(traceback.format_exception(error.__cause__)))


@contextlib.contextmanager
def failures_said() -> Iterator[None]:
    """Say a failure on stderr and leave with its exit code."""
    try:
        with shortage_said("This command"):
            yield
    except FlareError as error:
        say_error(error)
        raise typer.Exit(BAD_INPUT) from None


def say_earlier(result: Path) -> None:
    say([f"{result} is still the result of an earlier run."])


def exit_code(error: FlareError | None) -> int:
    if error is None:
        return DONE
    return {"no_abdomen": NOTHING_FOUND, "internal": FAILED}.get(error.kind, BAD_INPUT)


def list_dicom(folders: Iterable[Path]) -> int:
    """Print the DICOM series of each folder; the exit code."""
    from flareseg.io.dicom.listing import listing_of

    code = DONE
    for folder in folders:
        try:
            table, messages = listing_of(folder)
        except FlareError as error:
            say_error(error)
            code = BAD_INPUT
            continue
        out.print(Text(printable(f"{folder}"), "bold"), soft_wrap=True)
        out.print(table)
        for message in messages:
            out.print(Text(printable(f"! {message}"), "yellow"), soft_wrap=True)
    return code


def remark_on(batch: Batch) -> str:
    """Which of several scans is at work, and how long all of them will take."""
    running = next(entry for entry in batch.entries if entry.state is State.RUNNING)
    number, count = batch.place(running)
    if count == 1:
        return ""
    left = batch.seconds_left
    return f" ({number} of {count})" if left is None else f" ({number} of {count}, about {left:.0f} s left)"


@contextlib.contextmanager
def progress_bar(scan: str) -> Iterator[ProgressCall]:
    """A bar for one scan on a terminal; nothing where stderr is piped."""
    name = TextColumn("{task.fields[scan]}", markup=False)
    columns = (name, BarColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    stages = list(STAGES)
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as bar:
        task = bar.add_task("", total=len(stages), scan=printable(scan))

        def advance(stage: str, fraction: float) -> None:
            bar.update(task, completed=stages.index(stage) + fraction, description=STAGES[stage])

        yield advance


def show_report(report: Report) -> None:
    """Organs, stages and memory of one scan, as tables."""
    out.print(Text(f"\n{printable(report.scan.name)}", "bold"), Text(_scan_line(report), "dim"))
    out.print(_organ_table(report))
    out.print(_stage_table(report))
    for message in report.warnings:
        out.print(Text(f"! {message}", "yellow"))


def show_warnings(report: Report) -> None:
    """Print the warnings of a report on stderr, for runs without tables."""
    messages = report.warnings + [f"{o.name}: {w}" for o in report.organs for w in o.warnings]
    say(f"{report.scan.name}: {message}" for message in messages)


def _scan_line(report: Report) -> str:
    size = " x ".join(str(n) for n in reversed(report.scan.shape))
    spacing = " x ".join(f"{s:.3g}" for s in reversed(report.scan.spacing))
    return f"{size} voxels, {spacing} mm"


def _organ_table(report: Report) -> Table:
    table = Table("Organ", box=None, pad_edge=False, header_style="bold")
    for numbers in ("Volume", "Mean HU", "Confidence"):
        table.add_column(numbers, justify="right")
    with_dice = any(organ.dice is not None for organ in report.organs)
    if with_dice:
        table.add_column("Dice", justify="right")
    table.add_column("Check here", style="yellow")
    for facts in report.organs:
        name = Text("■ ", "rgb({},{},{})".format(*_COLOURS[facts.label])).append(facts.name, "default")
        score = [f"{100 * facts.dice:.1f} %" if facts.dice is not None else ""] if with_dice else []
        hu = "" if facts.mean_hu is None else f"{facts.mean_hu:.0f} ± {facts.std_hu or 0.0:.0f}"
        confidence = "" if facts.confidence is None else f"{100 * facts.confidence:.0f} %"
        table.add_row(
            name, f"{facts.volume_ml:.0f} mL", hu, confidence, *score, ", ".join(facts.warnings + _uncertain(facts))
        )
    return table


def _uncertain(facts: OrganFacts) -> list[str]:
    places = sorted(facts.uncertain, key=lambda place: place.first)
    spans = [f"{p.first}-{p.last}" if p.last > p.first else f"{p.first}" for p in places]
    return [f"slices {', '.join(spans)}"] if spans else []


def _stage_table(report: Report) -> Table:
    table = Table("Stage", box=None, pad_edge=False, header_style="bold")
    table.add_column("Seconds", justify="right")
    longest = max(stage.seconds for stage in report.stages)
    table.add_column("")
    for stage in report.stages:
        bar = "█" * round(20 * stage.seconds / longest) if longest else ""
        table.add_row(STAGES[stage.name], f"{stage.seconds:.2f}", Text(bar, "cyan"))
    table.add_row("Total", f"{report.total_seconds:.2f}", _memory_line(report), style="bold")
    return table


def _memory_line(report: Report) -> str:
    memory = report.memory
    parts = [f"RAM peak {memory.peak_ram_mb / 1000:.2f} GB"]
    if memory.peak_gpu_allocated_mb is not None and memory.peak_gpu_device_mb is not None:
        parts.append(f"GPU peak {memory.peak_gpu_allocated_mb / 1000:.2f} GB")
        parts.append(f"whole device {memory.peak_gpu_device_mb / 1000:.2f} GB")
    return " · ".join([*parts, report.device.name, report.device.dtype])

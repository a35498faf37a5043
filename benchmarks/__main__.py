"""The command ``python -m benchmarks OUT``."""

from __future__ import annotations

import signal
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from types import FrameType
from typing import Annotated, Optional

import typer
from flareseg.cli import console
from flareseg.core.extras import needs
from flareseg.core.volume import FEWEST_SLICES
from rich.markdown import Markdown
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from benchmarks.methods import METHODS, PROTOCOLS
from benchmarks.results import Results
from benchmarks.row import Row
from benchmarks.run import MINUTES, REPEATS, SLICES, Benchmark, BenchmarkPlan
from benchmarks.scans import BaseScan
from benchmarks.tables import line

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


def _among(known: Iterable[str]) -> Callable[[list[str] | None], list[str]]:
    """A check of an option: each value is known; all of them when none is given."""

    def check(values: list[str] | None) -> list[str]:
        for value in values or ():
            if value not in known:
                raise typer.BadParameter(f"{value!r} is not one of {', '.join(known)}.")
        return list(values or known)

    return check


@app.command()
def benchmark(
    output: Annotated[Path, typer.Argument(metavar="OUT", help="Folder for results.json, results.md and two plots.")],
    methods: Annotated[
        Optional[list[str]],
        typer.Option("--method", callback=_among(METHODS), help=f"{', '.join(METHODS)}; may be repeated."),
    ] = None,
    protocols: Annotated[
        Optional[list[str]],
        typer.Option("--protocol", callback=_among(PROTOCOLS), help="flare21 (fresh process) or warm."),
    ] = None,
    slices: Annotated[
        Optional[list[int]], typer.Option(min=FEWEST_SLICES, help="Of the 512x512 scans; may be repeated.")
    ] = None,
    scan: Annotated[Optional[Path], typer.Option(help="A CT to make the scans of; else a phantom.")] = None,
    device: Annotated[
        str, typer.Option(metavar="auto|cuda|cpu", help="auto takes a GPU (and the CPU for ours), else the CPU.")
    ] = "auto",
    repeats: Annotated[int, typer.Option(min=1, help="Warm runs, of which the median counts.")] = REPEATS,
    minutes: Annotated[float, typer.Option(min=0, help="What does not fit into this time is skipped.")] = MINUTES,
) -> None:
    """Compare time and memory with nnU-Net, TotalSegmentator and a plain U-Net on the same scans."""
    plan = BenchmarkPlan(protocols or [], methods or [], sorted(set(slices or SLICES)), device, repeats, minutes)
    signal.signal(signal.SIGTERM, _interrupt)
    with console.failures_said():
        with needs("bench"):
            from benchmarks import report
        report.check_folder(output)
        results = _measured(plan, BaseScan.of(scan))
        text = report.markdown(results)
        console.out.print(Markdown(text) if console.out.is_terminal else text, soft_wrap=True)
        for path in report.publish(results, output):
            console.err.print(f"Wrote {path}.", soft_wrap=True)


def _measured(plan: BenchmarkPlan, source: BaseScan) -> Results:
    """The benchmark in a private folder, with a bar on a terminal and a line for each row."""
    columns = (BarColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
    limit = TextColumn(f"of at most {plan.minutes:g} min")
    bar = Progress(*columns, limit, console=console.err, transient=True, disable=not console.err.is_terminal)
    task = bar.add_task("", total=None)

    def say(what: str) -> None:
        bar.update(task, description=what)

    def done(row: Row, position: int, total: int) -> None:
        bar.update(task, completed=position, total=total)
        console.err.print(f"[{position}/{total}] {line(row)}", soft_wrap=True)

    with tempfile.TemporaryDirectory(prefix="flareseg-benchmark-") as folder, bar:
        return Benchmark(plan, source, Path(folder), say).run(done)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt  # a polite kill ends the child processes, too


if __name__ == "__main__":
    app(prog_name="python -m benchmarks")

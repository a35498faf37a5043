"""The command ``flareseg benchmark``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer


def benchmark(
    output: Annotated[Path, typer.Argument(metavar="OUT", help="Folder for results.json, results.md and two plots.")],
    protocols: Annotated[str, typer.Option(help="flare21 (a process a scan), warm (array to labels), or all.")] = "all",
    methods: Annotated[str, typer.Option(help="ours, plain, totalseg, nnunet, nnunet-mirror, or all.")] = "all",
    slices: Annotated[str, typer.Option(help="Slices of the 512x512 scans.")] = "80,160,320,640,1000",
    scan: Annotated[Optional[Path], typer.Option(help="A CT to make the scans of; else a phantom.")] = None,
    device: Annotated[str, typer.Option(help="auto (a GPU and our CPU figures, else the CPU), cuda or cpu.")] = "auto",
    repeats: Annotated[int, typer.Option(min=1, help="Warm runs, of which the median counts.")] = 5,
    minutes: Annotated[float, typer.Option(min=0, help="What does not fit into this time is skipped.")] = 9.0,
) -> None:
    """Compare time and memory with nnU-Net, TotalSegmentator and a plain U-Net on the same scans."""
    from flareseg.benchmark.catalogue import METHODS, PROTOCOLS, chosen
    from flareseg.benchmark.publish import check_folder, publish
    from flareseg.benchmark.run import Benchmark, Plan
    from flareseg.benchmark.terminal import show, watching
    from flareseg.cli import console

    with console.failures_said():
        plan = Plan(
            chosen(protocols, PROTOCOLS, "protocol"),
            chosen(methods, METHODS, "method"),
            _slices(slices),
            device,
            scan,
            repeats,
            minutes,
        )
        check_folder(output)
        with watching(minutes) as observer:
            results = Benchmark(plan, observer).run()
        show(results)
        for path in publish(results, output):
            console.err.print(f"Wrote {path}.", soft_wrap=True)


def _slices(text: str) -> list[int]:
    from flareseg.core.errors import JobError
    from flareseg.core.volume import FEWEST_SLICES

    try:
        numbers = sorted({int(part) for part in text.split(",")})
    except ValueError:
        numbers = []
    if not numbers or numbers[0] < FEWEST_SLICES:
        raise JobError(f'The slices "{text}" are not whole numbers from {FEWEST_SLICES}.', "Give --slices 80,160.")
    return numbers

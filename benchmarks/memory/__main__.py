"""The command ``python -m benchmarks.memory OUT``."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated, Optional

import typer
from flareseg.cli import console
from flareseg.core.errors import DataError
from flareseg.core.extras import needs
from flareseg.inference.resample import Size
from flareseg.io.outputs import make_folder, write_text

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)

CPU_GRID: Size = (48, 160, 160)  # of the measured step: what a computer with a few GB takes
PAGE, PICTURE = "memory.md", "memory.png"


@app.command()
def memory(
    output: Annotated[Path, typer.Argument(metavar="OUT", help=f"Folder for {PAGE} and {PICTURE}.")],
    plain: Annotated[Optional[Path], typer.Option(help="Exported weights of the preset plain, to be scored.")] = None,
    full_size: Annotated[Optional[Path], typer.Option(help="The same of the preset full-size.")] = None,
    cts: Annotated[Optional[Path], typer.Option(help="Folder of labelled CTs, as accuracy takes them.")] = None,
    patients: Annotated[int, typer.Option(min=0, help="How many synthetic patients to score on.")] = 8,
    device: Annotated[str, typer.Option(metavar="auto|cuda|cpu", help="Where a step is measured.")] = "auto",
    measured: Annotated[bool, typer.Option("--measure/--count", help="Measure steps, too, or only count.")] = True,
) -> None:
    """Count, measure and score the memory-efficient FCN beside the plain U-Net and DenseVNet."""
    with console.failures_said():
        with needs("train"):
            from benchmarks.memory import plot, scores, step, table
            from benchmarks.memory.methods import CASCADE, METHODS, OURS, PLAIN
        from flareseg.inference.device import select_device

        if cts is not None and not cts.is_dir():
            raise DataError(f"The folder {cts} does not exist.", "Give a folder of labelled CTs.")
        make_folder(output)
        rows, selected = table.counted(), select_device(device)
        kind = selected.torch_device.type
        found = {}
        for number, method in enumerate(METHODS if measured else ()):
            console.err.print(f"{method.title} ...", soft_wrap=True)
            found[method.title] = step.measure(number, CPU_GRID, kind)
        grid = " x ".join(map(str, CPU_GRID))
        about = f"{selected.name}, {grid} voxels, float32"
        plot.draw(output / PICTURE)
        write_text(output / PAGE, table.page(rows, found, about, {}))  # scoring takes long and may fail
        scored = {}
        with tempfile.TemporaryDirectory() as folder:
            for name, weights in ((CASCADE, None), (PLAIN, plain), (OURS, full_size)):
                if name == CASCADE or weights is not None:
                    scored[name] = scores.of(name, weights, cts, patients, device, Path(folder))
        text = table.page(rows, found, about, scored)
        write_text(output / PAGE, text)
    console.out.print(text, soft_wrap=True, markup=False)
    console.err.print(f"Written: {output / PAGE} and {output / PICTURE}", soft_wrap=True)


if __name__ == "__main__":
    app(prog_name="python -m benchmarks.memory")

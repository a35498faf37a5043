"""The results as text and as files in one folder: JSON, Markdown and two plots."""

from __future__ import annotations

import os
from pathlib import Path

from flareseg.core.errors import OutputError
from flareseg.io.outputs import atomic_write, make_folder, write_text

from benchmarks import plots
from benchmarks.methods import METHODS
from benchmarks.results import Results
from benchmarks.tables import all_tables, machine_line, notes

_PICTURES = "\n![Time against slices](time.png)\n\n![Memory against slices](memory.png)\n"


def check_folder(folder: Path) -> None:
    """Raise OutputError before the work rather than after it; nothing is made yet."""
    if folder.exists() and not folder.is_dir():
        raise OutputError(f"{folder} is a file, not a folder.", "Give the name of a folder.")
    there = next(each for each in (folder.absolute(), *folder.absolute().parents) if each.exists())
    if not os.access(there, os.W_OK):
        raise OutputError(f"{folder} cannot be written.", "Choose a place where you may write.")


def publish(results: Results, folder: Path) -> list[Path]:
    """Write everything; the paths. Raises OutputError."""
    make_folder(folder)
    texts = {"results.json": results.dumps(), "results.md": markdown(results) + _PICTURES}
    for name, text in texts.items():
        write_text(folder / name, text)
    figures = {"time.png": plots.time_plot, "memory.png": plots.memory_plot}
    for name, draw in figures.items():
        with atomic_write(folder / name, ".png") as beside:
            plots.save(draw(results), beside)
    return [folder / name for name in (*texts, *figures)]


def markdown(results: Results) -> str:
    """What was measured, tables and notes."""
    versions = ", ".join(f"{name} {version}" for name, version in results.machine["versions"].items() if version)
    measured = {row.method for row in results.rows}
    parts = [
        f"Measured on {machine_line(results)}; scans of 512x512 voxels a slice made of {results.about}. "
        f"{versions}, Python {results.machine['python']}.\n",
        "\n".join(f"- {method.title}: {method.about}" for key, method in METHODS.items() if key in measured) + "\n",
        *[table.markdown() for table in all_tables(results)],
        "\n".join(f"- {message}" for message in notes(results)) + "\n",
    ]
    return "\n".join(parts)

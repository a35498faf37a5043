"""The results as files in one folder: JSON, Markdown and two plots."""

from __future__ import annotations

import os
from pathlib import Path

from flareseg.benchmark import plots
from flareseg.benchmark.catalogue import METHODS
from flareseg.benchmark.results import Results
from flareseg.benchmark.tables import all_tables, machine_line, notes
from flareseg.core.errors import FlareError
from flareseg.io.outputs import atomic_write, make_folder, write_text


def check_folder(folder: Path) -> None:
    """Raise FlareError("write") before the work rather than after it; nothing is made yet."""
    if folder.exists() and not folder.is_dir():
        raise FlareError("write", f"{folder} is a file, not a folder.", "Give the name of a folder.")
    there = next(each for each in (folder.absolute(), *folder.absolute().parents) if each.exists())
    if not os.access(there, os.W_OK):
        raise FlareError("write", f"{folder} cannot be written.", "Choose a place where you may write.")


def publish(results: Results, folder: Path) -> list[Path]:
    """Write everything and tell the files. Raises FlareError("write"), or "packages" without matplotlib."""
    make_folder(folder)
    texts = {"results.json": results.dumps(), "results.md": markdown(results)}
    for name, text in texts.items():
        write_text(folder / name, text)
    figures = {"time.png": plots.time_plot, "memory.png": plots.memory_plot}
    for name, draw in figures.items():
        with atomic_write(folder / name, ".png") as beside:
            plots.save(draw(results), beside)
    return [folder / name for name in (*texts, *figures)]


def markdown(results: Results) -> str:
    """Tables, notes and plots for a README."""
    versions = ", ".join(f"{name} {version}" for name, version in results.machine["versions"].items() if version)
    measured = {row.method for row in results.rows}
    parts = [
        f"Measured on {machine_line(results)}; {results.in_plane}x{results.in_plane} scans made of {results.about}. "
        f"{versions}, Python {results.machine['python']}.\n",
        "\n".join(f"- {METHODS[key].title}: {METHODS[key].about}" for key in METHODS if key in measured) + "\n",
        *[table.markdown() for table in all_tables(results)],
        "\n".join(f"- {message}" for message in notes(results)) + "\n",
        "![Time against slices](time.png)\n\n![Memory against slices](memory.png)\n",
    ]
    return "\n".join(parts)

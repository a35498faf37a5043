"""The logs of a run: a CSV file, TensorBoard, and a plot of loss and Dice."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch.utils.tensorboard import SummaryWriter

from flareseg.core.organs import ORGANS
from flareseg.io.outputs import atomic_write, refusals_said, write_text

LogRow = dict[str, float]

LOG, CURVES, TENSORBOARD = "log.csv", "curves.png", "tensorboard"
TRAINING, VALIDATION = "dice ", "validation "  # the start of a column's name; the organ's name follows
COLOURS = dict(zip((organ.name for organ in ORGANS), ("tab:red", "tab:green", "tab:purple", "tab:orange")))


class Log:
    """One row of figures per report. After a resume the rows of lost steps are dropped."""

    def __init__(self, folder: Path, step: int = 0) -> None:
        self._folder = folder
        self.rows = [row for row in _read(folder / LOG) if row["step"] <= step]
        self._on_board = len(self.rows)
        self._purge_step: int | None = step

    def add(self, row: Mapping[str, float]) -> None:
        """Keep a row; it must hold its "step"."""
        self.rows.append(dict(row))

    def write(self) -> None:
        """Bring the files up to date. Raises OutputError."""
        text = io.StringIO()
        writer = csv.DictWriter(text, fieldnames=list(dict.fromkeys(name for row in self.rows for name in row)))
        writer.writeheader()
        writer.writerows(self.rows)
        write_text(self._folder / LOG, text.getvalue())
        write_curves(self._folder / CURVES, self.rows)
        self._write_board()

    def _write_board(self) -> None:
        """The rows since the last time. TensorBoard writes in a thread, which only the end of its writer waits for."""
        with refusals_said(self._folder / TENSORBOARD):
            board = SummaryWriter(str(self._folder / TENSORBOARD), purge_step=self._purge_step)
            for row in self.rows[self._on_board :]:
                for name, value in row.items():
                    board.add_scalar(name, value, int(row["step"]))
            board.close()
        self._on_board, self._purge_step = len(self.rows), None


def _read(path: Path) -> list[LogRow]:
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return [{name: float(value) for name, value in row.items() if value} for row in csv.DictReader(file)]


def write_curves(path: Path, rows: list[LogRow]) -> None:
    """Loss and Dice against steps, as PNG. Raises OutputError."""
    figure = Figure(figsize=(10, 4), layout="constrained")
    loss, dice = figure.subplots(1, 2)
    names = dict.fromkeys(name for row in rows for name in row)
    _draw(loss, rows, ["loss"], width=1.0)
    _draw(dice, rows, [name for name in names if name.startswith(TRAINING)], width=0.7)
    _draw(dice, rows, [name for name in names if name.startswith(VALIDATION)], width=2.2)
    loss.set(xlabel="step", ylabel="loss", title="Loss")
    dice.set(xlabel="step", ylabel="Dice", title="Dice: training (thin), validation (thick)", ylim=(0, 1))
    with atomic_write(path, path.suffix) as beside:
        figure.savefig(beside, dpi=110)


def _draw(axes: Axes, rows: list[LogRow], names: list[str], width: float) -> None:
    for name in names:
        points = [(row["step"], row[name]) for row in rows if name in row]
        colour = COLOURS.get(name.split(" ", 1)[-1], "tab:gray")
        axes.plot(*zip(*points), label=name, color=colour, linewidth=width, marker="." if len(points) < 30 else "")
    axes.grid(alpha=0.3)
    if axes.lines:
        axes.legend(fontsize="small")

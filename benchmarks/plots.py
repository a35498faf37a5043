"""Plots of time and memory against the number of slices, on logarithmic axes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator

from benchmarks.methods import FLARE21, METHODS, NNUNET, OURS, TOTAL_FAST, TOTAL_FASTEST, WARM
from benchmarks.results import Results
from benchmarks.row import Row
from benchmarks.tables import machine_line, number, others_note

COLOURS = {  # told apart by the colour-blind, too (Okabe and Ito)
    OURS: "#D55E00",
    "plain": "#B8860B",
    TOTAL_FASTEST: "#56B4E9",
    TOTAL_FAST: "#009E73",
    NNUNET: "#0072B2",
}
_MANY_DECADES = 2.5


@dataclass(frozen=True)
class PlotPanel:
    """One pair of axes: a field of Row (``name``), for a protocol and a device."""

    protocol: str
    device: str
    name: str
    title: str
    unit: str

    def lines(self, results: Results) -> dict[str, list[Row]]:
        """Rows with a figure, by method in the catalogue's order."""
        rows = [row for row in results.of(self.protocol) if row.device == self.device and self.value(row)]
        return {key: here for key in METHODS if (here := [row for row in rows if row.method == key])}

    def value(self, row: Row) -> float:
        """Return the figure of a row, 0 when it was not measured."""
        return float(getattr(row, self.name) or 0.0)


_TIME = (
    PlotPanel(FLARE21, "cuda", "seconds", "GPU, file to file in a fresh process", "s"),
    PlotPanel(WARM, "cuda", "seconds", "GPU, array to labels, warm", "s"),
    PlotPanel(FLARE21, "cpu", "seconds", "CPU, file to file in a fresh process", "s"),
    PlotPanel(WARM, "cpu", "seconds", "CPU, array to labels, warm", "s"),
)
_MEMORY = (
    PlotPanel(FLARE21, "cuda", "gpu_mib", "GPU: peak of the whole device, CUDA context included", "MiB"),
    PlotPanel(WARM, "cuda", "gpu_allocated_mib", "GPU: peak of the tensors, warm", "MiB"),
    PlotPanel(FLARE21, "cpu", "ram_mb", "CPU: peak RAM of a fresh process", "MB"),
    PlotPanel(WARM, "cpu", "ram_above_mb", "CPU: peak RAM beside scan and labels, warm", "MB"),
)


def time_plot(results: Results) -> Figure:
    """Seconds for one scan."""
    return _figure(results, _TIME, "Time for one CT")


def memory_plot(results: Results) -> Figure:
    """Memory for one scan."""
    return _figure(results, _MEMORY, "Memory for one CT")


def save(figure: Figure, path: Path) -> None:
    figure.savefig(path, dpi=150, facecolor="white")


def _figure(results: Results, panels: Sequence[PlotPanel], title: str) -> Figure:
    shown = [panel for panel in panels if panel.lines(results)]
    figure = Figure(figsize=(15 if len(shown) > 1 else 8.5, 4.7 * max(1, math.ceil(len(shown) / 2)) + 0.6))
    figure.set_layout_engine("constrained")
    figure.suptitle(f"{title} of 512x512 voxels a slice\n{machine_line(results)}", fontsize=13)
    for position, panel in enumerate(shown, 1):
        _draw(figure.add_subplot(math.ceil(len(shown) / 2), min(2, len(shown)), position), panel, panel.lines(results))
    timed = [row for panel in shown if panel.unit == "s" for rows in panel.lines(results).values() for row in rows]
    hollow = ["Hollow: extrapolated from a few network passes."] if any(row.extrapolated for row in timed) else []
    figure.supxlabel(" ".join(hollow + others_note(timed)), fontsize=9)
    return figure


def _draw(axes: Axes, panel: PlotPanel, lines: dict[str, list[Row]]) -> None:
    axes.set(xscale="log", yscale="log", xlabel="slices", ylabel="seconds" if panel.unit == "s" else panel.unit)
    for method, rows in lines.items():
        _line(axes, method, rows, panel)
    slices = sorted({row.slices for rows in lines.values() for row in rows})
    axes.set_xticks(slices, [str(n) for n in slices])
    axes.margins(0.06, 0.1)
    low, high = axes.get_ylim()
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if math.log10(high / low) < _MANY_DECADES else (1,)))
    axes.yaxis.set_major_formatter(lambda value, _: number(value))
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_minor_locator(NullLocator())
    axes.set_title(panel.title, fontsize=11, loc="left")
    axes.grid(color="#DDDDDD", linewidth=0.8)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False, labelcolor="linecolor", reverse=True)


def _line(axes: Axes, method: str, rows: list[Row], panel: PlotPanel) -> None:
    """The line of a method; points of which a part is an estimate are hollow."""
    width, colour = 3 if method == OURS else 1.8, COLOURS[method]
    values = [panel.value(row) for row in rows]
    name = f"{METHODS[method].title}  {number(values[-1])} {panel.unit} at {rows[-1].slices}"
    axes.plot([row.slices for row in rows], values, color=colour, linewidth=width, label=name)
    for row in rows:
        inside = "white" if row.extrapolated and panel.unit == "s" else colour
        axes.plot(row.slices, panel.value(row), "o", color=colour, markerfacecolor=inside, markersize=2 * width + 2)

"""Time and memory against the number of slices, both axes logarithmic, the machine named in the title."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from flareseg.benchmark.catalogue import FLARE21, METHODS, OURS, WARM
from flareseg.benchmark.results import Results, Row
from flareseg.benchmark.tables import machine_line, number, others_note
from flareseg.core.errors import PackagesError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.ticker import LogLocator

COLOURS = {  # told apart by the colour-blind, too (Okabe and Ito)
    "ours": "#D55E00",
    "plain": "#B8860B",
    "totalseg": "#009E73",
    "nnunet": "#0072B2",
    "nnunet-mirror": "#7A5195",
}
_INK, _PALE = "#333333", "#DDDDDD"
_MANY_DECADES = 2.5
_LABEL_GAP = 0.06  # of the axis' height, between two labels


@dataclass(frozen=True)
class Panel:
    """One pair of axes: a field of Row, for a protocol and a device."""

    protocol: str
    device: str
    name: str
    title: str
    unit: str

    def lines(self, results: Results) -> dict[str, list[Row]]:
        """Rows with a figure, by method in the catalogue's order."""
        rows = [row for row in results.of(self.protocol) if row.device == self.device]
        with_figure = [row for row in rows if getattr(row, self.name) is not None]
        by_method = {key: [row for row in with_figure if row.method == key] for key in METHODS}
        return {key: rows for key, rows in by_method.items() if rows}


_TIME = (
    Panel(FLARE21, "cuda", "seconds", "GPU, file to file in a fresh process", "s"),
    Panel(WARM, "cuda", "seconds", "GPU, array to labels, warm", "s"),
    Panel(FLARE21, "cpu", "seconds", "CPU, file to file in a fresh process", "s"),
    Panel(WARM, "cpu", "seconds", "CPU, array to labels, warm", "s"),
)
_MEMORY = (
    Panel(FLARE21, "cuda", "gpu_mib", "GPU: peak of the whole device, CUDA context included", "MiB"),
    Panel(WARM, "cuda", "gpu_allocated_mib", "GPU: peak of the tensors, warm", "MiB"),
    Panel(FLARE21, "cpu", "ram_mb", "CPU: peak RAM of a fresh process", "MB"),
    Panel(WARM, "cpu", "ram_above_mb", "CPU: peak RAM beside scan and labels, warm", "MB"),
)


def time_plot(results: Results) -> Figure:
    """Seconds for one scan. Raises PackagesError without matplotlib."""
    return _figure(results, _TIME, "Time for one CT")


def memory_plot(results: Results) -> Figure:
    """Memory for one scan. Raises PackagesError without matplotlib."""
    return _figure(results, _MEMORY, "Memory for one CT")


def save(figure: Figure, path: Path) -> None:
    figure.savefig(path, dpi=150, facecolor="white")


def spread(heights: Sequence[float], gap: float) -> list[float]:
    """Heights (0..1) moved apart until neighbours are ``gap`` apart, in the same order."""
    order = sorted(range(len(heights)), key=lambda n: heights[n])
    moved = list(heights)
    for below, above in itertools.pairwise(order):
        moved[above] = max(moved[above], moved[below] + gap)
    return moved


def _figure(results: Results, panels: Sequence[Panel], title: str) -> Figure:
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise PackagesError("matplotlib is not installed.", 'Run pip install "flareseg[bench]".') from error
    shown = [panel for panel in panels if panel.lines(results)]
    rows = max(1, math.ceil(len(shown) / 2))
    figure = Figure(figsize=(13 if len(shown) > 1 else 7.5, 4.7 * rows + 0.6), layout="constrained")
    size = f"{results.in_plane}x{results.in_plane}"
    figure.suptitle(f"{title} of {size} voxels a slice\n{machine_line(results)}", color=_INK, fontsize=13)
    for position, panel in enumerate(shown, 1):
        _draw(figure.add_subplot(rows, min(2, len(shown)), position), panel, panel.lines(results))
    figure.supxlabel(_caption(results, shown), color=_INK, fontsize=9)
    return figure


def _caption(results: Results, panels: Sequence[Panel]) -> str:
    rows = [
        row for panel in panels if panel.name == "seconds" for line in panel.lines(results).values() for row in line
    ]
    parts = ["Hollow: extrapolated from a few network passes."] if any(row.extrapolated for row in rows) else []
    return " ".join(parts + others_note(rows))


def _draw(axes: Axes, panel: Panel, lines: dict[str, list[Row]]) -> None:
    axes.set_xscale("log")
    axes.set_yscale("log")
    for method, rows in lines.items():
        _line(axes, method, rows, panel.name)
    slices = sorted({row.slices for rows in lines.values() for row in rows})
    axes.set_xlim(slices[0] / 1.15, slices[-1] * 1.15)
    axes.set_xticks(slices, [str(n) for n in slices])
    low, high = axes.get_ylim()
    axes.set_ylim(low / 1.3, high * 1.3)
    axes.minorticks_off()
    axes.yaxis.set_major_locator(_ticks(*axes.get_ylim()))
    axes.yaxis.set_major_formatter(lambda value, _: number(value))
    axes.set_xlabel("slices", color=_INK)
    axes.set_ylabel("seconds" if panel.unit == "s" else panel.unit, color=_INK)
    axes.set_title(panel.title, color=_INK, fontsize=11, loc="left")
    axes.grid(color=_PALE, linewidth=0.8)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(_PALE)
    axes.tick_params(colors=_INK, length=0)
    _name_lines(axes, panel, lines)


def _ticks(low: float, high: float) -> LogLocator:
    """1, 2 and 5 in each decade; 1 alone where there are many decades."""
    from matplotlib.ticker import LogLocator

    return LogLocator(subs=(1, 2, 5) if math.log10(high / low) < _MANY_DECADES else (1,), numticks=99)


def _line(axes: Axes, method: str, rows: list[Row], name: str) -> None:
    ours, colour = method == OURS.key, COLOURS[method]
    slices, values = [row.slices for row in rows], [getattr(row, name) for row in rows]
    axes.plot(slices, values, color=colour, linewidth=3 if ours else 1.8, zorder=3 if ours else 2)
    for row, value in zip(rows, values):
        inside = "white" if row.extrapolated and name == "seconds" else colour
        axes.plot(row.slices, value, "o", color=colour, markerfacecolor=inside, markersize=8 if ours else 6, zorder=4)


def _name_lines(axes: Axes, panel: Panel, lines: dict[str, list[Row]]) -> None:
    """Each line's name and last value to the right of the axes, moved apart where they would touch."""
    last = {method: float(getattr(rows[-1], panel.name)) for method, rows in lines.items()}
    most = max(rows[-1].slices for rows in lines.values())
    low, high = (math.log(limit) for limit in axes.get_ylim())
    heights = spread([(math.log(value) - low) / (high - low) for value in last.values()], _LABEL_GAP)
    for height, (method, value) in zip(heights, last.items()):
        slices = lines[method][-1].slices
        axes.annotate(
            f"{METHODS[method].title}  {number(value)} {panel.unit}" + (f" at {slices}" if slices < most else ""),
            (1.02, height),
            xycoords="axes fraction",
            color=COLOURS[method],
            fontsize=10,
            fontweight="bold" if method == OURS.key else "normal",
            va="center",
            annotation_clip=False,
        )

"""The figures of an evaluation (box plots, worst slices, distance maps), drawn by matplotlib without a display."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.patheffects import withStroke

from flareseg.core.organs import ORGANS, Organ
from flareseg.display.preview import LEVEL_HU, WINDOW_HU
from flareseg.evaluation.scores import CaseScore
from flareseg.evaluation.views import OrganViews, SliceView, ViewPlane
from flareseg.io.outputs import atomic_write

_INK, _PAPER = "#e8e8ea", "#121214"  # of pictures of scans, dark in every theme
_GROUND_TRUTH, MISSED, TOO_MUCH = "#ffffff", "#3b8bff", "#ff3b30"
_DISTANCES = "coolwarm"  # blue where the ground truth is missed, red beyond it
_LEAST_MM, _MOST_MM = 3.0, 30.0  # ends of the distance scale
_DPI, _PANEL = 110, 3.4  # dots per inch, and the height of a picture of a scan in inches


@dataclass(frozen=True)
class Theme:
    """Colours of a box plot that lies on a page."""

    name: str
    ink: str
    grid: str


THEMES = (Theme("light", "#1c1c1f", "#d9d9de"), Theme("dark", "#e8e8ea", "#3a3a40"))


def draw_box_plots(path: Path, cases: Sequence[CaseScore], theme: Theme) -> None:
    """Dice and NSD of every organ over the cases that have it, on a transparent ground. Raises OutputError."""
    figure = _figure(11, 4.2)
    figure.patch.set_alpha(0)
    for axes, metric, title in zip(figure.subplots(1, 2, sharey=True), ("dice", "nsd"), ("DSC", "NSD")):
        shares = [[getattr(case.organs[n], metric) for case in cases] for n in range(len(ORGANS))]
        _box_plot(axes, [[100 * share for share in column if share is not None] for column in shares], theme)
        axes.set_title(f"{title}, %", color=theme.ink, loc="left", fontsize=11)
    _save(figure, path)


def draw_organ(path: Path, views: OrganViews, tolerance: float) -> None:
    """The worst slices of an organ and, below them, its surface distances; ``tolerance`` in mm.

    Raises OutputError.
    """
    ratios = [view.width_mm / view.height_mm for view in views.slices]
    rows = 2 if views.distances else 1
    figure = _figure(_PANEL * sum(ratios) + 0.9, (_PANEL + 0.3) * rows)
    figure.patch.set_facecolor(_PAPER)
    axes = figure.subplots(rows, 3, squeeze=False, width_ratios=ratios)
    for place, view in zip(axes[0], views.slices):
        _draw_slice(place, view, views.organ)
    if views.distances:
        _draw_distances(figure, axes[1], views, tolerance)
    _save(figure, path)


def _box_plot(axes: Any, columns: list[list[float]], theme: Theme) -> None:
    boxes = axes.boxplot(columns, widths=0.55, showfliers=False, patch_artist=True)
    for part in ("whiskers", "caps", "medians"):
        for line in boxes[part]:
            line.set(color=theme.ink, linewidth=2.2 if part == "medians" else 1.1)
    aside = np.random.default_rng(0)  # the same places each time
    for n, (box, organ, values) in enumerate(zip(boxes["boxes"], ORGANS, columns), start=1):
        box.set(facecolor=(*_rgb(organ), 0.55), edgecolor=theme.ink, linewidth=1.1)
        places = n + aside.uniform(-0.16, 0.16, len(values))
        axes.plot(
            places,
            values,
            "o",
            markersize=4,
            color=_rgb(organ),
            markeredgecolor=theme.ink,
            markeredgewidth=0.6,
            zorder=5,
        )
    axes.set_xticks(range(1, len(ORGANS) + 1), [organ.name for organ in ORGANS])
    axes.set_ylim(-3, 103)
    axes.set_facecolor("none")
    axes.grid(axis="y", color=theme.grid, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(colors=theme.ink, length=0, labelsize=10)
    axes.spines[:].set_visible(False)


def _draw_slice(axes: Any, view: SliceView, organ: Organ) -> None:
    extent = (0.0, view.width_mm, view.height_mm, 0.0)
    smooth = "nearest" if view.background is None else "bilinear"
    axes.imshow(_background(view), extent=extent, interpolation=smooth)
    for mask, colour in (
        (view.ground_truth & ~view.prediction, MISSED),
        (view.prediction & ~view.ground_truth, TOO_MUCH),
    ):
        axes.imshow(_tint(mask, colour, 0.45), extent=extent, interpolation="nearest")
    _outline(axes, view, view.ground_truth, _GROUND_TRUTH, 1.0)
    _outline(axes, view, view.prediction, _rgb(organ), 1.8)
    _frame(axes, view.plane)
    axes.set_title(f"{view.plane.slice_name}, {view.position}", color=_INK, fontsize=10, loc="left")


def _background(view: SliceView) -> np.ndarray:
    """RGB 0..1: the CT in its window, or else the true labels in muted colours."""
    if view.background is not None:
        grey = np.clip((view.background.astype(np.float32) - LEVEL_HU) / WINDOW_HU + 0.5, 0, 1)
        return np.repeat(grey[..., None], 3, axis=2)
    palette = np.array([(0.0, 0.0, 0.0), *(np.multiply(_rgb(organ), 0.4) for organ in ORGANS)])
    return np.array(palette[view.others])


def _outline(axes: Any, view: SliceView, mask: np.ndarray, colour: Any, width: float) -> None:
    if not mask.any():
        return
    padded = np.pad(mask.astype(float), 1)
    height, width_mm = view.height_mm / mask.shape[0], view.width_mm / mask.shape[1]
    rows = (np.arange(padded.shape[0]) - 0.5) * height
    columns = (np.arange(padded.shape[1]) - 0.5) * width_mm
    axes.contour(columns, rows, padded, levels=[0.5], colors=[colour], linewidths=width)


def _draw_distances(figure: Figure, row: Any, views: OrganViews, tolerance: float) -> None:
    distances = views.distances or []
    limit = _limit(distances, tolerance)
    scale = Normalize(-limit, limit)
    for axes, picture, view in zip(row, distances, views.slices):
        extent = (0.0, view.width_mm, view.height_mm, 0.0)
        shown = axes.imshow(picture, extent=extent, cmap=_DISTANCES, norm=scale, interpolation="nearest")
        _frame(axes, view.plane)
        axes.set_title(f"Surface distance, {view.plane.view_name}", color=_INK, fontsize=10, loc="left")
    bar = figure.colorbar(shown, ax=list(row), shrink=0.8, pad=0.01, aspect=22)
    bar.set_label("missed   ←   mm   →   too much", color=_INK, fontsize=9)
    bar.ax.tick_params(colors=_INK, labelsize=8)
    bar.outline.set_visible(False)


def _limit(distances: Sequence[np.ndarray], tolerance: float) -> float:
    """The end of the colour scale in mm: most of the surface, at least some tolerances."""
    largest = max(float(np.nanpercentile(np.abs(picture), 98)) for picture in distances)
    return float(np.clip(np.ceil(largest), max(_LEAST_MM, 2 * tolerance), _MOST_MM))


def _frame(axes: Any, plane: ViewPlane) -> None:
    axes.set_facecolor("black")
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_visible(False)
    places = ((0.02, 0.5, "left", "center"), (0.98, 0.5, "right", "center"))
    ends = ((0.5, 0.98, "center", "top"), (0.5, 0.02, "center", "bottom"))
    for letter, (x, y, ha, va) in zip(plane.letters, (*places, *ends)):
        text = axes.text(x, y, letter, transform=axes.transAxes, color=_INK, fontsize=9, ha=ha, va=va)
        text.set_path_effects([withStroke(linewidth=2, foreground="black")])


def _tint(mask: np.ndarray, colour: str, alpha: float) -> np.ndarray:
    """RGBA 0..1 of a boolean (rows, columns) mask."""
    rgb = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    return np.dstack([*(np.full(mask.shape, part) for part in rgb), mask * alpha])


def _rgb(organ: Organ) -> tuple[float, float, float]:
    red, green, blue = (part / 255 for part in organ.colour)
    return (red, green, blue)


def _figure(width: float, height: float) -> Figure:
    figure = Figure(figsize=(width, height), dpi=_DPI, layout=ConstrainedLayoutEngine(w_pad=0.08, h_pad=0.08))
    FigureCanvasAgg(figure)
    return figure


def _save(figure: Figure, path: Path) -> None:
    with atomic_write(path, ".png") as beside:
        figure.savefig(beside, facecolor=figure.get_facecolor())

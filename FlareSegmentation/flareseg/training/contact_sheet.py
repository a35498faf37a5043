"""A picture of synthetic samples next to real ones, to judge the synthesis by eye."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from flareseg.core.organs import BACKGROUND, ORGANS
from flareseg.display.preview import LEVEL_HU, WINDOW_HU
from flareseg.io.outputs import atomic_write
from flareseg.training.sample import Sample

_COLUMN_INCHES, _DPI = 2.6, 100
_PAPER, _INK, _REAL_INK = "#121214", "#ebebeb", "#ffd166"
_HIGHER = 6  # the second axial slice lies a sixth of the grid above the first
_ROWS = ("axial, pancreas", "axial, higher", "coronal", "labels")


@dataclass(frozen=True)
class _Column:
    """HU and labels (k, j, i) of one sample."""

    title: str
    hu: np.ndarray
    labels: np.ndarray
    real: bool

    @classmethod
    def of(cls, sample: Sample, title: str, real: bool) -> _Column:
        return cls(title, sample.image.float().cpu().numpy(), sample.labels.cpu().numpy(), real)

    def slices(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """HU and labels, top of the picture first, of each row with a CT."""
        k, j = self._middle()
        higher = min(k + self.hu.shape[0] // _HIGHER, self.hu.shape[0] - 1)
        up = slice(None, None, -1)
        axial = [(self.hu[n], self.labels[n]) for n in (k, higher)]
        return [*axial, (self.hu[up, j], self.labels[up, j])]

    def _middle(self) -> tuple[int, int]:
        """The slice and the row in the middle of the pancreas; else of the organs, else of the grid."""
        for mask in (self.labels == ORGANS[-1].label, self.labels > BACKGROUND):
            if mask.any():
                k, j, _ = (int(np.median(indices)) for indices in np.nonzero(mask))
                return k, j
        return self.hu.shape[0] // 2, self.hu.shape[1] // 2


def contact_sheet(path: Path, samples: Sequence[Sample], real: Sequence[Sample] = (), title: str = "") -> None:
    """Write a PNG with a column for each sample: two axial slices and a coronal one with outlines, and the labels.

    ``real``: samples of real CT, shown to the right of the others. Raises OutputError.
    """
    columns = [_Column.of(sample, f"synthetic {n}", False) for n, sample in enumerate(samples, 1)]
    columns += [_Column.of(sample, f"real {n}", True) for n, sample in enumerate(real, 1)]
    figure = _figure(columns, title)
    with atomic_write(path, ".png") as beside:
        FigureCanvasAgg(figure).print_png(beside)


def _figure(columns: Sequence[_Column], title: str) -> Figure:
    depth, rows, width = columns[0].hu.shape
    # grids are stretched boxes: an axial slice is about as it looks on the grid, a coronal one is a third higher
    heights = [rows / width, rows / width, min(1.0, depth / width * 4 / 3), rows / width]
    inches = [_COLUMN_INCHES * height for height in heights]
    size = (_COLUMN_INCHES * len(columns) + 0.5, sum(inches) + 1.4)
    figure = Figure(figsize=size, dpi=_DPI, facecolor=_PAPER)
    grid = figure.subplots(4, len(columns), squeeze=False, gridspec_kw={"height_ratios": heights})
    figure.subplots_adjust(0.45 / size[0], 0.5 / size[1], 1 - 0.05 / size[0], 1 - 0.9 / size[1], 0.02, 0.02)
    figure.suptitle(title or f"Samples on {depth} x {rows} x {width} voxels", color=_INK, fontsize=14)
    for column, axes in zip(columns, grid.T):
        _draw(column, axes)
    for name, axes in zip(_ROWS, grid[:, 0]):
        axes.set_ylabel(name, color=_INK, fontsize=10)
    handles = [Patch(color=_colour(organ.label), label=organ.name) for organ in ORGANS]
    figure.legend(handles=handles, loc="lower center", ncols=len(handles), frameon=False, labelcolor=_INK, fontsize=10)
    return figure


def _draw(column: _Column, axes: Sequence[Axes]) -> None:
    axes[0].set_title(column.title, color=_REAL_INK if column.real else _INK, fontsize=11)
    for (hu, labels), area in zip(column.slices(), axes):
        area.imshow(hu, "gray", vmin=LEVEL_HU - WINDOW_HU / 2, vmax=LEVEL_HU + WINDOW_HU / 2, aspect="auto")
        for organ in ORGANS:
            if (labels == organ.label).any():
                area.contour(labels == organ.label, [0.5], colors=[_colour(organ.label)], linewidths=1.2)
    colours = np.array([(0, 0, 0), *(organ.colour for organ in ORGANS)], np.uint8)
    axes[-1].imshow(colours[column.slices()[0][1]], aspect="auto")
    for area in axes:
        area.set_xticks([])
        area.set_yticks([])
        for spine in area.spines.values():
            spine.set_color(_REAL_INK if column.real else _PAPER)


def _colour(label: int) -> tuple[float, float, float]:
    red, green, blue = (value / 255 for value in ORGANS[label - 1].colour)
    return (red, green, blue)

"""The plot of memory against the number of slices of a scan."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from flareseg.core.organs import CLASSES
from flareseg.inference.live_bytes import pass_mb
from flareseg.inference.networks import build
from flareseg.inference.resample import Size
from flareseg.training.memory import count_step
from flareseg.training.sample import Stage
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.memory.methods import METHODS, MemoryMethod

SLICES = (32, 64, 96, 160, 240, 320, 480, 640)
CARD_GB = 8.0
_TICKS_GB = (0.5, 1, 2, 4, 8, 16, 32, 64, 128, 256)
_SHOWN = {  # told apart by the colour-blind, too (Okabe and Ito)
    "Plain 3D U-Net": ("#0072B2", "o"),
    "DenseVNet": ("#009E73", "s"),
    "FCN without savings": ("#E69F00", "^"),
    "FCN, all that are exact (full-size)": ("#D55E00", "D"),
}


def draw(path: Path, slices: Sequence[int] = SLICES) -> None:
    """Write the plot as PNG: training on the left, segmenting on the right, both counted in float32."""
    figure = Figure(figsize=(10, 4.4), layout="constrained")
    axes = figure.subplots(1, 2, sharey=True)
    _lines(axes[0], "Training, one scan a step", slices, _training_gb)
    _lines(axes[1], "Segmenting: the network's pass", slices, _segmenting_gb, without="FCN without savings")
    axes[0].set_ylabel("peak memory, GB (counted, float32)")
    axes[0].axhline(CARD_GB, color="#555555", linewidth=1, linestyle="--")
    axes[0].annotate("a card of 8 GB", (slices[-1], CARD_GB), xytext=(0, 4), textcoords="offset points", ha="right")
    axes[0].legend(frameon=False, fontsize=9, loc="lower right")
    figure.savefig(path, dpi=110)


def _lines(
    axes: Axes, title: str, slices: Sequence[int], gb: Callable[[MemoryMethod, Size], float], without: str = ""
) -> None:
    for method in METHODS:
        if method.title in _SHOWN and method.title != without:
            colour, marker = _SHOWN[method.title]
            values = [gb(method, (n, 512, 512)) for n in slices]
            axes.plot(slices, values, color=colour, marker=marker, markersize=5, label=method.title)
    axes.set_title(title, fontsize=11)
    axes.set_xlabel("slices of 512 x 512 voxels")
    axes.set_yscale("log")
    axes.set_yticks(_TICKS_GB, labels=[f"{tick:g}" for tick in _TICKS_GB])
    axes.minorticks_off()
    axes.grid(axis="y", alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)


def _training_gb(method: MemoryMethod, size: Size) -> float:
    return count_step(Stage.FULL_SIZE, method.settings(size)).peak_mb / 1000


def _segmenting_gb(method: MemoryMethod, size: Size) -> float:
    return pass_mb(partial(build, method.network, CLASSES, method.options), size)[0] / 1000

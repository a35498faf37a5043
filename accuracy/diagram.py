"""The reliability diagram of the model card."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from flareseg.core.organs import ORGAN_NAMES, ORGANS
from flareseg.io.outputs import atomic_write
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from accuracy.reliability import ALLOWED, bins
from accuracy.results import Accuracy, ConfidencePair, pairs_of

_INK, _BAND = "#1c1c1f", "#d9d9de"


def draw(path: Path, results: Accuracy) -> None:
    """For each organ the patients, their bins before and after calibration, and the CTs. Raises OutputError."""
    figure = Figure(figsize=(11, 3.3), dpi=110, layout="constrained")
    for axes, organ, name in zip(figure.subplots(1, len(ORGANS)), ORGANS, ORGAN_NAMES):
        colour = tuple(part / 255 for part in organ.colour)
        own = [pair for pair in results.calibration if pair.organ == name]
        cts = [(confidence, dice) for each, confidence, dice in pairs_of(results.cts) if each == name]
        _draw_organ(axes, own, cts, colour)
        axes.set_title(organ.name, color=_INK, loc="left", fontsize=11)
    figure.axes[0].set_ylabel("Dice, %", color=_INK)
    figure.axes[0].legend(loc="upper left", fontsize=7, frameon=False)
    with atomic_write(path, ".png") as beside:
        figure.savefig(beside)


def _draw_organ(
    axes: Axes, pairs: Sequence[ConfidencePair], cts: Sequence[tuple[float, float]], colour: tuple[float, ...]
) -> None:
    low = max(0.0, min([0.85, *(min(p.expected, p.confidence) for p in pairs), *(min(pair) for pair in cts)]) - 0.02)
    ends = (100 * low, 100.0)
    band = 100 * ALLOWED
    axes.fill_between(ends, [e - band for e in ends], [e + band for e in ends], color=_BAND, linewidth=0)
    axes.plot(ends, ends, color=_INK, linewidth=0.8)
    axes.plot([100 * p.confidence for p in pairs], [100 * p.dice for p in pairs], ".", color=colour, alpha=0.45, ms=4)
    before, after = (bins([(getattr(p, name), p.dice) for p in pairs]) for name in ("expected", "confidence"))
    for found, style, label in ((before, "none", "before calibration"), (after, colour, "stated confidence")):
        x, y = [100 * each.confidence for each in found], [100 * each.dice for each in found]
        axes.plot(x, y, "o", ms=7, mfc=style, mec=_INK, mew=0.9, label=label)
    axes.plot([100 * c for c, _ in cts], [100 * d for _, d in cts], "*", ms=10, mfc="white", mec=_INK, label="real CT")
    axes.set(xlim=ends, ylim=(ends[0], 101), xlabel="confidence, %")
    axes.spines[["top", "right"]].set_visible(False)

"""The picture of easy and hard cases: image, label and prediction of the slice that shows most of the organs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
from flareseg.core.organs import ORGANS
from flareseg.core.volume import Volume
from flareseg.io.outputs import atomic_write
from flareseg.io.reading import read_volume
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from accuracy.results import CaseFigures

_WINDOW_HU = (-160.0, 240.0)
_COLUMNS = ("image", "label", "prediction")


@dataclass(frozen=True)
class ShownCase:
    """A case with its files. ``title``: what is said of it."""

    title: str
    scan: Path
    label: Path
    prediction: Path


def easy_and_hard(cases: list[CaseFigures]) -> tuple[CaseFigures, CaseFigures]:
    """The cases with the highest and the lowest mean Dice over the organs that are scored."""
    ranked = sorted(cases, key=mean_dice)
    return ranked[-1], ranked[0]


def mean_dice(case: CaseFigures) -> float:
    """Mean Dice of a case, 0 to 1."""
    known = [organ.dice for organ in case.organs if organ.dice is not None]
    return fmean(known) if known else 0.0


def draw(path: Path, cases: list[ShownCase]) -> None:
    """Write the picture as PNG, a row for each case. Raises FlareError."""
    figure = Figure(figsize=(9, 3.1 * len(cases)), layout="constrained")
    axes = figure.subplots(len(cases), len(_COLUMNS), squeeze=False)
    for row, case in zip(axes, cases):
        image, label, prediction = (read_volume(each).canonical for each in (case.scan, case.label, case.prediction))
        k = _telling_slice(label.voxels)
        aspect = image.geometry.spacing[1] / image.geometry.spacing[2]
        for column, labels in zip(row, (None, label, prediction)):
            # viewed from the feet, as radiologists do: the patient's left on the right, where i runs to the left
            column.imshow(image.voxels[k], cmap="gray", vmin=_WINDOW_HU[0], vmax=_WINDOW_HU[1], aspect=aspect)
            if labels is not None:
                column.imshow(_overlay(labels, k), **_COLOURS, aspect=aspect)
            column.set_xticks([])
            column.set_yticks([])
        row[0].set_ylabel(case.title, fontsize=9)
    for column, title in zip(axes[0], _COLUMNS):
        column.set_title(title, fontsize=10)
    colours = zip(ORGANS, _COLOURS["cmap"].colors)
    patches = [Patch(color=colour, alpha=_COLOURS["alpha"], label=organ.name.lower()) for organ, colour in colours]
    figure.legend(handles=patches, loc="outside lower center", ncols=len(patches), frameon=False, fontsize=9)
    with atomic_write(path, ".png") as beside:
        figure.savefig(beside, format="png", dpi=110)


_COLOURS: dict[str, Any] = {
    "cmap": ListedColormap([tuple(channel / 255 for channel in organ.colour) for organ in ORGANS]),
    "vmin": 0.5,
    "vmax": len(ORGANS) + 0.5,
    "alpha": 0.55,
    "interpolation": "nearest",
}


def _telling_slice(labels: np.ndarray) -> int:
    """The slice with the most organs, and of those the one with most of them."""
    organs = sum((labels == organ.label).any(axis=(1, 2)).astype(int) for organ in ORGANS)
    voxels = np.count_nonzero(labels, axis=(1, 2))
    return int((organs * (voxels.max() + 1) + voxels).argmax())


def _overlay(labels: Volume, k: int) -> np.ma.MaskedArray:
    """The labels of a slice, nothing where there is no organ."""
    return np.ma.masked_equal(labels.voxels[k], 0)

"""How well low parts of labelled CTs are segmented: slabs at every height, as stations and cut scans are."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from statistics import fmean

import numpy as np
from flareseg.core.errors import DataError, NoAbdomenError
from flareseg.core.organs import ORGANS
from flareseg.core.volume import Volume
from flareseg.evaluation.overlap import dice
from flareseg.inference.cascade import Cascade
from flareseg.io.reading import read_volume

from accuracy.cases import ScoredCase

STEP = 4  # slabs for each of their heights
_LEAST_ML = 3.0  # of an organ in a slab that its Dice is counted for


@dataclass(frozen=True)
class Slab:
    """Some slices of a labelled scan. ``scan``: axes up, back and left; ``labels``: uint8 (k, j, i), its true ones."""

    scan: Volume
    labels: np.ndarray

    @property
    def organs_ml(self) -> float:
        """Volume of all organs that it shows, in mL."""
        return np.count_nonzero(self.labels) * self.scan.geometry.voxel_ml


@dataclass
class SlabFigures:
    """What became of slabs. ``dice``: of each organ, by label value, in each slab that shows it."""

    slabs: int = 0
    refused_ml: list[float] = field(default_factory=list)
    dice: dict[int, list[float]] = field(default_factory=lambda: defaultdict(list))

    @property
    def row(self) -> tuple[str, ...]:
        """Cells of a table: number, refused with the organs they show, mean Dice of each organ in percent."""
        refused = f"{len(self.refused_ml)} ({', '.join(f'{ml:.0f}' for ml in sorted(self.refused_ml))} mL)"
        dices = [f"{100 * fmean(found):.0f}" if (found := self.dice[organ.label]) else "" for organ in ORGANS]
        return str(self.slabs), refused if self.refused_ml else "0", *dices


def slabs(scan: Volume, labels: np.ndarray, height_mm: float) -> Iterator[Slab]:
    """The slabs of a height that show any organ, every ``height_mm / STEP`` from below, and the topmost. Axes up, back
    and left."""
    count, step = (max(1, round(mm / scan.geometry.spacing[0])) for mm in (height_mm, height_mm / STEP))
    last = len(labels) - count
    for first in sorted({*range(0, last + 1, step), *([last] if last > 0 else [])}):
        if labels[first : first + count].any():
            voxels = scan.voxels[first : first + count]
            part = Volume(voxels, replace(scan.geometry, shape=voxels.shape))
            yield Slab(part, labels[first : first + count])


def slabs_of(case: ScoredCase, height_mm: float) -> Iterator[Slab]:
    """The slabs of a case; FlareError when its files cannot be read, or the label map is not on the scan's grid."""
    scan, labels = (read_volume(path).canonical for path in (case.scan, case.ground_truth))
    if not labels.geometry.is_close_to(scan.geometry):
        raise DataError(f"The label map of {case.name} is not on the grid of its scan.", "Resample it to the scan.")
    return slabs(scan, labels.voxels, height_mm)


def segmented(cascade: Cascade, parts: Iterable[Slab]) -> SlabFigures:
    """Segment slabs; a refused one has a Dice of 0."""
    figures = SlabFigures()
    for slab in parts:
        figures.slabs += 1
        try:
            found = cascade.segment(slab.scan).labels
        except NoAbdomenError:
            found = np.zeros_like(slab.labels)
            figures.refused_ml.append(slab.organs_ml)
        for organ in ORGANS:
            true = slab.labels == organ.label
            if np.count_nonzero(true) * slab.scan.geometry.voxel_ml > _LEAST_ML:
                figures.dice[organ.label].append(dice(found == organ.label, true))
    return figures

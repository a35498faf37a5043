"""A synthetic abdominal CT with its true labels: analytic anatomy, randomly deformed, with typical HU.

For demonstrations and tests only: it looks like a CT to the networks, and shows no real patient.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from flareseg.core.free_memory import free_mb
from flareseg.core.volume import Volume
from flareseg.phantom.abdomen import organs
from flareseg.phantom.grid import Grid
from flareseg.phantom.image import hu_image
from flareseg.phantom.paint import Deformation, Rigid, paint
from flareseg.phantom.patient import Patient, Variation
from flareseg.phantom.tissues import PhantomTissue, label_table
from flareseg.phantom.torso import chest, couch, muscles, skeleton, wall

__all__ = [
    "SHAPE",
    "SPACING",
    "Phantom",
    "Variation",
    "draw_phantom",
    "make_phantom",
    "make_tissues",
    "require_feasible",
]

SHAPE, SPACING = (120, 256, 256), (3.0, 1.5, 1.5)  # a whole abdomen: voxels and mm, (k, j, i)


@dataclass(frozen=True)
class Phantom:
    """``volume``: int16 HU (k, j, i) with axes up, back and left. ``labels``: uint8 of the same shape, the label
    values of flareseg.core.organs."""

    volume: Volume
    labels: np.ndarray


def make_phantom(
    seed: int = 0,
    shape: tuple[int, int, int] = SHAPE,
    spacing: tuple[float, float, float] = SPACING,
    variation: Variation | None = None,
) -> Phantom:
    """The synthetic patient number ``seed``, scanned on a grid of ``shape`` voxels and ``spacing`` mm, both (k, j, i).

    The same seed and ``variation`` give the same voxels, and on another grid the same anatomy. Grids of about 300 mm
    and more along each axis show the whole abdomen; smaller ones cut it. Raises the errors of ``require_feasible``.
    """
    require_feasible(seed, shape, spacing)
    return draw_phantom(seed, shape, spacing, variation=variation)


def draw_phantom(
    seed: int,
    shape: tuple[int, int, int],
    spacing: tuple[float, float, float],
    progress: Callable[[float], object] = lambda fraction: None,
    variation: Variation | None = None,
) -> Phantom:
    """make_phantom without a look at the memory. ``progress`` is called with the fraction 0..1 of the body drawn."""
    grid, patient = Grid(shape, spacing), Patient.drawn_from(seed, variation)
    tissues = np.full(shape, PhantomTissue.AIR, np.uint8)
    paint(tissues, list(couch()), grid, Rigid())
    _paint_body(tissues, grid, patient, progress)
    voxels = hu_image(tissues, grid, patient)
    return Phantom(Volume(voxels, grid.geometry(), name="phantom"), label_table()[tissues])


def require_feasible(seed: int, shape: tuple[int, int, int], spacing: tuple[float, float, float]) -> None:
    """Raise what ``make_phantom`` would raise: ScanError for sizes that no CT has, JobError for a
    negative seed, InsufficientMemoryError for more voxels than there is memory for."""
    Patient.drawn_from(seed)
    Grid(shape, spacing).require_memory(free_mb())


def make_tissues(seed: int, shape: tuple[int, int, int], spacing: tuple[float, float, float]) -> np.ndarray:
    """The tissues of make_phantom's patient without the table: uint8 codes of flareseg.phantom.tissues.Tissue.

    Raises the errors of ``require_feasible``.
    """
    require_feasible(seed, shape, spacing)
    tissues = np.full(shape, PhantomTissue.AIR, np.uint8)
    _paint_body(tissues, Grid(shape, spacing), Patient.drawn_from(seed))
    return tissues


def _paint_body(
    tissues: np.ndarray, grid: Grid, patient: Patient, progress: Callable[[float], object] = lambda fraction: None
) -> None:
    body = [*wall(patient), *chest(patient), *muscles(), *skeleton(), *organs(patient)]
    paint(tissues, body, grid, Deformation(patient), progress)

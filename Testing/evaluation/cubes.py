"""Label maps of cubes, of which every score can be worked out by hand."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
from flareseg.core.geometry import Geometry
from flareseg.io.writing import write_labels

SHAPE = (24, 24, 24)
Corner = tuple[int, int, int]
PLACES: dict[int, Corner] = {1: (2, 2, 2), 2: (2, 14, 2), 3: (14, 2, 2), 4: (14, 14, 2)}


def cube(corner: Corner, size: int = 4, shape: Corner = SHAPE) -> np.ndarray:
    """A boolean (k, j, i) array with a cube of ``size`` voxels from ``corner``."""
    mask = np.zeros(shape, bool)
    mask[tuple(slice(start, start + size) for start in corner)] = True
    return mask


def organs(shifts: dict[int, int] | None = None) -> np.ndarray:
    """A cube of 4 x 4 x 4 voxels for each organ, moved to the left by ``shifts`` voxels (by label)."""
    labels = np.zeros(SHAPE, np.uint8)
    for label, (k, j, i) in PLACES.items():
        labels[cube((k, j, i + (shifts or {}).get(label, 0)))] = label
    return labels


def geometry(spacing: tuple[float, float, float] = (1.0, 1.0, 1.0), origin: float = 0.0) -> Geometry:
    """A grid with canonical axes (to superior, posterior and left); spacing (k, j, i) in mm."""
    return Geometry(SHAPE, spacing, ((0.0, 0.0, 1.0), (0.0, 1.0, 0.0), (1.0, 0.0, 0.0)), (origin, 0.0, 0.0))


def label_file(path: Path, labels: np.ndarray, grid: Geometry | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_labels(path, labels, grid or geometry())
    return path


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))

"""Where the voxels of a scan lie in the patient, and how to reach the engine's canonical orientation."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations
from typing import Any

import numpy as np

from flareseg.core.errors import bad_scan

Vector = tuple[float, float, float]
Bounds = tuple[float, float, float, float, float, float]

LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
SHEAR_TOLERANCE = 1e-3  # cosine between two grid axes; rounding in headers stays below
_LETTERS = (("S", "I"), ("P", "A"), ("L", "R"))


@dataclass(frozen=True)
class Geometry:
    """The grid of a scan. Everything is in array axis order (k, j, i) = (slices, rows, columns).

    ``shape``: voxels along each axis. ``spacing``: mm along each axis. ``direction``: the unit vector
    of each axis in LPS. ``origin``: the centre of voxel (0, 0, 0) in LPS, mm. ``tilt``: by how many mm each
    slice lies further along (j, i) than straight above the slice before, as a tilted gantry leaves it; 0 nearly
    always. All else here leaves it out of account; tilt.py undoes it.
    Raises FlareError("bad_scan") for spacing that is not positive and for sheared axes.
    """

    shape: tuple[int, int, int]
    spacing: Vector
    direction: tuple[Vector, Vector, Vector]
    origin: Vector
    tilt: tuple[float, float] = (0.0, 0.0)

    def __post_init__(self) -> None:
        if not np.isfinite([*np.ravel(self.direction), *self.origin, *self.tilt]).all():
            raise bad_scan(
                "The position or the axes of the scan are not numbers.",
                "Correct the header or export the scan again.",
            )
        if not np.isfinite(self.spacing).all() or min(self.spacing) <= 0:
            raise bad_scan(
                f"The voxel spacing {_mm(self.spacing)} is not a positive size.",
                "Correct the header (in Slicer: Volumes module, Image spacing) and try again.",
            )
        cosines = np.abs(np.array(self.direction) @ np.array(self.direction).T - np.eye(3))
        if cosines.max() > SHEAR_TOLERANCE:
            raise bad_scan(
                "The axes of the scan are sheared: its slices are not at right angles to each other.",
                "Resample it to a rectangular grid (in Slicer: harden the transform, "
                "then Resample Scalar/Vector/DWI Volume) and try again.",
            )

    @classmethod
    def from_ijk_to_ras(cls, matrix: np.ndarray, shape: tuple[int, int, int]) -> Geometry:
        """From Slicer's 4x4 IJK-to-RAS matrix (columns i, j, k) and the array's (k, j, i) shape."""
        lps = LPS_TO_RAS @ np.asarray(matrix, dtype=float)
        columns = lps[:3, [2, 1, 0]]
        spacing = np.linalg.norm(columns, axis=0)
        direction = (columns / np.where(spacing > 0, spacing, 1)).T
        return cls(_ints(shape), _vector(spacing), _vectors(direction), _vector(lps[:3, 3]))

    def ijk_to_ras(self) -> np.ndarray:
        """Slicer's 4x4 IJK-to-RAS matrix."""
        lps = np.eye(4)
        lps[:3, [2, 1, 0]] = np.array(self.direction).T * np.array(self.spacing)
        lps[:3, 3] = self.origin
        return LPS_TO_RAS @ lps

    @property
    def voxel_ml(self) -> float:
        """Volume of one voxel in mL."""
        return float(np.prod(self.spacing)) / 1000.0

    @property
    def tilt_degrees(self) -> float:
        """The angle between the stack of slices and their normal."""
        return float(np.degrees(np.arctan2(np.hypot(*self.tilt), self.spacing[0])))

    @property
    def size_mm(self) -> Vector:
        """Size of the grid along (k, j, i) in mm."""
        return _vector(np.array(self.shape) * np.array(self.spacing))

    @property
    def obliqueness(self) -> float:
        """Largest angle in degrees between a grid axis and the patient axis it stands for."""
        order = Orientation.of(self).order
        cosines = [abs(self.direction[axis][2 - place]) for place, axis in enumerate(order)]
        return float(np.degrees(np.arccos(min(1.0, min(cosines)))))

    def is_close_to(self, other: Geometry) -> bool:
        """Whether both are one grid, to a hundredth of a voxel."""
        if self.shape != other.shape:
            return False
        corner = np.array([*(n - 1 for n in reversed(self.shape)), 1.0])
        first = np.abs(np.subtract(self.origin, other.origin)).max()
        last = np.abs((self.ijk_to_ras() - other.ijk_to_ras()) @ corner).max()
        return bool(max(first, last) < 0.01 * min(self.spacing) * max(self.shape) ** 0.5)

    def to_json(self) -> dict[str, Any]:
        return {
            "shape": list(self.shape),
            "spacing": list(self.spacing),
            "direction": [list(axis) for axis in self.direction],
            "origin": list(self.origin),
            "tilt": list(self.tilt),
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Geometry:
        """Inverse of to_json. Raises KeyError, TypeError or ValueError for data of another form."""
        return cls(
            _ints(data["shape"]),
            _vector(data["spacing"]),
            _vectors(data["direction"]),
            _vector(data["origin"]),
            _pair(data.get("tilt", (0.0, 0.0))),
        )


@dataclass(frozen=True)
class Orientation:
    """The permutation and flips that bring a grid closest to the engine's canonical orientation.

    Canonical is (z up, y posterior, x left): array axes that run to S, P and L, which is LPS with
    every coordinate ascending. Only whole axes move, so an oblique grid keeps its own voxels.
    """

    order: tuple[int, int, int]
    flips: tuple[bool, bool, bool]

    @classmethod
    def of(cls, geometry: Geometry) -> Orientation:
        cosines = np.array(geometry.direction)[:, ::-1]  # [grid axis, patient axis as (S, P, L)]
        order = max(permutations(range(3)), key=lambda p: float(np.prod([abs(cosines[a, n]) for n, a in enumerate(p)])))
        flips = [bool(cosines[axis, place] < 0) for place, axis in enumerate(order)]
        return cls((order[0], order[1], order[2]), (flips[0], flips[1], flips[2]))

    def view(self, array: np.ndarray) -> np.ndarray:
        """The (k, j, i) array seen in canonical orientation; a view, so writing to it writes back."""
        steps = tuple(slice(None, None, -1 if flip else 1) for flip in self.flips)
        return array.transpose(self.order)[steps]

    def geometry(self, geometry: Geometry) -> Geometry:
        """The geometry of ``view(array)``."""
        origin = np.array(geometry.origin)
        axes = []
        for axis, flip in zip(self.order, self.flips):
            direction = np.array(geometry.direction[axis])
            if flip:
                origin = origin + direction * geometry.spacing[axis] * (geometry.shape[axis] - 1)
            axes.append(_vector(-direction if flip else direction))
        return Geometry(
            _ints([geometry.shape[axis] for axis in self.order]),
            _vector([geometry.spacing[axis] for axis in self.order]),
            (axes[0], axes[1], axes[2]),
            _vector(origin),
        )

    @property
    def name(self) -> str:
        """Where the grid's own i, j and k axes run to, in letters (for example "LPS")."""
        letters = {axis: _LETTERS[place][self.flips[place]] for place, axis in enumerate(self.order)}
        return letters[2] + letters[1] + letters[0]


def _mm(spacing: Vector) -> str:
    return " x ".join(f"{s:g}" for s in reversed(spacing)) + " mm"


def _ints(values: Any) -> tuple[int, int, int]:
    k, j, i = (int(v) for v in values)
    return (k, j, i)


def _vector(values: Any) -> Vector:
    k, j, i = (float(v) for v in values)
    return (k, j, i)


def _pair(values: Any) -> tuple[float, float]:
    j, i = (float(v) for v in values)
    return (j, i)


def _vectors(values: Any) -> tuple[Vector, Vector, Vector]:
    k, j, i = (_vector(v) for v in values)
    return (k, j, i)

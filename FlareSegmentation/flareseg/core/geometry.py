"""The voxel grid of a scan, its position in the patient, and its canonical orientation.

World coordinates are millimetres in LPS (left, posterior and superior ascending), as in DICOM and ITK; matrices and
bounds with RAS in their name are in 3D Slicer's RAS, where the first two change sign.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations
from typing import Any

import numpy as np

from flareseg.core.errors import ScanError

Vector = tuple[float, float, float]
Bounds = tuple[float, float, float, float, float, float]

LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
SHEAR_TOLERANCE = 1e-3  # cosine between two grid axes; rounding in headers stays below
_LETTERS = (("S", "I"), ("P", "A"), ("L", "R"))


@dataclass(frozen=True)
class Geometry:
    """The grid of a scan. Everything is in array axis order (k, j, i) = (slices, rows, columns).

    Without tilt the centre of voxel ``n`` = (k, j, i) is ``origin + sum(n[a] * spacing[a] * axes[a])``, a from 0 to 2,
    as in ITK.

    Attributes:
        shape: Number of voxels along (k, j, i).
        spacing: Distance of voxel centres along (k, j, i) in mm.
        axes: Unit vector of each of the axes (k, j, i) in LPS.
        origin: Centre of voxel (0, 0, 0) in LPS, in mm.
        tilt: Shift along (j, i) in mm of each slice against the slice before, as a tilted gantry causes; (0, 0) for
            almost all scans. The methods and properties ignore it, but ``tilt_degrees``; ``flareseg.segment``
            corrects for it.

    Raises:
        ScanError: The spacing is not positive, the axes are sheared, or a value is not finite.
    """

    shape: tuple[int, int, int]
    spacing: Vector
    direction: tuple[Vector, Vector, Vector]
    origin: Vector
    tilt: tuple[float, float] = (0.0, 0.0)

    @classmethod
    def canonical(cls, shape: tuple[int, int, int], spacing: Vector) -> Geometry:
        """Return a grid whose axes (k, j, i) run up, back and left, with its first voxel at the origin."""
        return cls(shape, spacing, ((0.0, 0.0, 1.0), (0.0, 1.0, 0.0), (1.0, 0.0, 0.0)), (0.0, 0.0, 0.0))

    def __post_init__(self) -> None:
        if not np.isfinite([*np.ravel(self.direction), *self.origin, *self.tilt]).all():
            raise ScanError(
                "The position or the axes of the scan are not numbers.",
                "Correct the header or export the scan again.",
            )
        if not np.isfinite(self.spacing).all() or min(self.spacing) <= 0:
            raise ScanError(
                f"The voxel spacing {_mm(self.spacing)} is not a positive size.",
                "Correct the header (in Slicer: Volumes module, Image spacing) and try again.",
            )
        cosines = np.abs(np.array(self.direction) @ np.array(self.direction).T - np.eye(3))
        if cosines.max() > SHEAR_TOLERANCE:
            raise ScanError(
                "The axes of the scan are sheared: its slices are not at right angles to each other.",
                "Resample it to a rectangular grid (in Slicer: harden the transform, "
                "then Resample Scalar/Vector/DWI Volume) and try again.",
            )

    @classmethod
    def from_ijk_to_ras(cls, matrix: np.ndarray, shape: tuple[int, int, int]) -> Geometry:
        """Make a geometry from the matrix that 3D Slicer and NIfTI use.

        Args:
            matrix: 4 x 4 matrix from voxel indices (i, j, k, 1) to RAS coordinates in mm.
            shape: Shape of the array, (k, j, i).

        Returns:
            The grid of that array.

        Raises:
            ScanError: The matrix is singular, sheared or not finite.
        """
        lps = LPS_TO_RAS @ np.asarray(matrix, dtype=float)
        columns = lps[:3, [2, 1, 0]]
        spacing = np.linalg.norm(columns, axis=0)
        direction = (columns / np.where(spacing > 0, spacing, 1)).T
        return cls(_ints(shape), _vector(spacing), _vectors(direction), _vector(lps[:3, 3]))

    def ijk_to_ras(self) -> np.ndarray:
        """Return the 4 x 4 matrix from voxel indices (i, j, k, 1) to RAS coordinates in mm, as 3D Slicer uses it."""
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
        """Return whether both are the same grid: shapes are equal, corners agree to about a hundredth of a voxel."""
        if self.shape != other.shape:
            return False
        corner = np.array([*(n - 1 for n in reversed(self.shape)), 1.0])
        first = np.abs(np.subtract(self.origin, other.origin)).max()
        last = np.abs((self.ijk_to_ras() - other.ijk_to_ras()) @ corner).max()
        return bool(max(first, last) < 0.01 * min(self.spacing) * max(self.shape) ** 0.5)

    def to_json(self) -> dict[str, Any]:
        """Return the fields as JSON types; ``from_json`` is the inverse."""
        return {
            "shape": list(self.shape),
            "spacing": list(self.spacing),
            "direction": [list(axis) for axis in self.direction],
            "origin": list(self.origin),
            "tilt": list(self.tilt),
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Geometry:
        """Make a geometry from the result of ``to_json``.

        Args:
            data: The fields as JSON types.

        Returns:
            The geometry that ``to_json`` was called on.

        Raises:
            KeyError: A field is missing.
            TypeError: A field has another type.
            ValueError: A field has another number of values.
            ScanError: The values do not describe a grid.
        """
        return cls(
            _ints(data["shape"]),
            _vector(data["spacing"]),
            _vectors(data["direction"]),
            _vector(data["origin"]),
            _pair(data.get("tilt", (0.0, 0.0))),
        )


@dataclass(frozen=True)
class Orientation:
    """The permutation and flips of array axes that bring a grid closest to the canonical orientation.

    In the canonical orientation the axes (k, j, i) run to superior, posterior and left. Axes are only permuted and
    flipped, so no voxel is resampled, and an oblique grid stays oblique.

    Attributes:
        order: For each canonical axis (k, j, i) the axis of the grid that becomes it.
        flips: For each canonical axis whether it is reversed.
    """

    order: tuple[int, int, int]
    flips: tuple[bool, bool, bool]

    @classmethod
    def of(cls, geometry: Geometry) -> Orientation:
        """Return the orientation of a grid: the permutation with the largest product of direction cosines."""
        cosines = np.array(geometry.direction)[:, ::-1]  # [grid axis, patient axis as (S, P, L)]
        order = max(permutations(range(3)), key=lambda p: float(np.prod([abs(cosines[a, n]) for n, a in enumerate(p)])))
        flips = [bool(cosines[axis, place] < 0) for place, axis in enumerate(order)]
        return cls((order[0], order[1], order[2]), (flips[0], flips[1], flips[2]))

    def view(self, array: np.ndarray) -> np.ndarray:
        """Return an array (k, j, i) in canonical orientation, as a view: writing to it writes to ``array``."""
        steps = tuple(slice(None, None, -1 if flip else 1) for flip in self.flips)
        return array.transpose(self.order)[steps]

    def geometry(self, geometry: Geometry) -> Geometry:
        """Return the geometry of ``view(array)`` for the ``geometry`` of ``array``."""
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
        """Direction of the grid's own axes i, j and k, as letters (for example "LPS")."""
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

"""The geometry of a stack: spacing of its planes, tilt of the gantry, and uneven gaps."""

from __future__ import annotations

import numpy as np

from flareseg.core.errors import ScanError
from flareseg.core.geometry import Geometry
from flareseg.io.dicom.stack import Stack

_UNEVEN_MM = 0.1
_MOST_UNEVEN = 1.5  # slices by which one may lie beside its place on the even grid
_MOST_NAMED = 5


def is_even(stack: Stack) -> bool:
    """Whether its slices lie close enough to an even grid to be read."""
    return len(stack) < 2 or (not stack.same_place and _off(stack) <= _MOST_UNEVEN * _usual_step(stack))


def geometry_of(stack: Stack) -> tuple[Geometry, list[str]]:
    """The grid of a stack of two or more images, and warnings about it.

    Raises ScanError for images that are on no grid.
    """
    if stack.same_place:
        raise ScanError(
            "The DICOM series holds several images of the same place (several phases?).",
            "Export one phase to a folder of its own, or load the series in Slicer and choose a volume there.",
        )
    if not is_even(stack):
        raise _too_uneven(stack)
    row, column, normal = _axes(stack.first.orientation)
    tilt = _tilt(stack, np.array([column, row]))
    geometry = Geometry(
        (len(stack), *stack.header.size),
        (stack.step, float(stack.first.spacing[0]), float(stack.first.spacing[1])),
        (_vector(normal), _vector(column), _vector(row)),
        _vector(stack.first.position),
        (float(tilt[0]), float(tilt[1])),
    )
    return geometry, _warnings(stack, geometry)


def _axes(orientation: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Row, column and normal at right angles and of length one; rounded cosines are neither."""
    row = orientation[:3] / np.linalg.norm(orientation[:3])
    normal = np.cross(row, orientation[3:])
    normal /= np.linalg.norm(normal)
    return row, np.cross(normal, row), normal


def _tilt(stack: Stack, columns_rows: np.ndarray) -> np.ndarray:
    """By how many mm each slice lies further along (j, i) than the one before; 0 for less than a pixel in all."""
    ways = (np.array([plane.position for plane in stack.planes]) - stack.first.position) @ columns_rows.T
    heights = stack.heights - stack.heights[0]
    slope = heights @ ways / (heights @ heights)
    aside = float(np.abs(ways - heights[:, None] * slope).max())
    pixel = float(stack.first.spacing.min())
    if aside > max(1.0, pixel):
        raise ScanError(
            f"The slices of the DICOM series are displaced sideways against each other by up to {aside:.0f} mm.",
            "Export one reconstruction of the series, with one field of view, to a folder of its own.",
        )
    return slope * stack.step if np.abs(slope).max() * heights[-1] > pixel else np.zeros(2)


def _usual_step(stack: Stack) -> float:
    return float(np.median(np.diff(stack.heights)))


def _off(stack: Stack) -> float:
    """The most mm by which a slice lies beside its place on the even grid."""
    even = np.linspace(stack.heights[0], stack.heights[-1], len(stack))
    return float(np.abs(stack.heights - even).max())


def _warnings(stack: Stack, geometry: Geometry) -> list[str]:
    warnings = []
    steps = np.diff(stack.heights)
    if steps.max() - steps.min() > _UNEVEN_MM:
        warnings.append(
            f"The slices are not evenly spaced (some may be missing): {_gaps(stack)}; "
            f"they were read as {stack.step:.3g} mm apart, so borders and volumes may be wrong."
        )
    if any(geometry.tilt):
        warnings.append(
            f"The gantry was tilted by {geometry.tilt_degrees:.1f} degrees. The tilt was undone for the networks. The "
            "labels lie on the scan's own voxels; as image files hold no tilt, the slices of the label map stand "
            "straight above each other, each displaced against the patient as much as the scan's was."
        )
    return warnings


def _gaps(stack: Stack) -> str:
    steps, usual = np.diff(stack.heights), _usual_step(stack)
    uneven = np.flatnonzero(np.abs(steps - usual) > _UNEVEN_MM / 2)
    named = [f"{steps[k]:.3g} mm at {_place(stack, k)} to {_place(stack, k + 1)}" for k in uneven[:_MOST_NAMED]]
    more = f" and {len(uneven) - len(named)} more places" if len(uneven) > len(named) else ""
    return f"{', '.join(named)}{more}, {usual:.3g} mm elsewhere"


def _place(stack: Stack, k: int) -> str:
    """The coordinate of a slice along the body's axis that it is most nearly across."""
    axis = int(np.abs(stack.first.normal).argmax())
    return f"{'LPS'[axis]} {stack.planes[k].position[axis]:.1f}"


def _too_uneven(stack: Stack) -> ScanError:
    return ScanError(
        f"Slices of the DICOM series are missing, or it consists of parts: {_gaps(stack)}.",
        "Copy or export the series again; of several parts, export the one with the abdomen to a folder of its own.",
    )


def _vector(values: np.ndarray) -> tuple[float, float, float]:
    x, y, z = (float(value) for value in values)
    return (x, y, z)

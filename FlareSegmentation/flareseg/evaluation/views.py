"""Selection of the slices of an organ that a case page shows, and of the part of the scan around it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from flareseg.core.boxes import box_around
from flareseg.core.geometry import Geometry
from flareseg.core.organs import Organ
from flareseg.evaluation.distances import projected, signed_distances
from flareseg.evaluation.evaluator import Comparison

_MARGIN_MM = 20.0


@dataclass(frozen=True)
class ViewPlane:
    """A direction of view along ``axis`` of canonical arrays: its names, and the letters at its left and right, top
    and bottom edges."""

    axis: int
    slice_name: str
    view_name: str
    letters: str

    def picture(self, array: np.ndarray) -> np.ndarray:
        """A slice or projection (rows, columns) with its top first: canonical k runs up, a picture runs down."""
        return array[::-1] if self.axis else array


PLANES = (
    ViewPlane(0, "Axial", "from below", "RLAP"),
    ViewPlane(1, "Coronal", "from the front", "RLSI"),
    ViewPlane(2, "Sagittal", "from the right", "APSI"),
)


@dataclass(frozen=True)
class SliceView:
    """The slice of a plane where prediction and ground truth differ most. Arrays are (rows, columns), top first.

    ``background``: HU, or None without a scan; ``ground_truth`` and ``prediction``: of the organ, boolean;
    ``others``: the ground truth of all organs; ``width_mm`` and ``height_mm``: size of the whole;
    ``position``: in the patient.
    """

    plane: ViewPlane
    background: np.ndarray | None
    ground_truth: np.ndarray
    prediction: np.ndarray
    others: np.ndarray
    width_mm: float
    height_mm: float
    position: str


@dataclass(frozen=True)
class OrganViews:
    """What is shown of one organ: a slice per plane, and distances in mm (rows, columns) projected along each plane's
    axis; None when the organ is not in both label maps."""

    organ: Organ
    slices: list[SliceView]
    distances: list[np.ndarray] | None


def organ_views(comparison: Comparison, organ: Organ) -> OrganViews | None:
    """Return the views of an organ; None when neither label map shows it."""
    prediction, ground_truth = (
        comparison.prediction.voxels == organ.label,
        comparison.ground_truth.voxels == organ.label,
    )
    if not (prediction | ground_truth).any():
        return None
    spacing = comparison.ground_truth.geometry.spacing
    box = box_around(prediction | ground_truth, [max(1, round(_MARGIN_MM / mm)) for mm in spacing])
    slices = [_slice_view(comparison, prediction, ground_truth, plane, box) for plane in PLANES]
    if not (prediction.any() and ground_truth.any()):
        return OrganViews(organ, slices, None)
    distances = signed_distances(prediction[box], ground_truth[box], spacing)
    return OrganViews(organ, slices, [plane.picture(projected(distances, plane.axis)) for plane in PLANES])


def worst_slice(prediction: np.ndarray, ground_truth: np.ndarray, axis: int) -> int:
    """The slice with the largest area of disagreement; without any, the one that shows most of the organ."""
    others = tuple(n for n in range(3) if n != axis)
    wrong = np.count_nonzero(prediction ^ ground_truth, axis=others)
    return int(np.argmax(wrong if wrong.any() else np.count_nonzero(ground_truth, axis=others)))


def _slice_view(
    comparison: Comparison,
    prediction: np.ndarray,
    ground_truth: np.ndarray,
    plane: ViewPlane,
    box: tuple[slice, slice, slice],
) -> SliceView:
    index = box[plane.axis].start + worst_slice(prediction[box], ground_truth[box], plane.axis)

    def cut(array: np.ndarray) -> np.ndarray:
        around = [part for axis, part in enumerate(box) if axis != plane.axis]
        return plane.picture(array.take(index, plane.axis)[tuple(around)])

    shown = cut(ground_truth)
    spacing = [mm for axis, mm in enumerate(comparison.ground_truth.geometry.spacing) if axis != plane.axis]
    height, width = (n * mm for n, mm in zip(shown.shape, spacing))
    background = cut(comparison.scan.voxels) if comparison.scan else None
    others = cut(comparison.ground_truth.voxels)
    position = _position(comparison.ground_truth.geometry, plane.axis, index)
    return SliceView(plane, background, shown, cut(prediction), others, width, height, position)


def _position(geometry: Geometry, axis: int, index: int) -> str:
    """The slice's offset as Slicer shows it: the coordinate of its middle, in mm with a letter for its sign."""
    kji = [index if n == axis else (size - 1) / 2 for n, size in enumerate(geometry.shape)]
    right, anterior, superior = (geometry.ijk_to_ras() @ [*reversed(kji), 1.0])[:3]
    offset, letters = ((superior, "SI"), (anterior, "AP"), (right, "RL"))[axis]
    return f"{letters[0] if offset >= 0 else letters[1]} {abs(offset):.0f} mm"

"""Reading of label maps for comparison: canonical axes, the label values of ORGANS, both kidneys as one."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from flareseg.core.errors import DataError
from flareseg.core.organs import LEFT_KIDNEY, ORGANS, RIGHT_KIDNEY
from flareseg.core.volume import Volume
from flareseg.evaluation.slicer_segmentation import read_segmentation
from flareseg.io.reading import read_volume
from flareseg.io.writing import SEGMENTATION_SUFFIX

_MEANING = ", ".join(f"{organ.label} {organ.name.lower()}" for organ in ORGANS)


def read_label_map(path: Path) -> Volume:
    """A label map as uint8 (k, j, i) with axes to superior, posterior and left; a left kidney counts as kidneys.

    The segments of a Slicer segmentation (.seg.nrrd) are told by terminology or name, whatever their label values.
    The volume's warnings say what was left out. Raises ScanError or DataError.
    """
    if path.name.lower().endswith(SEGMENTATION_SUFFIX):
        volume = read_segmentation(path)
    else:
        volume = read_volume(path)
        volume = Volume(_labels(volume.voxels, path.name), volume.geometry, volume.name, volume.warnings)
    turned = volume.canonical
    return Volume(turned.voxels, turned.geometry, volume.name, volume.warnings)


def _labels(voxels: np.ndarray, name: str) -> np.ndarray:
    """Return the label values. Raises DataError for values that are not those of organs."""
    if voxels.dtype.kind not in "iuf" or not voxels.size:
        raise _no_labels(name, f"no numbers ({voxels.dtype})")
    if not 0 <= voxels.min() <= voxels.max() <= LEFT_KIDNEY.label:  # false for NaN too
        raise _no_labels(name, f"values from {voxels.min():g} to {voxels.max():g}")
    labels = voxels.astype(np.uint8)
    if voxels.dtype.kind == "f" and not np.array_equal(labels, voxels):
        raise _no_labels(name, "values that are not whole numbers")
    labels[labels == LEFT_KIDNEY.label] = RIGHT_KIDNEY.label
    return labels


def _no_labels(name: str, what: str) -> DataError:
    return DataError(
        f"{name} is not a label map of these organs: it holds {what}.",
        f"Give a map with 0 background, {_MEANING} ({LEFT_KIDNEY.label} left kidney, if kept apart).",
    )

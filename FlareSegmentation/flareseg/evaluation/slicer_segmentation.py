"""Reading of the organs in a Slicer segmentation file (.seg.nrrd) by terminology or name."""

from __future__ import annotations

import re
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from flareseg.core.errors import DataError, ScanError
from flareseg.core.geometry import LPS_TO_RAS, Geometry
from flareseg.core.organs import ORGANS
from flareseg.core.volume import Volume

_BY_CODE = {organ.code.value: organ.label for organ in ORGANS}
_BY_WORD = {organ.name.lower(): organ.label for organ in ORGANS} | {"kidney": 2}
_KIDNEYS = 2
_SIDES = {"left", "right", "l", "r", "lt", "rt", "both"}
_FRACTIONAL = "Fractional labelmap"
_MOST_NAMED = 5
# of pynrrd and slicerio, for headers and data of every kind of damage
_DAMAGED = (OSError, ValueError, KeyError, IndexError, TypeError, AttributeError, EOFError, StopIteration, zlib.error)

Segment = dict[str, Any]


def read_segmentation(path: Path) -> Volume:
    """uint8 labels of ORGANS (k, j, i) on the segmentation's own grid; both kidneys have one label.

    The volume's warnings name segments that are none of the organs, and organs that overlap. Raises
    ScanError for a file that cannot be read, DataError for one without any of the organs.
    """
    segmentation = _read(path)
    labels_of = [(segment, label_of(segment)) for segment in segmentation["segments"]]
    found = [(segment, label) for segment, label in labels_of if label]
    if not found:
        raise DataError(
            f"{path.name} has no segment for liver, kidneys, spleen or pancreas.",
            "Name its segments after the organs.",
        )
    voxels = segmentation["voxels"]  # (i, j, k), or (layer, i, j, k) where segments overlap
    labels, warnings = _painted(voxels if voxels.ndim == 4 else voxels[None], found)
    i, j, k = labels.shape
    geometry = Geometry.from_ijk_to_ras(LPS_TO_RAS @ segmentation["ijkToLPS"], (k, j, i))
    return Volume(labels.T, geometry, path.name, _left_out([s for s, label in labels_of if not label]) + warnings)


def label_of(segment: Segment) -> int | None:
    """The label value of the organ that a segment shows, by its terminology or else its name; None for others."""
    code = (*segment.get("terminology", {}).get("type", ()), "", "")[1]
    return _BY_CODE.get(code) or _label_named(str(segment.get("name", "")))


def _label_named(name: str) -> int | None:
    """Kidneys for "Left Kidney", "kidney_left" and "kidneyLeft"; None for "kidney cyst" and "left liver"."""
    words = re.findall(r"[^\W_]+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower())
    organs = [word for word in words if word in _BY_WORD]
    if len(organs) != 1:
        return None
    label = _BY_WORD[organs[0]]
    others = set(words) - {organs[0]}
    return label if not others or (label == _KIDNEYS and others <= _SIDES) else None


def _read(path: Path) -> dict[str, Any]:
    import slicerio

    if not path.exists():
        raise ScanError(f"File not found: {path}.", "Check the path.")
    try:
        header = slicerio.read_segmentation(str(path), skip_voxels=True)
        _require_one_file(header, path)
        segmentation = slicerio.read_segmentation(str(path))
        _require_layers(segmentation)
    except _DAMAGED as error:
        raise ScanError(f"{path.name} is damaged or cannot be read.", "Export the segmentation again.") from error
    return segmentation


def _require_one_file(header: dict[str, Any], path: Path) -> None:
    if "data file" in header or "datafile" in header:
        raise ScanError(f"The voxels of {path.name} lie in another file.", "Save the segmentation as one file.")
    if _FRACTIONAL in (header.get("masterRepresentation"), *header.get("containedRepresentationNames", ())):
        raise ScanError(
            f"{path.name} holds fractions of voxels (a fractional labelmap).", "Save it as a binary labelmap."
        )


def _require_layers(segmentation: dict[str, Any]) -> None:
    """Raise ValueError for voxels that are not layers, and segments without a value or in a missing layer."""
    voxels = segmentation["voxels"]
    if voxels.ndim not in (3, 4) or not voxels.size:
        raise ValueError("the voxels are not layers of volumes")
    layers = voxels.shape[0] if voxels.ndim == 4 else 1
    if any("labelValue" not in s or not 0 <= s.get("layer", 0) < layers for s in segmentation["segments"]):
        raise ValueError("a segment has no voxels")


def _painted(layers: np.ndarray, segments: list[tuple[Segment, int]]) -> tuple[np.ndarray, list[str]]:
    """uint8 labels (i, j, k); where two organs overlap the later segment is used, and a warning is added."""
    labels = np.zeros(layers.shape[1:], np.uint8)
    overlapping = 0
    for segment, label in segments:
        mask = layers[segment.get("layer", 0)] == segment["labelValue"]
        overlapping += int(np.count_nonzero(mask & (labels != 0) & (labels != label)))
        labels[mask] = label
    return labels, [f"{overlapping} voxels lie in two organs; the later segment was used."] if overlapping else []


def _left_out(segments: list[Segment]) -> list[str]:
    names = [str(segment.get("name") or segment["id"]) for segment in segments]
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return [f"Left out, as they are none of the four organs: {', '.join(names[:_MOST_NAMED])}{more}."] if names else []

"""The organs in a Slicer segmentation file (.seg.nrrd), told by terminology or name."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any

import numpy as np

from flareseg.errors import FlareError, bad_scan
from flareseg.geometry import LPS_TO_RAS, Geometry
from flareseg.organs import LEFT_KIDNEY, ORGANS, RIGHT_KIDNEY
from flareseg.volume import Volume

_LABELS = {organ.code.value: organ.label for organ in ORGANS} | {organ.name.lower(): organ.label for organ in ORGANS}
_LABELS |= dict.fromkeys(("kidney", RIGHT_KIDNEY.name.lower(), LEFT_KIDNEY.name.lower()), RIGHT_KIDNEY.label)


def read_segmentation(path: Path) -> Volume:
    """uint8 labels of ORGANS (k, j, i) on the segmentation's own grid; both kidneys have one label.

    Raises FlareError("bad_scan") for a file that cannot be read, ("bad_data") for one without any of the organs.
    """
    segmentation = _read(path)
    voxels = segmentation["voxels"]  # (i, j, k), or (layer, i, j, k) where segments overlap
    labels = np.zeros(voxels.shape[-3:], np.uint8)
    found = [(label, segment) for segment in segmentation["segments"] if (label := _label_of(segment))]
    if not found:
        raise FlareError(
            "bad_data",
            f"{path.name} has no segment for liver, kidneys, spleen or pancreas.",
            "Name its segments after the organs.",
        )
    for label, segment in found:
        layer = voxels[segment["layer"]] if voxels.ndim == 4 else voxels
        labels[layer == segment["labelValue"]] = label
    i, j, k = labels.shape
    return Volume(labels.T, Geometry.from_ijk_to_ras(LPS_TO_RAS @ segmentation["ijkToLPS"], (k, j, i)), path.name)


def _read(path: Path) -> dict[str, Any]:
    import slicerio

    if not path.exists():
        raise bad_scan(f"There is no file {path}.", "Check the path.")
    try:
        return slicerio.read_segmentation(str(path))
    except (OSError, ValueError, KeyError, EOFError, StopIteration, zlib.error) as error:  # of pynrrd and slicerio
        raise bad_scan(f"{path.name} is damaged or cannot be read.", "Export the segmentation again.") from error


def _label_of(segment: dict[str, Any]) -> int | None:
    code = segment.get("terminology", {}).get("type", ("", "", ""))[1]
    return _LABELS.get(code) or _LABELS.get(str(segment.get("name", "")).strip().lower())

"""What deserves a look in a finished segmentation: missing, implausible or cut organs."""

from __future__ import annotations

import numpy as np

from flareseg.geometry import Geometry
from flareseg.organs import ORGANS, Organ
from flareseg.report import OrganFacts
from flareseg.resample import Box

_FACES = (("lower", "upper"), ("front", "back"), ("right", "left"))


def organ_facts(labels: np.ndarray, voxels: dict[int, int], box: Box, geometry: Geometry) -> list[OrganFacts]:
    """Volume and warnings of each organ.

    ``labels``: uint8 (k, j, i) in canonical orientation, as is ``geometry``; ``voxels``: count per
    label value; ``box``: the segmented ROI.
    """
    faces = _touched_faces(labels, box)
    return [_facts(organ, voxels[organ.label], geometry.voxel_ml, faces) for organ in ORGANS]


def doubt(organs: list[OrganFacts]) -> list[str]:
    """A warning about the scan as a whole when half of the organs are missing or implausible."""
    odd = [facts for organ, facts in zip(ORGANS, organs) if not _is_plausible(organ, facts.volume_ml)]
    if len(odd) < len(ORGANS) / 2:
        return []
    names = ", ".join(facts.name.lower() for facts in odd)
    return [f"Missing or of unusual size: {names}. Check that this scan shows the whole abdomen."]


def _is_plausible(organ: Organ, volume_ml: float) -> bool:
    low, high = organ.plausible_ml
    return low <= volume_ml <= high


def _facts(organ: Organ, voxels: int, voxel_ml: float, faces: list[tuple[str, bool, set[int]]]) -> OrganFacts:
    volume = voxels * voxel_ml
    if not voxels:
        return OrganFacts(organ.label, organ.name, 0, 0.0, ["not found"])
    warnings = [_edge(face, of_scan) for face, of_scan, labels in faces if organ.label in labels]
    if not _is_plausible(organ, volume):
        warnings.append(f"{volume:.0f} mL is {'less' if volume < organ.plausible_ml[0] else 'more'} than expected")
    return OrganFacts(organ.label, organ.name, voxels, volume, warnings)


def _edge(face: str, of_scan: bool) -> str:
    return f"touches the {face} edge of the {'scan' if of_scan else 'region'}"


def _touched_faces(labels: np.ndarray, box: Box) -> list[tuple[str, bool, set[int]]]:
    """For each face of the box: its name, whether it is the scan's own edge, the labels on it."""
    faces = []
    for axis, names in enumerate(_FACES):
        ends = ((box.low[axis], box.low[axis] == 0), (box.high[axis] - 1, box.high[axis] == labels.shape[axis]))
        for name, (index, of_scan) in zip(names, ends):
            faces.append((name, of_scan, set(np.unique(labels.take(index, axis=axis)).tolist())))
    return faces

"""Quality checks of a finished segmentation: missing, implausible or cut organs, and HU that they cannot have."""

from __future__ import annotations

import numpy as np

from flareseg.core.boxes import box_around
from flareseg.core.geometry import Geometry
from flareseg.core.organs import Organ
from flareseg.core.report import OrganFacts
from flareseg.inference.resample import Box

_FACES = (("lower", "upper"), ("front", "back"), ("right", "left"))


def organ_facts(
    labels: np.ndarray, hu: np.ndarray, organs: tuple[Organ, ...], box: Box, geometry: Geometry
) -> list[OrganFacts]:
    """Volume, HU and warnings of each organ.

    ``labels``: uint8 (k, j, i) in canonical orientation, as are the voxels ``hu`` and ``geometry``;
    ``box``: the segmented ROI.
    """
    faces = _touched_faces(labels, box)
    inside = box_around(labels[box.slices])
    counts = _counts(labels[box.slices][inside], hu[box.slices][inside], organs)
    found = [_facts(organ, counts[organ.label], geometry.voxel_ml, faces) for organ in organs]
    spreads = {facts.label: facts.std_hu for facts in found if facts.std_hu is not None}
    for organ, facts in zip(organs, found):
        noise = min((spread for label, spread in spreads.items() if label != organ.label), default=0.0)
        facts.warnings += _hu_warnings(organ, facts, noise)
    return found


def _counts(labels: np.ndarray, hu: np.ndarray, organs: tuple[Organ, ...]) -> dict[int, np.ndarray]:
    """Voxels, sum of HU and sum of squared HU, (3), of each label value; slice by slice, to stay in cache."""
    counts = {organ.label: np.zeros(3) for organ in organs}
    for marks, plane in zip(labels, hu):
        for label, count in counts.items():
            values = plane[marks == label].astype(np.float64)
            count += len(values), values.sum(), values @ values
    return counts


def scan_warnings(found: list[OrganFacts], organs: tuple[Organ, ...]) -> list[str]:
    """A warning about the scan as a whole when half of the organs are missing or implausible."""
    implausible = [facts for organ, facts in zip(organs, found) if not _is_plausible(organ, facts.volume_ml)]
    if len(implausible) < len(organs) / 2:
        return []
    names = ", ".join(facts.name.lower() for facts in implausible)
    return [f"Missing or of unusual size: {names}. Check that this scan shows the whole abdomen."]


def _is_plausible(organ: Organ, volume_ml: float) -> bool:
    low, high = organ.plausible_ml
    return low <= volume_ml <= high


def _facts(organ: Organ, counts: np.ndarray, voxel_ml: float, faces: list[tuple[str, bool, set[int]]]) -> OrganFacts:
    voxels, hu, hu_squared = (float(count) for count in counts)
    if not voxels:
        return OrganFacts(organ.label, organ.name, 0, 0.0, ["not found"])
    volume, mean = voxels * voxel_ml, hu / voxels
    deviation = max(0.0, hu_squared / voxels - mean**2) ** 0.5
    warnings = [_edge(face, of_scan) for face, of_scan, labels in faces if organ.label in labels]
    if not _is_plausible(organ, volume):
        warnings.append(f"{volume:.0f} mL is {'less' if volume < organ.plausible_ml[0] else 'more'} than expected")
    return OrganFacts(organ.label, organ.name, int(voxels), volume, warnings, round(mean, 1), round(deviation, 1))


def _hu_warnings(organ: Organ, facts: OrganFacts, noise: float) -> list[str]:
    """Say what of mean and spread of the HU cannot be the organ's. ``noise``: the least spread of another organ."""
    if facts.mean_hu is None or facts.std_hu is None:
        return []
    warnings = []
    low, high = organ.plausible_hu
    if not low <= facts.mean_hu <= high:
        warnings.append(
            f"a mean of {facts.mean_hu:.0f} HU is {'less' if facts.mean_hu < low else 'more'} than expected"
        )
    if facts.std_hu**2 - noise**2 > organ.most_spread_hu**2:
        warnings.append(f"the HU spread by ±{facts.std_hu:.0f}, more than expected")
    return warnings


def _edge(face: str, of_scan: bool) -> str:
    return f"touches the {face} edge of the {'scan' if of_scan else 'region'}"


def _touched_faces(labels: np.ndarray, box: Box) -> list[tuple[str, bool, set[int]]]:
    """For each face of the box: its name, whether it is the scan's own edge, the labels on it."""
    faces = []
    for axis, names in enumerate(_FACES):
        ends = ((box.low[axis], box.low[axis] == 0), (box.high[axis] - 1, box.high[axis] == labels.shape[axis]))
        for name, (index, of_scan) in zip(names, ends):
            face = np.moveaxis(labels, axis, 0)[index]
            there = np.flatnonzero(np.bincount(face.ravel()))
            faces.append((name, of_scan, set(there.tolist())))
    return faces

"""The region of interest (ROI): the box of voxels around the abdomen, from the ROI network or from the caller."""

from __future__ import annotations

from itertools import product

import cc3d
import numpy as np

from flareseg.core.errors import RoiError
from flareseg.core.geometry import Bounds, Geometry
from flareseg.inference.low_scans import LEAST_HEIGHT_MM
from flareseg.inference.resample import Box

MARGIN_MM = 15.0
LOW_SCAN_MARGIN_MM = 30.0  # of a scan lower than LEAST_HEIGHT_MM: less of the body shows less of where the organs are
KEPT_SHARE = 0.08  # of the largest foreground component
SMALLEST_ML = 40.0  # less foreground than a third of the smallest kidney pair and spleen is noise
SMALLEST_BOX_MM = 30.0


def box_of_foreground(foreground: np.ndarray, geometry: Geometry) -> Box | None:
    """Box of the scan's voxels around the foreground, grown by a margin; None if there is none.

    The margin is MARGIN_MM, in a scan lower than LEAST_HEIGHT_MM LOW_SCAN_MARGIN_MM.

    ``foreground``: bool (k, j, i) on a coarse grid that covers the whole scan.
    ``geometry``: the scan's, in canonical orientation.
    """
    ratio = np.array(geometry.shape) / foreground.shape
    parts = cc3d.connected_components(foreground, connectivity=6)
    facts = cc3d.statistics(parts, no_slice_conversion=True)
    voxels, boxes = facts["voxel_counts"][1:], facts["bounding_boxes"][1:]
    if not len(voxels) or voxels.max() * np.prod(ratio) * geometry.voxel_ml < SMALLEST_ML:
        return None
    kept = boxes[voxels > KEPT_SHARE * voxels.max()].astype(float)
    is_low = geometry.shape[0] * geometry.spacing[0] < LEAST_HEIGHT_MM
    margin = (LOW_SCAN_MARGIN_MM if is_low else MARGIN_MM) / np.array(geometry.spacing)
    low = np.floor(kept[:, 0::2].min(axis=0) * ratio - margin)
    high = np.ceil((kept[:, 1::2].max(axis=0) + 1) * ratio + margin)
    return _clipped(low, high, geometry)


def box_of_bounds(bounds: Bounds, geometry: Geometry) -> Box:
    """Box of the voxels whose centres lie within RAS bounds (r0, r1, a0, a1, s0, s1) in mm.

    On an oblique grid the box is the smallest one that holds the bounds. Raises
    RoiError for bounds that are not a box, are outside the scan, or are too small.
    """
    pairs = np.array(bounds, dtype=float).reshape(3, 2)
    if not np.isfinite(pairs).all() or (pairs[:, 0] >= pairs[:, 1]).any():
        raise RoiError(
            "The ROI is not a box: each lower bound must be below its upper bound.",
            "Give R from, R to, A from, A to, S from, S to in mm (RAS), each pair ascending.",
        )
    corners = np.array([[*corner, 1.0] for corner in product(*pairs)])
    ijk = np.linalg.solve(geometry.ijk_to_ras(), corners.T)[:3]
    kji = np.round(ijk[::-1], 6)  # a bound that meets a voxel's centre must not miss it by rounding
    box = _clipped(np.ceil(kji.min(axis=1)), np.floor(kji.max(axis=1)) + 1, geometry)
    if min(n * mm for n, mm in zip(box.size, geometry.spacing)) < SMALLEST_BOX_MM:
        raise RoiError(
            f"The part of the ROI inside the scan is thinner than {SMALLEST_BOX_MM:g} mm.",
            "Move or enlarge the ROI so that it holds the organs.",
        )
    return box


def bounds_of_box(box: Box, geometry: Geometry) -> Bounds:
    """RAS bounds in mm (r0, r1, a0, a1, s0, s1) of the centres of the box's outermost voxels."""
    pairs = list(zip(box.low, (high - 1 for high in box.high)))[::-1]
    corners = np.array([[*corner, 1.0] for corner in product(*pairs)])
    ras = (geometry.ijk_to_ras() @ corners.T)[:3]
    low, high = ras.min(axis=1), ras.max(axis=1)
    r0, r1, a0, a1, s0, s1 = (float(v) for v in np.stack([low, high], axis=1).ravel())
    return (r0, r1, a0, a1, s0, s1)


def _clipped(low: np.ndarray, high: np.ndarray, geometry: Geometry) -> Box:
    k0, j0, i0 = (int(v) for v in np.clip(low, 0, geometry.shape))
    k1, j1, i1 = (int(v) for v in np.clip(high, (k0, j0, i0), geometry.shape))
    return Box((k0, j0, i0), (k1, j1, i1))

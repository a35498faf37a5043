"""Checks of what the networks found against anatomy: whether a scan shows an abdomen, and organs that cannot be.

Outside the abdomen, too, the networks call some tissue an organ: brain, muscle and a full bladder mostly become liver.
Few observations tell these from an abdomen: whether both networks see it at the same place, kidneys or spleen beside
the liver, the lungs above it, a skull around it, and HU of parenchyma. Volumes, the sides of the body and its width are
not used: they would refuse children, situs inversus and patients after surgery.
"""

from __future__ import annotations

from dataclasses import dataclass

import cc3d
import numpy as np
from torch import Tensor

from flareseg.core.geometry import Geometry
from flareseg.core.organs import BACKGROUND, LEFT_KIDNEY, ORGANS, Organ
from flareseg.inference.resample import sampled

_LIVER, _KIDNEYS, _SPLEEN, _ = ORGANS

# Measured on scans with and without organs (make refusals; docs/model-card.md counts them), between the two groups.
LEAST_ML = 15.0  # of an agreed organ; "kidneys" in bellies and "spleens" in brains have up to 11 mL, true ones 22
AGREEMENT = 0.4  # of an organ of that size, inside the ROI network's abdomen: up to 32 %, true ones from 53 % on
UNDER_LUNG = 0.3  # of the liver seen from above: up to 11 %, domes from 36 % on
LUNG_MM2 = 5000.0  # of a lung in an axial slice; bowel gas over a bladder had 3300
LUNG_WITHIN_MM = 40.0  # of the top of the liver: the depth of the recess between diaphragm and chest wall
IN_SKULL = 0.3  # of a liver's voxels, inside rings of bone: 39 % in heads with thin, soft skulls, 0 in abdomens

AIR_HU = -400.0  # between lung (-900 to -500) and fat (-100)
GAS_HU = -960.0  # of bowel; lung has more tissue in it
BONE_HU = 150.0  # a skull of 6 mm in voxels of 5 mm; soft tissue seldom reaches it without contrast medium
BONE_ABOVE_LIVER = 100.0  # a liver may be as bright as BONE_HU (80 kV, 40 keV), and its rim is not bone
PARENCHYMA_HU = (-80.0, 500.0)  # above fat (-100); fatty livers reach -30, renal cortex at 80 kV about 400
_LEAST_PARENCHYMA = 0.5  # of an organ's voxels


@dataclass(frozen=True)
class Overview:
    """The whole scan on the grid of the ROI network, in canonical orientation.

    Attributes:
        hu: float32 (k, j, i).
        abdomen: Where the ROI network sees the abdomen, bool (k, j, i).
        geometry: The grid of the scan itself, in canonical orientation.
    """

    hu: np.ndarray
    abdomen: np.ndarray
    geometry: Geometry

    @property
    def spacing(self) -> np.ndarray:
        """Size of a voxel of this grid in mm along (k, j, i)."""
        return np.array(self.geometry.shape) * self.geometry.spacing / self.hu.shape


def contradiction(labels: np.ndarray, overview: Overview) -> str:
    """Say why what was found cannot be an abdomen.

    An abdomen shows kidneys or a spleen where both networks agree, or a liver under the lungs; and its liver is not
    inside a skull.

    Args:
        labels: Label map of the whole scan, uint8 (k, j, i) in canonical orientation.
        overview: The scan as the ROI network saw it.

    Returns:
        The reason, to follow a colon; empty if nothing contradicts an abdomen.
    """
    organs = sampled(labels, overview.hu.shape)
    organs[organs == LEFT_KIDNEY.label] = _KIDNEYS.label
    if not organs.any():
        return "it shows no liver, kidney, spleen or pancreas"
    liver = organs == _LIVER.label
    if _is_in_skull(liver, overview):
        return "what looks like a liver lies inside the skull"
    if any(_is_agreed(organs == organ.label, overview) for organ in (_KIDNEYS, _SPLEEN)):
        return ""
    if _is_agreed(liver, overview) and _is_under_lungs(liver, overview):
        return ""
    return "it shows neither kidneys nor a spleen, and no liver under the lungs"


def without_parenchyma(labels: np.ndarray, crop: Tensor) -> list[Organ]:
    """Find organs that consist of air, fat, bone or metal.

    Args:
        labels: Label map of the ROI, uint8 (k, j, i) in canonical orientation.
        crop: The same box in HU on another grid (k, j, i).

    Returns:
        The organs of which less than half lies within PARENCHYMA_HU.
    """
    hu = crop[::2, ::2, ::2].cpu().numpy()  # an eighth of the voxels tells as much
    marks = sampled(labels, hu.shape)
    low, high = PARENCHYMA_HU
    total, inside = (np.bincount(m, minlength=256) for m in (marks.ravel(), marks[(hu > low) & (hu < high)]))
    return [organ for organ in ORGANS if inside[organ.label] < _LEAST_PARENCHYMA * total[organ.label]]


def _is_agreed(organ: np.ndarray, overview: Overview) -> bool:
    """Whether much of an organ lies where the ROI network sees the abdomen: two networks seldom err alike."""
    agreed = np.count_nonzero(organ & overview.abdomen)
    millilitres = agreed * float(np.prod(overview.spacing)) / 1000
    return bool(millilitres >= LEAST_ML and agreed >= AGREEMENT * np.count_nonzero(organ))


def _is_under_lungs(organ: np.ndarray, overview: Overview) -> bool:
    """Whether lung lies within LUNG_WITHIN_MM above a part of an organ's top."""
    reach = max(1, round(LUNG_WITHIN_MM / overview.spacing[0]))
    least = round(LUNG_MM2 / float(np.prod(overview.spacing[1:])))
    air = _enclosed(overview.hu > AIR_HU, least) & (overview.hu > GAS_HU)
    above = air.copy()
    for step in range(1, min(reach + 1, len(air))):
        above[:-step] |= air[step:]
    columns = organ.any(axis=0)
    top = organ.shape[0] - 1 - organ[::-1].argmax(axis=0)
    under = np.take_along_axis(above, top[None], axis=0)[0]
    return bool(np.count_nonzero(under & columns) >= UNDER_LUNG * np.count_nonzero(columns))


def _is_in_skull(liver: np.ndarray, overview: Overview) -> bool:
    """Whether bone closes rings round a liver in axial slices, as ribs never do."""
    slices = liver.any(axis=(1, 2))
    liver, hu = liver[slices], overview.hu[slices]
    if not liver.any():
        return False
    bone = max(BONE_HU, float(np.median(hu[liver])) + BONE_ABOVE_LIVER)
    inside = _enclosed((hu > bone) & ~liver) & liver
    return bool(np.count_nonzero(inside) >= IN_SKULL * np.count_nonzero(liver))


def _enclosed(wall: np.ndarray, least: int = 1) -> np.ndarray:
    """What the wall (bool (k, j, i)) encloses within its own slice, without the wall, in parts of ``least`` voxels."""
    enclosed = np.empty_like(wall)
    for k, plane in enumerate(wall):
        parts = cc3d.connected_components(~plane, connectivity=4)
        inside = np.bincount(parts.ravel()) >= least
        inside[BACKGROUND] = False
        for edge in (parts[0], parts[-1], parts[:, 0], parts[:, -1]):
            inside[edge] = False
        enclosed[k] = inside[parts]
    return enclosed

"""Cases of synthetic patients: as CTs with labels, as organ maps, or as bodies."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cc3d
import numpy as np
from scipy import ndimage

from flareseg.core.errors import DataError
from flareseg.inference.resample import Size
from flareseg.phantom import make_phantom, make_tissues
from flareseg.phantom.tissues import PhantomTissue as Painted
from flareseg.training.prepare.building import Form
from flareseg.training.prepare.data_map import DataMap
from flareseg.training.prepare.found import CaseSource, ImportedAnatomy, Provenance
from flareseg.training.store import Kind
from flareseg.training.tissues import Tissue

SCHEME = "phantom:"
SOURCE, LICENCE = "flareseg phantom", "Apache-2.0"
# mm along (k, j, i). The phantom's bones reach from the pelvis to the upper chest.
_EXTENT = {Kind.SCAN: (360.0, 330.0, 420.0), Kind.ORGANS: (360.0, 330.0, 420.0), Kind.BODY: (500.0, 330.0, 420.0)}
_MOST = 100_000  # of cases in a run
_PELVIS_ML = 8.0  # pools of fluid below this are urine, not gut

_TISSUE_OF = {
    Painted.SKIN: Tissue.WALL,
    Painted.FAT: Tissue.FAT,
    Painted.MUSCLE: Tissue.MUSCLE,
    Painted.CORTICAL_BONE: Tissue.BONE,
    Painted.SPONGY_BONE: Tissue.SPONGY_BONE,
    Painted.DISC: Tissue.CARTILAGE,
    Painted.CARTILAGE: Tissue.CARTILAGE,
    Painted.CORD: Tissue.CORD,
    Painted.LUNG: Tissue.LUNG,
    Painted.LUNG_VESSEL: Tissue.LUNG,
    Painted.HEART: Tissue.HEART,
    Painted.ARTERY: Tissue.ARTERY,
    Painted.VEIN: Tissue.VEIN,
    Painted.ADRENAL: Tissue.ADRENAL,
    Painted.LIVER: Tissue.LIVER,
    Painted.LIVER_VESSEL: Tissue.LIVER_VESSEL,
    Painted.RENAL_CORTEX: Tissue.RIGHT_KIDNEY,
    Painted.RENAL_MEDULLA: Tissue.RIGHT_KIDNEY,
    Painted.SPLEEN: Tissue.SPLEEN,
    Painted.PANCREAS: Tissue.PANCREAS,
}
_CONTENT_OF = {Painted.BILE: Tissue.GALLBLADDER, Painted.STOOL: Tissue.COLON}
_POOLS = (Painted.FOOD, Painted.FLUID)
_WALLS = (Painted.GUT_WALL, Painted.GAS)


def phantom_cases(count: str, data_map: DataMap, form: Form) -> list[CaseSource]:
    """The patients of the first ``count`` seeds."""
    if not count.isdecimal() or not 0 < int(count) <= _MOST:
        raise DataError(f'"{count}" is not a number of phantoms from 1 to {_MOST}.', f"Give for example {SCHEME}4.")
    described = data_map.with_defaults(SOURCE, LICENCE)
    names = ((seed, f"phantom_{form.kind.value}_{seed:04d}") for seed in range(int(count)))
    return [PhantomCase(described.provenance(name), seed, form) for seed, name in names]


@dataclass(frozen=True)
class PhantomCase:
    """A synthetic patient, painted at the store's spacing."""

    provenance: Provenance
    seed: int
    form: Form

    def content(self) -> Iterator[bytes]:
        yield repr((self.seed, self._shape)).encode()

    def read(self) -> ImportedAnatomy:
        spacing = (self.form.mm,) * 3
        tissues = phantom_tissues(make_tissues(self.seed, self._shape, spacing), self.form.mm)
        is_scan = self.form.kind is Kind.SCAN
        hu = make_phantom(self.seed, self._shape, spacing).volume.voxels if is_scan else None
        return ImportedAnatomy(tissues, spacing, hu, kidneys_joined=True)

    @property
    def _shape(self) -> Size:
        k, j, i = (round(mm / self.form.mm) for mm in _EXTENT[self.form.kind])
        return (k, j, i)


def phantom_tissues(painted: np.ndarray, mm: float) -> np.ndarray:
    """Training's tissues for the phantom's, both kidneys as RIGHT_KIDNEY. The phantom paints any gut alike: each piece
    goes to the organ whose content lies nearest."""
    table = np.zeros(len(Painted), np.uint8)
    for tissue, own in (_TISSUE_OF | _CONTENT_OF).items():
        table[tissue] = own
    tissues = table[painted]
    content = np.where(np.isin(painted, tuple(_CONTENT_OF)), tissues, _pools(painted, mm))
    tissues = np.where(content > 0, content, tissues)
    walls = np.isin(painted, _WALLS)
    gut = np.isin(content, (Tissue.STOMACH, Tissue.SMALL_BOWEL, Tissue.COLON, Tissue.GALLBLADDER))
    if gut.any():
        nearest = ndimage.distance_transform_edt(~gut, return_distances=False, return_indices=True)
        tissues[walls] = content[tuple(nearest)][walls]
    return tissues


def _pools(painted: np.ndarray, mm: float) -> np.ndarray:
    """Food and fluid by where they are: the highest food in the stomach, small pools in kidneys, others in bowel."""
    pools = cc3d.connected_components(np.isin(painted, _POOLS), connectivity=6)
    voxels = np.bincount(pools.ravel())
    organ = np.full(len(voxels), Tissue.SMALL_BOWEL, np.uint8)
    organ[voxels * mm**3 / 1000 < _PELVIS_ML] = Tissue.SOFT
    food = np.flatnonzero((painted == Painted.FOOD).any(axis=(1, 2)))
    if len(food):
        organ[np.unique(pools[food[-1]][painted[food[-1]] == Painted.FOOD])] = Tissue.STOMACH
    organ[0] = Tissue.AIR
    return organ[pools]

"""TotalSegmentator's data set: a folder per case with ct.nii.gz and a mask per structure in segmentations/."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from flareseg.core.errors import DataError
from flareseg.core.geometry import Geometry
from flareseg.io.reading import read_volume
from flareseg.training.prepare.data_map import DataMap
from flareseg.training.prepare.found import CaseSource, ImportedAnatomy, Provenance
from flareseg.training.prepare.label_files import canonical, file_content, read_hu, require_same_grid
from flareseg.training.prepare.names import tissue_name
from flareseg.training.prepare.values import KIDNEYS, tissues_named, unlabelled

CT, MASKS = "ct.nii.gz", "segmentations"
_SUFFIX = ".nii.gz"


def totalsegmentator_cases(folder: Path, data_map: DataMap) -> list[CaseSource]:
    """Every folder below ``folder`` with masks, or the folder itself when it is a case."""
    described = data_map.with_defaults(folder.resolve().name)
    if (folder / MASKS).is_dir():
        return [MasksCase(described.provenance(folder.resolve().name), folder)]
    cases = sorted(path.parent for path in folder.glob(f"*/{MASKS}") if path.is_dir())
    return [MasksCase(described.provenance(case.name), case) for case in cases]


@dataclass(frozen=True)
class MasksCase:
    """A folder with a CT (unless there is none) and a mask per structure."""

    provenance: Provenance
    folder: Path

    def content(self) -> Iterator[bytes]:
        ct = self.folder / CT
        for path in [*([ct] if ct.exists() else []), *sorted((self.folder / MASKS).glob(f"*{_SUFFIX}"))]:
            yield path.name.encode()
            yield from file_content(path)

    def read(self) -> ImportedAnatomy:
        masks = self._masks()
        if not masks:
            raise DataError(f"{MASKS} holds no mask of a structure that is known.", "Check the names of its files.")
        tissues, grid = _joined(masks)
        ct = self.folder / CT
        hu = read_hu(ct, grid) if ct.exists() else None
        labelled = [tissue for name in masks.values() for tissue in tissues_named(name)]
        return canonical(tissues, hu, grid, KIDNEYS in masks.values(), unlabelled(labelled))

    def _masks(self) -> dict[Path, str]:
        """The name of the tissue of each mask; structures that are not a tissue of the store are left out."""
        paths = sorted((self.folder / MASKS).glob(f"*{_SUFFIX}"))
        names = {path: tissue_name(path.name.removesuffix(_SUFFIX)) for path in paths}
        return {path: name for path, name in names.items() if name}


def _joined(masks: dict[Path, str]) -> tuple[np.ndarray, Geometry]:
    """One tissue map out of masks on one grid; where two overlap, the later name (by alphabet) stays."""
    tissues: np.ndarray | None = None
    grid: Geometry | None = None
    for path, name in masks.items():
        volume = read_volume(path)
        if tissues is None or grid is None:
            tissues, grid = np.zeros(volume.voxels.shape, np.uint8), volume.geometry
        require_same_grid(grid, volume.geometry, f"The voxels of {path.name}", "the other masks")
        tissues[volume.voxels > 0] = tissues_named(name)[0]
    assert tissues is not None and grid is not None
    return tissues, grid

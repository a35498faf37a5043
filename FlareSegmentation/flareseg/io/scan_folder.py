"""Selection of the scan files in a folder; segmentations, earlier results and broken links are left out."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from flareseg.core.errors import FlareError
from flareseg.io.image_files.voxels import read_voxels
from flareseg.io.reading import SUFFIXES, read_header, stem

RESULT = "-organs"
_SEGMENTATION = ".seg.nrrd"
_WORDS = {
    *("seg", "segs", "segmentation", "segmentations", "label", "labels", "labelmap", "mask", "masks"),
    *("gt", "ground_truth", "groundtruth", "annotation", "annotations", "roi", "organs", "prediction", "pred"),
}


@dataclass(frozen=True)
class Inputs:
    """Scans, and a message for each file that could have been one and was left out."""

    scans: list[Path]
    left_out: list[str]


def scans_in(folder: Path) -> Inputs:
    """The scan files in a folder, by name. Hidden files and results of flareseg are not scans. Raises OSError."""
    return scans_among(sorted(folder.iterdir()), folder)


def scans_among(paths: Iterable[Path], folder: Path, with_dicom: bool = False) -> Inputs:
    """The scan files among the paths inside a folder, and with ``with_dicom`` the subfolders with DICOM files."""
    scans, left_out = [], []
    for path in paths:
        if path.name.startswith("."):
            continue
        if path.is_dir():
            if with_dicom and holds_dicom(path):
                scans.append(path)
        elif not may_be_scan(path):
            continue
        elif why := why_not_scan(path):
            left_out.append(f"{path.relative_to(folder).as_posix()} was left out: it is {why}.")
        else:
            scans.append(path)
    return Inputs(scans, left_out)


def holds_dicom(folder: Path) -> bool:
    """Whether a file right in a folder is DICOM. A folder that cannot be read counts: reading it will say why."""
    from flareseg.io.dicom.header import is_dicom

    try:
        return any(is_dicom(path) for path in sorted(folder.iterdir()) if path.is_file())
    except OSError:
        return True


def may_be_scan(path: Path) -> bool:
    """Whether a file has the name of an image, and not that of a result of ours."""
    return path.name.lower().endswith(SUFFIXES) and not stem(path).removesuffix(".seg").endswith(RESULT)


def why_not_scan(path: Path) -> str:
    """What an image file is rather than a scan; empty for a scan, also for one that cannot be read."""
    if path.is_symlink() and not path.exists():
        return "a broken link"
    if not path.is_file():
        return "a device, pipe or socket"
    return "a segmentation" if _is_segmentation(path) else ""


def _is_segmentation(path: Path) -> bool:
    """Whether no CT can be in a file: 8 bits a voxel or, where the name tells of a segmentation, no negative value.

    A file that cannot be read counts as a scan: reading it says why.
    """
    if path.name.lower().endswith(_SEGMENTATION):
        return True
    try:
        header = read_header(path)
        if header.storage.dtype.itemsize == 1 and (header.slope, header.intercept) == (1.0, 0.0):
            return True
        words = set(re.split(r"[^a-z]+", stem(path).lower()))
        return bool(words & _WORDS) and bool(read_voxels(header, []).min() >= 0)
    except (FlareError, OSError):
        return False

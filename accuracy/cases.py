"""The labelled CTs of a folder."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from flareseg.core.errors import DataError
from flareseg.evaluation.cases import case_name
from flareseg.io.reading import is_scan_file, stem

SCAN = "ct"
LABELS = ("label", "segmentation")  # how the names of true label maps begin
NNUNET = (("imagesTr", "labelsTr"), ("imagesTs", "labelsTs"))
_LAYOUTS = (
    f"Give a folder with CASE/{SCAN}.nii.gz and CASE/label.nii.gz for each case, or with imagesTr/CASE_0000.nii.gz and "
    "labelsTr/CASE.nii.gz."
)


@dataclass(frozen=True)
class ScoredCase:
    """A scan with its true label map."""

    name: str
    scan: Path
    ground_truth: Path


def labelled_cts(folder: Path) -> list[ScoredCase]:
    """The cases of a folder in the order of their names.

    A case is a folder CASE with a file ct.* and one that begins with "label" or "segmentation"; or imagesTr/CASE_0000.*
    with labelsTr/CASE.*, as nnU-Net has them. What has no labels is left out. Raises DataError when there is no case,
    or one is ambiguous.
    """
    if not folder.is_dir():
        raise DataError(f"The folder {folder} does not exist.", _LAYOUTS)
    found = [case for images, labels in NNUNET for case in _nnunet(folder / images, folder / labels)]
    found += [case for each in sorted(folder.iterdir()) if each.is_dir() for case in _of_folder(each)]
    for case, count in Counter(case.name for case in found).items():
        if count > 1:
            raise DataError(f"The folder {folder} holds {count} cases named {case}.", "Give each case its own name.")
    if not found:
        raise DataError(f"The folder {folder} holds no CT with a label map.", _LAYOUTS)
    return found


def _nnunet(images: Path, labels: Path) -> list[ScoredCase]:
    true = {case_name(path): path for path in _scans(labels)}
    return [
        ScoredCase(case_name(path), path, true[case_name(path)]) for path in _scans(images) if case_name(path) in true
    ]


def _of_folder(folder: Path) -> list[ScoredCase]:
    scans = [path for path in _scans(folder) if stem(path).lower() == SCAN]
    labels = [path for path in _scans(folder) if stem(path).lower().startswith(LABELS)]
    if not scans or not labels:
        return []
    if len(scans) > 1 or len(labels) > 1:
        names = ", ".join(path.name for path in scans + labels)
        raise DataError(f"The folder {folder} holds several scans or label maps ({names}).", "Keep one of each there.")
    return [ScoredCase(folder.name, scans[0], labels[0])]


def _scans(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if is_scan_file(path)) if folder.is_dir() else []

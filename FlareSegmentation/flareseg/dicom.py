"""Which files of a DICOM folder make one CT volume."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from flareseg.errors import bad_scan

_TILT_DEGREES = 1.0
_UNEVEN_MM = 0.1
_UID, _MODALITY, _POSITION, _ORIENTATION, _SPACING = (
    *("0008|0018", "0008|0060", "0020|0032", "0020|0037"),
    "0028|0030",
)


@dataclass
class Series:
    """The files of one volume, from foot to head or in another single direction, and what is odd."""

    files: list[str]
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Slice:
    """One file: where its first voxel lies (LPS mm), how its rows and columns run, and what it is."""

    file: str
    uid: str
    modality: str
    position: np.ndarray
    orientation: np.ndarray
    size: tuple[int, ...]

    @property
    def normal(self) -> np.ndarray:
        return np.cross(self.orientation[:3], self.orientation[3:])

    @property
    def kind(self) -> tuple[object, ...]:
        """Slices of one volume share it."""
        return (self.size, *np.round(self.orientation, 2).tolist())


def find_series(folder: Path) -> Series | None:
    """The largest stack of parallel slices in a folder, CT before all else; None without DICOM images.

    Raises FlareError("bad_scan") when its slices cannot be put in one order.
    """
    stacks = [stack for uid in _series_ids(folder) for stack in _stacks(folder, uid)]
    if not stacks:
        return None
    chosen = max(stacks, key=lambda stack: (stack[0].modality == "CT", len(stack)))
    ordered = sorted(chosen, key=lambda s: float(s.position @ chosen[0].normal))
    warnings = _warnings(ordered)
    if len(stacks) > 1:
        what = f"The folder holds {len(stacks)} DICOM series or stacks of slices"
        warnings.insert(0, f"{what}; the one with the most CT slices ({len(chosen)}) was read.")
    return Series([s.file for s in ordered], warnings)


def _series_ids(folder: Path) -> tuple[str, ...]:
    previous = sitk.ProcessObject.GetGlobalWarningDisplay()
    sitk.ProcessObject.SetGlobalWarningDisplay(False)  # GDCM prints file contents on odd tags
    try:
        return tuple(sitk.ImageSeriesReader.GetGDCMSeriesIDs(str(folder)))
    finally:
        sitk.ProcessObject.SetGlobalWarningDisplay(previous)


def _stacks(folder: Path, uid: str) -> list[list[_Slice]]:
    """The parallel slices of a series, each once; files that are no slices (colour, no position) are left out."""
    stacks = defaultdict(dict)  # type: dict[tuple[object, ...], dict[str, _Slice]]
    for file in sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(folder), uid):
        if found := _slice(file):
            stacks[found.kind].setdefault(found.uid or file, found)
    return [list(stack.values()) for stack in stacks.values()]


def _slice(file: str) -> _Slice | None:
    reader = sitk.ImageFileReader()
    reader.SetFileName(file)
    try:
        reader.ReadImageInformation()
    except RuntimeError:  # DICOM without an image: a report, a plan
        return None
    tags = {key: reader.GetMetaData(key).strip() for key in reader.GetMetaDataKeys()}
    if reader.GetNumberOfComponents() != 1 or not {_POSITION, _ORIENTATION, _SPACING} <= set(tags):
        return None
    position, orientation, spacing = (_numbers(tags[key]) for key in (_POSITION, _ORIENTATION, _SPACING))
    if len(position) != 3 or len(orientation) != 6 or len(spacing) != 2 or spacing.min() <= 0:
        return None
    size = tuple(reader.GetSize())
    return _Slice(file, tags.get(_UID, ""), tags.get(_MODALITY, "CT"), position, orientation, size)


def _numbers(text: str) -> np.ndarray:
    try:
        return np.array([float(part) for part in text.split("\\")])
    except ValueError:
        return np.empty(0)


def _warnings(stack: list[_Slice]) -> list[str]:
    warnings = []
    if (modality := stack[0].modality) != "CT":
        warnings.append(f"The series is {modality}, not CT; the networks know CT only.")
    if len(stack) < 2:
        return warnings
    steps = np.diff([float(s.position @ stack[0].normal) for s in stack])
    if steps.min() < 0.01:
        raise bad_scan(
            "The DICOM series holds several images of the same place (several phases?).",
            "Export one phase to a folder of its own, or load the series in Slicer and choose a volume there.",
        )
    if steps.max() - steps.min() > _UNEVEN_MM:
        warnings.append("The slices are not evenly spaced (some may be missing); volumes and borders may be wrong.")
    way = stack[-1].position - stack[0].position
    cosine = abs(float(way @ stack[0].normal)) / float(np.linalg.norm(way))
    if np.degrees(np.arccos(min(1.0, cosine))) > _TILT_DEGREES:
        warnings.append("The gantry was tilted; organs are sheared a little, because the tilt is not undone.")
    return warnings

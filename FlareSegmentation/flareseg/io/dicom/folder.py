"""The DICOM contents of a folder or file: stacks of images, other objects, and damaged files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from flareseg.io.dicom.files import Files, files_under, shown
from flareseg.io.dicom.header import Damaged, DicomHeader, read_header
from flareseg.io.dicom.plane import NotPlaced, Plane, planes_of
from flareseg.io.dicom.stack import Stack, stacks_of


@dataclass
class Contents:
    """``stacks``: of CT and of other modalities. ``unplaced``: what images and other objects cannot be slices
    and why. ``damaged``: DICOM files whose header ends too early. ``others``: files that are not DICOM.
    ``unreadable``: files that the system did not let read, with its error. ``remarks``: messages on these, and on
    links and pipes.
    """

    stacks: list[Stack] = field(default_factory=list)
    unplaced: list[tuple[DicomHeader, str]] = field(default_factory=list)
    damaged: list[Path] = field(default_factory=list)
    others: list[Path] = field(default_factory=list)
    unreadable: dict[Path, OSError] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)

    @property
    def reasons(self) -> Counter[str]:
        """Count, by reason, the objects that are not slices."""
        return Counter(reason for _, reason in self.unplaced)


def contents_of(path: Path) -> Contents:
    """What a DICOM file, or a folder with its subfolders, holds. Reads headers only. Raises OSError."""
    found = files_under(path) if path.is_dir() else Files([path])
    return contents_of_files(found.paths, found.remarks)


def contents_of_files(files: Iterable[Path], remarks: Iterable[str] = ()) -> Contents:
    """What these files hold. ``remarks``: messages on others that were left out."""
    contents = Contents(remarks=[*remarks])
    planes: list[Plane] = []
    for file in files:
        planes += _planes(file, contents)
    contents.stacks = stacks_of(planes)
    return contents


def _planes(file: Path, contents: Contents) -> list[Plane]:
    try:
        header = read_header(file)
    except Damaged:
        contents.damaged.append(file)
        return []
    except OSError as error:
        contents.unreadable[file] = error
        contents.remarks.append(f"{shown(file)} cannot be read ({error.strerror}); it was left out.")
        return []
    if header is None:
        contents.others.append(file)
        return []
    try:
        return planes_of(header)
    except NotPlaced as reason:
        contents.unplaced.append((header, str(reason)))
        return []

"""Reading of one series whose files are known, and what its header says of study, series and scanner."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pydicom

from flareseg.core.errors import ScanError
from flareseg.core.limits import CheckSize, check_reading
from flareseg.core.volume import Volume
from flareseg.io.dicom.choice import best, others_to_try
from flareseg.io.dicom.files import shown
from flareseg.io.dicom.folder import Contents, contents_of, contents_of_files
from flareseg.io.dicom.header import without_pydicoms_warnings
from flareseg.io.dicom.reading import read_one
from flareseg.io.dicom.stack import Stack

_FACTS = {
    "study_uid": "StudyInstanceUID",
    "series_uid": "SeriesInstanceUID",
    "manufacturer": "Manufacturer",
    "model": "ManufacturerModelName",
    "kernel": "ConvolutionKernel",
    "kvp": "KVP",
    "contrast": "ContrastBolusAgent",
}


def in_parts(stacks: Iterable[Stack]) -> list[Stack]:
    """The stacks of one series in an order that does not depend on where the files lie: the largest first."""
    return sorted(stacks, key=lambda stack: (-len(stack), _acquisition(stack), tuple(stack.first.position)))


def read_part(files: list[Path], part: int = 0, check_size: CheckSize = check_reading) -> Volume:
    """The volume of part number ``part`` (see ``in_parts``) of the series in these files.

    ``check_size``: as of reading.read_volume. Raises ScanError or InsufficientMemoryError. The cause of a ScanError is
    an OSError where one of the files is gone or cannot be read.
    """
    with without_pydicoms_warnings():
        contents = contents_of_files(files)
        for file, error in contents.unreadable.items():
            raise ScanError(
                f"{shown(file)} of the DICOM series cannot be read: {error.strerror}.",
                "Check that it is there and that you may read it.",
            ) from error
        stacks = in_parts(contents.stacks)
        if part >= len(stacks):
            raise _changed(files, contents)
        volume = read_one(files[0].parent, contents, stacks[part], check_size)
    return replace(volume, next_choice=None)  # each part is a case of its own


def images_of(stack: Stack) -> str:
    """A digest of which images a stack holds, wherever their files lie; 16 hexadecimal digits."""
    images = [
        [plane.header.text("SOPInstanceUID"), plane.frame, *plane.position.round(2).tolist()] for plane in stack.planes
    ]
    return sha256(json.dumps(sorted(images)).encode()).hexdigest()[:16]


@without_pydicoms_warnings()
def series_facts(file: Path) -> dict[str, str]:
    """Study, series and scanner of a DICOM file, by the names of the table of results; nothing of the patient."""
    tags = pydicom.dcmread(file, force=True, stop_before_pixels=True, specific_tags=list(_FACTS.values()))
    found = {name: tags.get(keyword) for name, keyword in _FACTS.items()}
    return {name: str(value)[:64] for name, value in found.items() if value not in (None, "")}


@without_pydicoms_warnings()
def only_choice(folder: Path) -> tuple[str, int, Stack] | None:
    """Series UID, part and stack of what is read of a folder; None where another choice may take its place.

    Raises OSError.
    """
    stacks = contents_of(folder).stacks
    if not stacks:
        return None
    stack, _ = best(stacks)
    uid = stack.header.text("SeriesInstanceUID")
    if not uid or others_to_try([stack], stacks):
        return None
    same = in_parts(other for other in stacks if other.series == stack.series)
    return uid, [other is stack for other in same].index(True), stack


def _acquisition(stack: Stack) -> tuple[str, ...]:
    return tuple(stack.header.text(keyword) for keyword in ("AcquisitionNumber", "TemporalPositionIdentifier"))


def _changed(files: list[Path], contents: Contents) -> ScanError:
    reasons = ", ".join(f"{count} x {reason}" for reason, count in contents.reasons.most_common())
    return ScanError(
        f"The DICOM series in {files[0].parent.name} is not as it was found{f' ({reasons})' if reasons else ''}.",
        "Run the same command again, which looks through the source anew.",
    )

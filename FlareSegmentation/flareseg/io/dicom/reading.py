"""Reading of the best CT series of a DICOM folder or file as a volume."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from flareseg.core.errors import ScanError
from flareseg.core.limits import CheckSize, check_reading
from flareseg.core.volume import Volume
from flareseg.io.dicom.choice import best, is_original, name_of, others_to_try
from flareseg.io.dicom.files import shown
from flareseg.io.dicom.folder import Contents, contents_of, contents_of_files
from flareseg.io.dicom.grid import geometry_of
from flareseg.io.dicom.header import without_pydicoms_warnings
from flareseg.io.dicom.pixels import voxels_mb, voxels_of
from flareseg.io.dicom.stack import Stack

_AGAIN = "Copy or export the DICOM series again."
_HU = ("", "HU", "US", "HU_MOD")  # US: unspecified


@without_pydicoms_warnings()
def read_dicom(path: Path, check_size: CheckSize = check_reading, files: Sequence[Path] | None = None) -> Volume:
    """The CT volume in a multi-frame file, or the best one in a folder with its subfolders (see choice.py).

    ``files``: of the folder, only these.

    Warnings say which series was taken and why, and name what was left out. ``next_choice`` of the volume reads the
    next best one that shows another part of the body. ``check_size``: as of reading.read_volume. Raises ScanError or
    InsufficientMemoryError.
    """
    try:
        contents = contents_of(path) if files is None else contents_of_files(files)
    except OSError as error:
        raise ScanError(
            f"The folder {path} cannot be read: {error.strerror}.", "Check that you may read it."
        ) from error
    if not contents.stacks:
        raise _nothing(path, contents)
    stack, why = best(contents.stacks)
    if len(stack) < 2:
        raise _single_slice(path)
    return _Choice(path, contents, check_size, [stack], why).read()


def read_one(path: Path, contents: Contents, stack: Stack, check_size: CheckSize = check_reading) -> Volume:
    """The volume of one of the stacks that a folder holds. Raises ScanError or InsufficientMemoryError."""
    if len(stack) < 2:
        raise _single_slice(path)
    return _Choice(path, contents, check_size, [stack], "it was asked for").read()


@dataclass(frozen=True)
class _Choice:
    """The last of the stacks that were ``tried``, taken because of ``why``."""

    path: Path
    contents: Contents
    check_size: CheckSize
    tried: list[Stack]
    why: str

    @without_pydicoms_warnings()
    def read(self) -> Volume:
        stack = self.tried[-1]
        _refuse_damage(stack, self.contents)
        geometry, warnings = geometry_of(stack)
        scan_mb = voxels_mb(stack)
        self.check_size(math.prod(geometry.shape), scan_mb, scan_mb)
        name = self.path.resolve().name if self.path.is_dir() else self.path.name.removesuffix(".dcm")
        following = self._following()
        return Volume(
            voxels_of(stack),
            geometry,
            name,
            [*_told(stack, self.why, self.contents), *warnings],
            following.read_first if following else None,
            [(plane.header.path, plane.frame) for plane in stack.planes],
        )

    def read_first(self) -> Volume:
        """The volume of this choice, or of the first after it that can be read. Raises ScanError if none can."""
        try:
            return self.read()
        except ScanError:
            following = self._following()
            if following is None:
                raise
        return following.read_first()

    def _following(self) -> _Choice | None:
        """The choice after no abdomen was found in this one."""
        others = others_to_try(self.tried, self.contents.stacks)
        if not others:
            return None
        tried = " and ".join(f"{name_of(stack)} with {len(stack)} slices" for stack in self.tried)
        why = f"no abdomen was found in {tried}"
        return replace(self, tried=[*self.tried, others[0]], why=why)


def _nothing(path: Path, contents: Contents) -> ScanError:
    if contents.damaged:
        return ScanError(f"The DICOM file {shown(contents.damaged[0])} is damaged or cut short.", _AGAIN)
    reasons = [f"{count} x {reason}" for reason, count in contents.reasons.most_common()]
    if not reasons:
        remarks = " ".join(contents.remarks)
        return ScanError(
            f"The folder {path} holds no DICOM series and no scan file. {remarks}".strip(),
            "Give a scan file (NIfTI, NRRD, MetaImage), or the folder that holds the DICOM files themselves.",
        )
    if "pixel spacing" in reasons[0]:
        return ScanError(f"{path} holds no DICOM series with sizes: {', '.join(reasons)}.", _AGAIN)
    return ScanError(
        f"The DICOM files of {path} make no volume: {', '.join(reasons)}.",
        "Export the CT series with its slices' positions.",
    )


def _single_slice(path: Path) -> ScanError:
    if path.is_dir():
        return ScanError(f"The DICOM files of {path} are single slices.", "Choose the folder with the whole CT series.")
    return ScanError(f"{shown(path)} is a single DICOM slice.", "Give the folder that holds all slices of its series.")


def _refuse_damage(stack: Stack, contents: Contents) -> None:
    """A damaged file among the slices may be one of them."""
    folders = {plane.header.path.parent for plane in stack.planes}
    if near := [file for file in contents.damaged if file.parent in folders]:
        raise ScanError(
            f"The DICOM file {shown(near[0])} among the slices is damaged or cut short.",
            f"{_AGAIN} If the file does not belong to it, move it away.",
        )
    kinds = {(path.parent, _kind(path)) for path in (plane.header.path for plane in stack.planes)}
    for file in contents.others:
        if (file.parent, _kind(file)) in kinds and _is_binary(file):
            raise ScanError(
                f"{shown(file)} among the DICOM slices is not a DICOM file, or its beginning is damaged.",
                f"{_AGAIN} If the file does not belong to it, move it away.",
            )


def _kind(path: Path) -> str:
    """The suffix of a file name; that of UIDs and numbers is none."""
    suffix = path.suffix.lower()
    return suffix if suffix.strip(".0123456789") else ""


def _is_binary(path: Path) -> bool:
    with path.open("rb") as stream:
        start = stream.read(512)
    return not start or 0 in start


def _told(stack: Stack, why: str, contents: Contents) -> list[str]:
    """What the caller should know about the choice and about what was left out."""
    told = []
    if len(contents.stacks) > 1:
        told.append(
            f"The folder holds {len(contents.stacks)} DICOM series or stacks of slices; {name_of(stack)} with "
            f"{len(stack)} slices was read, because {why}. flareseg segment FOLDER --list shows all."
        )
    mates = [other for other in contents.stacks if other is not stack and other.series == stack.series]
    if mates:
        told.append(
            f"{sum(map(len, mates))} images of the same series were left out, because they differ from the others "
            "(in modality, field of view, pixel spacing, size or orientation, or as another phase or station)."
        )
    if stack.copies:
        told.append(f"{stack.copies} images are there twice; each was read once.")
    if stack.header.modality != "CT":
        told.append(f"The series is {stack.header.modality}, not CT; the networks know CT only.")
    if not is_original(stack):
        told.append(f"Its images are marked as {stack.header.text('ImageType')}: they may not be original slices.")
    if (unit := stack.header.text("RescaleType").upper()) not in _HU:
        told.append(f"The values of the series are given as {unit}, not as HU; the result may be wrong.")
    return [*told, *_rescale(stack), *_left_out(stack, contents)]


def _rescale(stack: Stack) -> list[str]:
    without = sum(not plane.rescaled for plane in stack.planes)
    if 0 < without < len(stack):
        return [f"{without} slices have no rescale slope and intercept; their values were taken for HU."]
    return []


def _left_out(stack: Stack, contents: Contents) -> list[str]:
    told = [f"{count} x {reason}" for reason, count in contents.reasons.most_common()]
    messages = [f"Left out: {', '.join(told)}."] if told else []
    lost = [header for header, _ in contents.unplaced if header.text("SeriesInstanceUID") == stack.series]
    if lost:
        messages.append(f"{len(lost)} of them belong to the series that was read ({shown(lost[0].path)} is one).")
    messages += [f"{shown(file)} is damaged or cut short; it was left out." for file in contents.damaged]
    return messages + contents.remarks

"""Which stacks of images can show the abdomen, and why the others cannot."""

from __future__ import annotations

from flareseg.core.geometry import Orientation
from flareseg.io.dicom.choice import is_axial, is_original
from flareseg.io.dicom.stack import Stack
from flareseg.io.image_files.header import FileHeader

LEAST_MM = 60.0  # of the body; the kidneys alone are longer
_SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"  # its UIDs for several frames begin with it, too
_REFORMATS = {"REFORMATTED", "MPR", "CSA MPR", "CPR"}
_LOCALIZERS = {"LOCALIZER", "SCOUT"}


def why_not(stack: Stack, may_be_longer: bool = False) -> tuple[str, str]:
    """Why a stack is not segmented, and a detail of it; empty for one that is.

    ``may_be_longer``: whether files that could not be read may be slices of it.
    """
    kinds = set(stack.header.text("ImageType").upper().split("\\"))
    if stack.header.modality != "CT":
        return f"{stack.header.modality}, not CT", ""
    if stack.header.text("SOPClassUID").startswith(_SECONDARY_CAPTURE):
        return "a secondary capture", ""
    if kinds & _LOCALIZERS:
        return "a localizer", ""
    if kinds & _REFORMATS or (not is_axial(stack) and len(stack) > 1):
        return "a reformat, or not axial", stack.header.text("ImageType")
    if not is_original(stack):
        return "a secondary image or projection", stack.header.text("ImageType")
    return ("", "") if may_be_longer else _too_short(stack.step * len(stack))


def why_not_file(header: FileHeader) -> tuple[str, str]:
    """Why an image file is not segmented, by its header, and a detail of it; empty for one that is."""
    return _too_short(Orientation.of(header.geometry).geometry(header.geometry).size_mm[0])


def _too_short(covered_mm: float) -> tuple[str, str]:
    too_short = covered_mm < LEAST_MM
    return (f"covers less than {LEAST_MM:.0f} mm", f"{covered_mm:.0f} mm") if too_short else ("", "")

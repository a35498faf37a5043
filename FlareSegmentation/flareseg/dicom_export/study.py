"""The attributes of patient and study that DICOM results repeat from their source, each as DICOM asks for it or empty.

DICOM PS3.3, C.7.1.1 (patient) and C.7.2.1 (study): all but the UID may be empty (type 2). PS3.5, table 6.2-1: lengths
and characters.
"""

from __future__ import annotations

import re
from pathlib import Path

import pydicom
from pydicom import Dataset
from pydicom.config import RAISE
from pydicom.datadict import dictionary_description, dictionary_VR
from pydicom.multival import MultiValue
from pydicom.valuerep import DA, TM, validate_value

from flareseg.core.errors import ScanError
from flareseg.io.dicom.header import value_of

OTHER_FORMAT = "Export the series again from where it came, or write another format, such as .nii.gz or .seg.nrrd."

_ASKED = (  # type 2
    *("PatientName", "PatientID", "PatientBirthDate", "PatientSex"),
    *("StudyID", "StudyDate", "StudyTime", "AccessionNumber", "ReferringPhysicianName"),
)
_DEIDENTIFIED = ("PatientIdentityRemoved", "DeidentificationMethod", "DeidentificationMethodCodeSequence")
_LOSSY = ("LossyImageCompression", "LossyImageCompressionRatio", "LossyImageCompressionMethod")
_SEXES = ("M", "F", "O")
_UTF8 = "ISO_IR 192"
_NOT_IN_TEXT = re.compile(r"[\x00-\x1f\x7f\\]")  # control characters, and what separates several values
_CARETS = 4  # between the five components of a name


def study_of(path: Path, warnings: list[str]) -> Dataset:
    """Read the attributes of one file of a series.

    Args:
        path: A DICOM file.
        warnings: Gets a message that names the attributes (never their values) that were left empty.

    Returns:
        A data set in UTF-8, with whether the series was de-identified or compressed with a loss.

    Raises:
        ScanError: The patient's ID is not as DICOM asks; without it, results would not be found under the patient.
    """
    tags = _tags(path)
    texts = {name: _text(tags, name) for name in _ASKED}
    valid = {name: _as_dicom_asks(name, text) for name, text in texts.items()}
    _tell([name for name in _ASKED if texts[name] and not valid[name]], warnings)
    study = Dataset()
    study.SpecificCharacterSet = _UTF8
    for name, text in valid.items():
        setattr(study, name, text)
    for name in (*_DEIDENTIFIED, *_LOSSY):
        if (value := value_of(tags, name)) not in (None, ""):
            setattr(study, name, value)
    return study


def _tell(left_out: list[str], warnings: list[str]) -> None:
    if "PatientID" in left_out:
        raise ScanError(
            "The Patient ID of the DICOM series is not as DICOM asks (one value of at most 64 characters), so DICOM "
            "results cannot belong to the same patient.",
            OTHER_FORMAT,
        )
    if left_out:
        names = ", ".join(dictionary_description(name) for name in left_out)
        warnings.append(f"DICOM results leave attributes empty that are not as DICOM asks in the series: {names}.")


def _tags(path: Path) -> Dataset:
    names = ["SpecificCharacterSet", *_ASKED, *_DEIDENTIFIED, *_LOSSY]
    with path.open("rb") as stream:
        return pydicom.dcmread(stream, force=True, stop_before_pixels=True, specific_tags=names)


def _text(tags: Dataset, name: str) -> str:
    """As it is in the file."""
    value = value_of(tags, name)
    return "\\".join(map(str, value if isinstance(value, MultiValue) else [value or ""]))


def _as_dicom_asks(name: str, text: str) -> str:
    """The text; a date of ACR-NEMA, DICOM's predecessor (2024.05.06), as one of DICOM; empty for what is not valid."""
    kind = dictionary_VR(name)
    try:
        if kind == "DA" and text.strip():
            text = DA(text.strip()).isoformat().replace("-", "")
        elif kind == "TM":
            TM(text)  # validate_value allows ranges, which only queries have
        validate_value(kind, text, RAISE)
    except ValueError:
        return ""
    if name == "PatientSex" and text not in _SEXES:
        return ""
    if kind == "PN" and any(group.count("^") > _CARETS for group in text.split("=")):
        return ""
    return "" if _NOT_IN_TEXT.search(text) else text

"""A DICOM RT structure set (RTSTRUCT) with the contours of each organ, by rt-utils, for planning systems."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
from pydicom import Dataset
from rt_utils import RTStruct, ds_helper

from flareseg.core.errors import NoAbdomenError, ScanError
from flareseg.core.report import OrganFacts
from flareseg.dicom_export.codes import concept, found, organ_named
from flareseg.dicom_export.equipment import CONTENT, LABEL, Algorithm
from flareseg.dicom_export.source import SERIES_STEP, Source

_UNEVEN_MM = 0.1
_SAME_SPACING = 1e-3  # relative
_FEWEST_POINTS = 3  # of a closed contour
_NOT_ASKED = (  # type 3 attributes that rt-utils adds: of itself, or of the patient
    *("InstitutionName", "StudyDescription", "PatientAge", "PatientSize", "PatientWeight", "SeriesDate", "SeriesTime"),
)
_SEGMENTATION_INSTEAD = "Write a DICOM segmentation (--format dicom-seg), which can hold it."


def check_structures(source: Source, tilt: tuple[float, float] = (0.0, 0.0)) -> None:
    """Refuse a series whose contours rt-utils would put in another place.

    Args:
        source: The series.
        tilt: That of its geometry.

    Raises:
        ScanError: It is multi-frame, tilted, unevenly spaced, or has pixels that are not square.
    """
    even = np.linspace(source.heights[0], source.heights[-1], len(source.planes))
    rows, columns = source.planes[0].spacing
    reasons = {
        "it is a multi-frame image": source.is_multi_frame,
        "its gantry was tilted": any(tilt),
        "its slices are not evenly spaced": float(np.abs(source.heights - even).max()) > _UNEVEN_MM,
        "its pixels are not square": abs(rows / columns - 1) > _SAME_SPACING,
    }
    for reason, applies in reasons.items():
        if applies:
            raise ScanError(f"No RT structure set can be written of this series: {reason}.", _SEGMENTATION_INSTEAD)


def structures_of(
    source: Source,
    labels: np.ndarray,
    organs: Sequence[OrganFacts],
    algorithm: Algorithm,
    edited: Collection[str] = (),
) -> Dataset:
    """Closed planar contours through the centres of the outermost voxels of each organ, slice by slice.

    Args:
        source: The series that was segmented; ``check_structures`` has accepted it.
        labels: Label map, uint8 (k, j, i), k as in ``source``.
        organs: The organs of the result.
        algorithm: What made it.
        edited: Names of organs that a person has corrected.

    Returns:
        The object, not approved. Organs without a contour, of single voxels, are left out.

    Raises:
        NoAbdomenError: No organ has a contour.
    """
    structures = RTStruct(source.images, ds_helper.create_rtstruct_dataset(source.images))
    for facts in found(organs):
        structures.add_roi(
            (labels == facts.label).transpose(1, 2, 0),
            color=list(organ_named(facts.name).colour),
            name=facts.name,
            roi_generation_algorithm="SEMIAUTOMATIC" if facts.name in edited else "AUTOMATIC",
        )
    made: Dataset = structures.ds
    _describe(made, source, algorithm)
    for contours, observation, facts in zip(
        made.ROIContourSequence, made.RTROIObservationsSequence, found(organs), strict=True
    ):
        _tidy(contours)
        _code(observation, facts.name)
    _drop_without_contours(made)
    return made


def _describe(made: Dataset, source: Source, algorithm: Algorithm) -> None:
    """Equipment, study and series as the other results have them; rt-utils writes its own."""
    first = source.first
    for name in _NOT_ASKED:
        if name in made:
            delattr(made, name)
    attributes = algorithm.attributes(first.SeriesNumber + SERIES_STEP + 3, "Organ contours")
    made.SpecificCharacterSet = first.SpecificCharacterSet
    made.SeriesNumber, made.SeriesDescription = attributes["series_number"], attributes["series_description"]
    made.Manufacturer, made.ManufacturerModelName = attributes["manufacturer"], attributes["manufacturer_model_name"]
    made.SoftwareVersions, made.DeviceSerialNumber = algorithm.version, algorithm.serial_number
    made.AccessionNumber, made.ReferringPhysicianName = first.AccessionNumber, first.ReferringPhysicianName
    made.OperatorsName, made.InstanceNumber = "", 1
    made.FrameOfReferenceUID, made.PositionReferenceIndicator = first.FrameOfReferenceUID, ""
    made.StructureSetLabel = LABEL
    made.StructureSetDescription = "; ".join([CONTENT, *algorithm.parameters.values()])
    for name in ("PatientIdentityRemoved", "DeidentificationMethod", "DeidentificationMethodCodeSequence"):
        if name in first:
            made[name] = first[name]


def _tidy(roi: Dataset) -> None:
    """Coordinates to 0.1 micrometres, which fit a decimal string; contours of one or two points enclose nothing."""
    kept = [contour for contour in roi.ContourSequence if contour.NumberOfContourPoints >= _FEWEST_POINTS]
    for contour in kept:
        contour.ContourData = [f"{value:.4f}" for value in contour.ContourData]
    roi.ContourSequence = kept


def _drop_without_contours(made: Dataset) -> None:
    """An ROI has at least one contour, if it has their sequence (DICOM PS3.3, C.8.8.6)."""
    kept = {roi.ReferencedROINumber for roi in made.ROIContourSequence if roi.ContourSequence}
    if not kept:
        raise NoAbdomenError("The organs that were found are too small for contours.", _SEGMENTATION_INSTEAD)
    made.StructureSetROISequence = [roi for roi in made.StructureSetROISequence if roi.ROINumber in kept]
    for name in ("ROIContourSequence", "RTROIObservationsSequence"):
        made[name].value = [roi for roi in made[name].value if roi.ReferencedROINumber in kept]


def _code(observation: Dataset, name: str) -> None:
    code, identified = concept(organ_named(name)), Dataset()
    identified.CodeValue, identified.CodingSchemeDesignator = code.value, code.scheme_designator
    identified.CodeMeaning = code.meaning
    observation.RTROIIdentificationCodeSequence = [identified]
    observation.RTROIInterpretedType = "ORGAN"
    del observation.ROIObservationDescription

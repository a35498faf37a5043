"""A DICOM structured report (SR) with volume and HU of each organ: measurement report, DICOM PS3.16, TID 1500."""

from __future__ import annotations

from collections.abc import Sequence

from highdicom import sr
from highdicom.seg import Segmentation
from pydicom import Dataset
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code

from flareseg.core.errors import ScanError
from flareseg.core.report import OrganFacts
from flareseg.dicom_export.codes import concept, found, laterality, organ_named
from flareseg.dicom_export.equipment import NAME, Algorithm
from flareseg.dicom_export.source import SERIES_STEP, Source

_MILLILITRE = Code("mL", "UCUM", "mL")
_CT = Code("25045-6", "LN", "CT unspecified body region")  # CID 100; which body parts were scanned is not known
_LEVELS = ((0.9, codes.SCT.High), (0.8, codes.SCT.Medium), (0.0, codes.SCT.Low))
"""The least expected Dice of an organ, and how certain that makes its finding."""


def check_report(source: Source) -> None:
    """Refuse a series whose values are not HU. Raises ScanError."""
    if source.first.Modality != "CT":
        raise ScanError(
            f"No DICOM structured report can be written of this series: it is {source.first.Modality}, not CT, so its "
            "values are not HU.",
            "Write the segmentation without a report; in Slicer, by Save as... > Slicer's DICOM export.",
        )


def report_of(
    source: Source, segmentation: Segmentation, organs: Sequence[OrganFacts], algorithm: Algorithm
) -> sr.EnhancedSR:
    """The report on the segments of ``segmentation``, to which it refers.

    Args:
        source: The series that was segmented.
        segmentation: What ``segmentation_of`` made of the same organs.
        organs: The organs of the result.
        algorithm: What made it.

    Returns:
        A complete, preliminary and unverified report.

    Raises:
        ScanError: The series is not CT.
    """
    check_report(source)
    groups = [
        _group(facts, description, segmentation, algorithm)
        for facts, description in zip(found(organs), segmentation.SegmentSequence, strict=True)
    ]
    content = sr.MeasurementReport(_observer(algorithm), _CT, groups, referenced_images=None)
    return sr.EnhancedSR(
        [segmentation, *source.images],
        content,
        is_complete=True,
        **algorithm.attributes(source.first.SeriesNumber + SERIES_STEP + 1, "Organ volumes"),
    )


def certainty(confidence: float) -> Code:
    """High from an expected Dice of 0.9 on, medium from 0.8 on, else low."""
    return next(code for least, code in _LEVELS if confidence >= least)


def _observer(algorithm: Algorithm) -> sr.ObservationContext:
    device = sr.DeviceObserverIdentifyingAttributes(
        algorithm.device_uid,
        name=NAME,
        manufacturer_name=NAME,
        model_name="flareseg",
        serial_number=algorithm.serial_number,
    )
    return sr.ObservationContext(observer_device_context=sr.ObserverContext(codes.DCM.Device, device))


def _group(
    facts: OrganFacts, description: Dataset, segmentation: Segmentation, algorithm: Algorithm
) -> sr.VolumetricROIMeasurementsAndQualitativeEvaluations:
    organ = organ_named(facts.name)
    sure = [] if facts.confidence is None else [certainty(facts.confidence)]
    group = sr.VolumetricROIMeasurementsAndQualitativeEvaluations(
        sr.TrackingIdentifier(description.TrackingUID, description.TrackingID),
        referenced_segment=_segment(segmentation, description.SegmentNumber),
        finding_type=concept(organ),
        finding_category=codes.SCT.AnatomicalStructure,
        algorithm_id=sr.AlgorithmIdentification(NAME, algorithm.version, list(_parameters(algorithm))),
        finding_sites=[sr.FindingSite(concept(organ), laterality(organ))],
        measurements=_measurements(facts),
        qualitative_evaluations=[sr.QualitativeEvaluation(codes.DCM.CertaintyOfFinding, code) for code in sure],
    )
    (container,) = group
    for warning in facts.warnings:  # TID 1411 may be extended
        container.ContentSequence.append(
            sr.TextContentItem(codes.DCM.Comment, warning, sr.RelationshipTypeValues.CONTAINS)
        )
    return group


def _parameters(algorithm: Algorithm) -> list[str]:
    return [f"{name} = {value}" for name, value in algorithm.parameters.items()]


def _segment(segmentation: Segmentation, number: int) -> sr.ReferencedSegment:
    (series,) = segmentation.ReferencedSeriesSequence
    return sr.ReferencedSegment(
        segmentation.SOPClassUID,
        segmentation.SOPInstanceUID,
        number,
        source_series=sr.SourceSeriesForSegmentation(series.SeriesInstanceUID),
    )


def _measurements(facts: OrganFacts) -> list[sr.Measurement]:
    measured = [sr.Measurement(codes.SCT.Volume, round(facts.volume_ml, 2), _MILLILITRE)]
    for value, derivation in ((facts.mean_hu, codes.SCT.Mean), (facts.std_hu, codes.SCT.StandardDeviation)):
        if value is not None:
            attenuation = codes.DCM.AttenuationCoefficient
            measured.append(
                sr.Measurement(attenuation, round(value, 1), codes.UCUM.HounsfieldUnit, derivation=derivation)
            )
    return measured

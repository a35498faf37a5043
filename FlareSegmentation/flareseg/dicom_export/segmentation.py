"""A DICOM segmentation (SEG) of the source series: the organs as binary segments, the uncertainty as a fractional one.

DICOM PS3.3, A.51; frames are those slices of the series in which a segment has voxels.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import highdicom as hd
import numpy as np
from highdicom.seg import Segmentation, SegmentationTypeValues, SegmentDescription
from pydicom.sr.codedict import codes

from flareseg.core.report import OrganFacts
from flareseg.dicom_export.codes import (
    UNCERTAINTY,
    colour,
    concept,
    found,
    laterality,
    organ_named,
    scheme_items,
    segment_numbers,
)
from flareseg.dicom_export.equipment import CONTENT, LABEL, NAME, Algorithm
from flareseg.dicom_export.source import SERIES_STEP, Source

_WHOLE = 100  # percent


def segmentation_of(
    source: Source,
    labels: np.ndarray,
    organs: Sequence[OrganFacts],
    algorithm: Algorithm,
    edited: Collection[str] = (),
) -> Segmentation:
    """One binary segment for each organ that was found, in the order of their labels.

    Args:
        source: The series that was segmented.
        labels: Label map, uint8 (k, j, i), k as in ``source``.
        organs: The organs of the result.
        algorithm: What made it.
        edited: Names of organs that a person has corrected.

    Returns:
        The object, with tracking identifiers that are new.
    """
    segments = found(organs)
    descriptions = [
        _described(number, facts.name, algorithm, facts.name in edited)
        for number, facts in enumerate(segments, start=1)
    ]
    return _made(
        source,
        segment_numbers(labels, segments),
        descriptions,
        SegmentationTypeValues.BINARY,
        algorithm.attributes(source.first.SeriesNumber + SERIES_STEP, "Organs"),
    )


def uncertainty_of(source: Source, uncertainty: np.ndarray, algorithm: Algorithm) -> Segmentation:
    """One fractional segment: the probability in percent that a voxel's label is wrong.

    Args:
        source: The series that was segmented.
        uncertainty: Percent, uint8 (k, j, i), k as in ``source``.
        algorithm: What made it.

    Returns:
        The object; its frames hold the percent as they are (Maximum Fractional Value 100).
    """
    description = SegmentDescription(
        1,
        "Uncertainty",
        codes.SCT.SpatialAndRelationalConcept,
        UNCERTAINTY,
        "AUTOMATIC",
        algorithm.identification(),
        tracking_uid=hd.UID(),
        tracking_id="Uncertainty",
    )
    # highdicom takes fractions as floating-point numbers only, of which it makes several copies. It gets the voxels
    # that are not certain instead, and the percent go into the same frames, which are one byte a voxel.
    uncertain = (uncertainty > 0).view(np.uint8)
    attributes = algorithm.attributes(source.first.SeriesNumber + SERIES_STEP + 2, "Uncertainty")
    made = _made(
        source,
        uncertain,
        [description],
        SegmentationTypeValues.FRACTIONAL,
        attributes | {"max_fractional_value": _WHOLE, "coding_schemes": scheme_items()},
    )
    pixels = uncertainty[_slices_of_frames(made, source)].tobytes()
    made.PixelData = pixels + b"\0" * (len(pixels) % 2)
    return made


def _slices_of_frames(made: Segmentation, source: Source) -> list[int]:
    """The slice (k) of each frame, by the image that it refers to: highdicom chooses and sorts the frames."""
    slices = []
    for frame in made.PerFrameFunctionalGroupsSequence:
        image = frame.DerivationImageSequence[0].SourceImageSequence[0]
        slices.append(source.slices[image.ReferencedSOPInstanceUID, int(image.get("ReferencedFrameNumber", 1))])
    return slices


def _described(number: int, name: str, algorithm: Algorithm, is_edited: bool) -> SegmentDescription:
    organ = organ_named(name)
    description = SegmentDescription(
        number,
        organ.name,
        codes.SCT.AnatomicalStructure,
        concept(organ),
        "SEMIAUTOMATIC" if is_edited else "AUTOMATIC",
        algorithm.identification(),
        tracking_uid=hd.UID(),
        tracking_id=f"{NAME} {organ.name}",
        display_color=colour(organ),
    )
    if (side := laterality(organ)) is not None:
        kind = description.SegmentedPropertyTypeCodeSequence[0]
        kind.SegmentedPropertyTypeModifierCodeSequence = [hd.sr.CodedConcept.from_code(side)]
    return description


def _made(
    source: Source,
    pixels: np.ndarray,
    descriptions: Sequence[SegmentDescription],
    kind: SegmentationTypeValues,
    attributes: dict[str, Any],
) -> Segmentation:
    return Segmentation(
        source.images,
        np.ascontiguousarray(pixels),
        kind,
        descriptions,
        plane_positions=_positions(source) if source.is_multi_frame else None,
        content_label=LABEL,
        content_description=CONTENT,
        **attributes,
    )


def _positions(source: Source) -> list[hd.PlanePositionSequence]:
    """Of a multi-frame file, which may hold more frames, in another order."""
    return [hd.PlanePositionSequence("PATIENT", plane.position.tolist()) for plane in source.planes]

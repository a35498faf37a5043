"""Segments of a result against values written out here, and results of several scans side by side."""

from __future__ import annotations

import numpy as np
import pytest
import slicer
import vtk
from flareseg.core.organs import LEFT_KIDNEY, ORGANS, RIGHT_KIDNEY
from flareseg.core.report import OrganFacts
from FlareSegmentationLib.nodes.edits import editedOrgans
from FlareSegmentationLib.nodes.results import (
    newSegmentationNode,
    organCentre,
    organColour,
    organNamed,
    readReport,
    resultOf,
    scanOf,
    writeResult,
)

HEAD = "Segmentation category and type - DICOM master list~SCT^123037004^Anatomical Structure~SCT^"
TAIL = "~Anatomic codes - DICOM master list~^^~^^"


@pytest.fixture
def split(scan, labels, report):
    """A result with two kidneys, the left in the larger columns."""
    labels = labels.copy()
    labels[:, :, 8:][labels[:, :, 8:] == 2] = LEFT_KIDNEY.label
    organs = (ORGANS[0], RIGHT_KIDNEY, ORGANS[2], ORGANS[3], LEFT_KIDNEY)
    report.organs = [OrganFacts(organ.label, organ.name, 1, 1.0) for organ in organs]
    node = newSegmentationNode(scan)
    writeResult(node, scan, labels, report)
    return node


def segments(node):
    """Name, colour 0..255 and code of each segment."""
    segmentation = node.GetSegmentation()
    for segmentId in segmentation.GetSegmentIDs():
        segment, code = segmentation.GetSegment(segmentId), vtk.reference("")
        assert segment.GetTag("TerminologyEntry", code)
        colour = tuple(round(255 * c) for c in segment.GetColor())
        yield segment.GetName(), colour, str(code).removeprefix(HEAD).removesuffix(TAIL)


def test_segments_carry_name_colour_and_code(node):
    assert list(segments(node)) == [
        ("Liver", (221, 130, 101), "10200004^Liver~^^"),
        ("Kidneys", (40, 145, 170), "64033007^Kidney~SCT^51440002^Right and left"),
        ("Spleen", (150, 95, 226), "78961009^Spleen~^^"),
        ("Pancreas", (250, 233, 111), "15776009^Pancreas~^^"),
    ]


def test_each_kidney_carries_the_code_of_its_side(split):
    kidneys = [segment for segment in segments(split) if "kidney" in segment[0]]
    assert kidneys == [
        ("Right kidney", (40, 145, 170), "64033007^Kidney~SCT^24028007^Right"),
        ("Left kidney", (120, 235, 235), "64033007^Kidney~SCT^7771000^Left"),
    ]


def test_each_kidney_holds_its_own_voxels(split, scan):
    def columns(side):
        mask = slicer.util.arrayFromSegmentBinaryLabelmap(split, f"FlareSegmentation.{side} kidney", scan)
        return sorted(set(np.nonzero(mask)[2].tolist()))

    assert columns("Right") == [5, 6, 7]
    assert columns("Left") == [8, 9, 10, 11]


def test_kidneys_are_found_by_their_names():
    assert organNamed("Left kidney").label == 5
    assert organNamed("Right kidney").label == 2
    assert organNamed("Kidneys").label == 2


def test_colour_of_a_segment_is_rounded_to_the_nearest(node):
    node.GetSegmentation().GetSegment("FlareSegmentation.Liver").SetColor(0.499, 0.2, 0.7999)
    assert organColour(node, ORGANS[0]) == (127, 51, 204)


def test_centre_is_in_world_mm(node):
    """The liver fills slices 1-6, rows 4-6 and columns 5-11; Slicer gives the centre of the nearest voxel."""
    assert organCentre(node, ORGANS[0]) == pytest.approx((0.0, -8.0, 40.5), abs=1.6)


def test_kept_segment_keeps_a_layer_of_its_own(node, scan, labels, report):
    liver = slicer.util.arrayFromSegmentBinaryLabelmap(node, "FlareSegmentation.Liver", scan)
    for _ in range(2):
        writeResult(node, scan, np.full_like(labels, 4), report, [ORGANS[0]])
    assert np.array_equal(slicer.util.arrayFromSegmentBinaryLabelmap(node, "FlareSegmentation.Liver", scan), liver)
    pancreas = slicer.util.arrayFromSegmentBinaryLabelmap(node, "FlareSegmentation.Pancreas", scan)
    assert np.array_equal(pancreas > 0, liver == 0)


def test_what_is_stored_on_the_node_is_what_is_returned(node, scan, labels, report):
    stored = writeResult(node, scan, labels, report, [ORGANS[1]])
    assert stored.organs[1].warnings == ["edited by hand, kept"]
    assert readReport(node) == stored


def test_new_segments_are_signed(node, scan, labels, report):
    writeResult(node, scan, np.roll(labels, 1, axis=1), report)
    assert editedOrgans(node) == []


def test_each_scan_has_its_own_result(node, scan, labels, report):
    other = slicer.util.addVolumeFromArray(np.zeros(labels.shape, np.int16), name="another scan")
    assert resultOf(other) is None
    second = newSegmentationNode(other)
    writeResult(second, other, labels, report)
    assert (resultOf(scan), resultOf(other)) == (node, second)
    assert (scanOf(node), scanOf(second)) == (scan, other)


def test_segmentation_of_other_origin_is_not_a_result(scan):
    drawn = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode")
    drawn.SetReferenceImageGeometryParameterFromVolumeNode(scan)
    assert resultOf(scan) is None

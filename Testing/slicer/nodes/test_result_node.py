"""Labels in a segmentation node."""

from __future__ import annotations

import numpy as np
import slicer
import vtk
from conftest import GRID
from flareseg.core.organs import ORGANS
from FlareSegmentationLib.nodes.edits import segmentId
from FlareSegmentationLib.nodes.layers import BINARY_LABELMAP
from FlareSegmentationLib.nodes.results import (
    newSegmentationNode,
    organCentre,
    organColour,
    readReport,
    writeResult,
)


def voxels(node, organ, scan):
    return slicer.util.arrayFromSegmentBinaryLabelmap(node, segmentId(organ), scan) > 0


def test_every_organ_keeps_its_voxels(node, scan, labels):
    for organ in ORGANS:
        assert np.array_equal(voxels(node, organ, scan), labels == organ.label), organ.name


def test_organs_share_one_layer(node):
    assert node.GetSegmentation().GetNumberOfLayers() == 1


def test_layer_is_no_larger_than_the_organs(node):
    """What an import takes grows with the organs, not with the scan."""
    layer = node.GetSegmentation().GetNthSegment(0).GetRepresentation(BINARY_LABELMAP)
    assert layer.GetExtent() == (5, 11, 4, 18, 1, 6)


def test_views_look_once_at_all_organs_of_a_run(scan, labels, report):
    """Each look draws the segmentation anew, in the main thread."""
    node, looks = newSegmentationNode(scan), []
    node.GetSegmentation().AddObserver(slicer.vtkSegmentation.SourceRepresentationModified, lambda *_: looks.append(1))
    writeResult(node, scan, labels, report)
    assert len(looks) == 1
    writeResult(node, scan, np.roll(labels, 1, axis=2), report)
    assert len(looks) == 2


def test_segments_are_named_coloured_and_coded(node):
    for organ in ORGANS:
        segment = node.GetSegmentation().GetSegment(segmentId(organ))
        assert segment.GetName() == organ.name
        assert np.allclose(np.array(segment.GetColor()) * 255, organ.colour, atol=0.5)
        assert tag(segment, segment.GetTerminologyEntryTagName()) == organ.terminology_entry


def tag(segment, name):
    value = vtk.reference("")
    assert segment.GetTag(name, value)
    return str(value)


def test_node_is_named_after_the_scan(node):
    assert node.GetName() == "CTA organs"


def test_organ_that_was_not_found_stays_an_empty_segment(scan, labels, report):
    labels[labels == 4] = 0
    node = newSegmentationNode(scan)
    writeResult(node, scan, labels, report)
    assert node.GetSegmentation().GetNumberOfSegments() == 4
    assert not voxels(node, ORGANS[3], scan).any()
    assert np.array_equal(voxels(node, ORGANS[2], scan), labels == 3)


def test_reference_geometry_is_the_scans(node, scan):
    name = slicer.vtkSegmentationConverter.GetReferenceImageGeometryParameterName()
    text = node.GetSegmentation().GetConversionParameter(name)
    expected = slicer.vtkSegmentationConverter.SerializeImageGeometry(
        slicer.util.vtkMatrixFromArray(GRID), scan.GetImageData()
    )
    assert text == expected


def test_second_run_replaces_the_organs_and_keeps_other_segments(node, scan, labels, report):
    own = node.GetSegmentation().AddEmptySegment("", "Liver")
    drawn = np.zeros(labels.shape, np.uint8)
    drawn[0, 0, 0] = 1
    slicer.util.updateSegmentBinaryLabelmapFromArray(drawn, node, own, scan)
    smaller = np.where(labels == 1, 1, 0).astype(np.uint8)
    writeResult(node, scan, smaller, report)
    assert node.GetSegmentation().GetNumberOfSegments() == 5
    assert np.array_equal(slicer.util.arrayFromSegmentBinaryLabelmap(node, own, scan), drawn)
    assert np.array_equal(voxels(node, ORGANS[0], scan), labels == 1)
    assert not voxels(node, ORGANS[1], scan).any()


def test_only_the_segmentation_is_added_to_the_scene(scan, labels, report):
    node = newSegmentationNode(scan)
    before = slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLVolumeNode")
    writeResult(node, scan, labels, report)
    assert slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLVolumeNode") == before


def test_provenance_is_readable_and_whole(node, report):
    assert node.GetAttribute("FlareSegmentation.Version") == "1.2.3"
    assert node.GetAttribute("FlareSegmentation.Weights") == "dense_vnet sha256 ab12"
    assert node.GetAttribute("FlareSegmentation.Seconds") == "1.50"
    assert "NVIDIA Test" in node.GetAttribute("FlareSegmentation.Device")
    assert readReport(node) == report


def test_provenance_survives_saving_and_loading_the_scene(node, report, tmp_path):
    path = str(tmp_path / "scene.mrml")
    slicer.mrmlScene.SetURL(path)
    slicer.mrmlScene.Commit(path)
    loaded = slicer.vtkMRMLScene()
    loaded.SetURL(path)
    loaded.Connect()
    assert readReport(loaded.GetFirstNodeByClass("vtkMRMLSegmentationNode")) == report


def test_segmentation_of_other_origin_has_no_report():
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode")
    assert readReport(node) is None
    assert readReport(None) is None
    node.SetAttribute("FlareSegmentation.Report", '{"schema_version": 0}')
    assert readReport(node) is None


def test_colour_is_the_one_that_a_person_chose(node):
    node.GetSegmentation().GetSegment(segmentId(ORGANS[0])).SetColor(0.0, 1.0, 0.0)
    assert organColour(node, ORGANS[0]) == (0, 255, 0)
    assert organColour(None, ORGANS[0]) == ORGANS[0].colour


def test_centre_of_an_organ_lies_in_it(node, labels):
    k, j, i = np.argwhere(labels == 1).mean(axis=0)
    expected = (GRID @ [i, j, k, 1])[:3]
    assert np.allclose(organCentre(node, ORGANS[0]), expected, atol=3)

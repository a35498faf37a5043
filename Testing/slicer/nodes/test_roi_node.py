"""The region of interest: markups ROI nodes and bounds."""

from __future__ import annotations

import numpy as np
import pytest
import slicer
from flareseg.core.errors import FlareError
from FlareSegmentationLib.nodes.roi import regionNote, roiBounds


@pytest.fixture
def volume():
    return slicer.util.addVolumeFromArray(np.zeros((5, 6, 7), np.int16))


def roi(centre=(10.0, 20.0, 30.0), size=(100.0, 80.0, 60.0)):
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsROINode")
    node.SetCenter(*centre)
    node.SetSize(*size)
    return node


def transform(matrix):
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    node.SetMatrixTransformToParent(slicer.util.vtkMatrixFromArray(matrix))
    return node.GetID()


def rotation(degrees):
    angle = np.radians(degrees)
    matrix = np.eye(4)
    matrix[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    return matrix


def test_box_becomes_bounds(volume):
    assert np.allclose(roiBounds(roi(), volume), [-40, 60, -20, 60, 0, 60])


def test_bounds_are_taken_as_they_are(volume):
    assert roiBounds((-1, 1, -2, 2, -3, 3), volume) == [-1, 1, -2, 2, -3, 3]


def test_quarter_turn_swaps_the_sides(volume):
    node = roi(centre=(0.0, 0.0, 0.0))
    node.SetAndObserveTransformNodeID(transform(rotation(90)))
    assert np.allclose(roiBounds(node, volume), [-40, 40, -50, 50, -30, 30])


def test_box_follows_when_scan_and_box_share_a_rotated_transform(volume):
    shared = transform(rotation(30))
    node = roi()
    node.SetAndObserveTransformNodeID(shared)
    volume.SetAndObserveTransformNodeID(shared)
    assert np.allclose(roiBounds(node, volume), [-40, 60, -20, 60, 0, 60])


def test_box_in_world_is_seen_from_a_moved_scan(volume):
    moved = np.eye(4)
    moved[:3, 3] = [5, 6, 7]
    volume.SetAndObserveTransformNodeID(transform(moved))
    assert np.allclose(roiBounds(roi(), volume), [-45, 55, -26, 54, -7, 53])


def test_rotated_box_gives_the_upright_box_around_it(volume):
    """Turned by its handles: a square of 100 mm has a diagonal of 141.4 mm."""
    node = roi(centre=(0.0, 0.0, 0.0), size=(100.0, 100.0, 60.0))
    node.SetAndObserveObjectToNodeMatrix(slicer.util.vtkMatrixFromArray(rotation(45)))
    assert np.allclose(roiBounds(node, volume), [-70.71, 70.71, -70.71, 70.71, -30, 30], atol=0.01)
    assert regionNote(node, volume).endswith(
        "It is rotated against the scan: the upright box around it, 141 x 141 x 60 mm, is taken."
    )


def test_note_of_an_upright_box_says_no_more_than_that_it_confines_the_run(volume):
    assert regionNote(roi(), volume) == 'Only the inside of the box "R" will be segmented (see Options).'


def test_note_of_a_box_that_cannot_be_used_says_why(volume):
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsROINode")
    assert regionNote(node, volume).startswith("The region of interest has no size.")


@pytest.mark.parametrize(
    "bounds", [(0, 1, 0, 1), (1, 0, 0, 1, 0, 1), (0, 0, 0, 1, 0, 1), (0, float("nan"), 0, 1, 0, 1)]
)
def test_bounds_without_size_are_refused(volume, bounds):
    with pytest.raises(FlareError, match="no size"):
        roiBounds(bounds, volume)


def test_node_without_size_is_refused(volume):
    with pytest.raises(FlareError, match="no size") as caught:
        roiBounds(slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsROINode"), volume)
    assert caught.value.kind == "bad_roi"


def test_scan_under_a_bending_transform_is_refused(volume):
    bent = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLBSplineTransformNode")
    volume.SetAndObserveTransformNodeID(bent.GetID())
    with pytest.raises(FlareError, match="non-linear"):
        roiBounds(roi(), volume)

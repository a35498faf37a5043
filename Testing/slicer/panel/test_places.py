"""The way to a place: every slice view goes there, and the crosshair marks it."""

from __future__ import annotations

import pytest
import slicer
from FlareSegmentationLib.panel.places import showPlace

PLACE = (12.0, -34.0, 56.0)


@pytest.fixture
def views():
    """One slice view along each plane."""
    nodes = []
    for orientation in ("Axial", "Sagittal", "Coronal"):
        node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSliceNode", orientation)
        node.SetOrientation(orientation)
        nodes.append(node)
    return nodes


def test_each_view_shows_the_slice_of_the_place(views):
    """The axial view goes to its S, the sagittal one to its R, the coronal one to its A."""
    showPlace(PLACE)
    middles = [view.GetSliceToRAS() for view in views]
    assert [m.GetElement(axis, 3) for m, axis in zip(middles, (2, 0, 1))] == pytest.approx([56.0, 12.0, -34.0])


def test_crosshair_that_was_hidden_becomes_a_small_one_at_the_place(views):
    crosshair = slicer.mrmlScene.AddNode(slicer.vtkMRMLCrosshairNode())
    showPlace(PLACE)
    assert crosshair.GetCrosshairRAS() == PLACE
    assert crosshair.GetCrosshairMode() == crosshair.ShowSmallBasic


def test_crosshair_that_a_person_chose_keeps_its_look(views):
    crosshair = slicer.mrmlScene.AddNode(slicer.vtkMRMLCrosshairNode())
    crosshair.SetCrosshairMode(crosshair.ShowIntersection)
    showPlace(PLACE)
    assert crosshair.GetCrosshairRAS() == PLACE
    assert crosshair.GetCrosshairMode() == crosshair.ShowIntersection

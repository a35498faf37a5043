"""Volume nodes as the engine takes them."""

from __future__ import annotations

import numpy as np
import pytest
import slicer
import vtk
from flareseg.core.errors import FlareError
from FlareSegmentationLib.nodes.volumes import facts, volumeOf

OBLIQUE = np.array([[0.0, -1.5, 0.0, 10.0], [1.2, 0.0, 0.9, -20.0], [0.72, 0.0, -1.5, 30.0], [0, 0, 0, 1]])


def add(voxels, matrix=None, nodeClass="vtkMRMLScalarVolumeNode"):
    return slicer.util.addVolumeFromArray(voxels, matrix, "node", nodeClass)


def test_voxels_are_the_nodes_own_memory():
    node = add(np.zeros((5, 6, 7), np.int16))
    volume = volumeOf(node)
    slicer.util.arrayFromVolume(node)[1, 2, 3] = 77
    assert volume.voxels[1, 2, 3] == 77


def test_geometry_is_the_nodes_also_for_an_oblique_grid():
    right_angled = OBLIQUE.copy()
    right_angled[:3, 2] = np.cross(OBLIQUE[:3, 0], OBLIQUE[:3, 1])
    geometry = volumeOf(add(np.zeros((5, 6, 7), np.int16), right_angled)).geometry
    assert np.allclose(geometry.ijk_to_ras(), right_angled)
    assert geometry.shape == (5, 6, 7)


def test_facts_are_in_slicers_order():
    node = add(np.zeros((5, 6, 7), np.int16), np.diag([0.78125, 0.78125, 1.5, 1]))
    assert facts(volumeOf(node).geometry) == "7 x 6 x 5 · 0.781 x 0.781 x 1.5 mm"


def test_parent_transform_is_a_warning():
    node = add(np.zeros((5, 6, 7), np.int16))
    assert volumeOf(node).warnings == []
    node.SetAndObserveTransformNodeID(slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode").GetID())
    assert "transform" in volumeOf(node).warnings[0]


def test_name_of_the_node_does_not_leave_slicer():
    node = add(np.zeros((5, 6, 7), np.int16))
    node.SetName("a person's name")
    assert volumeOf(node).name == "scan"


def colours():
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLVectorVolumeNode")
    image = vtk.vtkImageData()
    image.SetDimensions(7, 6, 5)
    image.AllocateScalars(vtk.VTK_UNSIGNED_CHAR, 3)
    node.SetAndObserveImageData(image)
    return node


def sheared():
    return add(np.zeros((5, 6, 7), np.int16), np.array([[1, 0.3, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]]))


REFUSED = {
    "no scan": (lambda: None, "No scan is chosen"),
    "no voxels": (lambda: slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode"), "no voxels"),
    "colours": (colours, "colours or vectors"),
    "label map": (
        lambda: add(np.zeros((5, 6, 7), np.uint8), nodeClass="vtkMRMLLabelMapVolumeNode"),
        "label map",
    ),
    "model": (lambda: slicer.mrmlScene.AddNewNodeByClass("vtkMRMLModelNode"), "not a volume"),
    "sheared grid": (sheared, "sheared"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_other_nodes_are_refused_with_message_and_hint(case):
    make, message = REFUSED[case]
    with pytest.raises(FlareError, match=message) as caught:
        volumeOf(make())
    assert caught.value.kind == "bad_scan"
    assert caught.value.hint

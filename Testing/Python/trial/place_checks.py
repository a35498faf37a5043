"""Results are where the organs are, and a new run leaves to the user what is the user's."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import slicer
import vtk
from panel_driver import addScan, nodes, phantom, waitUntil

from .check import KIDNEYS, LEAST_DICE, LIVER, SPLEEN, Check, dice, voxels


class PlaceCheck(Check):
    def test_organs_under_a_linear_transform_are_in_place_also_after_a_second_run(self) -> None:
        scan = addScan()
        scan.SetAndObserveTransformNodeID(linear().GetID())
        for _ in range(2):
            self._isInPlace(self.segment(scan), scan)

    def test_organs_under_a_b_spline_transform_are_in_place(self) -> None:
        scan = addScan()
        scan.SetAndObserveTransformNodeID(bSpline().GetID())
        self._isInPlace(self.segment(scan), scan)

    def test_organs_under_nested_transforms_are_in_place(self) -> None:
        scan, inner = addScan(), linear()
        inner.SetAndObserveTransformNodeID(bSpline().GetID())
        scan.SetAndObserveTransformNodeID(inner.GetID())
        self._isInPlace(self.segment(scan), scan)

    def test_kidneys_that_were_toggled_are_visible(self) -> None:
        scan = addScan()
        self.segment(scan)
        for isSplit in (True, False):
            self.ui.splitKidneysCheckBox.checked = isSplit
            result = self.segment(scan)
            segmentation, display = result.GetSegmentation(), result.GetDisplayNode()
            names = {segmentation.GetSegment(each).GetName(): each for each in segmentation.GetSegmentIDs()}
            for organ in self.panel.column("organTable", 0):
                self.assertIn(organ, names, "the table lists an organ without a segment")
                self.assertTrue(display.GetSegmentVisibility(names[organ]), f"{organ} is not visible")

    def test_hardening_a_transform_is_not_an_edit(self) -> None:
        scan = addScan()
        scan.SetAndObserveTransformNodeID(linear().GetID())
        result = self.segment(scan)
        for node in (scan, result):
            node.HardenTransform()
        self.segment(scan)
        edited = "" if self.ui.editedOrgansLabel.isHidden() else self.ui.editedOrgansLabel.text
        self.assertEqual(edited, "", "these organs were taken for edited")

    def test_display_choices_are_kept_by_the_next_run(self) -> None:
        scan = addScan()
        result = self.segment(scan)
        segmentation, display = result.GetSegmentation(), result.GetDisplayNode()
        liver = segmentation.GetSegment(LIVER)
        liver.SetColor(0.1, 0.2, 0.9)
        liver.SetName("My liver")
        display.SetSegmentVisibility(KIDNEYS, False)
        display.SetSegmentOpacity2DFill(KIDNEYS, 0.25)
        segmentation.RemoveSegment(SPLEEN)
        self.segment(scan)
        liver = segmentation.GetSegment(LIVER)
        self.assertEqual((liver.GetName(), tuple(liver.GetColor())), ("My liver", (0.1, 0.2, 0.9)))
        self.assertFalse(display.GetSegmentVisibility(KIDNEYS), "a hidden segment is visible again")
        self.assertAlmostEqual(display.GetSegmentOpacity2DFill(KIDNEYS), 0.25)
        self.assertIsNone(segmentation.GetSegment(SPLEEN), "a deleted segment is there again")

    def test_voxels_replaced_during_the_run_get_no_result_of_the_old_ones(self) -> None:
        scan = addScan()
        self.panel.choose(scan)
        self.panel.click()
        waitUntil(self.panel.isInTheMiddle)
        slicer.util.updateVolumeFromArray(scan, np.ascontiguousarray(phantom().volume.voxels[::2]))
        waitUntil(self.panel.isReady)
        self.assertEqual(nodes("vtkMRMLSegmentationNode"), [], "the old result lies on the new grid")
        self.assertFalse(self.ui.failureLabel.isHidden(), "the panel does not say why there is no result")

    def test_a_missing_temporary_folder_is_told(self) -> None:
        before = slicer.app.temporaryPath
        self.addCleanup(setattr, slicer.app, "temporaryPath", before)
        self.panel.choose(addScan())
        slicer.app.temporaryPath = str(Path(before) / "is not there")
        self.panel.click()
        waitUntil(self.panel.isReady)
        said = self.ui.failureLabel.text
        self.assertFalse(self.ui.failureLabel.isHidden(), "the panel says nothing")
        self.assertNotIn("Errno", said)
        self.assertNotIn("Error", said)

    def test_an_edit_under_a_transform_is_kept_bit_for_bit(self) -> None:
        scan = addScan()
        scan.SetAndObserveTransformNodeID(linear().GetID())
        result = self.segment(scan)
        drawn = voxels(result, LIVER, scan)
        drawn[40:50, 60:64, 60:64] ^= True
        slicer.util.updateSegmentBinaryLabelmapFromArray(drawn.astype(np.uint8), result, LIVER, scan)
        edited = voxels(result, LIVER, scan)
        waitUntil(lambda: not self.ui.editedOrgansLabel.isHidden())
        self.segment(scan)
        np.testing.assert_array_equal(voxels(result, LIVER, scan), edited)

    def _isInPlace(self, result: Any, scan: Any) -> None:
        scores = dice(result, scan)
        self.remark = "Dice " + ", ".join(map(str, scores.values()))
        self.assertGreater(min(list(scores.values())[:3]), LEAST_DICE, "organs are not where the scan has them")
        self.assertIs(result.GetParentTransformNode(), scan.GetParentTransformNode())


def linear() -> Any:
    """20 degrees around the superior axis, and a shift."""
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode", "Rotation and shift")
    c, s = math.cos(math.radians(20)), math.sin(math.radians(20))
    rows = np.array([[c, -s, 0, 30.0], [s, c, 0, -20.0], [0, 0, 1, 15.0], [0, 0, 0, 1]])
    node.SetMatrixTransformToParent(slicer.util.vtkMatrixFromArray(rows))
    return node


def bSpline() -> Any:
    """Voxels are displaced by up to 15 mm, smoothly."""
    coefficients = vtk.vtkImageData()
    coefficients.SetDimensions(8, 8, 8)
    coefficients.SetSpacing(100.0, 100.0, 100.0)
    coefficients.SetOrigin(-350.0, -350.0, -350.0)
    coefficients.AllocateScalars(vtk.VTK_DOUBLE, 3)
    array = vtk.util.numpy_support.vtk_to_numpy(coefficients.GetPointData().GetScalars())
    array[:] = 15.0 * np.sin(np.arange(array.size).reshape(array.shape))
    transform = slicer.vtkOrientedBSplineTransform()
    transform.SetCoefficientData(coefficients)
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLBSplineTransformNode", "B-spline")
    node.SetAndObserveTransformFromParent(transform)
    return node

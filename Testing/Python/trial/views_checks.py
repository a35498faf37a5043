"""The views show the chosen scan with its own result, and the table leads through it."""

from __future__ import annotations

import itertools
import re
from typing import Any

import numpy as np
import qt
import slicer
from panel_driver import addScan, nodes, waitUntil

from .check import LIVER, Check, press

LEAST_CONTRAST = 60  # between the colours of two organs, as distance in RGB of 0 to 255
SLICE = re.compile(r"[RLAPIS] ?-?\d+(\.\d+)?")  # as Slicer's slice views name a slice: "S 76.5"


class ViewsCheck(Check):
    def test_a_chosen_scan_is_shown_with_its_own_result_alone(self) -> None:
        self.needsViews()
        first, second = addScan("first"), addScan("second")
        of_first = self.segment(first)
        self.panel.choose(second)
        self.assertEqual(backgrounds(), {second.GetID()}, "slice views show another scan than the chosen one")
        self.assertFalse(isVisible(of_first), "the result of another scan is visible")
        of_second = self.segment(second)
        self.panel.choose(first)
        waitUntil(lambda: self.panel.result() is of_first)
        self.assertEqual(backgrounds(), {first.GetID()})
        self.assertTrue(isVisible(of_first), "the scan's own result is hidden")
        self.assertFalse(isVisible(of_second), "the result of another scan is visible")

    def test_a_queue_ends_with_the_scan_of_its_result_in_the_views(self) -> None:
        self.needsViews()
        self.panel.choose(addScan("one"))
        addScan("two")
        self.ui.queueSection.collapsed = False
        self.ui.allScansCheckBox.click()
        self.ui.queueButton.click()
        waitUntil(self.panel.isReady)
        self.assertEqual(backgrounds(), {self.ui.scanSelector.currentNode().GetID()})
        shown = [node for node in nodes("vtkMRMLSegmentationNode") if isVisible(node)]
        self.assertEqual(shown, [self.panel.result()], "other results are visible")

    def test_a_new_segmentation_takes_the_place_of_the_old_one(self) -> None:
        scan = addScan()
        old = self.segment(scan)
        drawn = slicer.util.arrayFromSegmentBinaryLabelmap(old, LIVER, scan)
        drawn[40:50, 60:64, 60:64] ^= 1
        slicer.util.updateSegmentBinaryLabelmapFromArray(drawn, old, LIVER, scan)
        waitUntil(lambda: not self.ui.editedComboBox.isHidden())
        self.ui.editedComboBox.currentIndex = 2
        new = self.segment(scan)
        self.assertIsNot(new, old)
        self.assertFalse(isVisible(old), "the old segmentation lies over the new one")

    def test_the_first_run_goes_to_the_organs_in_the_window_of_the_abdomen(self) -> None:
        self.needsViews()
        scan = addScan()
        self.panel.choose(scan)
        red = slicer.mrmlScene.GetNodeByID("vtkMRMLSliceNodeRed")
        red.SetSliceOffset(-100000.0)
        bounds = [0.0] * 6
        self.segment(scan).GetRASBounds(bounds)
        offset = red.GetSliceOffset()
        self.assertTrue(bounds[4] <= offset <= bounds[5], f"the axial view is at S {offset:.0f} mm, off the organs")
        display = scan.GetDisplayNode()
        self.assertEqual((display.GetWindow(), display.GetLevel()), (350, 40))

    def test_3d_is_centred_at_the_first_show_3d(self) -> None:
        layout = self.needsViews()
        result = self.segment(addScan())
        self.ui.show3DButton.click()
        bounds = [0.0] * 6
        result.GetRASBounds(bounds)
        focal = nodes("vtkMRMLCameraNode")[0].GetFocalPoint()
        inside = all(low <= value <= high for value, low, high in zip(focal, bounds[::2], bounds[1::2]))
        self.assertGreater(layout.threeDViewCount, 0)
        self.assertTrue(inside, f"the camera looks at {focal}, outside the organs")

    def test_the_box_is_hidden_when_the_region_is_automatic(self) -> None:
        self.segment(addScan())
        self.ui.adjustRegionButton.click()
        box = self.ui.roiSelector.currentNode()
        self.assertTrue(box.GetDisplayNode().GetVisibility())
        self.ui.regionComboBox.currentIndex = 0
        self.assertFalse(box.GetDisplayNode().GetVisibility(), "the box is visible though it confines nothing")

    def test_slices_are_named_as_slicer_names_them(self) -> None:
        self.segment(addScan())
        places = [text for text in self.panel.column("organTable", 4) if "slice" in text or SLICE.search(text)]
        self.remark = "; ".join(places) or "no place to check in this result"
        self.assertEqual([text for text in places if not SLICE.search(text)], [])

    def test_return_and_space_on_the_table_go_to_the_organ(self) -> None:
        self.needsViews()
        self.segment(addScan())
        red = slicer.mrmlScene.GetNodeByID("vtkMRMLSliceNodeRed")
        for key, row in ((qt.Qt.Key_Return, 0), (qt.Qt.Key_Space, 2)):
            red.SetSliceOffset(-100000.0)
            self.ui.organTable.setCurrentCell(row, 0)
            red.SetSliceOffset(-100000.0)
            press(self.ui.organTable, key)
            self.assertNotEqual(red.GetSliceOffset(), -100000.0, "the key does nothing")

    def test_organs_can_be_told_apart_by_their_colours(self) -> None:
        self.ui.splitKidneysCheckBox.checked = True
        segmentation = self.segment(addScan()).GetSegmentation()
        segments = [segmentation.GetSegment(each) for each in segmentation.GetSegmentIDs()]
        for one, other in itertools.combinations(segments, 2):
            names = one.GetName(), other.GetName()
            if not all("kidney" in name.lower() for name in names):
                distance = np.linalg.norm(255 * (np.array(one.GetColor()) - np.array(other.GetColor())))
                self.assertGreater(distance, LEAST_CONTRAST, f"the colours of {names[0]} and {names[1]} are alike")

    def test_the_left_kidney_is_listed_beside_the_right_one_in_its_own_shade(self) -> None:
        self.ui.splitKidneysCheckBox.checked = True
        segmentation = self.segment(addScan()).GetSegmentation()
        organs = self.panel.column("organTable", 0)
        self.assertIn(("Right kidney", "Left kidney"), list(itertools.pairwise(organs)))
        shades = {
            segmentation.GetSegment(each).GetColor()
            for each in segmentation.GetSegmentIDs()
            if segmentation.GetSegment(each).GetName() in ("Left kidney", "Right kidney")
        }
        self.assertEqual(len(shades), 2, "both kidneys have one colour")

    def test_the_table_calls_it_confidence(self) -> None:
        self.segment(addScan())
        headers = [self.ui.organTable.horizontalHeaderItem(column).text() for column in range(5)]
        self.assertIn("Confidence", headers)


def backgrounds() -> set[str]:
    """Identifiers of what lies in the background of the slice views."""
    return {node.GetBackgroundVolumeID() for node in nodes("vtkMRMLSliceCompositeNode")}


def isVisible(segmentation: Any) -> bool:
    return bool(segmentation.GetDisplayNode() and segmentation.GetDisplayNode().GetVisibility())

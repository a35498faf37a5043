"""Run by ctest in Slicer: the panel, driven as a person drives it, from the choice of a scan to the report."""

from typing import Any

import numpy as np
import slicer
from flareseg.core.organs import ORGANS
from FlareSegmentationLib.nodes.edits import segmentId
from FlareSegmentationLib.nodes.results import readReport, scanOf
from FlareSegmentationLib.nodes.roi import roiBounds
from panel_driver import PanelTest, addScan, nodes, phantom, waitUntil

LEAST_DICE = 0.8
LIVER = segmentId(ORGANS[0])


def voxelsOf(segmentationNode: Any, segment: str, volumeNode: Any) -> np.ndarray:
    """bool (k, j, i) on the grid of the volume."""
    array: np.ndarray = slicer.util.arrayFromSegmentBinaryLabelmap(segmentationNode, segment, volumeNode)
    return array > 0


class FlareSegmentationPanelTest(PanelTest):
    def test_a_chosen_scan_is_described_and_can_be_segmented(self) -> None:
        self.assertFalse(self.ui.applyButton.enabled)
        self.panel.choose(addScan())
        self.assertEqual(self.ui.scanFactsLabel.text, "128 x 128 x 80 · 3 x 3 x 4 mm")
        self.assertTrue(self.ui.warningLabel.isHidden())

    def test_a_run_finds_the_organs(self) -> None:
        scan = addScan()
        result = self.segment(scan)
        for organ in ORGANS[:3]:
            found, true = voxelsOf(result, segmentId(organ), scan), phantom().labels == organ.label
            self.assertGreater(2 * (found & true).sum() / (found.sum() + true.sum()), LEAST_DICE, organ.name)

    def test_a_run_makes_four_coded_segments_in_one_layer_with_their_report(self) -> None:
        segmentation = self.segment(addScan()).GetSegmentation()
        (node,) = nodes("vtkMRMLSegmentationNode")
        self.assertIs(self.panel.result(), node)
        self.assertEqual(list(segmentation.GetSegmentIDs()), [segmentId(organ) for organ in ORGANS])
        self.assertEqual(segmentation.GetNumberOfLayers(), 1)
        terms = [segmentation.GetSegment(segmentId(organ)).GetTerminology() for organ in ORGANS]
        self.assertEqual(terms, [organ.terminology_entry for organ in ORGANS])
        report = readReport(node)
        assert report is not None
        self.assertEqual(report.device.kind, "cpu")

    def test_a_run_fills_the_tables(self) -> None:
        self.assertTrue(self.ui.organsSection.isHidden())
        self.segment(addScan())
        self.assertFalse(self.ui.organsSection.isHidden())
        self.assertEqual(self.panel.column("organTable", 0), [organ.name for organ in ORGANS])
        self.assertTrue(all(text.endswith(" mL") for text in self.panel.column("organTable", 1)))
        self.assertIn("Segment organs", self.panel.column("stageTable", 0))

    def test_a_second_click_cancels(self) -> None:
        self.panel.choose(addScan())
        self.panel.click()
        waitUntil(self.panel.isInTheMiddle)
        self.panel.click()
        waitUntil(self.panel.isReady)
        self.assertEqual(nodes("vtkMRMLSegmentationNode"), [])
        self.assertEqual(self.ui.failureLabel.text, "Cancelled.")

    def test_an_edited_segment_survives_the_next_run_bit_for_bit(self) -> None:
        scan = addScan()
        result = self.segment(scan)
        self.assertTrue(self.ui.editedOrgansLabel.isHidden())
        edited = voxelsOf(result, LIVER, scan)
        edited[40:50, 60:64, 60:64] ^= True
        slicer.util.updateSegmentBinaryLabelmapFromArray(edited.astype(np.uint8), result, LIVER, scan)
        waitUntil(lambda: not self.ui.editedOrgansLabel.isHidden())
        self.assertEqual(self.ui.editedOrgansLabel.text, "Liver")
        self.assertIs(self.segment(scan), result)
        np.testing.assert_array_equal(voxelsOf(result, LIVER, scan), edited)

    def test_a_run_stays_inside_the_adjusted_region(self) -> None:
        scan = addScan()
        self.segment(scan)
        self.ui.adjustRegionButton.click()
        box = self.ui.roiSelector.currentNode()
        right, anterior, superior = box.GetSize()
        box.SetSize(right, anterior, superior / 2)
        result = self.segment(scan)
        report, bounds = readReport(result), roiBounds(box, scan)
        assert report is not None
        np.testing.assert_allclose(report.roi, bounds)
        k, j, i = np.nonzero(voxelsOf(result, LIVER, scan))
        ras = (np.c_[i, j, k, np.ones(len(k))] @ phantom().volume.geometry.ijk_to_ras().T)[:, :3]
        half = np.array(scan.GetSpacing()) / 2
        self.assertTrue((ras >= np.array(bounds[::2]) - half).all())
        self.assertTrue((ras <= np.array(bounds[1::2]) + half).all())

    def test_edit_opens_the_segment_editor_on_result_and_scan(self) -> None:
        if slicer.util.mainWindow() is None:
            self.skipTest("another module is shown by the main window, and there is none")
        scan = addScan()
        result = self.segment(scan)
        self.ui.editButton.click()
        self.assertEqual(slicer.util.selectedModule(), "SegmentEditor")
        editor = slicer.mrmlScene.GetSingletonNode("SegmentEditor", "vtkMRMLSegmentEditorNode")
        self.assertIs(editor.GetSegmentationNode(), result)
        self.assertIs(editor.GetSourceVolumeNode(), scan)
        self.assertIn(editor.GetSelectedSegmentID(), [segmentId(organ) for organ in ORGANS])
        self.assertEqual(editor.GetMaskMode(), slicer.vtkMRMLSegmentationNode.EditAllowedOutsideVisibleSegments)
        self.assertEqual(editor.GetOverwriteMode(), slicer.vtkMRMLSegmentEditorNode.OverwriteNone)

    def test_the_report_can_be_copied_and_kept_as_tables(self) -> None:
        self.segment(addScan())
        self.ui.copyReportButton.click()
        self.assertIn("Pancreas", slicer.app.clipboard().text())
        self.ui.keepTableButton.click()
        organs, costs = nodes("vtkMRMLTableNode")
        self.assertEqual([organs.GetCellText(row, 0) for row in range(4)], [organ.name for organ in ORGANS])
        self.assertGreater(costs.GetNumberOfRows(), 4)

    def test_the_queue_segments_each_scan_into_a_result_of_its_own(self) -> None:
        scans = [addScan("one"), addScan("two")]
        self.panel.choose(scans[0])
        self.ui.queueSection.collapsed = False
        self.ui.allScansCheckBox.click()
        self.ui.queueButton.click()
        waitUntil(self.panel.isReady)
        self.assertEqual([scanOf(node) for node in nodes("vtkMRMLSegmentationNode")], scans)
        self.assertEqual(self.panel.column("queueTable", 0), ["one", "two"])
        self.assertEqual(self.panel.column("queueTable", 2), ["done", "done"])

"""Run by ctest in Slicer: what becomes of the panel when modules are changed and scenes saved, loaded and closed."""

import tempfile
from pathlib import Path

import slicer
from flareseg.core.organs import ORGANS
from panel_driver import CPU, MODULE, PanelTest, addScan, nodes, show, waitUntil


class FlareSegmentationSceneTest(PanelTest):
    def test_choices_are_kept_while_another_module_is_shown(self) -> None:
        addScan("one")
        scan = addScan("two")
        self.panel.choose(scan)
        self.ui.splitKidneysCheckBox.checked = True
        show("Data")
        show(MODULE)
        self.assertIs(self.ui.scanSelector.currentNode(), scan)
        self.assertEqual(self.ui.deviceComboBox.currentIndex, CPU)
        self.assertTrue(self.ui.splitKidneysCheckBox.checked)

    def test_a_run_goes_on_while_another_module_is_shown(self) -> None:
        self.panel.choose(addScan())
        self.panel.click()
        waitUntil(self.panel.isInTheMiddle)
        show("Data")
        waitUntil(self.panel.isReady)
        show(MODULE)
        (node,) = nodes("vtkMRMLSegmentationNode")
        self.assertIs(self.panel.result(), node)
        self.assertEqual(self.panel.column("organTable", 0), [organ.name for organ in ORGANS])

    def test_a_saved_scene_brings_choices_and_tables_back(self) -> None:
        self.segment(addScan())
        volumes = self.panel.column("organTable", 1)
        self.ui.keepTableButton.click()
        with tempfile.TemporaryDirectory() as folder:
            self._saveAndLoad(Path(folder) / "scene")
        self.assertEqual(self.ui.scanSelector.currentNode().GetName(), "Phantom")
        self.assertEqual(self.ui.deviceComboBox.currentIndex, CPU)
        self.assertEqual(self.panel.result().GetName(), "Phantom organs")
        self.assertEqual(self.panel.column("organTable", 1), volumes)
        self.assertTrue(self.ui.editedOrgansLabel.isHidden(), self.ui.editedOrgansLabel.text)
        self.assertEqual(len(nodes("vtkMRMLTableNode")), 2)

    def test_closing_the_scene_stops_the_run_and_leaves_nothing(self) -> None:
        self._closeInTheMiddleOfARun()
        self.assertEqual(self.ui.failureLabel.text, "The scene was closed, so the segmentation was stopped.")
        self.assertEqual(nodes("vtkMRMLSegmentationNode"), [])
        self.assertFalse(self.ui.applyButton.enabled)

    def test_the_panel_works_in_the_scene_that_follows(self) -> None:
        self._closeInTheMiddleOfARun()
        self.segment(addScan("another"))
        self.assertEqual([node.GetName() for node in nodes("vtkMRMLSegmentationNode")], ["another organs"])

    def _closeInTheMiddleOfARun(self) -> None:
        self.panel.choose(addScan())
        self.panel.click()
        waitUntil(self.panel.isInTheMiddle)
        slicer.mrmlScene.Clear()
        waitUntil(self.panel.isReady)

    def _saveAndLoad(self, folder: Path) -> None:
        self.assertTrue(slicer.util.saveScene(str(folder), {}))
        slicer.mrmlScene.Clear()
        self.assertTrue(self.ui.organsSection.isHidden())
        (scene,) = folder.glob("*.mrml")
        slicer.util.loadScene(str(scene), {})

"""FlareSegmentation: liver, kidneys, spleen and pancreas in abdominal CT, in one click."""

import unittest
from typing import Any

import slicer
from flareseg.core.errors import FlareError
from flareseg.core.organs import ORGANS
from FlareSegmentationLib.jobs.logic import FlareSegmentationLogic
from FlareSegmentationLib.nodes.edits import segmentId
from FlareSegmentationLib.nodes.results import readReport
from FlareSegmentationLib.panel.sample_data import registerSampleData
from FlareSegmentationLib.panel.widget import FlareSegmentationWidget
from slicer import vtkMRMLScalarVolumeNode
from slicer.i18n import tr as _
from slicer.i18n import translate
from slicer.ScriptedLoadableModule import ScriptedLoadableModule, ScriptedLoadableModuleTest

# Slicer looks for these names in this file.
__all__ = ["FlareSegmentation", "FlareSegmentationLogic", "FlareSegmentationTest", "FlareSegmentationWidget"]


PROJECT = "https://github.com/flaresegmentation/SlicerFlareSegmentation"


class FlareSegmentation(ScriptedLoadableModule):
    """What Slicer's module list shows."""

    def __init__(self, parent: Any) -> None:
        ScriptedLoadableModule.__init__(self, parent)
        self.parent.title = _("FlareSegmentation")
        self.parent.categories = [translate("qSlicerAbstractCoreModule", "Segmentation")]
        self.parent.dependencies = ["Segmentations"]
        self.parent.contributors = [f'FlareSegmentation contributors (<a href="{PROJECT}/issues">contact</a>)']
        self.parent.helpText = _(
            "Segments liver, kidneys, spleen and pancreas in an abdominal CT. Choose the scan and click "
            "<b>Segment organs</b>; Slicer stays usable meanwhile. "
            'See the <a href="{project}">project page</a>. '
            "For research use only, not for diagnosis."
        ).format(project=PROJECT)
        self.parent.acknowledgementText = _(
            "The two-stage method is that of He and Luo "
            '(<a href="https://flare.grand-challenge.org/FLARE21/">FLARE21</a>, MICCAI 2021); '
            'its network is <a href="https://doi.org/10.1109/TMI.2018.2806309">DenseVNet</a> (Gibson et al., 2018); '
            "scores follow the protocol of the "
            '<a href="https://doi.org/10.1016/j.media.2022.102616">FLARE21 challenge</a> (Ma et al., 2022). '
            "The weights were trained on synthetic CT made from label maps, some of which have non-commercial terms."
        )
        slicer.app.connect("startupCompleted()", registerSampleData)


class FlareSegmentationTest(ScriptedLoadableModuleTest):
    """Runs in Slicer (Reload and Test, ctest) and in the project's own tests."""

    def setUp(self) -> None:
        slicer.mrmlScene.Clear()
        self.logic = FlareSegmentationLogic()

    def tearDown(self) -> None:
        self.logic.close()

    def runTest(self) -> None:
        for test in (self.test_phantomIsSegmented, self.test_emptyVolumeIsRefused):
            self.setUp()
            try:
                test()
            except unittest.SkipTest as reason:
                self.delayDisplay(f"Skipped {test.__name__}: {reason}")
            finally:
                self.tearDown()

    def test_phantomIsSegmented(self) -> None:
        """A synthetic CT comes back as four coded segments of plausible size in one shared layer."""
        if not self.logic.dependencies.areThere():
            self.skipTest("PyTorch or another package of the engine is not installed in this Slicer")
        volumeNode = self._addPhantom()
        segmentationNode = self.logic.segment(volumeNode, device="cpu")
        segmentation = segmentationNode.GetSegmentation()
        self.assertEqual(list(segmentation.GetSegmentIDs()), [segmentId(organ) for organ in ORGANS])
        self.assertEqual(segmentation.GetNumberOfLayers(), 1)
        report = readReport(segmentationNode)
        for organ in report.organs:
            self.assertGreater(organ.volume_ml, 10, organ.name)

    def test_emptyVolumeIsRefused(self) -> None:
        """A node without voxels is refused with a message, and nothing is added to the scene."""
        volumeNode = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "empty")
        with self.assertRaises(FlareError) as caught:
            self.logic.segment(volumeNode)
        self.assertEqual(caught.exception.kind, "bad_scan")
        self.assertEqual(slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLSegmentationNode"), 0)

    def _addPhantom(self) -> vtkMRMLScalarVolumeNode:
        from flareseg.phantom import make_phantom

        volume = make_phantom(shape=(100, 128, 128), spacing=(3.6, 3.0, 3.0)).volume
        return slicer.util.addVolumeFromArray(volume.voxels, volume.geometry.ijk_to_ras(), "Phantom")

"""Run by ctest in Slicer: the synthetic CT of the sample data, segmented and compared with its true organs."""

import unittest

import slicer
from flareseg.core.organs import ORGANS
from FlareSegmentationLib.jobs.phantom import loadSyntheticCtAndOrgans
from FlareSegmentationLib.nodes.results import segmentId

from FlareSegmentation import FlareSegmentationLogic

LEAST_DICE = 0.8  # the networks have seen many such patients; less means that something is broken


class FlareSegmentationPhantomTest(unittest.TestCase):
    def setUp(self) -> None:
        slicer.mrmlScene.Clear()
        self.logic = FlareSegmentationLogic()
        if not self.logic.dependencies.areThere():
            self.skipTest("PyTorch or another package of the engine is not installed in this Slicer")

    def tearDown(self) -> None:
        self.logic.close()

    def test_every_organ_of_the_synthetic_ct_is_found(self) -> None:
        volumeNode, ground_truth = loadSyntheticCtAndOrgans()
        result = self.logic.segment(volumeNode, device="cpu")
        for organ in ORGANS:
            with self.subTest(organ.name):
                found = slicer.util.arrayFromSegmentBinaryLabelmap(result, segmentId(organ), volumeNode) > 0
                true = slicer.util.arrayFromSegmentBinaryLabelmap(ground_truth, organ.name, volumeNode) > 0
                self.assertGreater(2 * (found & true).sum() / (found.sum() + true.sum()), LEAST_DICE)

"""Run by ctest in Slicer: a folder with a good and a broken scan, as the Python console segments it."""

import csv
import tempfile
import unittest
from pathlib import Path

import slicer
from flareseg.io.writing import write_scan
from flareseg.phantom import make_phantom

from FlareSegmentation import FlareSegmentationLogic


class FlareSegmentationFolderTest(unittest.TestCase):
    def setUp(self) -> None:
        slicer.mrmlScene.Clear()
        self.logic = FlareSegmentationLogic()
        if not self.logic.dependencies.areThere():
            self.skipTest("PyTorch or another package of the engine is not installed in this Slicer")
        folder = tempfile.TemporaryDirectory(dir=slicer.app.temporaryPath)
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def tearDown(self) -> None:
        self.logic.close()

    def test_the_good_scan_is_segmented_and_the_broken_one_reported(self) -> None:
        scan = make_phantom(shape=(80, 128, 128), spacing=(4.0, 3.0, 3.0)).volume
        write_scan(self.folder / "good.nii.gz", scan)
        (self.folder / "broken.nii.gz").write_bytes(b"no image")
        self.logic.segmentFolder(self.folder, self.folder / "organs", device="cpu")
        with (self.folder / "organs" / "results.csv").open(encoding="utf-8", newline="") as stream:
            states = {row["name"]: row["state"] for row in csv.DictReader(stream)}
        self.assertEqual(states, {"broken.nii.gz": "failed", "good.nii.gz": "done"})
        segmentation = slicer.util.loadSegmentation(str(self.folder / "organs" / "good-organs.seg.nrrd"))
        self.assertEqual(segmentation.GetSegmentation().GetNumberOfSegments(), 4)

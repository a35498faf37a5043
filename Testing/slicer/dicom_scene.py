"""A scan that was loaded from Slicer's DICOM database, and a result of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import slicer
from dicom_files import small_volume, write_series
from flareseg.core.report import OrganFacts, Report
from flareseg.io.reading import read_volume
from FlareSegmentationLib.nodes.results import newSegmentationNode, writeResult
from pydicom import dcmread
from standins.dicom_database import DICOMDatabase

NAMES = {1: "Liver", 2: "Kidneys", 3: "Spleen", 4: "Pancreas"}


def load_series(folder: Path) -> Any:
    """The volume node that Slicer makes of a series: its slices from feet to head, and the UIDs as an attribute."""
    volume = read_volume(write_series(folder, small_volume()))
    node = slicer.util.addVolumeFromArray(volume.voxels, volume.geometry.ijk_to_ras(), "5: Abdomen")
    uids = [dcmread(path, stop_before_pixels=True).SOPInstanceUID for path in sorted(folder.iterdir())]
    node.SetAttribute("DICOM.instanceUIDs", " ".join(uids))
    slicer.dicomDatabase = DICOMDatabase(folder)
    return node


def four_organs() -> np.ndarray:
    """uint8 (k, j, i) on the grid of the small volume."""
    labels = np.zeros((24, 20, 16), np.uint8)
    labels[2:20, 2:7, 2:7], labels[3:19, 9:14, 2:6] = 1, 2
    labels[4:22, 9:14, 9:13], labels[5:9, 3:6, 10:14] = 3, 4
    return labels


def add_result(scan: Any, report: Report) -> Any:
    labels = four_organs()
    hu = slicer.util.arrayFromVolume(scan)
    report.organs = [
        OrganFacts(label, name, int((labels == label).sum()), 15e-3 * int((labels == label).sum()), [],
                   float(hu[labels == label].mean()), float(hu[labels == label].std()), 0.95)
        for label, name in NAMES.items()
    ]  # fmt: skip
    node = newSegmentationNode(scan)
    writeResult(node, scan, labels, report)
    return node


def erase(node: Any, organ: str, scan: Any, slices: slice) -> None:
    """What a person does with the eraser."""
    mask = slicer.util.arrayFromSegmentBinaryLabelmap(node, f"FlareSegmentation.{organ}", scan)
    mask[slices] = 0
    slicer.util.updateSegmentBinaryLabelmapFromArray(mask, node, f"FlareSegmentation.{organ}", scan)

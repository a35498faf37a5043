"""Pictures of the panel beside slice and 3D views, all from real nodes.

``pytest Testing/slicer -k picture --pictures Resources/Screenshots`` makes the README's pictures. The CT is
that of the SPL/NAC Abdominal Atlas (Brigham and Women's Hospital), or the synthetic one where it is missing.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import slicer
import vtk
from conftest import wait_until
from flareseg.organs import ORGANS
from FlareSegmentationLib.results import segmentId
from PIL import Image
from PySide6.QtGui import QImage, QPixmap
from views import slice_picture, three_d_picture

SPL = Path(__file__).resolve().parents[3] / "shared" / "data" / "ct" / "spl_abdomen" / "ct.nii.gz"
PANEL_WIDTH, HEIGHT, VIEW_WIDTH = 420, 680, 600
GAP = 4
SHARPNESS = 2  # pixels of the picture per pixel of the screen
WINDOW, LEVEL = 400, 40


@pytest.fixture
def folder(request, tmp_path):
    chosen = request.config.getoption("--pictures", None)
    path = Path(chosen) if chosen else tmp_path / "pictures"
    path.mkdir(parents=True, exist_ok=True)
    return path


@pytest.fixture
def scan(add_scan):
    node = read(SPL) if SPL.exists() else add_scan("Synthetic CT")
    display = node.GetDisplayNode()
    display.SetAutoWindowLevel(False)
    display.SetWindowLevel(WINDOW, LEVEL)
    return node


def read(path: Path):
    from flareseg.reading import read_volume

    volume = read_volume(path)
    return slicer.util.addVolumeFromArray(volume.voxels, volume.geometry.ijk_to_ras(), "CTA abdomen")


def test_picture_of_panel_and_views(engine, open_panel, scan, folder):
    panel = open_panel()
    for _ in range(2):  # the second run shows what a warm engine needs
        panel.ui.applyButton.click()
        wait_until(lambda: panel.ui.applyButton.text == "Segment organs")
    assert panel.ui.failureLabel.isHidden(), panel.ui.failureLabel.text
    panel.ui.show3DButton.click()
    panel_picture = grab(panel.parent)
    upper, lower = views(scan, panel.ui.resultSelector.currentNode())
    picture = side_by_side(panel_picture, upper, lower)
    Image.fromarray(picture).save(folder / "panel.png", optimize=True)
    for organ in ORGANS:
        assert shows(panel_picture, organ.colour), f"no swatch of {organ.name}"
    assert has_colour(upper)
    assert has_colour(lower)


def views(scan, segmentation) -> tuple[np.ndarray, np.ndarray]:
    """Slice view above, 3D view below."""
    size = (SHARPNESS * VIEW_WIDTH, SHARPNESS * (HEIGHT - GAP) // 2)
    return (
        slice_picture(scan, richest_point(scan, segmentation), size, zoom=1.6),
        three_d_picture(surface_bounds(segmentation), size, zoom=1.6),
    )


def richest_point(scan, segmentation) -> tuple[float, float, float]:
    """RAS of the middle of the organs, in the slice that shows most of all four."""
    masks = [slicer.util.arrayFromSegmentBinaryLabelmap(segmentation, segmentId(o), scan) > 0 for o in ORGANS]
    k = int(np.argmax(sum(np.sqrt(mask.sum(axis=(1, 2))) for mask in masks)))
    rows, columns = np.nonzero(slicer.util.arrayFromVolume(scan)[k] > -300)
    scan.GetIJKToRASMatrix(matrix := vtk.vtkMatrix4x4())
    r, a, s, _ = slicer.util.arrayFromVTKMatrix(matrix) @ [np.median(columns), np.median(rows), k, 1]
    return float(r), float(a), float(s)


def surface_bounds(segmentation) -> list[float]:
    boxes = []
    for organ in ORGANS:
        surface = slicer.vtkMRMLSegmentationNode.GetClosedSurfaceInternalRepresentation(segmentation, segmentId(organ))
        boxes.append(surface.GetBounds())
    low, high = np.min(boxes, axis=0)[::2], np.max(boxes, axis=0)[1::2]
    return [float(value) for pair in zip(low, high) for value in pair]


def grab(widget) -> np.ndarray:
    """The panel as uint8 (rows, columns, 3)."""
    widget.resize(PANEL_WIDTH, HEIGHT)
    widget.show()
    for _ in range(3):
        slicer.app.processEvents()
    pixmap = QPixmap(SHARPNESS * PANEL_WIDTH, SHARPNESS * HEIGHT)
    pixmap.setDevicePixelRatio(SHARPNESS)
    widget.render(pixmap)
    image = pixmap.toImage().convertToFormat(QImage.Format_RGB888)
    rows = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine())
    return rows[:, : 3 * image.width()].reshape(image.height(), image.width(), 3).copy()


def side_by_side(panel: np.ndarray, upper: np.ndarray, lower: np.ndarray) -> np.ndarray:
    gap = SHARPNESS * GAP
    between = np.full((len(panel) - len(upper) - len(lower), upper.shape[1], 3), 60, np.uint8)
    beside = np.full((len(panel), gap, 3), 60, np.uint8)
    return np.hstack([panel, beside, np.vstack([upper, between, lower])])


def shows(picture: np.ndarray, colour: tuple[int, int, int]) -> bool:
    return bool((np.abs(picture.astype(int) - colour).max(axis=2) <= 2).sum() > 100)


def has_colour(picture: np.ndarray) -> bool:
    """Organs are red to yellow; CT and background are grey to blue."""
    red, blue = picture[..., 0].astype(int), picture[..., 2].astype(int)
    return bool((red - blue > 30).mean() > 0.05)

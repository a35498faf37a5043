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
from conftest import click, is_ready, run_once, segmentations, wait_until
from flareseg.organs import ORGANS
from FlareSegmentationLib.edits import segmentId
from PIL import Image
from PySide6.QtGui import QImage, QPixmap
from views import slice_picture, three_d_picture

SPL = Path(__file__).resolve().parents[3] / "shared" / "data" / "ct" / "spl_abdomen" / "ct.nii.gz"
PANEL_WIDTH, HEIGHT, VIEW_WIDTH = 460, 760, 640
GAP = 4
SHARPNESS = 2  # pixels of the picture per pixel of the screen
FLAT = (SHARPNESS * VIEW_WIDTH, SHARPNESS * 440)  # for a panel that shows little
WIDE = (SHARPNESS * VIEW_WIDTH, SHARPNESS * HEIGHT)
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


@pytest.fixture
def done(engine, open_panel, scan):
    """A panel with its result; the second run shows what a warm engine needs."""
    panel = open_panel()
    panel.ui.deviceComboBox.currentIndex = 2
    wait_until(lambda: not panel.ui.costLabel.isHidden())
    for _ in range(2):
        run_once(panel)
    assert panel.ui.failureLabel.isHidden(), panel.ui.failureLabel.text
    return panel


def test_picture_before_the_click(engine, open_panel, scan, folder):
    panel = open_panel()
    panel.ui.deviceComboBox.currentIndex = 2
    wait_until(lambda: not panel.ui.costLabel.isHidden())
    save(folder / "before.png", panel, slice_picture(scan, middle(scan), FLAT, zoom=1.4))


def test_picture_during_the_run(done, scan, folder):
    done.ui.resultSelector.setCurrentNode(None)
    slicer.mrmlScene.RemoveNode(segmentations()[0])
    click(done)
    wait_until(lambda: done.ui.progressBar.format.startswith("Segment organs"))
    save(folder / "during.png", done, slice_picture(scan, middle(scan), FLAT, zoom=1.4))
    click(done)
    wait_until(lambda: is_ready(done))


def test_picture_of_panel_and_views(done, scan, folder):
    done.ui.show3DButton.click()
    panel_picture = grab(done.parent)
    upper, lower = views(scan, done.ui.resultSelector.currentNode(), len(panel_picture))
    Image.fromarray(side_by_side(panel_picture, upper, lower)).save(folder / "panel.png", optimize=True)
    for organ in ORGANS:
        assert shows(panel_picture, organ.colour), f"no swatch of {organ.name}"
    assert has_colour(upper)
    assert has_colour(lower)


def test_picture_of_a_doubtful_place(done, scan, folder):
    """A click on "check here" of the pancreas."""
    points = []
    done.panel.organs.went.connect(points.append)
    done.ui.organTable.cellClicked.emit(3, 4)
    done.ui.organTable.setCurrentCell(3, 4)
    done.ui.resultSelector.currentNode().GetDisplayNode().SetOpacity2DFill(0.25)
    save(folder / "check-here.png", done, slice_picture(scan, points[0], WIDE, zoom=2.2))


def test_picture_of_an_error(engine, open_panel, scan, folder):
    """What a person sees who wants a GPU on a computer that has none."""
    import torch

    if torch.cuda.is_available():
        pytest.skip("this computer has a GPU")
    panel = open_panel()
    panel.ui.deviceComboBox.currentIndex = 1
    run_once(panel)
    assert panel.ui.remedyButton.text == "Retry on CPU"
    save(folder / "error.png", panel, slice_picture(scan, middle(scan), FLAT, zoom=1.4))


def save(path: Path, panel, view: np.ndarray) -> None:
    """The panel beside one view of its height."""
    picture = grab(panel.parent)
    assert panel.ui.applyButton.isVisible()
    rows = min(len(picture), len(view))
    gap = np.full((rows, SHARPNESS * GAP, 3), 60, np.uint8)
    Image.fromarray(np.hstack([picture[:rows], gap, view[:rows]])).save(path, optimize=True)


def middle(scan) -> tuple[float, float, float]:
    """RAS of the middle of the scan's grid."""
    bounds = np.zeros(6)
    scan.GetRASBounds(bounds)
    r, a, s = (bounds[::2] + bounds[1::2]) / 2
    return float(r), float(a), float(s)


def views(scan, segmentation, rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Slice view above, 3D view below, ``rows`` high together."""
    size = (SHARPNESS * VIEW_WIDTH, (rows - SHARPNESS * GAP) // 2)
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

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
from flareseg.core.organs import ORGANS
from FlareSegmentationLib.nodes.edits import segmentId
from PIL import Image
from PySide6.QtGui import QImage, QPixmap
from scipy.ndimage import binary_dilation
from views import dark_style, slice_picture, three_d_picture, with_crosshair

SPL = Path(__file__).resolve().parents[4] / "shared" / "data" / "ct" / "spl_abdomen" / "ct.nii.gz"
PANCREAS = ORGANS[3]
PANEL_WIDTH = 460
# Width of the views, and height: for a panel that shows little, and for one with tables.
LOW, HIGH = (360, 440), (500, 760)
GAP = 4
SHARPNESS = 2  # pixels of the picture per pixel of the screen
WIDTH = 1200  # of the pictures, in pixels
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
    from flareseg.io.reading import read_volume

    volume = read_volume(path)
    return slicer.util.addVolumeFromArray(volume.voxels, volume.geometry.ijk_to_ras(), "SPL abdominal atlas")


@pytest.fixture
def panel(open_panel, scan):
    """Ready for the click."""
    panel = open_panel()
    wait_until(lambda: panel.ui.applyButton.enabled and panel.ui.deviceFactsLabel.text)
    return panel


@pytest.fixture
def done(engine, panel):
    """A panel with its result; the second run shows what a warm engine needs."""
    for _ in range(2):
        run_once(panel)
    assert panel.ui.failureLabel.isHidden(), panel.ui.failureLabel.text
    legible(segmentations()[0])
    return panel


@pytest.fixture
def dark():
    with dark_style():
        yield


def test_picture_before_the_click(engine, panel, scan, folder):
    save(folder / "before.jpg", panel, LOW, planes(scan))


def test_picture_during_the_run(done, scan, folder):
    done.ui.resultSelector.setCurrentNode(None)
    slicer.mrmlScene.RemoveNode(segmentations()[0])
    click(done)
    wait_until(lambda: done.ui.progressLabel.text.startswith("Segment organs"))
    save(folder / "during.jpg", done, LOW, planes(scan))
    click(done)
    wait_until(lambda: is_ready(done))


def test_picture_of_panel_and_views(done, scan, folder):
    done.ui.show3DButton.click()
    picture = save(folder / "panel.jpg", done, HIGH, plane_and_solid(scan, done))
    for organ in ORGANS:
        assert shows(picture, organ.colour), f"no swatch of {organ.name}"


def test_picture_in_the_dark_style(dark, done, scan, folder):
    done.ui.show3DButton.click()
    save(folder / "dark.jpg", done, HIGH, plane_and_solid(scan, done))


def test_picture_of_a_uncertain_place(done, scan, folder):
    """A click on "check here" of the pancreas."""
    slicer.mrmlScene.AddNode(slicer.vtkMRMLCrosshairNode())
    points = []
    done.panel.organs.went.connect(points.append)
    row = ORGANS.index(PANCREAS)
    done.ui.organTable.cellClicked.emit(row, 4)
    done.ui.organTable.setCurrentCell(row, 4)
    views = [lambda size, view=view: with_crosshair(view(size)) for view in planes(scan, points[0], zoom=1.25)]
    save(folder / "check-here.jpg", done, HIGH, views)


def test_picture_of_a_kept_edit(done, scan, folder):
    """The pancreas was corrected by hand; the next run left it alone."""
    node = done.ui.resultSelector.currentNode()
    drawn = slicer.util.arrayFromSegmentBinaryLabelmap(node, segmentId(PANCREAS), scan) > 0
    slicer.util.updateSegmentBinaryLabelmapFromArray(
        binary_dilation(drawn, iterations=2).astype(np.uint8), node, segmentId(PANCREAS), scan
    )
    run_once(done)
    wait_until(lambda: not done.ui.editedComboBox.isHidden())
    assert "edited by hand, kept" in done.ui.organTable.item(ORGANS.index(PANCREAS), 4).text()
    save(folder / "edited.jpg", done, HIGH, plane_and_solid(scan, done))


def test_picture_of_the_region(done, scan, folder):
    """The box that was searched, to be moved by its handles."""
    done.ui.show3DButton.click()
    done.ui.adjustRegionButton.click()
    done.ui.optionsSection.collapsed = False
    done.ui.timingSection.collapsed = True
    save(folder / "region.jpg", done, HIGH, plane_and_solid(scan, done, zoom=1.1))


def test_picture_of_the_queue(engine, panel, scan, folder):
    """Three scans one after the other."""
    matrix = vtk.vtkMatrix4x4()
    scan.GetIJKToRASMatrix(matrix)
    for name, step in (("Every other slice", 2), ("Every third slice", 3)):
        ijkToRas = slicer.util.arrayFromVTKMatrix(matrix) @ np.diag([1.0, 1.0, step, 1.0])
        slicer.util.addVolumeFromArray(slicer.util.arrayFromVolume(scan)[::step], ijkToRas, name)
    panel.ui.queueSection.collapsed = False
    panel.ui.allScansCheckBox.click()
    panel.ui.queueButton.click()
    wait_until(lambda: panel.ui.progressLabel.text.startswith("Scan 2 of 3 · Segment organs"))
    legible(segmentations()[0])
    save(folder / "queue.jpg", panel, LOW, planes(scan))
    wait_until(lambda: is_ready(panel))


def test_picture_of_an_error(scripted, open_panel, scan, folder):
    """A GPU that other programs have filled, which cannot be had here: the worker is a scripted one."""
    scripted("full_gpu")
    panel = open_panel()
    wait_until(lambda: not panel.ui.costLabel.isHidden())
    run_once(panel)
    assert panel.ui.failureActionButton.text == "Retry on CPU"
    save(folder / "error.jpg", panel, LOW, planes(scan))


def save(path: Path, panel, size: tuple[int, int], views: list) -> np.ndarray:
    """The panel beside two views that share its height: each is a function of its size in pixels."""
    width, height = size
    shown = grab(panel.parent, height)
    gap = np.full((SHARPNESS * GAP, SHARPNESS * width, 3), 60, np.uint8)
    rows = (len(shown) - len(gap)) // 2
    upper, lower = (view((SHARPNESS * width, rows)) for view in views)
    beside = np.vstack([upper, gap, lower])
    between = np.full((len(shown), SHARPNESS * GAP, 3), 60, np.uint8)
    sheet = np.hstack([shown, between, beside])
    picture = Image.fromarray(sheet)
    picture.thumbnail((WIDTH, WIDTH), Image.Resampling.LANCZOS)
    picture.save(path, quality=90, subsampling=0, optimize=True)
    return sheet


def planes(scan, ras=None, zoom: float = 1.0) -> list:
    """An axial and a coronal slice."""
    ras = ras or inside(scan, len(slicer.util.arrayFromVolume(scan)) // 2)
    return [
        lambda size: slice_picture(scan, ras, size, 1.5 * zoom),
        lambda size: slice_picture(scan, ras, size, 1.05 * zoom, "Coronal"),
    ]


def plane_and_solid(scan, panel, zoom: float = 1.5) -> list:
    """An axial slice through all four organs, and the organs in 3D."""
    node = panel.ui.resultSelector.currentNode()
    node.CreateClosedSurfaceRepresentation()
    return [
        lambda size: coloured(slice_picture(scan, richest_point(scan, node), size, zoom)),
        lambda size: coloured(three_d_picture(surface_bounds(node), size, zoom)),
    ]


def legible(segmentation) -> None:
    """Thick outlines: liver and kidneys have colours that are alike."""
    display = segmentation.GetDisplayNode()
    display.SetOpacity2DFill(0.3)
    display.SetSliceIntersectionThickness(2 * SHARPNESS)


def inside(scan, k: int) -> tuple[float, float, float]:
    """RAS of the middle of the body in a slice."""
    rows, columns = np.nonzero(slicer.util.arrayFromVolume(scan)[k] > -300)
    scan.GetIJKToRASMatrix(matrix := vtk.vtkMatrix4x4())
    r, a, s, _ = slicer.util.arrayFromVTKMatrix(matrix) @ [np.median(columns), np.median(rows), k, 1]
    return float(r), float(a), float(s)


def richest_point(scan, segmentation) -> tuple[float, float, float]:
    """RAS of the middle of the organs, in the slice that shows most of all four."""
    masks = [slicer.util.arrayFromSegmentBinaryLabelmap(segmentation, segmentId(o), scan) > 0 for o in ORGANS]
    return inside(scan, int(np.argmax(sum(np.sqrt(mask.sum(axis=(1, 2))) for mask in masks))))


def surface_bounds(segmentation) -> list[float]:
    boxes = []
    for organ in ORGANS:
        surface = slicer.vtkMRMLSegmentationNode.GetClosedSurfaceInternalRepresentation(segmentation, segmentId(organ))
        boxes.append(surface.GetBounds())
    low, high = np.min(boxes, axis=0)[::2], np.max(boxes, axis=0)[1::2]
    return [float(value) for pair in zip(low, high) for value in pair]


def grab(widget, height: int) -> np.ndarray:
    """The panel as uint8 (rows, columns, 3), as high as it needs to be."""
    widget.show()
    for _ in range(3):  # wrapped texts find their heights
        widget.resize(PANEL_WIDTH, max(height, widget.layout().totalHeightForWidth(PANEL_WIDTH)))
        slicer.app.processEvents()
    pixmap = QPixmap(SHARPNESS * PANEL_WIDTH, SHARPNESS * widget.height)
    pixmap.setDevicePixelRatio(SHARPNESS)
    widget.render(pixmap)
    image = pixmap.toImage().convertToFormat(QImage.Format_RGB888)
    rows = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine())
    return rows[:, : 3 * image.width()].reshape(image.height(), image.width(), 3).copy()


def shows(picture: np.ndarray, colour: tuple[int, int, int]) -> bool:
    return bool((np.abs(picture.astype(int) - colour).max(axis=2) <= 2).sum() > 100)


def coloured(picture: np.ndarray) -> np.ndarray:
    """A view that shows organs: they are red to yellow, CT and background are grey to blue."""
    red, blue = picture[..., 0].astype(int), picture[..., 2].astype(int)
    assert (red - blue > 30).mean() > 0.03
    return picture

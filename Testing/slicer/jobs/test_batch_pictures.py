"""Pictures of the tutorial, from real nodes: ``make pictures`` renews those in docs/pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import slicer
import vtk
from flareseg.core.organs import ORGANS
from FlareSegmentationLib.jobs.phantom import loadSyntheticCtAndOrgans
from FlareSegmentationLib.nodes.results import segmentId
from PIL import Image
from views import slice_picture, three_d_picture

import FlareSegmentation

PICTURES = Path(__file__).resolve().parents[3] / "docs" / "pictures"
SIZE, GAP, ZOOM = (720, 540), 6, 1.35


@pytest.fixture
def folder(request, tmp_path):
    return PICTURES if request.config.getoption("--pictures", None) else tmp_path


@pytest.fixture
def synthetic(monkeypatch):
    monkeypatch.setattr(slicer.app, "layoutManager", lambda: None, raising=False)
    return loadSyntheticCtAndOrgans()


def test_picture_of_the_synthetic_ct_its_result_and_its_ground_truth(engine, synthetic, folder):
    """Left: the result filled, the true organs as lines. Right: the result in 3D."""
    scan, ground_truth = synthetic
    result = FlareSegmentation.FlareSegmentationLogic().segment(scan)
    result.CreateClosedSurfaceRepresentation()
    style(result, fill=0.55, outline=0.0)
    style(ground_truth, fill=0.0, outline=1.0)
    plane = slice_picture(scan, richest_point(scan, ground_truth), SIZE, zoom=ZOOM)
    ground_truth.SetDisplayVisibility(False)
    solid = three_d_picture(bounds(result), SIZE, zoom=1.5)
    between = np.full((SIZE[1], GAP, 3), 60, np.uint8)
    Image.fromarray(np.hstack([plane, between, solid])).save(folder / "synthetic.png", optimize=True)
    assert has_colour(plane)
    assert has_colour(solid)


def style(node, fill: float, outline: float) -> None:
    display = node.GetDisplayNode()
    display.SetOpacity2DFill(fill)
    display.SetOpacity2DOutline(outline)
    display.SetSliceIntersectionThickness(3)


def richest_point(scan, ground_truth) -> tuple[float, float, float]:
    """RAS of the middle of the slice that shows most of all four organs."""
    masks = [slicer.util.arrayFromSegmentBinaryLabelmap(ground_truth, organ.name, scan) > 0 for organ in ORGANS]
    k = int(np.argmax(np.sum([np.sqrt(mask.sum(axis=(1, 2))) for mask in masks], axis=0)))
    rows, columns = np.nonzero(slicer.util.arrayFromVolume(scan)[k] > -300)
    scan.GetIJKToRASMatrix(matrix := vtk.vtkMatrix4x4())
    r, a, s, _ = slicer.util.arrayFromVTKMatrix(matrix) @ [np.median(columns), np.median(rows), k, 1]
    return float(r), float(a), float(s)


def bounds(node) -> list[float]:
    boxes = [
        slicer.vtkMRMLSegmentationNode.GetClosedSurfaceInternalRepresentation(node, segmentId(organ)).GetBounds()
        for organ in ORGANS
    ]
    low, high = np.min(boxes, axis=0)[::2], np.max(boxes, axis=0)[1::2]
    return [float(value) for pair in zip(low, high) for value in pair]


def has_colour(picture: np.ndarray) -> bool:
    """Organs are red to yellow; CT and background are grey to blue."""
    red, blue = picture[..., 0].astype(int), picture[..., 2].astype(int)
    return bool((red - blue > 30).mean() > 0.03)

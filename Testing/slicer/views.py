"""Slicer's slice and 3D views drawn off screen by the real displayable managers, as numpy pictures; its dark style."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import slicer
import vtk
from PySide6.QtGui import QColor, QPalette
from PySide6.QtWidgets import QApplication
from vtk.util.numpy_support import vtk_to_numpy

_CROSSHAIR = (0, 255, 255)  # none of the organs'


def slice_picture(
    volumeNode: Any,
    ras: tuple[float, float, float],
    size: tuple[int, int],
    zoom: float = 1.0,
    orientation: str = "Axial",
) -> np.ndarray:
    """A slice through ``ras`` with everything that lies over it: uint8 (rows, columns, 3)."""
    window, renderer = _window(size)
    renderer.GetActiveCamera().ParallelProjectionOn()
    logic = slicer.vtkMRMLSliceLogic()
    logic.SetMRMLApplicationLogic(_applicationLogic())
    logic.SetMRMLScene(slicer.mrmlScene)
    node = logic.AddSliceNode(slicer.mrmlScene.GenerateUniqueName("Picture"))
    node.SetOrientation(orientation)
    logic.GetSliceCompositeNode().SetBackgroundVolumeID(volumeNode.GetID())
    logic.ResizeSliceNode(*size)
    logic.FitSliceToBackground()
    fov = node.GetFieldOfView()
    node.SetFieldOfView(fov[0] / zoom, fov[1] / zoom, fov[2])
    node.SetXYZOrigin(0, 0, 0)
    node.JumpSliceByCentering(*ras)
    renderer.AddViewProp(_image(logic))  # before anything that is to lie over it
    names = ["vtkMRMLSegmentationsDisplayableManager2D", "vtkMRMLMarkupsDisplayableManager"]
    group = _group(renderer, slicer.vtkMRMLSliceViewDisplayableManagerFactory, names)
    group.SetMRMLDisplayableNode(node)
    return _grab(window)


class SlicerViews:
    """An axial slice view through the middle of a scan and a 3D view, open as long as the object lives."""

    def __init__(self, volumeNode: Any, size: tuple[int, int] = (200, 200)) -> None:
        self._windows = [_window(size), _window(size)]
        self._slice, self._view = slicer.vtkMRMLSliceLogic(), slicer.vtkMRMLViewLogic()
        for logic in (self._slice, self._view):
            logic.SetMRMLApplicationLogic(_applicationLogic())
            logic.SetMRMLScene(slicer.mrmlScene)
        (_window2d, renderer), (_window3d, renderer3d) = self._windows
        renderer.GetActiveCamera().ParallelProjectionOn()
        node = self._slice.AddSliceNode("Red")
        node.SetOrientation("Axial")
        self._slice.GetSliceCompositeNode().SetBackgroundVolumeID(volumeNode.GetID())
        self._slice.ResizeSliceNode(*size)
        self._slice.FitSliceToBackground()
        names = ["vtkMRMLSegmentationsDisplayableManager2D"]
        self._group = _group(renderer, slicer.vtkMRMLSliceViewDisplayableManagerFactory, names)
        self._group.SetMRMLDisplayableNode(node)
        names = ["vtkMRMLCameraDisplayableManager", "vtkMRMLViewDisplayableManager"]
        names.append("vtkMRMLSegmentationsDisplayableManager3D")
        self._group3d = _group(renderer3d, slicer.vtkMRMLThreeDViewDisplayableManagerFactory, names)
        self._group3d.SetMRMLDisplayableNode(self._view.AddViewNode("1"))

    def render(self) -> list[np.ndarray]:
        """Pictures of the segments in both views: uint8 (rows, columns, 3)."""
        return [_grab(window) for window, _renderer in self._windows]


def with_crosshair(picture: np.ndarray, arm: int = 60, gap: int = 18, thickness: int = 5) -> np.ndarray:
    """The middle marked as by Slicer's small crosshair; its displayable manager needs Slicer's own windows."""
    marked = picture.copy()
    row, column = (n // 2 for n in picture.shape[:2])
    for low, high in ((-arm, -gap), (gap, arm)):
        for half in range(-(thickness // 2), thickness // 2 + 1):
            marked[row + low : row + high, column + half] = _CROSSHAIR
            marked[row + half, column + low : column + high] = _CROSSHAIR
    return marked


def three_d_picture(bounds: tuple[float, ...], size: tuple[int, int], zoom: float = 1.0) -> np.ndarray:
    """The 3D view from the front (anterior), fitted to RAS ``bounds``: uint8 (rows, columns, 3)."""
    window, renderer = _window(size)
    logic = slicer.vtkMRMLViewLogic()
    logic.SetMRMLApplicationLogic(_applicationLogic())
    logic.SetMRMLScene(slicer.mrmlScene)
    node = logic.AddViewNode(slicer.mrmlScene.GenerateUniqueName("Picture"))
    node.SetBoxVisible(False)
    node.SetAxisLabelsVisible(False)
    names = [
        "vtkMRMLCameraDisplayableManager",
        "vtkMRMLViewDisplayableManager",
        "vtkMRMLSegmentationsDisplayableManager3D",
        "vtkMRMLMarkupsDisplayableManager",
    ]
    group = _group(renderer, slicer.vtkMRMLThreeDViewDisplayableManagerFactory, names)
    group.SetMRMLDisplayableNode(node)
    node.SetBackgroundColor(0.16, 0.18, 0.24)
    node.SetBackgroundColor2(0.36, 0.40, 0.50)
    _aim(renderer, bounds, zoom)
    return _grab(window)


def _applicationLogic() -> Any:
    logic = slicer.app.applicationLogic()
    for get, put in (("GetSliceLogics", "SetSliceLogics"), ("GetViewLogics", "SetViewLogics")):
        if getattr(logic, get)() is None:
            getattr(logic, put)(vtk.vtkCollection())
    return logic


def _window(size: tuple[int, int]) -> tuple[vtk.vtkRenderWindow, vtk.vtkRenderer]:
    window = vtk.vtkRenderWindow()
    window.SetOffScreenRendering(1)
    window.SetMultiSamples(8)
    window.SetSize(*size)
    renderer = vtk.vtkRenderer()
    window.AddRenderer(renderer)
    interactor = vtk.vtkRenderWindowInteractor()
    interactor.SetRenderWindow(window)
    return window, renderer


def _group(renderer: vtk.vtkRenderer, factoryClass: Any, names: list[str]) -> Any:
    factory = factoryClass.GetInstance()
    factory.SetMRMLApplicationLogic(_applicationLogic())
    for name in names:
        if not factory.IsDisplayableManagerRegistered(name):
            factory.RegisterDisplayableManager(name)
    group = slicer.vtkMRMLDisplayableManagerGroup()
    group.Initialize(factory, renderer)
    return group


def _image(logic: Any) -> vtk.vtkActor2D:
    mapper = vtk.vtkImageMapper()
    mapper.SetColorWindow(255)
    mapper.SetColorLevel(127.5)
    mapper.SetInputConnection(logic.GetImageDataConnection())
    actor = vtk.vtkActor2D()
    actor.SetMapper(mapper)
    return actor


def _aim(renderer: vtk.vtkRenderer, bounds: tuple[float, ...], zoom: float) -> None:
    centre = [(low + high) / 2 for low, high in zip(bounds[::2], bounds[1::2])]
    camera = renderer.GetActiveCamera()
    camera.SetFocalPoint(*centre)
    camera.SetPosition(centre[0] - 60, centre[1] + 1000, centre[2] + 120)
    camera.SetViewUp(0, 0, 1)
    renderer.ResetCamera(bounds)
    camera.Zoom(zoom)
    renderer.ResetCameraClippingRange()


def _grab(window: vtk.vtkRenderWindow) -> np.ndarray:
    window.Render()
    grab = vtk.vtkWindowToImageFilter()
    grab.SetInput(window)
    grab.ReadFrontBufferOff()
    grab.Update()
    image = grab.GetOutput()
    columns, rows, _slices = image.GetDimensions()
    pixels = vtk_to_numpy(image.GetPointData().GetScalars()).reshape(rows, columns, -1)
    return np.ascontiguousarray(pixels[::-1, :, :3])


@contextmanager
def dark_style() -> Iterator[None]:
    """Slicer's dark style uses a palette as this one."""
    application = QApplication.instance()
    before, style = application.palette(), application.style().objectName()
    if style != "fusion":  # setting a style resets what widgets know of their size
        application.setStyle("fusion")
    palette = QPalette(QColor(53, 53, 53), QColor(53, 53, 53))
    for role, grey in ((QPalette.Base, 42), (QPalette.AlternateBase, 66), (QPalette.ToolTipBase, 53)):
        palette.setColor(role, QColor(grey, grey, grey))
    for role in (QPalette.WindowText, QPalette.Text, QPalette.ButtonText):
        palette.setColor(role, QColor(255, 255, 255))
        palette.setColor(QPalette.Disabled, role, QColor(127, 127, 127))
    palette.setColor(QPalette.Highlight, QColor(42, 130, 218))
    application.setPalette(palette)
    try:
        yield
    finally:
        if style != "fusion":
            application.setStyle(style)
        application.setPalette(before)

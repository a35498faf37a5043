"""``slicer.app.layoutManager()`` of Slicer's conventional layout: three slice views and a 3D view, on real MRML logics.

A view is as in the application (Libs/MRML/Widgets/qMRMLLayoutManager.cxx): nothing moves when a node is
chosen somewhere, only what is asked of slice nodes, composite nodes and logics happens.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import slicer
import vtk

_ORIENTATIONS = {"Red": "Axial", "Yellow": "Sagittal", "Green": "Coronal"}
_SIZE = (400, 300)  # pixels of a view
_MANAGERS = (
    "vtkMRMLCameraDisplayableManager",
    "vtkMRMLViewDisplayableManager",  # draws the box and the axis labels
    "vtkMRMLSegmentationsDisplayableManager3D",
)


class LayoutManager:
    """An unknown name or number of a view raises, where the application gives a null pointer."""

    def __init__(self) -> None:
        self._logics = vtk.vtkCollection()
        self._sliceWidgets = {name: _sliceWidget(name, plane) for name, plane in _ORIENTATIONS.items()}
        for widget in self._sliceWidgets.values():
            self._logics.AddItem(widget.sliceLogic())
        slicer.app.applicationLogic().SetSliceLogics(self._logics)
        slicer.app.applicationLogic().SetViewLogics(vtk.vtkCollection())
        view = ThreeDView()
        self._threeDWidgets = [SimpleNamespace(threeDView=lambda: view)]

    def sliceViewNames(self) -> tuple[str, ...]:
        return tuple(self._sliceWidgets)

    def sliceWidget(self, name: str) -> Any:
        return self._sliceWidgets[name]

    def mrmlSliceLogics(self) -> vtk.vtkCollection:
        return self._logics

    @property
    def threeDViewCount(self) -> int:
        return len(self._threeDWidgets)

    def threeDWidget(self, index: int) -> Any:
        return self._threeDWidgets[index]

    def resetThreeDViews(self) -> None:
        for widget in self._threeDWidgets:
            widget.threeDView().resetFocalPoint()
            widget.threeDView().resetCamera()


class ThreeDView:
    """Drawn by Slicer's own displayable managers; the camera stays where it is until it is told to move."""

    def __init__(self) -> None:
        self._window = vtk.vtkRenderWindow()
        self._window.SetOffScreenRendering(1)
        self._window.SetSize(*_SIZE)
        self._renderer = vtk.vtkRenderer()
        self._window.AddRenderer(self._renderer)
        self._interactor = vtk.vtkRenderWindowInteractor()
        self._interactor.SetRenderWindow(self._window)
        logic = slicer.vtkMRMLViewLogic()
        logic.SetMRMLApplicationLogic(slicer.app.applicationLogic())
        logic.SetMRMLScene(slicer.mrmlScene)
        self._logic, self._node = logic, logic.AddViewNode("View1")
        self._group = self._displayableManagers()

    def resetFocalPoint(self) -> None:
        """To the middle of what is visible but for the box and the axis labels, as qMRMLThreeDView does."""
        shown = self._node.GetBoxVisible(), self._node.GetAxisLabelsVisible()
        self._node.SetBoxVisible(False)
        self._node.SetAxisLabelsVisible(False)
        bounds = self._renderer.ComputeVisiblePropBounds()
        self._node.SetBoxVisible(shown[0])
        self._node.SetAxisLabelsVisible(shown[1])
        self._node.InvokeEvent(slicer.vtkMRMLViewNode.ResetFocalPointRequestedEvent)  # moves the box
        if bounds[0] <= bounds[1]:
            middle = [(low + high) / 2 for low, high in zip(bounds[::2], bounds[1::2])]
            self._renderer.GetActiveCamera().SetFocalPoint(*middle)

    def resetCamera(self) -> None:
        self._renderer.ResetCamera()

    def lookAt(self, *point: float) -> None:
        """For tests: the camera is moved by hand."""
        self._renderer.GetActiveCamera().SetFocalPoint(*point)

    def focalPoint(self) -> tuple[float, float, float]:
        """For tests: where the camera looks."""
        point: tuple[float, float, float] = self._renderer.GetActiveCamera().GetFocalPoint()
        return point

    def _displayableManagers(self) -> Any:
        factory = slicer.vtkMRMLThreeDViewDisplayableManagerFactory.GetInstance()
        factory.SetMRMLApplicationLogic(slicer.app.applicationLogic())
        for name in _MANAGERS:
            if not factory.IsDisplayableManagerRegistered(name):
                factory.RegisterDisplayableManager(name)
        group = slicer.vtkMRMLDisplayableManagerGroup()
        group.Initialize(factory, self._renderer)
        group.SetMRMLDisplayableNode(self._node)
        return group


def _sliceWidget(name: str, orientation: str) -> Any:
    logic = slicer.vtkMRMLSliceLogic()
    logic.SetMRMLApplicationLogic(slicer.app.applicationLogic())
    logic.SetMRMLScene(slicer.mrmlScene)
    node = logic.AddSliceNode(name)
    node.SetOrientation(orientation)
    logic.ResizeSliceNode(*_SIZE)
    return SimpleNamespace(
        sliceLogic=lambda: logic, mrmlSliceNode=lambda: node, mrmlSliceCompositeNode=logic.GetSliceCompositeNode
    )

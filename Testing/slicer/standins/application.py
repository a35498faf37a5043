"""``slicer.app`` and ``slicer.modules``: a Qt application without a main window, and real module logics."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import slicer
from PySide6 import QtCore, QtWidgets


class Application:
    """As slicer.app of a Slicer that was started with --no-main-window --testing."""

    applicationName = "Slicer"

    def __init__(self, folder: str) -> None:
        self._qt = QtWidgets.QApplication.instance() or QtWidgets.QApplication(["Slicer"])
        self.temporaryPath = folder

    def connect(self, signature: str, slot: Callable[[], object]) -> None:
        if signature != "aboutToQuit()":
            raise ValueError(f"slicer.app has no signal {signature}")
        self._qt.aboutToQuit.connect(slot)

    def processEvents(self) -> None:
        self._qt.processEvents()

    def startupEnvironment(self) -> QtCore.QProcessEnvironment:
        return QtCore.QProcessEnvironment.systemEnvironment()

    def testingEnabled(self) -> bool:
        return True

    def topLevelWidgets(self) -> list[QtWidgets.QWidget]:
        return []

    def moduleManager(self) -> Any:
        return SimpleNamespace(connect=lambda signature, slot: None, disconnect=lambda signature, slot: None)


def new_scene() -> None:
    """A scene of its own for each test, with the logics that the application would have made for it."""
    scene = slicer.vtkMRMLScene()
    slicer.mrmlScene = scene
    logic = slicer.vtkSlicerApplicationLogic()
    logic.SetMRMLScene(scene)
    logic.GetColorLogic().SetMRMLScene(scene)
    logic.GetColorLogic().AddDefaultColorNodes()
    slicer.app.applicationLogic = lambda: logic
    slicer.vtkMRMLSliceNode.AddDefaultSliceOrientationPresets(scene, True)
    slicer.modules = SimpleNamespace(
        segmentations=_module(slicer.vtkSlicerSegmentationsModuleLogic, logic),
        volumes=_module(slicer.vtkSlicerVolumesLogic, logic),
    )


def _module(logicClass: type, applicationLogic: Any) -> SimpleNamespace:
    logic = logicClass()
    logic.SetMRMLApplicationLogic(applicationLogic)
    logic.SetMRMLScene(slicer.mrmlScene)
    return SimpleNamespace(logic=lambda: logic)


def install() -> None:
    slicer.app = Application(tempfile.gettempdir())
    new_scene()

"""``slicer.app`` and ``slicer.modules``: a Qt application without a main window, and real module logics."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import slicer
from PySide6 import QtCore, QtGui, QtWidgets

from .io_manager import CoreIOManager

_select_in_window = slicer.util.selectModule


class Application:
    """As slicer.app of a Slicer that was started with --no-main-window --testing; desktop.Desktop gives it a window."""

    applicationName = "Slicer"
    applicationVersion = "5.13.0-stand-in"

    def __init__(self, folder: str) -> None:
        self.selectedModule = ""
        self.windows: list[QtWidgets.QWidget] = []
        self.factory: Any = None
        self.layout: Any = None
        self.exitCode: int | None = None
        self._qt = QtWidgets.QApplication.instance() or QtWidgets.QApplication(["Slicer"])
        self.temporaryPath = folder
        self.settingsFile = str(Path(folder) / "Slicer.ini")

    def connect(self, signature: str, slot: Callable[[], object]) -> None:
        if signature == "startupCompleted()":
            return  # emitted before any test began
        if signature != "aboutToQuit()":
            raise ValueError(f"slicer.app has no signal {signature}")
        self._qt.aboutToQuit.connect(slot)

    def disconnect(self, signature: str, slot: Callable[[], object]) -> None:
        if signature != "aboutToQuit()":
            raise ValueError(f"slicer.app has no signal {signature}")
        self._qt.aboutToQuit.disconnect(slot)

    def clipboard(self) -> QtGui.QClipboard:
        return self._qt.clipboard()

    def openExtensionsManagerDialog(self) -> None:
        raise RuntimeError("no dialog is answered in a test")

    def processEvents(self) -> None:
        self._qt.processEvents()

    def startupEnvironment(self) -> QtCore.QProcessEnvironment:
        return QtCore.QProcessEnvironment.systemEnvironment()

    def userSettings(self) -> QtCore.QSettings:
        return QtCore.QSettings(self.settingsFile, QtCore.QSettings.IniFormat)

    def testingEnabled(self) -> bool:
        return True

    def topLevelWidgets(self) -> list[QtWidgets.QWidget]:
        return self.windows

    def layoutManager(self) -> Any:
        """None while there are no views, as without a main window; see layout.LayoutManager."""
        return self.layout

    def currentLogFile(self) -> str:
        log = Path(self.settingsFile).with_suffix(".log")
        log.touch()
        return str(log)

    def coreIOManager(self) -> CoreIOManager:
        return CoreIOManager()

    def commandOptions(self) -> SimpleNamespace:
        return SimpleNamespace(runPythonAndExit=True)

    def exit(self, code: int) -> None:
        self.exitCode = code

    def moduleManager(self) -> Any:
        return SimpleNamespace(
            connect=lambda signature, slot: None,
            disconnect=lambda signature, slot: None,
            module=lambda name: self.factory.modules.get(name) if self.factory else None,
            factoryManager=lambda: self.factory,
        )


def select_module(name: str) -> None:
    """``slicer.util.selectModule``: Slicer's own where there is a main window, else its effect on the scene."""
    if slicer.util.mainWindow() is not None:
        _select_in_window(name)
        return
    if name not in ("FlareSegmentation", "SegmentEditor"):
        raise RuntimeError(f"there is no module {name}")
    slicer.app.selectedModule = name
    if name == "SegmentEditor":
        segment_editor_node()


def segment_editor_node() -> None:
    """The Segment Editor makes its parameter node when it is shown and there is none."""
    tag, kind = "SegmentEditor", "vtkMRMLSegmentEditorNode"
    if slicer.mrmlScene.GetSingletonNode(tag, kind) is None:
        node = slicer.mrmlScene.CreateNodeByClass(kind)
        node.UnRegister(None)
        node.SetSingletonTag(tag)
        slicer.mrmlScene.AddNode(node)


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
        markups=_module(slicer.vtkSlicerMarkupsLogic, logic),
        sequences=_module(slicer.vtkSlicerSequencesLogic, logic),
    )
    markups = slicer.modules.markups.logic()
    markups.RegisterMarkupsNode(slicer.vtkMRMLMarkupsROINode(), slicer.vtkSlicerROIWidget())
    logic.SetModuleLogic("Markups", markups)


def _module(logicClass: type, applicationLogic: Any) -> SimpleNamespace:
    logic = logicClass()
    logic.SetMRMLApplicationLogic(applicationLogic)
    logic.SetMRMLScene(slicer.mrmlScene)
    return SimpleNamespace(logic=lambda: logic)


def install() -> None:
    slicer.app = Application(tempfile.gettempdir())
    slicer.util.selectModule = select_module
    new_scene()

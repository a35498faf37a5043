"""``slicer.ScriptedLoadableModule``: what Slicer calls on a scripted module, and in which order."""

from __future__ import annotations

import unittest
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import qt
import slicer
from PySide6.QtCore import QCoreApplication, QEvent


class ScriptedLoadableModule:
    def __init__(self, parent: Any) -> None:
        self.parent = parent
        self.moduleName = type(self).__name__


class ScriptedLoadableModuleWidget:
    def __init__(self, parent: Any = None) -> None:
        self.moduleName = type(self).__name__.removesuffix("Widget")
        self.parent = parent
        self.layout = parent.layout()

    def resourcePath(self, filename: str) -> str:
        return str(Path(slicer.util.modulePath(self.moduleName)).parent / "Resources" / filename)

    def setup(self) -> None:
        """Slicer adds its developer section here, in developer mode only."""
        if slicer.util.toBool(slicer.app.userSettings().value("Developer/DeveloperMode", False)):
            self.reloadButton = qt.QPushButton("Reload")
            self.reloadButton.connect("clicked()", self.onReload)
            self.layout.addWidget(self.reloadButton)

    def onReload(self) -> None:
        slicer.util.reloadScriptedModule(self.moduleName)


class ScriptedLoadableModuleLogic:
    def __init__(self, parent: Any = None) -> None:
        self.moduleName = type(self).__name__.removesuffix("Logic")
        self.isSingletonParameterNode = True

    def getParameterNode(self) -> Any:
        node = slicer.mrmlScene.GetSingletonNode(self.moduleName, "vtkMRMLScriptedModuleNode")
        if node is None:
            node = slicer.mrmlScene.CreateNodeByClass("vtkMRMLScriptedModuleNode")
            node.UnRegister(None)
            node.SetSingletonTag(self.moduleName)
            node.SetName(self.moduleName)
            node = slicer.mrmlScene.AddNode(node)
        node.SetAttribute("ModuleName", self.moduleName)
        return node


class ScriptedLoadableModuleTest(unittest.TestCase):
    def delayDisplay(self, message: str, requestedDelay: int | None = None, msec: int | None = None) -> None:
        slicer.app.processEvents()

    def runTest(self) -> None:
        raise NotImplementedError("a module's test class runs its tests here")


def open_module(moduleClass: type, widgetClass: type) -> Any:
    """The module's panel as Slicer opens it: module made, widget set up in a qMRMLWidget, entered."""
    moduleClass(SimpleNamespace(path=slicer.util.modulePath(moduleClass.__name__)))
    parent = slicer.qMRMLWidget()
    parent.setLayout(qt.QVBoxLayout())
    parent.setMRMLScene(slicer.mrmlScene)
    widget = widgetClass(parent)
    widget.setup()
    parent.isEntered = True
    widget.enter()
    return widget


def close_module(widget: Any) -> None:
    """As when Slicer shows another module and then unloads this one."""
    widget.parent.isEntered = False
    widget.exit()
    widget.cleanup()
    widget.parent.deleteLater()
    QCoreApplication.sendPostedEvents(None, QEvent.DeferredDelete)

"""The main window with its module selector, and the module manager: what choosing a module does in the application."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import qt
import slicer
from PySide6.QtCore import Property, QCoreApplication, QEvent, QFileInfo
from PySide6.QtWidgets import QMainWindow, QWidget

from .application import segment_editor_node
from .pythonqt import pythonqt_class


class _ModuleWidget(QWidget):
    """Is entered when its module is chosen and exited when another one is, never twice in a row."""

    def __init__(self) -> None:
        super().__init__()
        self._entered = False
        self._python: Any = None
        self.setLayout(qt.QVBoxLayout())

    isEntered = Property(bool, lambda self: self._entered)

    def self(self) -> Any:
        return self._python

    def build(self, name: str, makeWidget: Callable[[Any], Any]) -> None:
        self._name, self._make = name, makeWidget
        self.reload()

    def reload(self) -> None:
        """Make and set up the Python widget anew. As in the application, it is not entered."""
        self._python = self._make(self)
        setattr(slicer.modules, f"{self._name}Widget", self._python)
        self._python.setup()

    def enter(self) -> None:
        assert not self._entered
        self._entered = True
        self._python.enter()

    def exit(self) -> None:
        assert self._entered
        self._entered = False
        self._python.exit()


ModuleWidget = pythonqt_class(_ModuleWidget)


class SegmentEditorWidget:
    """Makes the editor's parameter node when it comes up, as that of the application does."""

    def __init__(self, parent: Any) -> None:
        self.parent = parent

    def setup(self) -> None:
        segment_editor_node()

    enter = setup

    def exit(self) -> None: ...

    def cleanup(self) -> None: ...


class DataWidget(SegmentEditorWidget):
    """A module that leaves the scene alone."""

    def setup(self) -> None: ...

    enter = setup


class Module:
    """A loaded module. Its widget is made and set up when it is first asked for."""

    def __init__(self, name: str, makeWidget: Callable[[Any], Any], path: str = "") -> None:
        self.name, self.path = name, path
        self._makeWidget = makeWidget
        self._widget: Any = None

    def widgetRepresentation(self) -> Any:
        if self._widget is None:
            self._widget = ModuleWidget()
            self._widget.build(self.name, self._makeWidget)
        return self._widget

    def unload(self) -> None:
        if self._widget is not None:
            self._widget._python.cleanup()
            self._widget.deleteLater()


class FactoryManager:
    """Loads scripted modules while the application runs; the others are there from its start."""

    def __init__(self) -> None:
        self.modules = {
            name: Module(name, make) for name, make in (("Data", DataWidget), ("SegmentEditor", SegmentEditorWidget))
        }
        self._registered: dict[str, str] = {}

    def registerModule(self, file: QFileInfo) -> None:
        if file.suffix() == "py" and file.exists():
            self._registered[file.baseName()] = file.absoluteFilePath()

    def isLoaded(self, name: str) -> bool:
        return name in self.modules

    def loadModules(self, names: list[str]) -> bool:
        """Names of ``__main__`` are lost meanwhile, as seen in Slicer 5.13: its own statements there clean up."""
        for name in ("sys", "os"):
            vars(sys.modules["__main__"]).pop(name, None)
        return all(self._load(name) for name in names)

    def _load(self, name: str) -> bool:
        if self.isLoaded(name) or name not in self._registered:
            return self.isLoaded(name)
        path = self._registered[name]
        source = importlib.import_module(name)
        assert source.__file__ is not None
        assert Path(source.__file__).resolve() == Path(path).resolve()
        getattr(source, name)(SimpleNamespace(path=path))
        self.modules[name] = Module(name, lambda parent: getattr(sys.modules[name], f"{name}Widget")(parent), path)
        setattr(slicer.modules, name.lower(), self.modules[name])
        return True


class ModuleSelector:
    """The tool bar; an unknown module is an error here, where the application ignores it."""

    def __init__(self, window: QMainWindow, modules: dict[str, Module]) -> None:
        self.selectedModule = ""
        self._window, self._modules = window, modules

    def selectModule(self, name: str) -> None:
        if name == self.selectedModule:
            return
        module = self._modules[name] if name else None
        if self.selectedModule:
            left = self._modules[self.selectedModule].widgetRepresentation()
            left.exit()
            self._window.takeCentralWidget()
            left.setVisible(False)
        self.selectedModule = name
        if module:
            self._window.setCentralWidget(module.widgetRepresentation())
            module.widgetRepresentation().setVisible(True)
            module.widgetRepresentation().enter()


class _MainWindow(QMainWindow):
    def __init__(self, modules: dict[str, Module]) -> None:
        super().__init__()
        self.setObjectName("qSlicerMainWindow")
        self.resize(1000, 900)
        self._selector = ModuleSelector(self, modules)

    def moduleSelector(self) -> ModuleSelector:
        return self._selector


class Desktop:
    """An application with its main window, until it is closed; the module of this project is not loaded yet."""

    def __init__(self) -> None:
        self.factory = FactoryManager()
        self._window = pythonqt_class(_MainWindow)(self.factory.modules)
        slicer.app.windows = [self._window]
        slicer.app.factory = self.factory
        self._window.show()

    def load(self, path: Path) -> None:
        self.factory.registerModule(QFileInfo(str(path)))
        assert self.factory.loadModules([path.stem])

    def close(self) -> None:
        """As at the application's end: the module is left, all are unloaded."""
        self._window.moduleSelector().selectModule("")
        for module in self.factory.modules.values():
            module.unload()
        self._window.deleteLater()
        slicer.app.windows, slicer.app.factory = [], None
        QCoreApplication.sendPostedEvents(None, QEvent.DeferredDelete)

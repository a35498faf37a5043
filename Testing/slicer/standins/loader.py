"""QUiLoader that makes PythonQt's widgets and the stand-ins, and is strict about the .ui file."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from typing import Any

from PySide6 import QtCore, QtUiTools, QtWidgets

from . import widgets

SCENE_SIGNAL = "mrmlSceneChanged(vtkMRMLScene*)"
SCENE_SLOT = "setMRMLScene(vtkMRMLScene*)"


class QUiLoader(QtUiTools.QUiLoader):
    """Refuses properties that a stand-in does not have; makes the .ui file's scene connections, and no others."""

    def __init__(self, qt: Any) -> None:
        super().__init__()
        self._qt = qt

    def load(self, file: QtCore.QFile) -> QtWidgets.QWidget:
        text = bytes(file.readAll())
        tree = ElementTree.fromstring(text)
        _check_properties(tree)
        buffer = QtCore.QBuffer()
        buffer.setData(_without_connections(text))
        buffer.open(QtCore.QIODevice.ReadOnly)
        widget = super().load(buffer)
        _connect(widget, tree)
        return widget

    def createWidget(self, className: str, parent: Any = None, name: str = "") -> QtWidgets.QWidget:
        cls = widgets.BY_CLASS_NAME.get(className) or getattr(self._qt, className)
        widget: QtWidgets.QWidget = cls(parent)
        widget.setObjectName(name)
        return widget


def _check_properties(tree: ElementTree.Element) -> None:
    for element in tree.iter("widget"):
        cls = widgets.BY_CLASS_NAME.get(element.get("class", ""))
        if cls is None:
            continue
        for prop in element.findall("property"):
            name = prop.get("name", "")
            if prop.get("stdset") != "0" and cls.staticMetaObject.indexOfProperty(name) < 0:
                raise ValueError(f"{element.get('class')} {element.get('name')} has no property {name}")


def _without_connections(text: bytes) -> bytes:
    start, end = text.find(b"<connections>"), text.find(b"</connections>")
    return text if start < 0 else text[:start] + text[end + len(b"</connections>") :]


def _connect(root: QtWidgets.QWidget, tree: ElementTree.Element) -> None:
    for connection in tree.iter("connection"):
        sender, signal, receiver, slot = (
            connection.findtext(tag, "") for tag in ("sender", "signal", "receiver", "slot")
        )
        if (signal, slot, sender) != (SCENE_SIGNAL, SCENE_SLOT, root.objectName):
            raise ValueError(f"unknown connection {sender}.{signal} -> {receiver}.{slot}")
        root.mrmlSceneChanged.connect(root.findChild(QtWidgets.QWidget, receiver).setMRMLScene)

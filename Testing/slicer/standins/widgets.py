"""The ctk and qMRML widgets of the panel: same properties, same signals, same behaviour towards the scene."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import slicer
import vtk
from PySide6.QtCore import Property, QObject, Qt, Signal
from PySide6.QtWidgets import QComboBox, QPushButton, QSizePolicy, QToolButton, QVBoxLayout, QWidget

from .pythonqt import pythonqt_class


def _flag(name: str, default: Any, kind: type = bool) -> Property:
    attribute = f"_{name}"
    return Property(
        kind, lambda self: getattr(self, attribute, default), lambda self, value: setattr(self, attribute, value)
    )


def _remove(observations: dict[Any, list[int]]) -> None:
    for target, tags in observations.items():
        for tag in tags:
            target.RemoveObserver(tag)


class _CollapsibleButton(QWidget):
    """A header that shows and hides the children of the widget.

    As in ctkCollapsibleButton.cpp, what the contents would like to have in width is the least that the button takes,
    unless it is given another size policy.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._text = ""
        self._collapsed = False
        self.setSizePolicy(QSizePolicy.Minimum, QSizePolicy.Preferred)
        self._header = QToolButton(self, autoRaise=True, checkable=True, checked=True)
        self._header.setToolButtonStyle(Qt.ToolButtonTextBesideIcon)
        self._header.setStyleSheet("font-weight: bold; border: 0;")
        self._header.clicked.connect(lambda checked: self._set_collapsed(not checked))
        self.setContentsMargins(0, 20, 0, 0)
        self._set_collapsed(False)

    def _set_text(self, text: str) -> None:
        self._text = text
        self._header.setText(text)

    def _set_collapsed(self, collapsed: bool) -> None:
        self._collapsed = collapsed
        self._header.setChecked(not collapsed)
        self._header.setArrowType(Qt.RightArrow if collapsed else Qt.DownArrow)
        for child in self.findChildren(QWidget, options=Qt.FindDirectChildrenOnly):
            if child is not self._header and not child.isWindow():
                child.setVisible(not collapsed)

    def childEvent(self, event: Any) -> None:
        super().childEvent(event)
        if self._collapsed and isinstance(event.child(), QWidget) and event.child() is not self._header:
            event.child().setVisible(False)

    def resizeEvent(self, event: Any) -> None:
        super().resizeEvent(event)
        self._header.setGeometry(0, 0, event.size().width(), 20)

    text = Property(str, lambda self: self._text, _set_text)
    collapsed = Property(bool, lambda self: self._collapsed, _set_collapsed)


class _MRMLWidget(QWidget):
    """Hands the scene on along the connections of its .ui file; ``isEntered`` as a module's panel has it."""

    mrmlSceneChanged = Signal(object)
    isEntered = _flag("isEntered", False)

    def setMRMLScene(self, scene: Any) -> None:
        self.mrmlSceneChanged.emit(scene)


class _SortFilterProxyModel(QObject):
    """What a selector leaves out although it is of the right type."""

    changed = Signal()

    def _setHidden(self, ids: list[str]) -> None:
        self._hidden = list(ids)
        self.changed.emit()

    hiddenNodeIDs = Property(list, lambda self: getattr(self, "_hidden", []), _setHidden)


class _NodeComboBox(QWidget):
    """Lists the scene's nodes of its types, follows additions, removals and renaming."""

    SIGNATURES: ClassVar = {"currentNodeChanged(vtkMRMLNode*)": "currentNodeChanged"}
    currentNodeChanged = Signal(object)

    showHidden = _flag("showHidden", False)
    showChildNodeTypes = _flag("showChildNodeTypes", True)
    noneEnabled = _flag("noneEnabled", False)
    addEnabled = _flag("addEnabled", True)
    removeEnabled = _flag("removeEnabled", True)
    editEnabled = _flag("editEnabled", False)
    renameEnabled = _flag("renameEnabled", False)
    selectNodeUponCreation = _flag("selectNodeUponCreation", True)
    noneDisplay = _flag("noneDisplay", "None", str)
    nodeTypes = _flag("nodeTypes", [], list)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._scene: Any = None
        self._nodes: list[Any] = []
        self._observations: dict[Any, list[int]] = {}
        self._current: Any = None
        self._filter = pythonqt_class(_SortFilterProxyModel)(self)
        self._filter.changed.connect(self._refresh)
        self._box = QComboBox(self)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._box)
        self._box.activated.connect(self._on_activated)
        self.setEnabled(False)
        observations = self._observations  # as the real widget's destructor does
        self.destroyed.connect(lambda: _remove(observations))

    def setMRMLScene(self, scene: Any) -> None:
        self._scene = scene
        self.setEnabled(scene is not None)
        for event in (scene.NodeAddedEvent, scene.NodeRemovedEvent):
            self._observe(scene, event, self._refresh)
        for event in (scene.EndCloseEvent, scene.EndImportEvent):
            self._observe(scene, event, self._fill_anew)
        self._refresh()

    def sortFilterProxyModel(self) -> QObject:
        return self._filter

    def currentNode(self) -> Any:
        return self._current

    def setCurrentNode(self, node: Any) -> None:
        self._refresh()
        self._select(node if node in self._nodes else None)

    def nodeCount(self) -> int:
        return len(self._nodes)

    def addNode(self) -> Any:
        node = self._scene.AddNewNodeByClass(self.nodeTypes[0])
        self._select(node)
        return node

    def _fill_anew(self) -> None:
        """The list of the real widget is emptied and filled: no node is chosen, then the first if one must be."""
        self._nodes = []
        self._select(None)
        self._refresh()

    def _refresh(self) -> None:
        if self._scene is None or self._scene.IsImporting() or self._scene.IsClosing():
            return
        before = self._nodes
        self._nodes = [node for node in slicer.util.getNodesByClass(self.nodeTypes[0]) if self._is_shown(node)]
        for node in self._nodes:
            if node not in self._observations:
                self._observe(node, vtk.vtkCommand.ModifiedEvent, self._fill)
        if self._current is not None and self._current not in self._nodes:  # its neighbour is next
            self._select(self._nodes[min(before.index(self._current), len(self._nodes) - 1)] if self._nodes else None)
        elif self._current is None and not self.noneEnabled and self._nodes:
            self._select(self._nodes[0])
        self._fill()

    def _observe(self, target: Any, event: Any, callback: Callable[[], None]) -> None:
        self._observations.setdefault(target, []).append(target.AddObserver(event, lambda *_: callback()))

    def _is_shown(self, node: Any) -> bool:
        exact = self.showChildNodeTypes or node.GetClassName() in self.nodeTypes
        if node.GetID() in self._filter.hiddenNodeIDs:
            return False
        return exact and (self.showHidden or not node.GetHideFromEditors())

    def _select(self, node: Any) -> None:
        changed = node is not self._current
        self._current = node
        self._fill()
        if changed:
            self.currentNodeChanged.emit(node)

    @property
    def _shown(self) -> list[Any]:
        return ([None] if self.noneEnabled else []) + self._nodes

    def _fill(self) -> None:
        self._box.clear()
        self._box.addItems([node.GetName() if node else self.noneDisplay for node in self._shown])
        self._box.setCurrentIndex(self._shown.index(self._current) if self._current in self._shown else -1)

    def _on_activated(self, index: int) -> None:
        self._select(self._shown[index])


class _Show3DButton(QPushButton):
    """Makes or removes the closed surfaces of a segmentation; checked while there are any.

    As in Slicer (Segmentations/Widgets/qMRMLSegmentationShow3DButton.cxx) the surfaces are made by ``toggled``, which
    Qt emits before ``released`` and ``clicked``; what the node tells changes the button without signals.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Show 3D", parent)
        self._node: Any = None
        self._tag: int | None = None
        self.setCheckable(True)
        self.setEnabled(False)
        self.toggled.connect(self._on_toggled)

    locked = _flag("locked", False)

    def segmentationNode(self) -> Any:
        return self._node

    def setSegmentationNode(self, node: Any) -> None:
        if self._node is not None and self._tag is not None:
            self._node.RemoveObserver(self._tag)
        self._node = node
        self._tag = node.AddObserver(vtk.vtkCommand.ModifiedEvent, lambda *_: self._update()) if node else None
        self._update()

    def _update(self) -> None:
        segmentation = self._node.GetSegmentation() if self._node else None
        self.setEnabled(bool(segmentation and segmentation.GetNumberOfSegments()))
        if segmentation is None:  # the button keeps its state then, disabled
            return
        wasBlocked = self.blockSignals(True)
        self.setChecked(segmentation.ContainsRepresentation(_surface()))
        self.blockSignals(wasBlocked)

    def _on_toggled(self, on: bool) -> None:
        if self._node is None:
            return
        segmentation = self._node.GetSegmentation()
        if on:
            segmentation.CreateRepresentation(_surface())
            self._node.GetDisplayNode().SetPreferredDisplayRepresentationName3D(_surface())
        else:
            segmentation.RemoveRepresentation(_surface())


class _FileExportWidget(QWidget):
    """Slicer's form for "Export to files", as far as a caller sees it (qMRMLSegmentationFileExportWidget.h)."""

    SIGNATURES: ClassVar = {"exportToFilesDone()": "exportToFilesDone"}
    exportToFilesDone = Signal()

    def setMRMLScene(self, scene: Any) -> None:
        self._scene = scene

    def setSegmentationNode(self, node: Any) -> None:
        if node.GetScene() is not self._scene:
            raise ValueError("the segmentation is not in the scene of the widget")
        self._node = node

    def segmentationNode(self) -> Any:
        return self._node

    settingsKey = _flag("settingsKey", "", str)

    def setSettingsKey(self, key: str) -> None:
        self.settingsKey = key


class DICOMExportDialog:
    """Slicer's dialog (qSlicerDICOMExportDialog.h); ``asked`` holds the items it was shown for, instead of waiting."""

    asked: ClassVar[list[int]] = []

    def __init__(self, parent: Any = None) -> None:
        self._scene: Any = None

    def setMRMLScene(self, scene: Any) -> None:
        self._scene = scene

    def execDialog(self, itemToSelect: int = 0) -> bool:
        if self._scene is None:
            raise RuntimeError("the dialog has no scene")
        self.asked.append(itemToSelect)
        return True


def _surface() -> str:
    return slicer.vtkSegmentationConverter.GetSegmentationClosedSurfaceRepresentationName()


BY_CLASS_NAME: dict[str, type[QObject]] = {
    "ctkCollapsibleButton": pythonqt_class(_CollapsibleButton),
    "qMRMLWidget": pythonqt_class(_MRMLWidget),
    "qMRMLNodeComboBox": pythonqt_class(_NodeComboBox),
    "qMRMLSegmentationShow3DButton": pythonqt_class(_Show3DButton),
    "qMRMLSegmentationFileExportWidget": pythonqt_class(_FileExportWidget),
}

"""The list of the scene's scans, to segment several of them."""

from __future__ import annotations

from typing import Any

import qt
import slicer
from flareseg.io.batch import State
from slicer.i18n import tr as _
from slicer.util import VTKObservationMixin

from ..jobs.scan_queue import ScanEntry
from ..nodes.report_text import seconds
from ..nodes.scans import scansOfScene
from ..signals import Signal
from .readouts import cell, fitRows, layOut


class QueuePanel(VTKObservationMixin):
    """Hidden while the scene has fewer than two scans.

    ``started`` gives the ticked scans in their order, ``resultChosen`` a finished result that was clicked.
    """

    def __init__(self, ui: Any) -> None:
        super().__init__()
        self.started: Signal[list[slicer.vtkMRMLScalarVolumeNode]] = Signal()
        self.resultChosen: Signal[ScanEntry] = Signal()
        self._ui = ui
        self._nodes: list[slicer.vtkMRMLScalarVolumeNode] = []
        self._entries: dict[str, ScanEntry] = {}
        self._isRunning = False
        layOut(ui.queueTable, stretched=(0, 2))
        ui.queueTable.connect("cellClicked(int,int)", self._onClicked)
        ui.queueTable.connect("itemChanged(QTableWidgetItem*)", self._onTicked)
        ui.allScansCheckBox.connect("clicked(bool)", self._onAllTicked)
        ui.queueButton.connect("clicked(bool)", self._onStart)
        scene = slicer.mrmlScene
        for event in (scene.NodeAddedEvent, scene.NodeRemovedEvent, scene.EndBatchProcessEvent):
            self.addObserver(scene, event, self._onSceneChanged)
        self.refresh()

    def refresh(self) -> None:
        """List the scans of the scene; ticks and states of those that stay are kept."""
        ticked = {node.GetID() for node in self._ticked()}
        self._nodes = scansOfScene()
        self._ui.queueSection.setVisible(len(self._nodes) > 1)
        wasBlocked = self._ui.queueTable.blockSignals(True)
        self._ui.queueTable.setRowCount(len(self._nodes))
        for row, node in enumerate(self._nodes):
            self._fill(row, node, node.GetID() in ticked)
        self._ui.queueTable.blockSignals(wasBlocked)
        fitRows(self._ui.queueTable)
        self._showTicks()

    def tick(self, volumeNodes: list[slicer.vtkMRMLScalarVolumeNode]) -> None:
        """Tick these scans and no others, and show the list."""
        self.refresh()
        for row, node in enumerate(self._nodes):
            state = qt.Qt.Checked if node in volumeNodes else qt.Qt.Unchecked
            self._ui.queueTable.item(row, 0).setCheckState(state)
        self._ui.queueSection.collapsed = False

    def showEntry(self, entry: ScanEntry) -> None:
        """The row of a scan that is in the queue now."""
        nodeId = entry.task.GetID()
        self._entries[nodeId] = entry
        ids = [node.GetID() for node in self._nodes]
        if nodeId in ids:
            wasBlocked = self._ui.queueTable.blockSignals(True)
            self._showState(ids.index(nodeId), entry)
            self._ui.queueTable.blockSignals(wasBlocked)
            fitRows(self._ui.queueTable)

    def setRunning(self, isRunning: bool) -> None:
        self._ui.allScansCheckBox.setEnabled(not isRunning)
        self._isRunning = isRunning
        self._showTicks()

    def _fill(self, row: int, node: slicer.vtkMRMLScalarVolumeNode, isTicked: bool) -> None:
        name = cell(node.GetName())
        name.setFlags(qt.Qt.ItemIsEnabled | qt.Qt.ItemIsUserCheckable)
        name.setCheckState(qt.Qt.Checked if isTicked else qt.Qt.Unchecked)
        self._ui.queueTable.setItem(row, 0, name)
        self._showState(row, self._entries.get(node.GetID()))

    def _showState(self, row: int, entry: ScanEntry | None) -> None:
        time = "" if entry is None or entry.seconds is None else seconds(entry.seconds)
        self._ui.queueTable.setItem(row, 1, cell(time, isNumber=True))
        self._ui.queueTable.setItem(row, 2, cell(_state(entry)))

    def _ticked(self) -> list[slicer.vtkMRMLScalarVolumeNode]:
        items = [self._ui.queueTable.item(row, 0) for row in range(len(self._nodes))]
        return [node for node, item in zip(self._nodes, items) if item.checkState() == qt.Qt.Checked]

    def _showTicks(self) -> None:
        ticked = len(self._ticked())
        self._ui.queueButton.setEnabled(bool(ticked) and not self._isRunning)
        self._ui.allScansCheckBox.setChecked(0 < ticked == len(self._nodes))

    def _onTicked(self, _item: object) -> None:
        self._showTicks()

    def _onAllTicked(self, isTicked: bool) -> None:
        for row in range(len(self._nodes)):
            self._ui.queueTable.item(row, 0).setCheckState(qt.Qt.Checked if isTicked else qt.Qt.Unchecked)

    def _onStart(self, _checked: bool = False) -> None:
        self.started.emit(self._ticked())

    def _onClicked(self, row: int, _column: int) -> None:
        entry = self._entries.get(self._nodes[row].GetID())
        if entry is not None and entry.result is not None and entry.result.GetScene() is not None:
            self.resultChosen.emit(entry)

    def _onSceneChanged(self, scene: slicer.vtkMRMLScene, _event: str) -> None:
        if scene.IsBatchProcessing():  # a scene being loaded or closed is looked at once, at its end
            return
        present = [node.GetID() for node in scansOfScene()]
        if present != [node.GetID() for node in self._nodes]:
            self._entries = {nodeId: entry for nodeId, entry in self._entries.items() if nodeId in present}
            self.refresh()


def _state(entry: ScanEntry | None) -> str:
    if entry is None:
        return ""
    names = {
        State.WAITING: _("waiting"),
        State.RUNNING: _("running"),
        State.DONE: _("done"),
        State.CANCELLED: _("cancelled"),
    }
    return names.get(entry.state) or (entry.error.message if entry.error else entry.state.value)

"""The list of the scene's scans, to segment several of them."""

from __future__ import annotations

from typing import Any

import qt
import slicer
from slicer.util import VTKObservationMixin

from ..jobs.scan_queue import Case, CaseState
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
        self.resultChosen: Signal[Case] = Signal()
        self._ui = ui
        self._nodes: list[slicer.vtkMRMLScalarVolumeNode] = []
        self._cases: dict[str, Case] = {}
        self._isRunning = False
        layOut(ui.queueTable)
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

    def showCase(self, case: Case) -> None:
        """The row of a scan that is a case of the queue now."""
        nodeId = case.volumeNode.GetID()
        self._cases[nodeId] = case
        ids = [node.GetID() for node in self._nodes]
        if nodeId in ids:
            wasBlocked = self._ui.queueTable.blockSignals(True)
            self._showState(ids.index(nodeId), case)
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
        self._showState(row, self._cases.get(node.GetID()))

    def _showState(self, row: int, case: Case | None) -> None:
        time = "" if case is None or case.seconds is None else seconds(case.seconds)
        self._ui.queueTable.setItem(row, 1, cell(time, isNumber=True))
        self._ui.queueTable.setItem(row, 2, cell(_state(case)))

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
        case = self._cases.get(self._nodes[row].GetID())
        if case is not None and case.result is not None and case.result.GetScene() is not None:
            self.resultChosen.emit(case)

    def _onSceneChanged(self, scene: slicer.vtkMRMLScene, _event: str) -> None:
        if scene.IsBatchProcessing():  # a scene being loaded or closed is looked at once, at its end
            return
        present = [node.GetID() for node in scansOfScene()]
        if present != [node.GetID() for node in self._nodes]:
            self._cases = {nodeId: case for nodeId, case in self._cases.items() if nodeId in present}
            self.refresh()


def _state(case: Case | None) -> str:
    if case is None:
        return ""
    if case.state is CaseState.FAILED and case.error is not None:
        return case.error.message
    return case.state.label()

"""The organ table: volume, confidence and places to check of each organ."""

from __future__ import annotations

import qt
import slicer
from flareseg.core.organs import Organ
from flareseg.core.report import OrganFacts, Report

from ..names import organName
from ..node_watch import NodeWatch
from ..nodes.positions import slicePositions, toWorld
from ..nodes.report_text import checkHere, confidence, meanHu, sliceIndices, volume
from ..nodes.results import organCentre, organColour, organNamed
from ..signals import Signal
from .readouts import cell, fitRows, layOut

_HU_COLUMN = 2
_CHECK_COLUMN = 4


class OrganTable:
    """``went`` gives the point (world RAS, mm) that a click asks for."""

    def __init__(self, table: qt.QTableWidget) -> None:
        self.went: Signal[tuple[float, float, float]] = Signal()
        self._table = table
        self._report: Report | None = None
        self._segmentationNode: slicer.vtkMRMLSegmentationNode | None = None
        self._next: dict[int, int] = {}
        layOut(table, numbers=(1, 2, 3), optional=_HU_COLUMN)
        self._moves = NodeWatch((slicer.vtkMRMLTransformableNode.TransformModifiedEvent,))
        self._moves.changed.connect(self._showPlaces)
        table.connect("cellClicked(int,int)", self._go)
        self._keys = [self._shortcut(key) for key in ("Return", "Enter", "Space")]

    def show(self, report: Report, segmentationNode: slicer.vtkMRMLSegmentationNode | None) -> None:
        self._report, self._segmentationNode, self._next = report, segmentationNode, {}
        self._moves.watch(segmentationNode)
        self._table.setRowCount(len(report.organs))
        for row, found in enumerate(report.organs):
            self._fill(row, found, organColour(segmentationNode, organNamed(found.name)))
        self._showPlaces(segmentationNode)

    def close(self) -> None:
        """Observe nothing more."""
        self._moves.watch(None)

    def _fill(self, row: int, found: OrganFacts, colour: tuple[int, int, int]) -> None:
        name = cell(organName(found.name))
        name.setData(qt.Qt.DecorationRole, qt.QColor(*colour))
        self._table.setItem(row, 0, name)
        for column, text in enumerate((volume(found), meanHu(found), confidence(found)), start=1):
            self._table.setItem(row, column, cell(text, isNumber=True))

    def _showPlaces(self, segmentationNode: slicer.vtkMRMLSegmentationNode | None) -> None:
        """Tell where to look in the views; again when the transform of the result changes."""
        positions = slicePositions(segmentationNode)
        for row, found in enumerate(self._report.organs if self._report else ()):
            check = cell(checkHere(found, positions))
            check.setToolTip("\n".join(filter(None, (check.text(), sliceIndices(found)))))
            self._table.setItem(row, _CHECK_COLUMN, check)
        fitRows(self._table)

    def _shortcut(self, key: str) -> qt.QShortcut:
        """A key that does what a click on the current cell does, while the table has the focus."""
        shortcut = qt.QShortcut(self._table)
        shortcut.setKey(qt.QKeySequence(key))
        shortcut.setContext(qt.Qt.WidgetShortcut)
        shortcut.connect("activated()", lambda: self._go(self._table.currentRow(), self._table.currentColumn()))
        return shortcut

    def _go(self, row: int, column: int) -> None:
        if self._report is None or self._segmentationNode is None or row < 0:
            return
        found = self._report.organs[row]
        if column == _CHECK_COLUMN and found.uncertain:
            turn = self._next.get(row, 0)
            self._next[row] = (turn + 1) % len(found.uncertain)
            self._tell(toWorld(self._segmentationNode, found.uncertain[turn].ras))
        else:
            self._tell(organCentre(self._segmentationNode, organNamed(found.name)))

    def _tell(self, point: tuple[float, float, float] | None) -> None:
        if point is not None:
            self.went.emit(point)


def organToCheck(report: Report) -> Organ | None:
    """The organ to look at first: with a warning if there is one, and of these the least certain."""
    found = [organ for organ in report.organs if organ.voxels]
    if not found:
        return None
    first = min(found, key=lambda organ: (not (organ.warnings or organ.uncertain), organ.confidence or 0.0))
    return organNamed(first.name)

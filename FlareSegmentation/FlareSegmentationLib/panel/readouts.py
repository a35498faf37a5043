"""Formatting of numbers and tables in the panel, and the stage table."""

from __future__ import annotations

from collections.abc import Sequence

import qt
from flareseg.core.report import Report, StageTime
from flareseg.worker.events import Stage

from ..names import stageName
from ..nodes.report_text import seconds, stagesShown

# Percent of the time that each stage typically takes on a CPU, so that the bar moves steadily.
_SHARES = {
    "load": 10,
    "read": 3,
    "find_abdomen": 20,
    "crop": 4,
    "segment": 38,
    "put_back": 18,
    "clean_up": 4,
    "write": 3,
}
_ROW_MARGIN = 6
_HEADER_STYLE = "QHeaderView::section { padding: 1px 6px; }"
_BAR_HEIGHT = 20
_BAR_STYLE = (
    "QProgressBar { border: 0; background: transparent; margin: 6px 4px; }"
    "QProgressBar::chunk { background: palette(highlight); border-radius: 2px; }"
)


def percent(stage: Stage) -> int:
    """How much of the whole run is done, 0..100."""
    names = list(_SHARES)
    before = names[: names.index(stage.stage)]
    return round(sum(_SHARES[name] for name in before) + _SHARES[stage.stage] * stage.fraction)


def layOut(table: qt.QTableWidget, numbers: Sequence[int] = (1,)) -> None:
    """Columns as wide as their content, numbers to the right; the last column takes the rest."""
    header = table.horizontalHeader()
    last = table.columnCount - 1
    for column in range(table.columnCount):
        isLast = column == last
        header.setSectionResizeMode(column, qt.QHeaderView.Stretch if isLast else qt.QHeaderView.ResizeToContents)
        table.horizontalHeaderItem(column).setTextAlignment(_alignment(column in numbers))
    header.setStyleSheet(_HEADER_STYLE)
    header.setFixedHeight(_rowHeight(table))
    fitting = qt.QTimer(table)  # later, because the rows are still told of the column's old width
    fitting.setSingleShot(True)
    fitting.setInterval(0)
    fitting.connect("timeout()", lambda: fitRows(table))
    header.connect("sectionResized(int,int,int)", lambda *_sizes: fitting.start())
    table.verticalHeader().setVisible(False)
    table.verticalHeader().setMinimumSectionSize(_rowHeight(table))


def fitRows(table: qt.QTableWidget) -> None:
    """Rows as high as their wrapped text, and the table as high as its rows: it never scrolls."""
    table.resizeRowsToContents()
    rows = sum(table.rowHeight(row) for row in range(table.rowCount))
    table.setFixedHeight(_rowHeight(table) + rows + 2 * table.frameWidth)


def _rowHeight(table: qt.QTableWidget) -> int:
    """Height in pixels of the header, and of a row with one line of text."""
    return int(table.fontMetrics().height()) + _ROW_MARGIN


def fillStageTable(table: qt.QTableWidget, report: Report) -> None:
    """Columns: stage, seconds, bar relative to the longest stage."""
    stages = stagesShown(report)
    longest = max((stage.seconds for stage in stages), default=0.0)
    table.setRowCount(len(stages))
    for row, stage in enumerate(stages):
        table.setItem(row, 0, cell(stageName(stage.name)))
        table.setItem(row, 1, cell(seconds(stage.seconds), isNumber=True))
        table.setCellWidget(row, 2, _bar(stage, longest))
    fitRows(table)


def cell(text: str, isNumber: bool = False) -> qt.QTableWidgetItem:
    item = qt.QTableWidgetItem(text)
    item.setTextAlignment(_alignment(isNumber))
    item.setToolTip(text)
    item.setFlags(qt.Qt.ItemIsEnabled | qt.Qt.ItemIsSelectable)
    return item


def _alignment(isNumber: bool) -> int:
    horizontal = qt.Qt.AlignRight if isNumber else qt.Qt.AlignLeft
    return horizontal | qt.Qt.AlignVCenter


def _bar(stage: StageTime, longest: float) -> qt.QProgressBar:
    bar = qt.QProgressBar()
    bar.setRange(0, 1000)
    bar.setValue(round(1000 * stage.seconds / longest) if longest else 0)
    bar.setTextVisible(False)
    bar.setStyleSheet(_BAR_STYLE)
    bar.setMaximumHeight(_BAR_HEIGHT)
    return bar

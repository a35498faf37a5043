"""Formatting of numbers and tables in the panel, and the stage table."""

from __future__ import annotations

from collections.abc import Sequence

import qt
from flareseg.core.report import Report, StageTime
from flareseg.worker.events import StageProgress

from ..names import stageName
from ..nodes.report_text import seconds, stagesShown

# Percent of the time that each stage typically takes on a CPU, so that the bar moves steadily.
_SHARES = {
    "load": 10,
    "read": 3,
    "find_abdomen": 19,
    "crop": 4,
    "segment": 34,
    "put_back": 21,
    "clean_up": 6,
    "write": 3,
}
_ROW_MARGIN = 6
_LEAST_COLUMN_WIDTH = 20
_HEADER_STYLE = "QHeaderView::section { padding: 1px 2px; }"
_BAR_HEIGHT = 20
_BAR_STYLE = (
    "QProgressBar { border: 0; background: transparent; margin: 6px 4px; }"
    "QProgressBar::chunk { background: palette(highlight); border-radius: 2px; }"
)


def percent(stage: StageProgress) -> int:
    """How much of the whole run is done, 0..100."""
    names = list(_SHARES)
    before = names[: names.index(stage.stage)]
    return round(sum(_SHARES[name] for name in before) + _SHARES[stage.stage] * stage.fraction)


def layOut(
    table: qt.QTableWidget,
    numbers: Sequence[int] = (1,),
    stretched: Sequence[int] = (-1,),
    optional: int | None = None,
) -> None:
    """Columns as wide as their content, numbers to the right; the stretched ones (the last) share the rest.

    The ``optional`` column is left out of a table that is too narrow for it.
    """
    header = table.horizontalHeader()
    stretches = [column % table.columnCount for column in stretched]
    for column in range(table.columnCount):
        mode = qt.QHeaderView.Stretch if column in stretches else qt.QHeaderView.ResizeToContents
        header.setSectionResizeMode(column, mode)
        table.horizontalHeaderItem(column).setTextAlignment(_alignment(column in numbers))
    header.setStyleSheet(_HEADER_STYLE)
    header.setMinimumSectionSize(_LEAST_COLUMN_WIDTH)
    table.verticalHeader().setVisible(False)
    table.verticalHeader().setMinimumSectionSize(_lines(table, 1))
    widths: dict[int, int] = {}

    def fit() -> None:
        if optional is not None:
            _showIfItFits(table, optional, widths)
        fitRows(table)
        fitting.stop()  # which the new heights have started

    fitting = qt.QTimer(table)  # later, because the rows are still told of the column's old width
    fitting.setSingleShot(True)
    fitting.setInterval(0)
    fitting.connect("timeout()", fit)
    for each in (header, table.verticalHeader()):
        each.connect("sectionResized(int,int,int)", lambda *_sizes: fitting.start())


def fitRows(table: qt.QTableWidget) -> None:
    """Rows a little higher than their wrapped text, and the table as high as its rows: it never scrolls."""
    titles = [table.horizontalHeaderItem(column).text() for column in range(table.columnCount)]
    height = _lines(table, 1 + max(title.count("\n") for title in titles))
    table.horizontalHeader().setFixedHeight(height)
    table.resizeRowsToContents()
    for row in range(table.rowCount):
        if table.rowHeight(row) > _lines(table, 1):
            table.setRowHeight(row, table.rowHeight(row) + _ROW_MARGIN)
    rows = sum(table.rowHeight(row) for row in range(table.rowCount))
    table.setFixedHeight(height + rows + 2 * table.frameWidth)


def _showIfItFits(table: qt.QTableWidget, optional: int, widths: dict[int, int]) -> None:
    """``widths``: that of the optional column when it was last shown; a hidden one has none."""
    header, last = table.horizontalHeader(), table.columnCount - 1
    if not table.isColumnHidden(optional):
        widths[optional] = header.sectionSize(optional)
    others = sum(header.sectionSize(column) for column in range(last) if column != optional)
    room = header.width - others - header.sectionSizeHint(last)
    table.setColumnHidden(optional, widths[optional] > room)


def _lines(table: qt.QTableWidget, count: int) -> int:
    """Height in pixels of a header or row with so many lines of text."""
    return count * int(table.fontMetrics().height()) + _ROW_MARGIN


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

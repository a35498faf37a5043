"""The panel in docks of several widths: nothing is clipped, nothing overlaps, and the dock stays as wide as it was.

``pytest Testing/slicer/panel/test_layout.py --pictures FOLDER`` leaves a picture of each state at each width; with
``--dark``, in Slicer's dark style.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import slicer
from conftest import click, is_ready, is_running, wait_until
from flareseg.core.errors import NoAbdomenError
from flareseg.core.organs import organs_shown
from flareseg.core.report import STAGES, OrganFacts, StageTime, UncertainPlace
from flareseg.io.batch import State
from FlareSegmentationLib.jobs.scan_queue import ScanEntry
from FlareSegmentationLib.nodes.results import keepWaited, newSegmentationNode, writeResult
from FlareSegmentationLib.nodes.volumes import volumeOf
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QAbstractButton, QLabel, QScrollArea, QTableWidget, QVBoxLayout, QWidget
from views import dark_style

NARROWEST = 350
WIDTHS = [NARROWEST, 428, 600]
HEIGHT = 1400
SCROLL_BAR = 14

LONG_WARNINGS = [
    "The voxel values (-1024 to 3071.5) are unusual for a CT; the result may be wrong. Check that the scan is a CT in "
    "Hounsfield units.",
    "The scan's grid is turned by 23 degrees against the patient's axes; the result may be less accurate.",
    "The scan has only 18 slices; organs may be incomplete.",
]


class Dock:
    """As qSlicerModulePanel.cxx shows a module: in a scroll area that never scrolls sideways, without margins."""

    def __init__(self, panel: Any, width: int) -> None:
        self.panel = panel
        self._area = QScrollArea()
        self._area.setHorizontalScrollBarPolicy(Qt.ScrollBarAlwaysOff)
        self._area.setWidgetResizable(True)
        content = QWidget()
        layout = QVBoxLayout(content)
        panel.parent.layout().setContentsMargins(0, 0, 0, 0)
        layout.addWidget(panel.parent)
        self._area.setWidget(content)
        self._area.resize(width, HEIGHT)
        self._area.show()
        self.settle()

    def settle(self) -> None:
        """Wrapped texts and tables find their heights."""
        for _ in range(6):
            slicer.app.processEvents()

    def leave_and_come_back(self) -> None:
        self.panel.exit()
        self.panel.parent.setVisible(False)
        self.settle()
        self.panel.parent.setVisible(True)
        self.panel.enter()
        self.settle()

    def least_width(self) -> int:
        return int(self._area.widget().minimumSizeHint().width()) + SCROLL_BAR

    def shown(self, kind: type) -> list[Any]:
        """Those that have a name in the .ui file."""
        return [w for w in vars(self.panel.ui).values() if isinstance(w, kind) and w.isVisible()]

    def save(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._area.grab().save(str(path))

    def close(self) -> None:
        self.panel.parent.setParent(None)
        self._area.deleteLater()


def before(panel: Any, _report: Any) -> None:
    """A scan with every warning that is possible at once."""
    panel.panel.showScan(with_warnings(panel, LONG_WARNINGS))


def with_warnings(panel: Any, warnings: list[str]) -> Any:
    return replace(volumeOf(panel.ui.scanSelector.currentNode()), warnings=list(warnings))


def during(panel: Any, _report: Any) -> None:
    click(panel)
    wait_until(lambda: is_running(panel))


def failure(panel: Any, _report: Any) -> None:
    panel.panel.showFailure(NoAbdomenError("No abdomen found in this scan.", "Give a region."))


def after(panel: Any, report: Any) -> None:
    scan = panel.ui.scanSelector.currentNode()
    node = newSegmentationNode(scan)
    writeResult(node, scan, slicer.util.arrayFromVolume(scan).astype("uint8") * 0 + 1, report)
    keepWaited(node, 3.21)
    panel.ui.resultSelector.setCurrentNode(node)


def uncertainty(panel: Any, report: Any) -> None:
    """A button more."""
    after(panel, report)
    panel.ui.showUncertaintyButton.setVisible(True)


def queue(panel: Any, _report: Any) -> None:
    volume = slicer.util.arrayFromVolume(panel.ui.scanSelector.currentNode())
    for name in ("Thorax abdomen pelvis with contrast, portal venous phase", "Follow-up"):
        slicer.util.addVolumeFromArray(volume, name=name)
    panel.ui.queueSection.collapsed = False
    node = slicer.util.getNode("Follow-up")
    error = NoAbdomenError("No abdomen found in this scan.", "Give a region.")
    panel.queuePanel.showEntry(ScanEntry(node, State.NOTHING_FOUND, None, error, 12.3))


def options(panel: Any, _report: Any) -> None:
    panel.ui.optionsSection.collapsed = False
    panel.ui.regionComboBox.currentIndex = 1


STATES = [before, during, failure, after, uncertainty, queue, options]


@pytest.fixture(autouse=True)
def style(request: pytest.FixtureRequest) -> Iterator[None]:
    with dark_style() if request.config.getoption("--dark", False) else nullcontext():
        yield


@pytest.fixture
def full_report(report: Any) -> Any:
    """Seven stages, five organs, long remarks."""
    report.stages = [StageTime(name, 0.4) for name in list(STAGES)[1:]]
    places = [UncertainPlace(k, k + 3, [0.0, 0.0, 0.0]) for k in (141, 152, 163)]
    report.organs = [
        OrganFacts(organ.label, organ.name, 126, 1489.0, mean_hu=104.0, std_hu=21.0, confidence=0.97)
        for organ in organs_shown(split_kidneys=True)
    ]
    report.organs[3].uncertain = places
    report.organs[2].warnings = ["touches the upper edge of the scan"]
    report.warnings = list(LONG_WARNINGS)
    return report


@pytest.fixture
def ready(ready_with: Callable[[str], Any]) -> Any:
    """On a computer whose device has a long name."""
    panel = ready_with("obedient_laptop")
    wait_until(lambda: panel.ui.deviceFactsLabel.text == "NVIDIA GeForce RTX 3060 Laptop GPU, 5.9 GB free")
    return panel


@pytest.fixture
def dock(ready: Any, full_report: Any, request: pytest.FixtureRequest) -> Callable[..., Dock]:
    docks = []

    def open_(width: int, state: Callable) -> Dock:
        docks.append(Dock(ready, width))
        state(ready, full_report)
        docks[-1].settle()
        if folder := request.config.getoption("--pictures", None):
            docks[-1].save(Path(folder) / f"{state.__name__}-{width}.png")
        return docks[-1]

    yield open_
    for dock in docks:
        dock.close()
    if not is_ready(ready):
        click(ready)
        wait_until(lambda: is_ready(ready))


def clipped_texts(dock: Dock) -> list[str]:
    """Labels, buttons and headers that have less room than their text needs."""
    clipped = [label.text for label in dock.shown(QLabel) if label.text and not fits(label)]
    clipped += [button.text for button in dock.shown(QAbstractButton) if button.sizeHint().width() > button.width]
    for table in dock.shown(QTableWidget):
        header = table.horizontalHeader()
        for column in range(table.columnCount):
            if not table.isColumnHidden(column) and header.sectionSizeHint(column) > header.sectionSize(column):
                clipped.append(table.horizontalHeaderItem(column).text())
    return clipped


def fits(label: Any) -> bool:
    if label.wordWrap:
        return label.heightForWidth(label.width) <= label.height
    return label.sizeHint().width() <= label.width and label.sizeHint().height() <= label.height


def overlaps(dock: Dock) -> list[tuple[str, str]]:
    """Widgets of one parent that lie on each other."""
    found = []
    for widget in dock.shown(QWidget):
        others = [w for w in dock.shown(QWidget) if w.parentWidget() is widget.parentWidget() and w is not widget]
        for other in others:
            if widget.geometry.intersects(other.geometry):
                found.append((widget.name, other.name))
    return found


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.__name__)
@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_is_clipped_and_nothing_overlaps(width, state, dock):
    shown = dock(width, state)
    assert clipped_texts(shown) == []
    assert overlaps(shown) == []


def test_the_menu_of_save_as_is_whole_and_no_wider_than_the_narrowest_dock(
    ready: Any, request: pytest.FixtureRequest
) -> None:
    menu = ready.ui.saveButton.menu()
    menu.adjustSize()
    if folder := request.config.getoption("--pictures", None):
        Path(folder).mkdir(parents=True, exist_ok=True)
        menu.grab().save(str(Path(folder) / "save-menu.png"))
    entries = [action for action in menu.actions() if not action.isSeparator()]
    needed = [menu.fontMetrics().horizontalAdvance(entry.text) for entry in entries]
    assert len(needed) == 4
    assert all(menu.actionGeometry(entry).width() >= width for entry, width in zip(entries, needed))
    assert max(needed) < menu.width <= NARROWEST


@pytest.mark.parametrize("width", WIDTHS)
def test_lines_under_a_selector_take_no_more_room_than_their_text(width, dock, ready):
    dock(width, before)
    labels = [ready.ui.scanFactsLabel, ready.ui.deviceFactsLabel, ready.ui.deviceReasonLabel, ready.ui.costLabel]
    assert [label.height for label in labels] == [label.heightForWidth(label.width) for label in labels]


@pytest.mark.parametrize("warnings", [LONG_WARNINGS[:1], LONG_WARNINGS])
def test_warnings_are_short_and_whole_in_the_tooltip(warnings, dock, ready):
    dock(428, lambda panel, report: panel.panel.showScan(with_warnings(panel, warnings)))
    label = ready.ui.warningLabel
    assert label.text.startswith("The voxel values (-1024 to 3071.5) are unusual for a CT; the result may be wrong.")
    assert label.height <= 6 * label.fontMetrics().height()
    assert label.toolTip == "\n".join(warnings)


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.__name__)
def test_the_dock_can_be_narrow_and_is_never_widened(state, dock):
    assert dock(NARROWEST, state).least_width() <= NARROWEST


def test_nothing_overlaps_after_leaving_and_coming_back(dock):
    shown = dock(428, after)
    shown.leave_and_come_back()
    assert clipped_texts(shown) == []
    assert overlaps(shown) == []

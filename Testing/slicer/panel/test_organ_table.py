"""The organ table: what it says, and where a click goes."""

from __future__ import annotations

import numpy as np
import pytest
import qt
import slicer
from conftest import wait_until
from flareseg.core.organs import ORGANS, RIGHT_KIDNEY
from flareseg.core.report import OrganFacts, UncertainPlace
from FlareSegmentationLib.nodes.report_text import checkHere
from FlareSegmentationLib.nodes.results import newSegmentationNode
from FlareSegmentationLib.panel.organ_table import OrganTable, organToCheck
from PySide6.QtTest import QTest

CHECK = 4


@pytest.fixture
def found(report):
    places = [UncertainPlace(141, 146, [10.0, 20.0, 30.0]), UncertainPlace(152, 152, [11.0, 21.0, 31.0])]
    report.organs = [
        OrganFacts(1, "Liver", 9, 1489.4, [], 104.4, 21.0, 0.97),
        OrganFacts(2, "Right kidney", 9, 317.6, ["touches the lower edge of the scan"], 168.0, 30.0, 0.95),
        OrganFacts(4, "Pancreas", 9, 71.0, ["12 mL is less than expected"], 92.0, 25.0, 0.71, places),
        OrganFacts(3, "Spleen", 0, 0.0, ["not found"]),
    ]
    return report


@pytest.fixture
def table():
    widget = qt.QTableWidget(0, 5)
    widget.setHorizontalHeaderLabels(["Organ", "Volume", "Mean HU", "Confidence", "Check here"])
    return widget


def row(table, index):
    return [table.item(index, column).text() for column in range(5)]


def test_rows_tell_volume_density_certainty_and_what_to_check(table, found):
    OrganTable(table).show(found, None)
    assert row(table, 0) == ["Liver", "1489 mL", "104 ± 21", "97 %", ""]
    assert row(table, 1) == ["Right kidney", "318 mL", "168 ± 30", "95 %", "touches the lower edge of the scan"]
    assert row(table, 2) == ["Pancreas", "71 mL", "92 ± 25", "71 %", "12 mL is less than expected; slices 141-146, 152"]
    assert row(table, 3) == ["Spleen", "-", "-", "-", "not found"]


def test_swatches_have_the_segments_colours(table, found):
    OrganTable(table).show(found, None)
    swatch = table.item(1, 0).data(qt.Qt.DecorationRole)
    assert (swatch.red(), swatch.green(), swatch.blue()) == RIGHT_KIDNEY.colour


def test_places_are_told_as_the_axial_view_shows_them_with_their_slices_in_the_tooltip(table, found, node):
    """The scan's slices lie 3 mm apart, slice 0 at S 30."""
    found.organs[2].warnings = []
    found.organs[2].uncertain = [UncertainPlace(2, 4, [0.0, 0.0, 39.0]), UncertainPlace(6, 6, [0.0, 0.0, 48.0])]
    OrganTable(table).show(found, node)
    assert table.item(2, CHECK).text() == "S 36.0 to 42.0, 48.0 mm"
    assert table.item(2, CHECK).toolTip() == "S 36.0 to 42.0, 48.0 mm\nslices 2-4, 6"


def test_slices_are_told_in_the_world_of_the_views(table, found, node):
    moved = np.eye(4)
    moved[:3, 3] = [5, 6, 7]
    transform = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    transform.SetMatrixTransformToParent(slicer.util.vtkMatrixFromArray(moved))
    node.SetAndObserveTransformNodeID(transform.GetID())
    found.organs[2].warnings = []
    found.organs[2].uncertain = [UncertainPlace(6, 6, [0.0, 0.0, 48.0])]
    OrganTable(table).show(found, node)
    assert table.item(2, CHECK).text() == "S 55.0 mm"


def test_slices_of_a_scan_that_runs_from_head_to_foot_are_told_from_the_lowest_to_the_highest(table, found, report):
    """Slice 0 at S 100, 5 mm apart, tilted against the axial plane by the second axis: S is that of the place."""
    ijkToRas = np.array([[-2.0, 0, 0, 0], [0, -2.0, 0, 0], [0, 0.5, -5.0, 100.0], [0, 0, 0, 1]])
    ijkToRas[:3, 1] = np.cross(ijkToRas[:3, 2], ijkToRas[:3, 0]) / 5
    scan = slicer.util.addVolumeFromArray(np.zeros((8, 20, 24), np.int16), ijkToRas, "reversed")
    segmentation = newSegmentationNode(scan)
    segmentation.SetReferenceImageGeometryParameterFromVolumeNode(scan)
    found.organs[2].warnings = []
    found.organs[2].uncertain = [UncertainPlace(1, 3, [0.0, 0.0, 90.0])]
    OrganTable(table).show(found, segmentation)
    assert table.item(2, CHECK).text() == "S 85.0 to 95.0 mm"


def test_slices_of_a_scan_that_was_deleted_are_told_by_their_indices(table, found, node, scan):
    slicer.mrmlScene.RemoveNode(scan)
    OrganTable(table).show(found, node)
    assert table.item(2, CHECK).text() == "12 mL is less than expected; slices 141-146, 152"


@pytest.mark.parametrize("key", [qt.Qt.Key_Return, qt.Qt.Key_Enter, qt.Qt.Key_Space])
def test_key_does_what_a_click_on_the_current_cell_does(table, found, node, key):
    organs, points = OrganTable(table), []
    organs.show(found, node)
    organs.went.connect(points.append)
    table.show()
    table.activateWindow()
    assert QTest.qWaitForWindowActive(table)
    table.setFocus()
    table.setCurrentCell(2, CHECK)
    for _ in range(2):
        QTest.keyClick(table, key)
    table.setCurrentCell(0, 0)
    QTest.keyClick(table, key)
    table.hide()
    assert points == [(10, 20, 30), (11, 21, 31), pytest.approx(node.GetSegmentCenterRAS("FlareSegmentation.Liver"))]


def test_click_on_check_here_goes_from_place_to_place(table, found, node):
    organs = OrganTable(table)
    organs.show(found, node)
    points = []
    organs.went.connect(points.append)
    for _ in range(3):
        table.cellClicked.emit(2, CHECK)
    assert points == [(10, 20, 30), (11, 21, 31), (10, 20, 30)]


def test_another_result_is_gone_through_from_its_first_place(table, found, node):
    organs, points = OrganTable(table), []
    organs.went.connect(points.append)
    for _ in range(2):
        organs.show(found, node)
        table.cellClicked.emit(2, CHECK)
    assert points == [(10, 20, 30), (10, 20, 30)]


def test_place_is_where_the_scan_lies_in_the_views(table, found, node):
    moved = np.eye(4)
    moved[:3, 3] = [5, 6, 7]
    transform = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    transform.SetMatrixTransformToParent(slicer.util.vtkMatrixFromArray(moved))
    node.SetAndObserveTransformNodeID(transform.GetID())
    organs = OrganTable(table)
    organs.show(found, node)
    points = []
    organs.went.connect(points.append)
    table.cellClicked.emit(2, CHECK)
    assert points == [(15, 26, 37)]


def test_places_are_told_anew_when_the_result_is_moved(table, found, node):
    found.organs[2].warnings = []
    found.organs[2].uncertain = [UncertainPlace(2, 4, [0.0, 0.0, 39.0])]
    organs = OrganTable(table)
    organs.show(found, node)
    assert table.item(2, CHECK).text() == "S 36.0 to 42.0 mm"
    moved = np.eye(4)
    moved[2, 3] = 100
    transform = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    node.SetAndObserveTransformNodeID(transform.GetID())
    transform.SetMatrixTransformToParent(slicer.util.vtkMatrixFromArray(moved))
    wait_until(lambda: table.item(2, CHECK).text() == "S 136.0 to 142.0 mm")
    organs.close()


@pytest.mark.parametrize("column", [0, CHECK])
def test_click_on_an_organ_without_uncertain_places_goes_to_its_centre(table, found, node, column):
    organs = OrganTable(table)
    organs.show(found, node)
    points = []
    organs.went.connect(points.append)
    table.cellClicked.emit(0, column)
    assert points == [pytest.approx(node.GetSegmentCenterRAS("FlareSegmentation.Liver"))]


def test_click_on_an_organ_that_is_not_there_goes_nowhere(table, found, node):
    node.GetSegmentation().RemoveSegment("FlareSegmentation.Spleen")
    organs = OrganTable(table)
    organs.show(found, node)
    points = []
    organs.went.connect(points.append)
    table.cellClicked.emit(3, 0)
    assert points == []


def test_organ_to_look_at_first_is_the_least_sure_of_those_with_a_finding(found):
    assert organToCheck(found) is ORGANS[3]
    found.organs[2].uncertain, found.organs[2].warnings = [], []
    assert organToCheck(found) is RIGHT_KIDNEY
    found.organs = found.organs[3:]
    assert organToCheck(found) is None


def test_organ_with_a_uncertain_place_is_looked_at_before_one_that_is_less_sure_everywhere(found):
    found.organs[2].warnings = []
    found.organs[1].warnings, found.organs[1].confidence = [], 0.5
    assert organToCheck(found) is ORGANS[3]


def test_nothing_to_check_is_an_empty_cell(found):
    assert checkHere(found.organs[0], None) == ""

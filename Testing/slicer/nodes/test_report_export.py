"""A report as text and as a table node."""

from __future__ import annotations

import math

import pytest
import slicer
from flareseg.core.report import OrganFacts, StageTime, UncertainPlace
from FlareSegmentationLib.nodes.report_export import addTables, asText
from FlareSegmentationLib.nodes.results import keepWaited


@pytest.fixture
def found(report):
    report.organs = [
        OrganFacts(1, "Liver", 9, 1489.4, [], 104.4, 21.0, 0.97),
        OrganFacts(4, "Pancreas", 9, 71.0, [], 92.0, 25.0, 0.71, [UncertainPlace(1, 3, [0.0, 0.0, 36.0])]),
        OrganFacts(3, "Spleen", 0, 0.0, ["not found"]),
    ]
    report.warnings = ["The slices are thick."]
    return report


def test_text_tells_organs_warnings_totals_and_weights(found, node):
    keepWaited(node, 2.25)
    text = asText(found, node)
    assert text.startswith("FlareSegmentation 1.2.3 · 24 x 20 x 8 · 1.5 x 2 x 3 mm\n")
    assert "Liver     1489 mL  104 ± 21  97 %\n" in text
    assert "Pancreas  71 mL    92 ± 25   71 %        S 33.0 to 39.0 mm\n" in text
    assert "The slices are thick." in text
    assert "Total 2.25 s\nEngine 1.50 s" in text
    assert "dense_vnet (sha256 ab12)" in text


def test_text_names_neither_scan_nor_patient(found, node, scan):
    found.scan.name = "DOE^JANE"
    scan.SetName("DOE^JANE")
    assert "DOE" not in asText(found, node)


def test_table_holds_numbers_with_units(found, node):
    table, _costs = addTables(found, node)
    assert table.GetName() == "CTA organs report"
    assert [table.GetColumnName(c) for c in range(6)] == [
        "Organ",
        "Volume",
        "MeanHU",
        "StdHU",
        "Confidence",
        "CheckHere",
    ]
    assert table.GetColumnUnitLabel("Volume") == "mL"
    assert table.GetTable().GetValue(0, 1).ToDouble() == pytest.approx(1489.4)
    assert table.GetTable().GetValue(1, 4).ToDouble() == pytest.approx(71)
    assert math.isnan(table.GetTable().GetValue(2, 2).ToDouble())
    assert table.GetCellText(1, 5) == "S 33.0 to 39.0 mm"


def test_second_table_tells_stages_and_memory(found, node):
    found.stages = [StageTime("read", 0.001), StageTime("segment", 0.34)]
    keepWaited(node, 2.25)
    _organs, costs = addTables(found, node)
    rows = [tuple(costs.GetCellText(row, column) for column in range(3)) for row in range(costs.GetNumberOfRows())]
    assert [(what, unit) for what, _value, unit in rows] == [
        ("Read scan", "s"),
        ("Segment organs", "s"),
        ("Engine", "s"),
        ("Total", "s"),
        ("RAM peak", "MB"),
        ("GPU memory peak", "MB"),
    ]
    assert [costs.GetTable().GetValue(row, 1).ToDouble() for row in range(6)] == [0.001, 0.34, 1.5, 2.25, 900.0, 200.0]


def test_tables_say_what_made_the_result(found, node):
    for table in addTables(found, node):
        assert table.GetDescription().startswith("FlareSegmentation 1.2.3 · NVIDIA Test")
        assert "dense_vnet (sha256 ab12)" in table.GetDescription()


def test_tables_made_again_replace_the_first(found, node):
    first = addTables(found, node)
    found.organs = found.organs[:1]
    assert addTables(found, node) == first
    assert first[0].GetNumberOfRows() == 1
    assert len(slicer.util.getNodesByClass("vtkMRMLTableNode")) == 2

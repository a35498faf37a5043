"""Numbers and tables of the panel."""

from __future__ import annotations

import pytest
import qt
import slicer
from flareseg.core.report import STAGES, DeviceFacts, MemoryFacts, Report, ScanFacts, StageTime
from flareseg.worker.events import StageProgress
from FlareSegmentationLib.nodes import report_text
from FlareSegmentationLib.panel import readouts


@pytest.fixture
def report():
    return Report(
        version="1",
        scan=ScanFacts("scan", [285, 512, 512], [1.5, 0.8, 0.8], "LPS"),
        device=DeviceFacts("cuda", "NVIDIA RTX 3060", "float16"),
        weights=[],
        roi=[0.0] * 6,
        roi_source="network",
        stages=[StageTime("find_abdomen", 0.25), StageTime("segment", 1.0), StageTime("put_back", 12.34)],
        total_seconds=13.59,
        memory=MemoryFacts(880.0, 160.0, 210.0),
        organs=[],
    )


def table(*columns):
    widget = qt.QTableWidget(0, len(columns))
    widget.setHorizontalHeaderLabels(list(columns))
    readouts.layOut(widget)
    return widget


def texts(widget, column):
    return [widget.item(row, column).text() for row in range(widget.rowCount)]


def test_stage_table_has_seconds_and_bars_relative_to_the_longest(report):
    widget = table("Stage", "Seconds", "")
    readouts.fillStageTable(widget, report)
    assert texts(widget, 0) == ["Find abdomen", "Segment organs", "Put back"]
    assert texts(widget, 1) == ["0.25", "1.00", "12.3"]
    assert [widget.cellWidget(row, 2).value for row in range(3)] == [20, 81, 1000]


def test_stage_that_took_no_time_is_left_out(report):
    widget = table("Stage", "Seconds", "")
    report.stages.insert(0, StageTime("read", 0.001))
    readouts.fillStageTable(widget, report)
    assert texts(widget, 0)[0] == "Find abdomen"


def test_stage_of_five_milliseconds_is_the_shortest_that_is_shown(report):
    report.stages = [StageTime("read", 0.0049), StageTime("crop", 0.005), StageTime("segment", 1.0)]
    assert [stage.name for stage in report_text.stagesShown(report)] == ["crop", "segment"]


def test_numbers_stand_on_the_right_and_words_on_the_left():
    right, left = qt.Qt.AlignRight | qt.Qt.AlignVCenter, qt.Qt.AlignLeft | qt.Qt.AlignVCenter
    assert readouts.cell("0.25", isNumber=True).textAlignment() == right
    assert readouts.cell("Crop").textAlignment() == left


def test_tables_can_be_filled_again_with_fewer_rows(report):
    widget = table("Stage", "Seconds", "")
    readouts.fillStageTable(widget, report)
    report.stages = report.stages[:1]
    readouts.fillStageTable(widget, report)
    assert texts(widget, 0) == ["Find abdomen"]


def test_rows_are_as_high_as_their_text_at_every_width(report):
    widget = table("Organ", "Check here")
    widget.setRowCount(1)
    for column, text in enumerate(("Pancreas", "edited by hand and kept as it was before")):
        widget.setItem(0, column, readouts.cell(text))
    widget.show()
    heights = []
    for width in (600, 220, 600):
        widget.resize(width, widget.height)
        for _ in range(3):
            slicer.app.processEvents()
        heights.append(widget.rowHeight(0))
    assert heights[0] == heights[2] < heights[1]


def test_totals_name_time_memory_and_device(report):
    assert report_text.totals(report, 15.2) == (
        "Total 15.2 s\nEngine 13.6 s · GPU memory peak 0.16 GB · RAM peak 0.88 GB · NVIDIA RTX 3060, float16"
    )


def test_totals_on_a_cpu_say_nothing_of_a_gpu(report):
    report.memory = MemoryFacts(880.0)
    report.device = DeviceFacts("cpu", "CPU", "bfloat16")
    assert report_text.totals(report) == "Engine 13.6 s · RAM peak 0.88 GB · CPU, bfloat16"


def test_gigabytes_are_thousand_megabytes():
    assert report_text.gigabytes(1024) == "1.02 GB"
    assert report_text.gigabytes(16000, 1) == "16.0 GB"


@pytest.mark.parametrize(
    ("stage", "fraction", "percent"),
    [("load", 0.5, 5), ("read", 0.0, 10), ("find_abdomen", 0.25, 18), ("segment", 1.0, 70), ("put_back", 0.5, 80)],
)
def test_progress_counts_each_stage_by_the_time_it_takes(stage, fraction, percent):
    assert readouts.percent(StageProgress("id", stage, fraction, 1.0)) == percent


@pytest.mark.parametrize(("value", "text"), [(0.004, "0.00"), (9.99, "9.99"), (9.999, "10.0"), (123.45, "123.5")])
def test_seconds_have_two_decimals_below_ten_and_one_above(value, text):
    assert report_text.seconds(value) == text


def test_progress_runs_from_0_to_100_through_all_stages():
    shown = [
        readouts.percent(StageProgress("id", stage, fraction, 1.0)) for stage in STAGES for fraction in (0.0, 0.5, 1.0)
    ]
    assert shown == sorted(shown)
    assert (shown[0], shown[-1]) == (0, 100)

"""Table, status and report page of an archive, and the cases that are most worth a look."""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import numpy as np
import pytest
from flareseg.archive.histogram import histogram_of
from flareseg.archive.html_report import write_report
from flareseg.archive.status import status_of
from flareseg.archive.table import read_table, write_tables
from flareseg.archive.worth_a_look import most_worth_a_look
from flareseg.core.errors import NoAbdomenError, ScanError
from flareseg.core.report import DeviceFacts, MemoryFacts, OrganFacts, Report, ScanFacts
from flareseg.io.ledger import ResultLedger, ResultRow, file_key
from flareseg.io.result_row import COLUMNS, done_row, failed_row

from benchmarks import archive_scale


def row(name: str, liver_ml: float = 1500.0, confidence: float = 0.95, warnings: tuple[str, ...] = ()) -> ResultRow:
    report = Report(
        version="1.2.3",
        scan=ScanFacts(name, [8, 9, 10], [5.0, 2.0, 1.5], "LPS"),
        device=DeviceFacts("cpu", "test", "float32"),
        weights=[],
        roi=[0.0] * 6,
        roi_source="network",
        stages=[],
        total_seconds=2.5,
        memory=MemoryFacts(600.0),
        organs=[
            OrganFacts(1, "Liver", 9, liver_ml, mean_hu=100.0, std_hu=20.0, confidence=confidence if liver_ml else None)
        ],
        warnings=list(warnings),
    )
    return done_row(file_key(name), name, report, {"preview": f"{name} 100%.png"}, manufacturer="A", model="B")


@pytest.fixture
def ledger(tmp_path: Path) -> ResultLedger:
    ledger = ResultLedger(tmp_path)
    ledger.prepare()
    return ledger


def fill(ledger: ResultLedger, *rows: ResultRow) -> None:
    for each in rows:
        ledger.place(each)
    write_tables(ledger)


def looks(ledger: ResultLedger) -> dict[str, tuple[str, ...]]:
    return {look.name: look.reasons for look in most_worth_a_look(read_table(ledger.output, COLUMNS))}


def test_parquet_and_csv_have_the_same_rows_and_all_columns(ledger: ResultLedger) -> None:
    fill(ledger, row("a"), failed_row(file_key("b"), "b", ScanError("b is damaged.")))
    table = read_table(ledger.output, COLUMNS).set_index("name")
    assert table.loc["a"][["state", "slices", "slice_mm", "liver_ml"]].tolist() == ["done", 8, 5.0, 1500.0]
    assert table.loc["b"][["state", "error_kind", "error"]].tolist() == ["failed", "bad_scan", "b is damaged."]
    with (ledger.output / "results.csv").open(encoding="utf-8", newline="") as stream:
        lines = {line["name"]: line for line in csv.DictReader(stream)}
    assert list(lines["a"]) == list(COLUMNS)
    assert (lines["a"]["liver_ml"], lines["b"]["liver_ml"]) == ("1500.0", "")


@pytest.mark.skipif(sys.platform == "win32", reason="other systems have no file names but UTF-8")
def test_names_that_are_not_utf_8_are_written_as_what_stands_for_them(ledger: ResultLedger) -> None:
    fill(ledger, failed_row(file_key("b\udcff"), "b\udcff", ScanError("It is damaged.")))
    assert read_table(ledger.output, ["name"])["name"].tolist() == ["b\\udcff"]


def test_the_status_counts_by_state_and_kind_of_failure(ledger: ResultLedger) -> None:
    times = ("2026-01-01T10:00:00+00:00", "2026-01-01T12:00:00+00:00", "2026-01-01T12:00:36+00:00")
    states = [row("a"), failed_row(file_key("b"), "b", NoAbdomenError("None.")), row("c")]
    fill(ledger, *({**each, "ended": time} for each, time in zip(states, times)))
    for name in ("d", "e"):
        ledger.place(failed_row(file_key(name), name, ScanError(f"{name} is damaged."), ended=times[1]))
    (ledger.folder / "cases.jsonl").write_text("{}\n" * 7, encoding="utf-8")
    status = status_of(ledger.output)
    assert status.states == {"done": 2, "nothing found": 1, "failed": 2}
    assert (status.total, status.waiting, status.is_running, status.seconds_left) == (7, 2, False, None)
    assert {kind: count for kind, (count, *_example) in status.failures.items()} == {"bad_scan": 2}
    assert status.per_hour == pytest.approx(300)  # three in 36 s after a lull of two hours
    with ledger.lock():
        assert status_of(ledger.output).seconds_left == pytest.approx(24)


def test_a_missing_organ_is_most_worth_a_look_then_an_unsure_and_an_unusual_one(ledger: ResultLedger) -> None:
    usual = [row(f"usual {n}", 1500.0 + 10 * n) for n in range(12)]
    fill(ledger, *usual, row("large", 4000.0), row("none", 0.0), row("unsure", 1500.0, 0.3))
    found = looks(ledger)
    assert list(found)[:3] == ["none", "large", "unsure"]
    assert found["none"] == ("liver: not found",)
    assert found["large"] == ("liver: 4000 mL is unusual here",)
    assert found["unsure"] == ("liver: confidence 30 %",)
    assert found["usual 3"] == ("least certain: liver, confidence 95 %",)


def test_of_two_equal_cases_the_one_with_warnings_comes_first(ledger: ResultLedger) -> None:
    fill(ledger, row("a"), row("b", warnings=("Slices are missing.",)), row("c"))
    assert next(iter(looks(ledger).items())) == ("b", ("Slices are missing.",))


def test_twenty_cases_are_shown_at_most(ledger: ResultLedger) -> None:
    fill(ledger, *(row(f"{n}") for n in range(25)))
    assert len(looks(ledger)) == 20


def test_the_page_links_pictures_and_escapes_names(ledger: ResultLedger) -> None:
    fill(ledger, row("<b>a</b>"), failed_row(file_key("c"), "c", ScanError("c is damaged.")))
    (ledger.output / "left_out.csv").write_text("what,reason,detail,images,series_uid\nx,a localizer,,3,1.2\n")
    write_report(ledger.output)
    page = (ledger.output / "report.html").read_text(encoding="utf-8")
    assert "&lt;b&gt;a&lt;/b&gt;" in page
    assert "<b>a</b>" not in page
    assert 'src="%3Cb%3Ea%3C/b%3E%20100%25.png"' in page
    for text in ("Archive of 2 cases", "c is damaged.", "a localizer", "A B", "median 1500 mL"):
        assert text in page


def test_an_archive_without_any_result_has_a_page(ledger: ResultLedger) -> None:
    fill(ledger, failed_row(file_key("c"), "c", ScanError("c is damaged.")))
    write_report(ledger.output)
    assert "Most worth a look" not in (ledger.output / "report.html").read_text(encoding="utf-8")


def test_values_beyond_the_ends_of_a_histogram_are_in_its_outermost_bars() -> None:
    histogram = histogram_of("volume", "mL", np.array([-5.0, 10.0, 10.0, 50.0, 500.0]), (0.0, 100.0))
    assert (histogram.bars[0], histogram.bars[3], histogram.bars[-1]) == (0.5, 1.0, 0.5)
    assert (histogram.count, histogram.median) == (5, 10.0)


def test_equal_values_make_a_histogram(tmp_path: Path) -> None:
    histogram = histogram_of("volume", "mL", np.array([7.0, 7.0]))
    assert (histogram.low, histogram.high, max(histogram.bars)) == (6.0, 8.0, 1.0)


def test_the_simulation_of_a_large_archive_loses_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert archive_scale.main(["--cases", "60", "--workers", "1"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[-1] == "cases lost: 0, twice: 0, failed: 0"
    assert said[0].split()[:2] == ["6", "cases"]

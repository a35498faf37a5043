"""The tables and notes of a benchmark, as text."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from conftest import FLOOR

from benchmarks.report import markdown
from benchmarks.results import Results
from benchmarks.tables import all_tables, machine_line, notes, number


def table(results: Results, beginning: str) -> dict[str, list[list[str]]]:
    found = next(each for each in all_tables(results) if each.title.startswith(beginning))
    assert all(len(line) == len(found.heads) for line in found.cells)
    return {"heads": [found.heads], "cells": found.cells}


def test_each_method_is_compared_with_ours_on_the_same_scan(results: Results):
    lines = table(results, "Warm")["cells"]
    assert lines[3] == ["160", "FlareSegmentation", "CPU", "1", "1", "2", "1", "600", "1", "all"]
    assert lines[4] == ["160", "nnU-Net", "CPU", "≈ 500", "≈ 500", "≈ 900", "≈ 450", "3,000", "5", "2 of 60"]
    assert lines[1][4] == "≈ 1,000"  # 500 s against our half second at 80 slices


def test_a_failed_method_has_a_row_and_its_reason_below(results: Results):
    assert table(results, "Warm")["cells"][5] == ["160", "TotalSegmentator --fast", "CPU", *[""] * 6, "failed"]
    assert "TotalSegmentator --fast, 160 slices, warm, CPU: nnunetv2 is not installed." in notes(results)


def test_without_a_gpu_its_row_says_so(results: Results):
    assert table(results, "Warm")["cells"][-1][:4] == ["all", "every method", "GPU", "no GPU"]
    assert not any("GPU" in head for head in table(results, "Warm")["heads"][0])


def test_with_a_gpu_its_memory_has_columns(results: Results):
    floors = {"cuda": {**FLOOR, "upload": 20.0, "download": 20.0}}
    results.machine = {**results.machine, "gpu": {"name": "Some GPU"}, "floors": floors}
    results.rows = [replace(results.rows[1], device="cuda", gpu_allocated_mib=120.0)]
    assert "GPU MiB allocated" in table(results, "Warm")["heads"][0]
    assert machine_line(results) == "Some CPU (2 threads), Some GPU"


def test_stages_are_listed_for_every_method_that_ran(results: Results):
    stages = table(results, "Seconds in each stage, 160 slices, CPU, warm")
    assert stages["heads"] == [["Stage", "FlareSegmentation", "nnU-Net"]]
    assert stages["cells"] == [["Network", "", "480"], ["Segment organs", "0.4", ""]]


def test_growth_is_told_against_160_slices_and_the_floor(results: Results):
    lines = table(results, "FlareSegmentation from array")["cells"]
    assert lines[0] == ["80", "0.5", "0.5", "2.5", "600", "no GPU"]  # 70 GFLOP at 0.35 TFLOP/s is 0.2 s


def test_the_floor_and_the_ratio_to_it_are_said(results: Results):
    assert notes(results)[0] == (
        "Floor on the CPU at 160 slices: 200 ms of arithmetic (70 GFLOP at 0.35 TFLOP/s in bfloat16); "
        "ours takes 1,000 ms, 5 times as long."
    )


def test_reported_memory_is_held_against_what_was_seen_from_outside(results: Results):
    results.rows[0] = replace(results.rows[0], reported_ram_mb=855.0)
    assert "The report's peak RAM differs by -5.0 % at most from what was sampled from outside." in notes(results)


def test_a_busy_machine_is_admitted(results: Results):
    assert not any("Other programs" in note for note in notes(results))
    results.rows[0] = replace(results.rows[0], others=0.4)
    assert any(note.startswith("Other programs had up to 40 % of the processor") for note in notes(results))


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, ""), (0.0, "0"), (0.01234, "0.0123"), (1.0, "1"), (12.345, "12.3"), (1234.5, "1,234"), (0.00001, "0")],
)
def test_numbers_have_three_digits_that_matter(value: float | None, text: str):
    assert number(value) == text


def test_markdown_holds_every_table_with_the_same_number_of_cells_a_line(results: Results):
    text = markdown(results)
    assert text.startswith("Measured on Some CPU (2 threads), no GPU; scans of 512x512 voxels a slice made of ")
    assert "made of a made-up CT. flareseg 1.0, Python 3.11.0." in text
    for block in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        assert len({line.count("|") for line in block.splitlines()}) == 1
    assert text.count("**") == 2 * len(all_tables(results))

"""python -m benchmarks.memory: counted rows, the page, the plot, and a measured step."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from benchmarks.memory import plot, scores
from benchmarks.memory.__main__ import app
from benchmarks.memory.methods import CASCADE, METHODS
from benchmarks.memory.step import Measured, measure
from benchmarks.memory.table import counted, page


def test_the_targets_are_met_against_the_plain_network() -> None:
    """Training memory at most 40 %, aim 15 %; parameters at most 30 %, aim 15 %; a whole scan on a card of 8 GB."""
    rows = {row.method.title: row for row in counted((METHODS[0], METHODS[-2]))}
    plain, ours = rows["Plain 3D U-Net"], rows["FCN, all that are exact (full-size)"]
    assert ours.step.peak_mb < 0.15 * plain.step.peak_mb
    assert ours.step.parameters < 0.15 * plain.step.parameters
    assert ours.step.peak_mb < 6000
    assert ours.half.peak_mb < 0.15 * plain.half.peak_mb
    assert ours.pass_mb < 0.15 * plain.pass_mb


def test_the_page_has_shares_of_the_plain_network_and_says_where_no_weights_are() -> None:
    rows = counted((METHODS[0], METHODS[-2]))
    text = page(rows, {"Plain 3D U-Net": Measured(1404.0, 1369.0, 9.4, 2.0)}, "a computer", {})
    assert "| Plain 3D U-Net | 5,646,453 |" in text
    assert "| 5,849 (12 %) | 3,201 |" in text
    assert "| Plain 3D U-Net | 1,404 | 1,369 | 9.4 | 2.0 |" in text
    assert "No weights were given." in text


def test_the_plot_is_a_picture(tmp_path: Path) -> None:
    plot.draw(tmp_path / "memory.png", slices=(16, 32))
    assert (tmp_path / "memory.png").read_bytes().startswith(b"\x89PNG")


def test_a_step_is_measured_in_a_process_of_its_own() -> None:
    found = measure(len(METHODS) - 2, (16, 64, 64), "cpu")
    assert found.counted_mb == pytest.approx(14, abs=4)
    assert 0 < found.step_mb < 200
    assert found.step_seconds > 0 < found.pass_seconds


def test_what_is_not_measured_has_no_table() -> None:
    assert "Measured on" not in page(counted(METHODS[:1]), {}, "a computer", {})


def test_without_labelled_cts_the_synthetic_patients_alone_are_scored(tmp_path: Path) -> None:
    assert [len(case.organs) for case in scores.of(CASCADE, None, None, 1, "cpu", tmp_path)] == [4]


def test_a_folder_of_cts_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    refused = CliRunner().invoke(app, [str(tmp_path / "out"), "--cts", str(tmp_path / "none")])
    assert refused.exit_code == 2
    assert "does not exist" in refused.stderr
    assert not (tmp_path / "out").exists()

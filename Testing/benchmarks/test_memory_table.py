"""python -m benchmarks.memory: counted rows, the page, the plot, and a measured step."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from flareseg.core.errors import DataError
from flareseg.inference.resample import Size
from typer.testing import CliRunner

from benchmarks.memory import plot, scores
from benchmarks.memory.__main__ import app
from benchmarks.memory.methods import CASCADE, METHODS
from benchmarks.memory.step import Measured, measure
from benchmarks.memory.table import counted, page

ROOT = Path(__file__).resolve().parents[2]
BY_TITLE = {method.title: method for method in METHODS}
PLAIN, FULL_SIZE = BY_TITLE["Plain 3D U-Net"], BY_TITLE["FCN, all that are exact (full-size)"]


def test_the_targets_are_met_against_the_plain_network() -> None:
    """Training memory at most 40 %, aim 15 %; parameters at most 30 %; a whole scan on a card of 8 GB, aim 6."""
    plain, ours = counted((PLAIN, FULL_SIZE))
    assert ours.step.peak_mb < 0.15 * plain.step.peak_mb
    assert ours.step.parameters < 0.3 * plain.step.parameters
    assert ours.step.peak_mb < 6000
    assert ours.half.peak_mb < 0.15 * plain.half.peak_mb
    assert ours.pass_mb < 0.15 * plain.pass_mb


def test_the_page_has_shares_of_the_plain_network_and_says_where_no_weights_are() -> None:
    rows = counted((PLAIN, FULL_SIZE))
    text = page(rows, {"Plain 3D U-Net": Measured(1404.0, 1369.0, 9.4, 320.0, 2.0)}, "a computer", {})
    assert "| Plain 3D U-Net | 5,646,453 |" in text
    assert "| 4,947 (10 %) |" in text
    assert "| Plain 3D U-Net | 1,404 | 1,369 | 9.4 | 320 | 2.0 |" in text
    assert "No weights were given." in text


def test_the_docs_have_the_rows_as_they_are_counted() -> None:
    """Four of them; the others are made by the same command."""
    rows = counted((PLAIN, FULL_SIZE, BY_TITLE["DenseVNet on the crop"], BY_TITLE["FCN, all, on the scan's own grid"]))
    counts = [line for line in page(rows, {}, "", {}).splitlines() if line.startswith(("| Plain", "| FCN", "| Dense"))]
    docs = (ROOT / "docs" / "full-size.md").read_text(encoding="utf-8").splitlines()
    assert len(counts) == 4
    assert [line for line in counts if line not in docs] == []


def test_the_plot_is_a_picture(tmp_path: Path) -> None:
    plot.draw(tmp_path / "memory.png", slices=(16, 32))
    assert (tmp_path / "memory.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Linux tells the peak of a process to the byte")
@pytest.mark.parametrize(
    ("title", "grid"),
    [
        ("Plain 3D U-Net", (32, 96, 96)),
        ("FCN, all that are exact (full-size)", (64, 192, 192)),
    ],
)
def test_a_step_is_measured_in_a_process_of_its_own_within_a_tenth_of_the_count(title: str, grid: Size) -> None:
    found = measure([method.title for method in METHODS].index(title), grid, "cpu")
    assert found.step_mb == pytest.approx(found.counted_mb, rel=0.1)
    assert 0 < found.pass_mb < found.step_mb
    assert found.step_seconds > 0 < found.pass_seconds


def test_a_step_that_cannot_be_measured_is_a_message() -> None:
    with pytest.raises(DataError, match=r"A step could not be measured: RuntimeError: .*nowhere"):
        measure(0, (16, 32, 32), "nowhere")


def test_what_is_not_measured_has_no_table() -> None:
    assert "Measured on" not in page(counted(METHODS[:1]), {}, "a computer", {})


def test_without_labelled_cts_the_synthetic_patients_alone_are_scored(tmp_path: Path) -> None:
    assert [len(case.organs) for case in scores.of(CASCADE, None, None, 1, "cpu", tmp_path)] == [4]


def test_a_folder_of_cts_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    refused = CliRunner().invoke(app, [str(tmp_path / "out"), "--cts", str(tmp_path / "none")])
    assert refused.exit_code == 2
    assert "does not exist" in refused.stderr
    assert not (tmp_path / "out").exists()

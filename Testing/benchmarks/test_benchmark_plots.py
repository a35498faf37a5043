"""The two plots."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks.plots import memory_plot, save, time_plot
from benchmarks.results import Results


def test_time_has_a_panel_a_protocol_and_names_the_machine(results: Results):
    figure = time_plot(results)
    assert "Some CPU (2 threads), no GPU" in figure.get_suptitle()
    assert [axes.get_title(loc="left") for axes in figure.axes] == [
        "CPU, file to file in a fresh process",
        "CPU, array to labels, warm",
    ]
    assert all((axes.get_xscale(), axes.get_yscale()) == ("log", "log") for axes in figure.axes)


def names(results: Results) -> list[str]:
    """Of the lines of the warm panel, top first."""
    return [text.get_text() for text in time_plot(results).axes[1].get_legend().get_texts()]


def test_a_line_is_named_with_its_last_value(results: Results):
    assert names(results) == ["nnU-Net  500 s at 160", "FlareSegmentation  1 s at 160"]


def test_a_line_that_ends_early_says_where(results: Results):
    results.rows = [row for row in results.rows if (row.method, row.slices) != ("nnunet", 160)]
    assert names(results) == ["nnU-Net  500 s at 80", "FlareSegmentation  1 s at 160"]


def test_extrapolated_points_are_hollow(results: Results):
    points = [line for line in time_plot(results).axes[1].lines if line.get_marker() == "o"]
    hollow = [point.get_markerfacecolor() == "white" for point in points]
    assert hollow == [False, False, True, True]


def test_memory_of_a_gpu_has_panels_of_its_own(results: Results):
    results.rows += [replace(results.rows[0], device="cuda", gpu_mib=760.0)]
    titles = [axes.get_title(loc="left") for axes in memory_plot(results).axes]
    assert titles[0] == "GPU: peak of the whole device, CUDA context included"
    assert len(titles) == 3


@pytest.mark.parametrize("draw", [time_plot, memory_plot])
def test_the_picture_shows_something(results: Results, draw, tmp_path: Path):
    save(draw(results), tmp_path / "plot.png")
    pixels = np.asarray(Image.open(tmp_path / "plot.png").convert("RGB"))
    assert pixels.shape[0] > 600
    assert (pixels != 255).any(axis=2).mean() > 0.01


def test_one_scan_alone_can_be_drawn(results: Results, tmp_path: Path):
    results.rows = results.rows[:1]
    save(time_plot(results), tmp_path / "plot.png")
    assert len(time_plot(results).axes) == 1

"""python -m accuracy results: our figures beside the published ones, and nothing that was not measured."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from flareseg.core.errors import FlareError
from flareseg.io.writing import write_labels
from typer.testing import CliRunner

from accuracy import comparison
from accuracy.__main__ import app
from accuracy.patients import plans
from accuracy.qualitative import easy_and_hard
from accuracy.results import Accuracy, CaseFigures, OrganFigures, write_figures


def case(name: str, *dice: float | None) -> CaseFigures:
    return CaseFigures(name, [OrganFigures(value, value and value - 0.1, None) for value in dice])


FIGURES = Accuracy(
    "0",
    ["a", "b"],
    "CPU",
    [case("one", 0.9, 0.8, 0.7, 0.5), case("two", 0.94, 0.8, None, 0.3)],
    [case("x", 1, 1, 1, 1)],
)


def test_each_row_has_mean_and_standard_deviation_of_dsc_and_nsd() -> None:
    page = comparison.page({"he-luo": FIGURES}, {}, has_picture=False)
    row = (
        "| `he-luo` | 2 | 92.0 ± 2.8 | 82.0 ± 2.8 | 80.0 ± 0.0 | 70.0 ± 0.0 | 70.0 | 60.0 | 40.0 ± 14.1 | 30.0 ± 14.1 |"
    )
    assert row in page
    assert "Not trained yet, so without figures: `flareseg`." in page


def test_published_figures_say_in_their_own_row_that_they_are_of_other_data() -> None:
    page = comparison.page({}, {}, has_picture=False)
    winner = next(line for line in page.splitlines() if "winner" in line)
    assert winner == (
        "| FLARE21 winner, published (other data: FLARE21's 50 validation scans) | 50 "
        "| 95.4 | 80.4 | 93.6 | 82.8 | 94.2 | 87.1 | 75.3 | 60.5 |"
    )
    assert "±" not in winner
    assert "Not trained yet, so without figures: `he-luo`, `flareseg`." in page


def test_the_page_says_how_weights_were_trained(tmp_path: Path) -> None:
    entry = {"config": {"name": "he-luo-small"}, "progress": {"samples": 1600, "step": 800}}
    (tmp_path / "manifest.json").write_text(json.dumps({"weights": {"organs": entry}}))
    how = comparison.training_of(tmp_path)
    assert how == "organs network by config `he-luo-small`, 1,600 samples in 800 steps"
    assert f"- `he-luo`: {how}" in comparison.page({"he-luo": FIGURES}, {"he-luo": how}, has_picture=False)


def test_weights_that_do_not_say_how_they_were_trained_are_refused(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text(json.dumps({"weights": {"organs": {}}}))
    with pytest.raises(FlareError, match="does not say how its weights were trained"):
        comparison.training_of(tmp_path)


def test_easy_and_hard_are_the_cases_with_the_highest_and_the_lowest_mean_dice() -> None:
    cases = [case("middle", 0.8, 0.8, 0.8, 0.8), case("hard", 0.9, 0.9, 0.9, 0.1), case("easy", 0.95, None, None, None)]
    assert [found.name for found in easy_and_hard(cases)] == ["easy", "hard"]


def test_the_command_writes_the_page_and_the_picture_of_two_cases(tmp_path: Path) -> None:
    """The synthetic patients of the picture are made again; the predictions are those that score left."""
    scores = tmp_path / "scores"
    (scores / "synthetic" / "predictions").mkdir(parents=True)
    cases = []
    for plan, dice in zip(plans(2), (0.9, 0.6)):
        made = plan.make()
        write_labels(scores / "synthetic" / "predictions" / f"{plan.name}.nii.gz", made.labels, made.volume.geometry)
        cases.append(case(plan.name, dice, dice, dice, dice))
    write_figures(scores / "accuracy.json", Accuracy("0", ["a"], "CPU", [], cases))
    done = CliRunner().invoke(app, ["results", str(tmp_path / "docs"), "--flareseg", str(scores)])
    assert done.exit_code == 0, done.output
    assert "| `flareseg` | 2 | 75.0 ± 21.2 |" in (tmp_path / "docs" / "results.md").read_text()
    assert (tmp_path / "docs" / "pictures" / "easy-and-hard.png").read_bytes().startswith(b"\x89PNG")

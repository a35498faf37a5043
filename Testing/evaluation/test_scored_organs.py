"""Which organs are scored: those that each ground truth holds, unless it is said which were labelled."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from cubes import label_file, organs, rows
from evaluation_commands import run


def with_only(*labels: int) -> np.ndarray:
    return np.where(np.isin(organs(), labels), organs(), 0).astype(np.uint8)


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """Predictions of all four organs; in a's ground truth only the liver is labelled, b's has no spleen, c's has all."""
    for case, ground_truth in (("a", with_only(1)), ("b", with_only(1, 2, 4)), ("c", organs())):
        label_file(tmp_path / "ground_truths" / f"{case}.nii.gz", ground_truth)
        label_file(tmp_path / "predictions" / f"{case}.nii.gz", organs({1: 1}))
    return tmp_path


def evaluate(study: Path, *options: str, code: int = 0) -> str:
    """What it says on stderr."""
    done = run("evaluate", study / "predictions", study / "ground_truths", "-o", study / "out", *options)
    assert done.exit_code == code, done.output
    return done.stderr


def dice_of(study: Path) -> list[list[str]]:
    """Of each case the Dice of liver, kidneys, spleen and pancreas as the table has it."""
    cells = [row["dice"] for row in rows(study / "out" / "scores.csv")]
    return [cells[n : n + 4] for n in range(0, len(cells), 4)]


def mean_of(study: Path) -> list[float]:
    return [float(row["dice"]) for row in rows(study / "out" / "cases.csv")]


def test_an_organ_that_a_ground_truth_does_not_hold_is_left_out_of_the_means(study: Path) -> None:
    evaluate(study, "--no-html")
    assert dice_of(study) == [["0.75", "", "", ""], ["0.75", "1.0", "", "1.0"], ["0.75", "1.0", "1.0", "1.0"]]
    assert mean_of(study) == [0.75, pytest.approx(2.75 / 3, abs=1e-6), 0.9375]


def test_what_is_left_out_is_said_with_what_the_predictions_show_there(study: Path) -> None:
    label_file(study / "predictions" / "b.nii.gz", with_only(1, 2, 4))
    said = evaluate(study, "--no-html")
    assert (
        "Kidneys: not in the ground truth of 1 of 3 cases (a) and not scored there; in the prediction of 1 of them."
        in said
    )
    assert (
        "Spleen: not in the ground truth of 2 of 3 cases (a, b) and not scored there; in the prediction of 1 of" in said
    )
    assert "Liver" not in said and "--organs" in said


def test_the_tables_tell_which_organs_and_how_many_cases_were_scored(study: Path) -> None:
    evaluate(study, "--no-html")
    assert [row["organs"] for row in rows(study / "out" / "cases.csv")] == [
        "liver",
        "liver kidneys pancreas",
        "liver kidneys spleen pancreas",
    ]
    summary = json.loads((study / "out" / "summary.json").read_text())
    assert summary["scored"] == "labelled"
    assert [organ["dice"]["cases"] for organ in summary["organs"]] == [3, 2, 1, 2, 3]
    table = [row for row in rows(study / "out" / "summary.csv") if row["metric"] == "nsd"]
    assert [row["cases"] for row in table] == ["3", "2", "1", "2", "3"]


def test_with_all_organs_the_challenges_rule_for_empty_ground_truths_holds(study: Path) -> None:
    label_file(study / "predictions" / "b.nii.gz", with_only(1, 2, 4))
    said = evaluate(study, "--no-html", "--organs", "all")
    assert dice_of(study)[0] == ["0.75", "0.0", "0.0", "0.0"]  # only the prediction shows them
    assert dice_of(study)[1] == ["1.0", "1.0", "1.0", "1.0"]  # neither shows the spleen
    assert "not scored" not in said
    assert json.loads((study / "out" / "summary.json").read_text())["scored"] == [
        "liver",
        "kidneys",
        "spleen",
        "pancreas",
    ]


@pytest.mark.parametrize("words", ["liver,spleen", "Spleen, LIVER"])
def test_organs_that_are_named_are_scored_in_every_case_and_the_others_in_none(words: str, study: Path) -> None:
    said = evaluate(study, "--no-html", "--organs", words)
    assert dice_of(study) == [["0.75", "", "0.0", ""], ["0.75", "", "0.0", ""], ["0.75", "", "1.0", ""]]
    assert mean_of(study) == [0.375, 0.375, 0.875]
    assert "Not scored, as --organs does not name them: kidneys, pancreas." in said


def test_an_organ_in_no_ground_truth_has_no_figure(study: Path) -> None:
    for case in "bc":
        (study / "ground_truths" / f"{case}.nii.gz").unlink()
    done = run("evaluate", study / "predictions", study / "ground_truths", "-o", study / "out")
    (kidneys,) = (line for line in done.stdout.splitlines() if "Kidneys" in line)
    assert kidneys.split() == ["■", "Kidneys", "0/1", "–", "–"]
    index = (study / "out" / "report" / "index.html").read_text(encoding="utf-8")
    assert "of each case: the organs that its ground truth holds." in index and "not scored" in index
    assert "not scored" in (study / "out" / "report" / "cases" / "a.html").read_text(encoding="utf-8")


def test_a_missing_prediction_scores_0_on_what_its_ground_truth_holds(study: Path) -> None:
    (study / "predictions" / "a.nii.gz").unlink()
    evaluate(study, "--no-html", code=1)
    assert dice_of(study)[0] == ["0.0", "", "", ""]


def test_a_ground_truth_without_any_organ_has_no_score_unless_organs_are_named(study: Path) -> None:
    label_file(study / "ground_truths" / "a.nii.gz", with_only())
    said = evaluate(study, "--no-html", code=1)
    assert "a is not scored: a.nii.gz holds none of the organs." in said and "name them with --organs" in said
    assert [row["case"] for row in rows(study / "out" / "cases.csv")] == ["b", "c"]
    evaluate(study, "--no-html", "--organs", "all")
    assert dice_of(study)[0] == ["0.0", "0.0", "0.0", "0.0"]


@pytest.mark.parametrize("words", ["gallbladder", "", "liver,,spleen", "all,liver"])
def test_an_organ_that_is_none_is_a_message(words: str, study: Path) -> None:
    said = evaluate(study, "--organs", words, code=2)
    assert "Give labelled, all, or some of liver, kidneys, spleen, pancreas" in said

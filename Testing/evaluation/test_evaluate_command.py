"""flareseg evaluate: known scores in every file, and failures that do not stop the others."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from cubes import geometry, label_file, organs, rows
from evaluation_commands import run
from flareseg.core.organs import ORGANS
from flareseg.evaluation.cases import EvaluationCase, match
from flareseg.evaluation.evaluator import EvaluatedCase, Evaluator
from flareseg.evaluation.study import Study
from flareseg.evaluation.surface import tolerances_named
from images import ct_like, write_image

NAMES = [organ.name for organ in ORGANS]


@pytest.fixture
def ground_truths(tmp_path: Path) -> Path:
    for case in ("a", "b"):
        label_file(tmp_path / "ground_truths" / f"{case}.nii.gz", organs())
    return tmp_path / "ground_truths"


@pytest.fixture
def predictions(tmp_path: Path) -> Path:
    """Case a is right; in b the liver is one voxel off (Dice 0.75) and the spleen two (Dice 0.5)."""
    label_file(tmp_path / "predictions" / "a.nii.gz", organs())
    label_file(tmp_path / "predictions" / "b-organs.nii.gz", organs({1: 1, 3: 2}))
    return tmp_path / "predictions"


def evaluate(predictions: Path, ground_truths: Path, output: Path, *options: str | Path, code: int = 0) -> str:
    """What it says on stderr."""
    done = run("evaluate", predictions, ground_truths, "-o", output, "--no-html", *options)
    assert done.exit_code == code, done.output
    return done.stderr


def test_scores_has_a_row_for_each_case_and_organ(predictions: Path, ground_truths: Path, tmp_path: Path) -> None:
    evaluate(predictions, ground_truths, tmp_path / "out")
    scores = rows(tmp_path / "out" / "scores.csv")
    assert [(row["case"], row["organ"]) for row in scores] == [(case, name) for case in "ab" for name in NAMES]
    assert [float(row["dice"]) for row in scores] == [1, 1, 1, 1, 0.75, 1, 0.5, 1]
    assert [float(row["nsd"]) for row in scores[:6]] == [1] * 6  # one voxel is 1 mm, which is allowed
    assert float(scores[6]["nsd"]) < 1
    assert {(float(row["ground_truth_ml"]), float(row["prediction_ml"])) for row in scores} == {(0.064, 0.064)}


def test_cases_has_the_mean_of_each_case(predictions: Path, ground_truths: Path, tmp_path: Path) -> None:
    evaluate(predictions, ground_truths, tmp_path / "out")
    assert [(row["case"], float(row["dice"])) for row in rows(tmp_path / "out" / "cases.csv")] == [
        ("a", 1.0),
        ("b", 0.8125),
    ]


def test_the_summary_tells_mean_deviation_median_and_the_worst_case(
    predictions: Path, ground_truths: Path, tmp_path: Path
) -> None:
    evaluate(predictions, ground_truths, tmp_path / "out")
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    spleen = summary["organs"][2]["dice"]
    figures = {"mean": 0.75, "sd": pytest.approx(0.5 / 2**0.5), "median": 0.75, "worst": 0.5}
    assert spleen == {**figures, "worst_case": "b", "cases": 2}
    assert summary["tolerances_mm"] == dict.fromkeys(NAMES, 1.0)
    table = {(row["organ"], row["metric"]): row for row in rows(tmp_path / "out" / "summary.csv")}
    assert (float(table["Spleen", "dice"]["mean"]), table["Spleen", "dice"]["worst_case"]) == (0.75, "b")
    assert float(table["Mean of organs", "dice"]["mean"]) == pytest.approx((1 + 0.8125) / 2, abs=1e-6)


def test_the_terminal_shows_percent(predictions: Path, ground_truths: Path, tmp_path: Path) -> None:
    done = run("evaluate", predictions, ground_truths, "-o", tmp_path / "out", "--no-html")
    (liver,) = (line for line in done.stdout.splitlines() if "Liver" in line)
    assert liver.split()[2:6] == ["87.5", "17.7", "87.5", "75.0"]


def test_flare22_allows_more(predictions: Path, ground_truths: Path, tmp_path: Path) -> None:
    evaluate(predictions, ground_truths, tmp_path / "out", "--tolerances", "flare22")
    assert {float(row["nsd"]) for row in rows(tmp_path / "out" / "scores.csv")} == {1.0}


def test_two_files_are_compared_as_well(predictions: Path, ground_truths: Path, tmp_path: Path) -> None:
    evaluate(predictions / "b-organs.nii.gz", ground_truths / "a.nii.gz", tmp_path / "out")
    assert [row["case"] for row in rows(tmp_path / "out" / "cases.csv")] == ["b"]


def test_a_map_in_another_orientation_is_compared_where_it_lies(
    predictions: Path, ground_truths: Path, tmp_path: Path
) -> None:
    turned = sitk.DICOMOrient(sitk.ReadImage(str(ground_truths / "b.nii.gz")), "RAS")
    sitk.WriteImage(turned, str(ground_truths / "b.nii.gz"))
    evaluate(predictions, ground_truths, tmp_path / "out")
    assert [float(row["dice"]) for row in rows(tmp_path / "out" / "scores.csv")[4:]] == [0.75, 1, 0.5, 1]


def test_a_missing_prediction_scores_0_everywhere(predictions: Path, ground_truths: Path, tmp_path: Path) -> None:
    label_file(ground_truths / "c.nii.gz", np.zeros_like(organs()))  # not even an empty ground truth makes it right
    said = evaluate(predictions, ground_truths, tmp_path / "out", "--organs", "all", code=1)
    assert "c: The prediction is missing. The case scores 0." in said
    lost = [row for row in rows(tmp_path / "out" / "scores.csv") if row["case"] == "c"]
    assert {(row["dice"], row["nsd"]) for row in lost} == {("0.0", "0.0")}
    assert [row["failed"] for row in rows(tmp_path / "out" / "cases.csv")] == ["0", "0", "1"]


@pytest.mark.parametrize(
    ("spacing", "origin", "message"),
    [
        ((1.0, 1.0, 2.0), 0.0, "(2 x 1 x 1 and 1 x 1 x 1 mm)"),
        ((1.0, 1.0, 1.0), 5.5, "(another position or direction)"),
        ((1.0, 1.0, 1.0), 24.0, "(another position or direction)"),
    ],
)
def test_a_prediction_on_another_grid_scores_0_and_the_others_go_on(
    spacing: tuple[float, float, float],
    origin: float,
    message: str,
    predictions: Path,
    ground_truths: Path,
    tmp_path: Path,
) -> None:
    label_file(predictions / "a.nii.gz", organs(), geometry(spacing, origin))
    said = evaluate(predictions, ground_truths, tmp_path / "out", code=1)
    assert f"a: a.nii.gz does not lie on the ground truth's grid {message}. The case scores 0." in said
    assert [float(row["dice"]) for row in rows(tmp_path / "out" / "cases.csv")] == [0.0, 0.8125]


def test_a_prediction_of_another_size_says_both(predictions: Path, ground_truths: Path, tmp_path: Path) -> None:
    write_image(predictions / "a.nii.gz", np.ones((4, 5, 6), np.uint8))
    said = evaluate(predictions, ground_truths, tmp_path / "out", code=1)
    assert "(6 x 5 x 4 and 24 x 24 x 24 voxels, 1 x 2 x 3 and 1 x 1 x 1 mm)" in said


def test_an_unreadable_prediction_scores_0_and_the_others_go_on(
    predictions: Path, ground_truths: Path, tmp_path: Path
) -> None:
    (predictions / "a.nii.gz").write_text("no image")
    said = evaluate(predictions, ground_truths, tmp_path / "out", code=1)
    assert "a: a.nii.gz is damaged" in said
    assert [float(row["dice"]) for row in rows(tmp_path / "out" / "cases.csv")] == [0.0, 0.8125]


def test_a_case_whose_ground_truth_cannot_be_read_has_no_score(
    predictions: Path, ground_truths: Path, tmp_path: Path
) -> None:
    write_image(ground_truths / "a.nii.gz", ct_like())
    said = evaluate(predictions, ground_truths, tmp_path / "out", code=1)
    assert "a is not scored: a.nii.gz is not a label map of these organs" in said
    assert [row["case"] for row in rows(tmp_path / "out" / "cases.csv")] == ["b"]
    assert list(json.loads((tmp_path / "out" / "summary.json").read_text())["left_out"]) == ["a"]


def test_an_extra_prediction_is_mentioned_and_no_failure(
    predictions: Path, ground_truths: Path, tmp_path: Path
) -> None:
    label_file(predictions / "z.nii.gz", organs())
    assert "z.nii.gz has no ground truth and is not scored." in evaluate(predictions, ground_truths, tmp_path / "out")


def test_time_and_memory_come_from_the_reports(predictions: Path, ground_truths: Path, tmp_path: Path) -> None:
    (predictions / "a.json").write_text(json.dumps({"gpu_memory": [1000.0] * 100, "time": 12.5}))
    (predictions / "b.json").write_text("{}")
    said = evaluate(predictions, ground_truths, tmp_path / "out")
    assert "b: b.json is not a valid report. Time and memory are not counted." in said
    measured = [(row["seconds"], row["gpu_mb"], row["gpu_mb_s"]) for row in rows(tmp_path / "out" / "cases.csv")]
    assert measured == [("12.5", "1000.0", "10000.0"), ("", "", "")]


class FailingOnA(Evaluator):
    """Has a mistake that only case a brings to light."""

    def evaluate(self, case: EvaluationCase) -> EvaluatedCase:
        if case.name == "a":
            raise ZeroDivisionError("division by zero")
        return super().evaluate(case)


def test_an_unexpected_failure_of_one_case_does_not_stop_the_others(predictions: Path, ground_truths: Path) -> None:
    study = Study()
    study.run(match(predictions, ground_truths).cases, FailingOnA(tolerances_named("flare21")), lambda result: None)
    assert study.failed
    assert study.warnings[0].startswith("a is not scored: It failed unexpectedly (ZeroDivisionError: division by zero;")
    assert [score.name for score in study.scores] == ["b"]


def test_without_any_score_nothing_is_written(ground_truths: Path, tmp_path: Path) -> None:
    for path in ground_truths.iterdir():
        path.write_text("no image")
    said = evaluate(ground_truths, ground_truths, tmp_path / "out", code=2)
    assert "No case could be scored." in said
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("html", ["--html", "--no-html"])
def test_an_output_that_cannot_be_written_is_a_message(
    html: str, predictions: Path, ground_truths: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    done = run("evaluate", predictions, ground_truths, "-o", tmp_path / "file", html)
    assert (done.exit_code, "is a file, not a folder" in done.stderr) == (2, True)


@pytest.mark.parametrize(
    ("options", "message"),
    [(["--tolerances", "flare99"], "Give flare21 or flare22"), (["--scans", "nowhere"], "nowhere cannot be read")],
)
def test_bad_usage_is_a_message(
    options: list[str], message: str, predictions: Path, ground_truths: Path, tmp_path: Path
) -> None:
    assert message in evaluate(predictions, ground_truths, tmp_path / "out", *options, code=2)


def test_a_missing_package_says_how_to_install_it(
    predictions: Path, ground_truths: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "monai.metrics", None)
    assert 'pip install "flareseg[evaluate]"' in evaluate(predictions, ground_truths, tmp_path / "out", code=2)


def test_the_commands_load_nothing_heavy_before_they_run() -> None:
    heavy = "{'torch', 'SimpleITK', 'matplotlib', 'jinja2', 'scipy', 'monai'}"
    code = f"import sys, flareseg.cli.evaluate; sys.exit(bool({heavy} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

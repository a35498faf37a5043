"""python -m accuracy results: our figures beside the published ones, and nothing that was not measured."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from flareseg.core.errors import FlareError
from flareseg.io.writing import write_labels
from typer.testing import CliRunner

from accuracy import comparison
from accuracy.__main__ import app
from accuracy.comparison import Training
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
    page = comparison.page({"he-luo": FIGURES}, {"he-luo": Training("he-luo", "")}, has_picture=False)
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


def exported(folder: Path, *stages: str, name: str = "he-luo-small") -> Path:
    """A folder of weights with the sha256 "a", "b" and so on: 2,400 samples, of which the first 1,600 were best."""
    progress = {"progress": {"samples": 1600, "step": 800}, "trained": {"samples": 2400, "step": 1200}}
    sources = [{"source": "BTCV", "kind": "organs", "cases": 3}, {"source": "AustinMan", "kind": "body", "cases": 1}]
    provenance = {"provenance": {"sources": sources}}
    entries = {
        stage: {
            "sha256": sha256,
            "config": {"name": name, "stages": {stage: {"fresh": 1 if stage == "organs" else None}}},
            **progress,
            **provenance,
        }
        for stage, sha256 in zip(stages, "abcdef")
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "manifest.json").write_text(json.dumps({"weights": entries}))
    return folder


def test_the_page_says_how_weights_were_trained_and_which_step_was_the_best(tmp_path: Path) -> None:
    training = comparison.training_of(exported(tmp_path, "abdomen", "organs"), FIGURES)
    how = "in 1,200 steps; best in validation, and scored, after 800 of them"
    assert training.config == "he-luo-small"
    assert training.told == (
        f"abdomen network by config `he-luo-small`, 2,400 samples {how}; "
        f"organs network by config `he-luo-small`, 2,400 samples, of which 1,200 new, {how}"
    )
    page = comparison.page({"he-luo": FIGURES}, {"he-luo": training}, False)
    assert f"- `he-luo-small`: {training.told}" in page
    assert "- The store of `he-luo-small`: 3 x organs of BTCV, 1 x body of AustinMan\n" in page


def test_the_page_has_the_commands_of_every_row_and_one_of_all() -> None:
    only_synthetic = replace(FIGURES, cts=[])
    scored = {"he-luo": FIGURES, "flareseg": only_synthetic}
    trained = {"he-luo": Training("he-luo-small", "", only="organs"), "flareseg": Training("flareseg-small", "")}
    page = comparison.page(scored, trained, has_picture=False)
    assert (
        """```
flareseg train he-luo-small --store store --output run-he-luo --stage organs
flareseg export run-he-luo --output weights-he-luo
python -m accuracy score scores-he-luo --weights weights-he-luo --cts CTS
flareseg train flareseg-small --store store --output run-flareseg
flareseg export run-flareseg --output weights-flareseg
python -m accuracy score scores-flareseg --weights weights-flareseg
python -m accuracy results docs --he-luo scores-he-luo --he-luo-weights weights-he-luo --flareseg scores-flareseg \
--flareseg-weights weights-flareseg --cts CTS
```"""
        in page
    )


def test_a_network_that_was_not_trained_is_not_told_of(tmp_path: Path) -> None:
    folder = exported(tmp_path, "abdomen", "organs")
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["weights"]["abdomen"] = {"sha256": "a"}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    training = comparison.training_of(folder, FIGURES)
    assert training.only == "organs"
    assert "abdomen" not in training.told


def test_scores_of_other_weights_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FlareError, match="The scores are not of the weights in"):
        comparison.training_of(exported(tmp_path, "abdomen", "organs"), replace(FIGURES, weights=["a", "c"]))


def test_weights_that_do_not_say_how_they_were_trained_are_refused(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text(json.dumps({"weights": {"organs": {}}}))
    with pytest.raises(FlareError, match="does not say how its weights were trained"):
        comparison.training_of(tmp_path, FIGURES)


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
    words = ["results", str(tmp_path / "docs"), "--flareseg", str(scores)]
    alone = CliRunner().invoke(app, words)
    assert alone.exit_code == 2
    assert "--flareseg and --flareseg-weights belong together" in " ".join(alone.stderr.split())
    done = CliRunner().invoke(app, [*words, "--flareseg-weights", str(exported(tmp_path / "weights", "organs"))])
    assert done.exit_code == 0, done.output
    assert "| `he-luo-small` | 2 | 75.0 ± 21.2 |" in (tmp_path / "docs" / "results.md").read_text()
    assert (tmp_path / "docs" / "pictures" / "easy-and-hard.png").read_bytes().startswith(b"\x89PNG")

"""The challenge's ranking, worked out by hand."""

from __future__ import annotations

from pathlib import Path

import pytest
from cubes import rows
from evaluation_commands import run
from flareseg.core.errors import FlareError
from flareseg.evaluation.ranking import rank


def figures(dice: float, nsd: float, seconds: float | None, gpu_mb: float | None) -> dict[str, float | None]:
    return {"dice": dice, "nsd": nsd, "seconds": seconds, "gpu_mb": gpu_mb}


# ranks in case 1: dice 1.5 1.5 3, nsd 2 3 1, seconds 3 1.5 1.5, memory 2 1 3
# ranks in case 2: dice 3 2 1,     nsd 2 2 2, seconds 1 2 3,     memory 1.5 1.5 3
METHODS = {
    "A": {"1": figures(0.9, 0.8, 10, 1000), "2": figures(0.7, 0.5, 1, 0)},
    "B": {"1": figures(0.9, 0.7, 5, 0), "2": figures(0.8, 0.5, 2, 0)},
    "C": {"1": figures(0.8, 0.9, 5, 2000), "2": figures(0.9, 0.5, 3, 500)},
}


def results(folder: Path, lines: list[str]) -> Path:
    folder.mkdir()
    header = "case,dice,nsd,seconds,gpu_mb,gpu_mb_s,failed,notes"
    (folder / "cases.csv").write_text("\n".join([header, *lines]) + "\n")
    return folder


def test_three_methods_with_ties_rank_as_worked_out_by_hand() -> None:
    places = rank(METHODS).places
    assert [place.name for place in places] == ["B", "A", "C"]
    assert [place.score for place in places] == pytest.approx([14.5 / 8 / 3, 16 / 8 / 3, 17.5 / 8 / 3])
    assert places[0].ranks == pytest.approx({"dice": 1.75, "nsd": 2.5, "seconds": 1.75, "gpu_mb": 1.25})


def test_the_best_score_is_one_over_the_number_of_methods() -> None:
    best, other = figures(0.9, 0.9, 1, 1), figures(0.8, 0.8, 2, 2)
    assert [place.score for place in rank({"x": {"1": other}, "y": {"1": best}}).places] == [0.5, 1.0]


def test_a_case_that_was_not_measured_ranks_last() -> None:
    some = {"1": figures(0.9, 0.9, None, 0), "2": figures(0.9, 0.9, 1, 0)}
    every = {"1": figures(0.9, 0.9, 99, 0), "2": figures(0.9, 0.9, 2, 0)}
    ranks = {place.name: place.ranks["seconds"] for place in rank({"some": some, "every": every}).places}
    assert ranks == {"some": 1.5, "every": 1.5}


def test_what_a_method_was_never_measured_on_is_left_out() -> None:
    ranking = rank({"A": METHODS["A"], "paper": {n: figures(0.9, 0.8, None, None) for n in "12"}})
    assert ranking.left_out == ["seconds", "gpu_mb"]
    assert set(ranking.places[0].ranks) == {"dice", "nsd"}


def test_methods_with_other_cases_are_refused() -> None:
    with pytest.raises(FlareError, match="B has no results for 2"):
        rank({"A": METHODS["A"], "B": {"1": METHODS["B"]["1"]}})


def test_the_command_ranks_folders_of_results(tmp_path: Path) -> None:
    good = results(tmp_path / "good", ["1,0.9,0.8,2,0,0,0,", "2,0.8,0.7,3,0,0,0,"])
    poor = results(tmp_path / "poor", ["1,0.6,0.5,9,900,,0,", "2,0.0,0.0,,,,1,no prediction"])
    done = run("rank", f"ours={good}", f"theirs={poor}", "-o", tmp_path / "ranking.csv")
    assert done.exit_code == 0
    assert done.stdout.index("ours") < done.stdout.index("theirs")
    assert [(row["method"], float(row["score"])) for row in rows(tmp_path / "ranking.csv")] == [
        ("ours", 0.5),
        ("theirs", 1.0),
    ]


@pytest.mark.parametrize(
    ("methods", "message"),
    [
        (["nonsense"], 'Invalid method: "nonsense"'),
        (["a=nowhere"], "holds no results of flareseg evaluate"),
        (["a=x", "a=y"], "Two methods are named a"),
    ],
)
def test_bad_usage_is_a_message(methods: list[str], message: str) -> None:
    done = run("rank", *methods)
    assert (done.exit_code, message in done.stderr) == (2, True)


@pytest.mark.parametrize(
    "line", ["1,x,0.5,1,1,,0,", "1,0.5", "1,nan,0.5,1,1,,0,", "1,95.4,80,1,1,,0,", "1,1,1,-3,1,,0,"]
)
def test_damaged_results_are_a_message(line: str, tmp_path: Path) -> None:
    done = run("rank", f"a={results(tmp_path / 'a', [line])}")
    assert (done.exit_code, "are damaged" in done.stderr) == (2, True)


LINES = ["1,0.9,0.8,2,0,0,0,", "2,0.8,0.7,3,0,0,0,"]


def saved_again(folder: Path, encoding: str, separator: str = ",") -> Path:
    """Results as a spreadsheet program saves them."""
    path = results(folder, LINES) / "cases.csv"
    path.write_text(path.read_text().replace(",", separator), encoding=encoding)
    return folder


def test_a_byte_order_mark_does_no_harm(tmp_path: Path) -> None:
    done = run("rank", f"a={saved_again(tmp_path / 'a', 'utf-8-sig')}")
    assert (done.exit_code, "1.000" in done.stdout) == (0, True), done.output


@pytest.mark.parametrize(
    ("encoding", "separator", "message"),
    [("utf-16", ",", "is not UTF-8 text"), ("utf-8", ";", "has no column case (separated by commas)")],
)
def test_a_table_in_another_form_is_a_message(encoding: str, separator: str, message: str, tmp_path: Path) -> None:
    done = run("rank", f"a={saved_again(tmp_path / 'a', encoding, separator)}")
    assert (done.exit_code, message in done.stderr) == (2, True), done.output
    assert "save the table as CSV with commas, in UTF-8" in done.stderr


def test_a_case_that_is_there_twice_is_a_message(tmp_path: Path) -> None:
    done = run("rank", f"a={results(tmp_path / 'a', [LINES[0], LINES[0]])}")
    assert (done.exit_code, "holds a case twice" in done.stderr) == (2, True)


def test_methods_scored_on_other_organs_are_refused(tmp_path: Path) -> None:
    for name, organs in (("a", "liver kidneys"), ("b", "liver")):
        results(tmp_path / name, LINES)
        header = "case,dice,nsd,seconds,gpu_mb,gpu_mb_s,failed,notes,organs"
        rows_with = "\n".join([header, *(line + f",{organs}" for line in LINES)])
        (tmp_path / name / "cases.csv").write_text(rows_with + "\n")
    done = run("rank", f"a={tmp_path / 'a'}", f"b={tmp_path / 'b'}")
    assert (done.exit_code, "b was scored on other organs than the other methods in case 1: liver." in done.stderr) == (
        2,
        True,
    )

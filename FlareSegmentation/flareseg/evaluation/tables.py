"""The result files of an evaluation: scores.csv, cases.csv, summary.csv and summary.json."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from flareseg.core.errors import DataError
from flareseg.core.organs import ORGANS
from flareseg.evaluation.ranking import METRICS, Method, Ranking
from flareseg.evaluation.scores import CaseScore
from flareseg.evaluation.selection import LABELLED
from flareseg.evaluation.study import Study
from flareseg.evaluation.summary import Statistics, summarise
from flareseg.io.outputs import write_text

SCORES, CASES, SUMMARY_CSV, SUMMARY_JSON = "scores.csv", "cases.csv", "summary.csv", "summary.json"
SCHEMA_VERSION = 1

_SCORES_HEADER = ("case", "organ", "label", "dice", "nsd", "ground_truth_ml", "prediction_ml")
_CASES_HEADER = ("case", "dice", "nsd", "seconds", "gpu_mb", "gpu_mb_s", "failed", "notes", "organs")
_RANKED = ("case", *METRICS)

Cell = str | int | float | None


def write_scores(folder: Path, cases: Sequence[CaseScore]) -> None:
    """scores.csv has a row for each case and organ, cases.csv one for each case. Raises OutputError."""
    rows = [
        (case.name, s.organ.name, s.organ.label, s.dice, s.nsd, s.ground_truth_ml, s.prediction_ml)
        for case in cases
        for s in case.organs
    ]
    write_csv(folder / SCORES, _SCORES_HEADER, rows)
    write_csv(folder / CASES, _CASES_HEADER, [_case_row(case) for case in cases])


def write_summary(folder: Path, study: Study, tolerances: Mapping[int, float]) -> None:
    """``tolerances`` in mm by label. Raises OutputError."""
    summary = summarise(study.scores)
    header = ("organ", "metric", "mean", "sd", "median", "worst", "worst_case", "cases")
    rows = [(o.name, metric, *_row(s)) for o in summary.organs for metric, s in (("dice", o.dice), ("nsd", o.nsd))]
    costs = vars(summary.resources).items()
    write_csv(folder / SUMMARY_CSV, header, rows + [("", name, *_row(cost)) for name, cost in costs if cost])
    content = {
        "schema_version": SCHEMA_VERSION,
        "tolerances_mm": {organ.name: tolerances[organ.label] for organ in ORGANS},
        "scored": study.selection.names or LABELLED,
        **asdict(summary),
        "left_out": study.left_out,
    }
    write_text(folder / SUMMARY_JSON, json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def write_ranking(path: Path, ranking: Ranking) -> None:
    """A row for each method, the best first. Raises OutputError."""
    header = ("method", "score", *(f"{metric}_rank" for metric in METRICS), *(f"{metric}_mean" for metric in METRICS))
    rows = [
        (p.name, p.score, *(p.ranks.get(metric) for metric in METRICS), *(p.means.get(metric) for metric in METRICS))
        for p in ranking.places
    ]
    write_csv(path, header, rows)


def read_methods(folders: Mapping[str, Path]) -> dict[str, Method]:
    """What each method is ranked on, from the cases.csv of its results. Raises DataError."""
    tables = {name: _read_cases(folder) for name, folder in folders.items()}
    scored: dict[str, str] = {}
    for name, table in tables.items():
        for case, row in table.items():
            organs = row.get("organs")
            if organs is not None and scored.setdefault(case, organs) != organs:
                raise DataError(
                    f"{name} was scored on other organs than the other methods in case {case}: {organs}.",
                    "Evaluate all methods with the same --organs.",
                )
    return {name: _method(table, folders[name]) for name, table in tables.items()}


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[Cell]]) -> None:
    """Numbers are written with six digits behind the point at most; None is an empty cell."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows([[round(cell, 6) if isinstance(cell, float) else cell for cell in row] for row in rows])
    write_text(path, text.getvalue())


def _case_row(case: CaseScore) -> tuple[Cell, ...]:
    cost = case.resources
    failed, notes = int(case.failed), " ".join(case.notes)
    organs = " ".join(score.organ.name.lower() for score in case.organs if score.dice is not None)
    return (case.name, case.dice, case.nsd, cost.seconds, cost.gpu_mb, cost.gpu_mb_s, failed, notes, organs)


def _row(s: Statistics | None) -> tuple[Cell, ...]:
    return (s.mean, s.sd, s.median, s.worst, s.worst_case, s.cases) if s else (None, None, None, None, None, 0)


def _read_cases(folder: Path) -> dict[str, dict[str, str]]:
    """The rows of a cases.csv by case. Raises DataError."""
    path = folder / CASES
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream)
            rows, columns = list(reader), reader.fieldnames or ()
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not UTF-8 text: another program saved it.", _AGAIN) from error
    except OSError as error:
        raise DataError(f"{folder} holds no results of flareseg evaluate.", "Evaluate the method first.") from error
    except csv.Error as error:
        raise DataError(f"{path} is damaged ({error}).", _AGAIN) from error
    if missing := [column for column in _RANKED if column not in columns]:
        raise DataError(f"{path} has no column {missing[0]} (separated by commas).", _AGAIN)
    if not rows:
        raise DataError(f"The results in {folder} hold no case.", "Evaluate the method again.")
    if len({row["case"] for row in rows}) < len(rows):
        raise DataError(f"{path} holds a case twice.", _AGAIN)
    return {row["case"]: row for row in rows}


def _method(rows: Mapping[str, dict[str, str]], folder: Path) -> Method:
    """Return the figures of a method by case. Raises DataError for values that are not figures."""
    try:
        return {case: _figures(row) for case, row in rows.items()}
    except (ValueError, TypeError) as error:
        raise DataError(f"The results in {folder} are damaged ({error}).", _AGAIN) from error


def _figures(row: Mapping[str, str]) -> dict[str, float | None]:
    scores = {metric: _number(row[metric], most=1.0) for metric in ("dice", "nsd")}
    return {**scores, **{metric: _number(row[metric]) if row[metric] else None for metric in ("seconds", "gpu_mb")}}


def _number(text: str, most: float = sys.float_info.max) -> float:
    """Return a number of a table. Raises ValueError if it is negative, too large, infinite or NaN."""
    number = float(text)
    if not 0 <= number <= most:
        raise ValueError(f"{text} is not a possible value")
    return number


_AGAIN = "Evaluate the method again, or save the table as CSV with commas, in UTF-8."

"""The result files of an evaluation: scores.csv, cases.csv, summary.csv and summary.json."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from flareseg.errors import FlareError
from flareseg.evaluation.ranking import METRICS, Method, Ranking
from flareseg.evaluation.scores import CaseScore
from flareseg.evaluation.summary import Statistics, Summary
from flareseg.organs import ORGANS
from flareseg.outputs import write_text

SCORES, CASES, SUMMARY_CSV, SUMMARY_JSON = "scores.csv", "cases.csv", "summary.csv", "summary.json"
SCHEMA_VERSION = 1

_SCORES_HEADER = ("case", "organ", "label", "dice", "nsd", "truth_ml", "prediction_ml")
_CASES_HEADER = ("case", "dice", "nsd", "seconds", "gpu_mb", "gpu_mb_s", "failed", "notes")

Cell = str | int | float | None


def write_scores(folder: Path, cases: Sequence[CaseScore]) -> None:
    """scores.csv has a row for each case and organ, cases.csv one for each case. Raises FlareError("write")."""
    rows = [
        (case.name, s.organ.name, s.organ.label, s.dice, s.nsd, s.truth_ml, s.prediction_ml)
        for case in cases
        for s in case.organs
    ]
    write_csv(folder / SCORES, _SCORES_HEADER, rows)
    write_csv(folder / CASES, _CASES_HEADER, [_case_row(case) for case in cases])


def write_summary(folder: Path, summary: Summary, tolerances: Mapping[int, float], left_out: Mapping[str, str]) -> None:
    """``tolerances`` in mm by label; ``left_out``: why, by case, there is no score. Raises FlareError("write")."""
    header = ("organ", "metric", "mean", "sd", "median", "worst", "worst_case")
    rows = [(o.name, metric, *_row(s)) for o in summary.organs for metric, s in (("dice", o.dice), ("nsd", o.nsd))]
    costs = vars(summary.resources).items()
    write_csv(folder / SUMMARY_CSV, header, rows + [("", name, *_row(cost)) for name, cost in costs if cost])
    allowed = {organ.name: tolerances[organ.label] for organ in ORGANS}
    content = {
        "schema_version": SCHEMA_VERSION,
        "tolerances_mm": allowed,
        **asdict(summary),
        "left_out": dict(left_out),
    }
    write_text(folder / SUMMARY_JSON, json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def write_ranking(path: Path, ranking: Ranking) -> None:
    """A row for each method, the best first. Raises FlareError("write")."""
    header = ("method", "score", *(f"{metric}_rank" for metric in METRICS), *(f"{metric}_mean" for metric in METRICS))
    rows = [
        (p.name, p.score, *(p.ranks.get(metric) for metric in METRICS), *(p.means.get(metric) for metric in METRICS))
        for p in ranking.places
    ]
    write_csv(path, header, rows)


def read_method(folder: Path) -> Method:
    """What a method is ranked on, from the cases.csv of its results. Raises FlareError("bad_data")."""
    try:
        with (folder / CASES).open(encoding="utf-8", newline="") as stream:
            method = {row["case"]: _figures(row) for row in csv.DictReader(stream)}
    except OSError as error:
        raise FlareError(
            "bad_data", f"{folder} holds no results of flareseg evaluate.", "Evaluate the method first."
        ) from error
    except (ValueError, KeyError, TypeError, csv.Error) as error:
        raise FlareError("bad_data", f"The results in {folder} are damaged.", "Evaluate the method again.") from error
    if not method:
        raise FlareError("bad_data", f"The results in {folder} hold no case.", "Evaluate the method again.")
    return method


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
    return (case.name, case.dice, case.nsd, cost.seconds, cost.gpu_mb, cost.gpu_mb_s, failed, notes)


def _row(s: Statistics) -> tuple[Cell, ...]:
    return (s.mean, s.sd, s.median, s.worst, s.worst_case)


def _figures(row: dict[str, str]) -> dict[str, float | None]:
    scores = {metric: float(row[metric]) for metric in ("dice", "nsd")}
    return {**scores, **{metric: float(row[metric]) if row[metric] else None for metric in ("seconds", "gpu_mb")}}

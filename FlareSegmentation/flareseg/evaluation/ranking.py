"""FLARE21's ranking of several methods on the same cases."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import fmean

import numpy as np
from scipy.stats import rankdata

from flareseg.core.errors import FlareError

# what a case is ranked on, and whether a larger figure is better
METRICS = {"dice": True, "nsd": True, "seconds": False, "gpu_mb": False}

Figures = Mapping[str, float | None]  # of a case by metric; None where not measured
Method = Mapping[str, Figures]  # by case


@dataclass(frozen=True)
class Place:
    """A method's place: ``score`` is the mean of all its ranks divided by the number of methods (smaller is better).

    ``ranks`` and ``means`` by metric: the mean rank, and the mean of the figures themselves.
    """

    name: str
    score: float
    ranks: dict[str, float]
    means: dict[str, float]


@dataclass(frozen=True)
class Ranking:
    """The best method first; ``left_out``: metrics that some method was not measured on at all."""

    places: list[Place]
    left_out: list[str]


def rank(methods: Mapping[str, Method]) -> Ranking:
    """Rank methods case by case on each metric; ties share the average rank.

    A case without a figure ranks last on it. Raises FlareError("bad_data") when the methods have different cases.
    """
    cases = _common_cases(methods)
    used = [metric for metric in METRICS if all(_measured(method, metric) for method in methods.values())]
    ranks = {metric: _ranks(methods, cases, metric) for metric in used}  # each (cases, methods)
    score = np.mean([table.mean(axis=0) for table in ranks.values()], axis=0) / len(methods)
    places = [
        Place(
            name,
            float(score[n]),
            {metric: float(table[:, n].mean()) for metric, table in ranks.items()},
            {metric: fmean(_measured(method, metric)) for metric in METRICS if _measured(method, metric)},
        )
        for n, (name, method) in enumerate(methods.items())
    ]
    return Ranking(sorted(places, key=lambda place: place.score), [m for m in METRICS if m not in used])


def _ranks(methods: Mapping[str, Method], cases: list[str], metric: str) -> np.ndarray:
    sign = -1.0 if METRICS[metric] else 1.0
    figures = np.array([[_or_worst(method[case][metric], sign) for method in methods.values()] for case in cases])
    return np.array(rankdata(figures, method="average", axis=1))


def _or_worst(figure: float | None, sign: float) -> float:
    return float("inf") if figure is None else sign * figure


def _measured(method: Method, metric: str) -> list[float]:
    return [figure for figures in method.values() if (figure := figures[metric]) is not None]


def _common_cases(methods: Mapping[str, Method]) -> list[str]:
    everything = sorted(set().union(*methods.values()))
    for name, method in methods.items():
        if missing := [case for case in everything if case not in method]:
            raise FlareError(
                "bad_data",
                f"{name} has no results for {_few(missing)}, which other methods have.",
                "Evaluate all methods on the same ground truths.",
            )
    return everything


def _few(names: list[str], shown: int = 3) -> str:
    rest = f" and {len(names) - shown} more cases" if len(names) > shown else ""
    return ", ".join(names[:shown]) + rest

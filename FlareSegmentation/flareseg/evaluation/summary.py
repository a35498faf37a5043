"""Summary statistics over many cases: mean, standard deviation, median and worst case."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median, stdev

from flareseg.core.organs import ORGANS
from flareseg.evaluation.scores import CaseScore

MEAN = "Mean of organs"


@dataclass(frozen=True)
class Statistics:
    """Statistics of one figure over ``cases`` cases; ``sd`` is the sample's (n - 1), None for a single case."""

    mean: float
    sd: float | None
    median: float
    worst: float
    worst_case: str
    cases: int


@dataclass(frozen=True)
class OrganSummary:
    """One organ, or the mean of the organs of a case, over the cases in which it is scored; None without any."""

    name: str
    dice: Statistics | None
    nsd: Statistics | None


@dataclass(frozen=True)
class ResourceSummary:
    """Statistics of time and memory over the measured cases; None where none was measured. The worst is the largest."""

    seconds: Statistics | None
    gpu_mb: Statistics | None
    gpu_mb_s: Statistics | None


@dataclass(frozen=True)
class Summary:
    """``organs`` in the order of their labels, then the mean of the organs of a case."""

    cases: int
    organs: list[OrganSummary]
    resources: ResourceSummary


def summarise(cases: Sequence[CaseScore]) -> Summary:
    """Figures of some cases, at least one."""
    organs = [
        OrganSummary(
            organ.name,
            statistics({case.name: case.organs[n].dice for case in cases}),
            statistics({case.name: case.organs[n].nsd for case in cases}),
        )
        for n, organ in enumerate(ORGANS)
    ]
    mean = OrganSummary(MEAN, statistics({c.name: c.dice for c in cases}), statistics({c.name: c.nsd for c in cases}))
    return Summary(len(cases), [*organs, mean], _resources(cases))


def statistics(figures: Mapping[str, float | None], worst_is_largest: bool = False) -> Statistics | None:
    """Return the statistics of a figure over the cases that have it; None where none has."""
    known = {case: figure for case, figure in figures.items() if figure is not None}
    if not known:
        return None
    values = list(known.values())
    worst_case = (max if worst_is_largest else min)(known, key=known.__getitem__)
    sd = stdev(values) if len(values) > 1 else None
    return Statistics(fmean(values), sd, median(values), known[worst_case], worst_case, len(values))


def _resources(cases: Sequence[CaseScore]) -> ResourceSummary:
    def measured(name: str) -> Statistics | None:
        return statistics({case.name: getattr(case.resources, name) for case in cases}, worst_is_largest=True)

    return ResourceSummary(measured("seconds"), measured("gpu_mb"), measured("gpu_mb_s"))

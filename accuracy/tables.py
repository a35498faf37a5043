"""The figures as Markdown tables."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from statistics import fmean

from flareseg.core.organs import ORGAN_NAMES

from accuracy import markdown
from accuracy.cases import ScoredCase
from accuracy.published import PUBLISHED, WINNER
from accuracy.reliability import Bin, agreement, bins
from accuracy.results import Accuracy, CaseFigures, ConfidencePair, OrganFigures
from accuracy.slabs import SlabFigures

TITLES = {
    "spl_abdomen": "SPL/NAC abdominal atlas",
    "totalsegmentator_example": "TotalSegmentator example (labels by a model)",
}
"""What known cases are called in tables; others keep the name of their folder."""


def title_of(case: CaseFigures | ScoredCase) -> str:
    """What a case is called."""
    return TITLES.get(case.name, case.name)


def scores_of(organ: OrganFigures) -> str:
    """DSC and NSD in percent, as "93.7/56"."""
    return _pair(organ.dice, organ.nsd)


def readme_table(results: Accuracy) -> str:
    """DSC and NSD of each organ: every CT, the mean of the synthetic patients, and the winner of FLARE21."""
    rows = [(title_of(case), _scores([case])) for case in results.cts]
    if results.synthetic:
        rows.append((f"{len(results.synthetic)} synthetic patients (easy)", _scores(results.synthetic)))
    rows.append(("FLARE21 winner, other scans", _published(WINNER)[:-1]))
    return _table(("DSC/NSD at 1 mm, %", *ORGAN_NAMES), rows)


def page(results: Accuracy, html: bool) -> str:
    """Everything that was measured, as one page. ``html``: whether there are reports to link to."""
    seconds = _mean(case.seconds for case in (*results.cts, *results.synthetic))
    time = f", {seconds:.1f} s a case on average from reading to writing" if seconds is not None else ""
    parts = [
        f"# Accuracy of flareseg {results.version}\n",
        f"Measured on {results.device}{time}. Weights (sha256): {', '.join(each[:12] for each in results.weights)}.\n",
        comparison_table(results),
        "The published figures are of other scans, the 50 of FLARE21's validation set; synthetic patients are easier "
        "than real ones.\n",
        "## Stated confidence\n",
        confidence_table(results),
    ]
    links = [name for name in ("cts", "synthetic") if html and getattr(results, name)]
    return "\n".join([*parts, *(f"[Pages of {name}, the worst first]({name}/report/index.html)\n" for name in links)])


def slab_table(rows: Iterable[tuple[str, SlabFigures]]) -> str:
    """Mean Dice of each organ in the slabs of each scan. ``rows``: what the slabs are, and their figures."""
    return _table(
        ("DSC in slabs, %", "slabs", "refused (organs shown)", *ORGAN_NAMES), [(name, each.row) for name, each in rows]
    )


def case_line(case: CaseFigures) -> str:
    """DSC and NSD of each organ of a case, on one line."""
    organs = [f"{name} {scores_of(organ)}" for name, organ in zip(ORGAN_NAMES, case.organs)]
    return f"{case.name}: {', '.join(organs)}"


def comparison_table(results: Accuracy) -> str:
    """Every group of cases and every published method, with the mean of the organs."""
    rows = [(title_of(case), _with_mean([case])) for case in results.cts]
    if results.synthetic:
        rows.append((f"{len(results.synthetic)} synthetic patients, mean", _with_mean(results.synthetic)))
        rows.append(("the worst of them", _worst(results.synthetic)))
    rows += [(f"{team} (published)", _published(team)) for team in PUBLISHED]
    return _table(("DSC/NSD at 1 mm, %", *ORGAN_NAMES, "mean"), rows)


def confidence_table(results: Accuracy) -> str:
    """Stated confidence and Dice of each organ: every CT, and the mean of the synthetic patients."""
    rows = [(title_of(case), _confidences([case])) for case in results.cts]
    if results.synthetic:
        rows.append((f"{len(results.synthetic)} synthetic patients, mean", _confidences(results.synthetic)))
    return _table(("confidence/Dice, %", *ORGAN_NAMES), rows)


def calibration_table(pairs: Sequence[ConfidencePair]) -> str:
    """In each bin of each organ: expected Dice, stated confidence and Dice."""
    rows = []
    for organ in ORGAN_NAMES:
        own = [pair for pair in pairs if pair.organ == organ]
        before, after = ([(getattr(pair, name), pair.dice) for pair in own] for name in ("expected", "confidence"))
        rows.append((organ, [_gaps(bins(before)), _gaps(bins(after)), _bins(bins(after))]))
    return _table(("organ", "largest gap before", "after", "confidence/Dice in each bin, %"), rows)


def agreement_line(pairs: Sequence[ConfidencePair]) -> str:
    """How far confidence and Dice are apart at most over the bins of each organ, before and after."""
    before, after = (_worst_agreement(pairs, name) for name in ("expected", "confidence"))
    return f"{100 * before:.1f} points before calibration, {100 * after:.1f} after it"


def _worst_agreement(pairs: Sequence[ConfidencePair], name: str) -> float:
    return max(
        agreement([(getattr(pair, name), pair.dice) for pair in pairs if pair.organ == organ]) for organ in ORGAN_NAMES
    )


def _scores(cases: Sequence[CaseFigures]) -> list[str]:
    organs = list(zip(*(case.organs for case in cases)))
    return [_pair(_mean(o.dice for o in own), _mean(o.nsd for o in own)) for own in organs]


def _confidences(cases: Sequence[CaseFigures]) -> list[str]:
    organs = list(zip(*(case.organs for case in cases)))
    return [
        f"{_percent(_mean(o.confidence for o in own), 0)}/{_percent(_mean(o.dice for o in own), 0)}" for own in organs
    ]


def _with_mean(cases: Sequence[CaseFigures]) -> list[str]:
    dice, nsd = (
        _mean(_mean(getattr(organ, name) for organ in case.organs) for case in cases) for name in ("dice", "nsd")
    )
    return [*_scores(cases), _pair(dice, nsd)]


def _worst(cases: Sequence[CaseFigures]) -> list[str]:
    organs = list(zip(*(case.organs for case in cases)))
    dice, nsd = ([_least(getattr(o, name) for o in own) for own in organs] for name in ("dice", "nsd"))
    return [*map(_pair, dice, nsd), ""]


def _published(team: str) -> list[str]:
    return [_pair(dice / 100, nsd / 100) for dice, nsd in zip(*PUBLISHED[team])]


def _least(values: Iterable[float | None]) -> float | None:
    return min((value for value in values if value is not None), default=None)


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if known else None


def _pair(dice: float | None, nsd: float | None) -> str:
    return f"{_percent(dice, 1)}/{_percent(nsd, 0)}"


def _percent(share: float | None, digits: int) -> str:
    """Rounded half up: published figures such as 60.5 are exact halves."""
    return "–" if share is None else f"{math.floor(100 * share * 10**digits + 0.5 + 1e-9) / 10**digits:.{digits}f}"


def _gaps(found: Sequence[Bin]) -> str:
    return f"{100 * max((each.gap for each in found), default=0.0):.1f}"


def _bins(found: Sequence[Bin]) -> str:
    return ", ".join(f"{_percent(each.confidence, 0)}/{_percent(each.dice, 0)}" for each in found)


def _table(header: Sequence[str], rows: Iterable[tuple[str, Sequence[str]]]) -> str:
    return markdown.table(header, ([title, *cells] for title, cells in rows))

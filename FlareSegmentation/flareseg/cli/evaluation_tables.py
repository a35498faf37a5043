"""Terminal tables of ``flareseg evaluate`` and ``flareseg rank``."""

from __future__ import annotations

from rich.table import Table
from rich.text import Text

from flareseg.core.organs import ORGANS
from flareseg.evaluation.ranking import METRICS, Ranking
from flareseg.evaluation.summary import OrganSummary, Statistics, Summary

_COLOURS = {organ.name: "rgb({},{},{})".format(*organ.colour) for organ in ORGANS}
_TITLES = {"dice": "DSC", "nsd": "NSD", "seconds": "Seconds", "gpu_mb": "GPU MB"}


def summary_table(summary: Summary) -> Table:
    """Dice and NSD of each organ in percent, and in how many cases it was scored if not in all."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("Organ, %", no_wrap=True)
    for metric in ("DSC", "NSD"):
        for heading in (metric, "SD", "median", "worst"):
            table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("worst in", overflow="fold", min_width=5)
    for row in summary.organs:
        style = "bold" if row is summary.organs[-1] else ""
        worst = Text(row.dice.worst_case if row.dice else "")
        table.add_row(_name(row, summary.cases), *_cells(row.dice), *_cells(row.nsd), worst, style=style)
    return table


def resource_line(summary: Summary) -> str:
    """Mean running time and largest memory, as far as they are known."""
    costs = summary.resources
    parts = []
    if costs.seconds:
        parts.append(f"running time {costs.seconds.mean:.1f} s on average, {costs.seconds.worst:.1f} s at most")
    if costs.gpu_mb:
        parts.append(f"GPU memory {costs.gpu_mb.worst:.0f} MB at most")
    if costs.gpu_mb_s:
        parts.append(f"{costs.gpu_mb_s.mean:.0f} MB·s on average")
    return " · ".join(parts)


def ranking_table(ranking: Ranking) -> Table:
    """The methods, the best first: score, mean figures and mean ranks."""
    table = Table("", "Method", box=None, pad_edge=False, header_style="bold")
    table.add_column("Score", justify="right", style="bold")
    for metric in METRICS:
        table.add_column(_TITLES[metric], justify="right")
        table.add_column("rank", justify="right", style="dim")
    for n, place in enumerate(ranking.places, start=1):
        cells = []
        for metric in METRICS:
            mean, rank = place.means.get(metric), place.ranks.get(metric)
            share = 100 if metric in ("dice", "nsd") else 1
            cells += ["" if mean is None else f"{share * mean:.1f}", "" if rank is None else f"{rank:.2f}"]
        table.add_row(str(n), Text(place.name), f"{place.score:.3f}", *cells)
    return table


def _name(row: OrganSummary, all_cases: int) -> Text:
    cases = row.dice.cases if row.dice else 0
    share = f" {cases}/{all_cases}" if cases < all_cases else ""
    return Text("■ " if row.name in _COLOURS else "", _COLOURS.get(row.name, "")).append(row.name + share, "default")


def _cells(s: Statistics | None) -> list[str]:
    if s is None:
        return ["–", "", "", ""]
    return ["" if share is None else f"{100 * share:.1f}" for share in (s.mean, s.sd, s.median, s.worst)]

"""The page of results in the layout of He and Luo's Table 5: mean and standard deviation of DSC and NSD by organ."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean, stdev

from flareseg.core.organs import ORGAN_NAMES

from accuracy.published import PUBLISHED, WINNER
from accuracy.results import Accuracy, CaseFigures

OTHER_DATA = "other data: FLARE21's 50 validation scans"
BESIDE = {"He and Luo": "He and Luo", WINNER: "FLARE21 winner", "nnU-Net": "nnU-Net baseline"}
"""Published teams that are shown, and what they are called."""
PRESETS = ("he-luo", "flareseg")
PICTURE = "pictures/easy-and-hard.png"
_GROUPS = {"cts": "labelled CTs", "synthetic": "synthetic patients (easier than real ones)"}


def page(scored: Mapping[str, Accuracy], commands: Mapping[str, str], has_picture: bool) -> str:
    """The page. ``scored``: figures by preset, those of PRESETS that are trained; ``commands``: that made them."""
    parts = [
        "# Results in the layout of He and Luo's Table 5\n",
        "DSC and NSD (tolerance 1 mm) in %, mean ± standard deviation over the cases, by the FLARE21 protocol. Written "
        "by `python -m accuracy results`; no figure is entered by hand.\n",
        *[_table(group, about, scored) for group, about in _GROUPS.items()],
    ]
    untrained = [preset for preset in PRESETS if preset not in scored]
    if untrained:
        parts.append(f"Not trained yet, so without figures: {', '.join(f'`{name}`' for name in untrained)}.\n")
    if commands:
        lines = "\n".join(f"# {name}\n{command}" for name, command in commands.items())
        parts.append(f"## Commands that made the figures\n\n```\n{lines}\n```\n")
    if has_picture:
        parts.append(f"## An easy and a hard case\n\n![Image, label and prediction of two cases]({PICTURE})\n")
    return "\n".join(parts)


def _table(group: str, about: str, scored: Mapping[str, Accuracy]) -> str:
    header = ["method", "cases", *(f"{organ} {name}" for organ in ORGAN_NAMES for name in ("DSC", "NSD"))]
    rows = [_own(preset, getattr(results, group)) for preset, results in scored.items()]
    rows = [row for row in rows if row] + [_published(team, name) for team, name in BESIDE.items()]
    lines = [header, ["---"] * len(header), *rows]
    return f"## On {about}\n\n" + "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def _own(preset: str, cases: Sequence[CaseFigures]) -> list[str]:
    """A row of ours, empty without cases."""
    if not cases:
        return []
    organs = list(zip(*(case.organs for case in cases)))
    cells = [_spread(getattr(each, name) for each in own) for own in organs for name in ("dice", "nsd")]
    return [f"`{preset}`", str(len(cases)), *cells]


def _published(team: str, name: str) -> list[str]:
    dice, nsd = PUBLISHED[team]
    cells = [f"{value:.1f}" for pair in zip(dice[: len(ORGAN_NAMES)], nsd) for value in pair]
    return [f"{name}, published ({OTHER_DATA})", "50", *cells]


def _spread(values: Iterable[float | None]) -> str:
    known = [100 * value for value in values if value is not None]
    if not known:
        return "–"
    return f"{fmean(known):.1f} ± {stdev(known):.1f}" if len(known) > 1 else f"{known[0]:.1f}"

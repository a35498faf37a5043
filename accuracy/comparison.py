"""The page of results in the layout of He and Luo's Table 5: mean and standard deviation of DSC and NSD by organ."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from flareseg.core.errors import DataError
from flareseg.core.organs import ORGAN_NAMES
from flareseg.inference.manifest import read_manifest

from accuracy import markdown
from accuracy.published import PUBLISHED, WINNER
from accuracy.results import Accuracy, CaseFigures

OTHER_DATA = "other data: FLARE21's 50 validation scans"
BESIDE = {"He and Luo": "He and Luo", WINNER: "FLARE21 winner", "nnU-Net": "nnU-Net baseline"}
"""Published teams that are shown, and what they are called."""
PRESETS = ("he-luo", "flareseg")
PICTURE = "pictures/easy-and-hard.png"
_GROUPS = {"cts": "labelled CTs", "synthetic": "synthetic patients (easier than real ones)"}


@dataclass(frozen=True)
class Training:
    """How weights were trained: the ``config``'s name, all of it in words (``told``), the only stage, if it is one of
    several, and which cases of the store were learned from (``sources``)."""

    config: str
    told: str
    only: str = ""
    sources: str = ""


def page(scored: Mapping[str, Accuracy], trained: Mapping[str, Training], has_picture: bool) -> str:
    """The page. ``scored``: figures by preset, those of PRESETS that are trained; ``trained``: how."""
    parts = [
        "# Results in the layout of He and Luo's Table 5\n",
        "DSC and NSD (tolerance 1 mm) in %, mean ± standard deviation over the cases, by the FLARE21 protocol. Written "
        "by `python -m accuracy results`; no figure is entered by hand. In a scan in which no abdomen was found every "
        "organ counts as 0.\n",
        *[_table(group, about, scored, trained) for group, about in _GROUPS.items() if _is_shown(group, scored)],
    ]
    untrained = [preset for preset in PRESETS if preset not in scored]
    if untrained:
        parts.append(f"Not trained yet, so without figures: {', '.join(f'`{name}`' for name in untrained)}.\n")
    parts += [f"- `{training.config}`: {training.told}\n" for training in trained.values()]
    for sources in dict.fromkeys(training.sources for training in trained.values() if training.sources):
        names = " and ".join(f"`{training.config}`" for training in trained.values() if training.sources == sources)
        parts.append(f"- The store of {names}: {sources}\n")
    if trained:
        parts.append(
            "These weights are for this comparison. The shipped ones are others: [model card](model-card.md).\n"
        )
    if scored:
        parts.append(_commands(scored, trained))
    if has_picture:
        shown = f"Predictions of `{list(trained.values())[-1].config}`.\n\n" if trained else ""
        parts.append(f"## Easy and hard cases\n\n{shown}![Image, label and prediction of each case]({PICTURE})\n")
    return "\n".join(parts)


def training_of(weights: Path, scored: Accuracy) -> Training:
    """How exported weights were trained. Raises WeightsError, or DataError where others were scored or it is not told.

    ``scored``: the figures of these weights.
    """
    entries = read_manifest(weights)["weights"]
    try:
        if sorted(entry["sha256"] for entry in entries.values()) != sorted(scored.weights):
            raise DataError(f"The scores are not of the weights in {weights}.", "Score these weights, or name theirs.")
        trained = {stage: entry for stage, entry in entries.items() if "trained" in entry}
        told = "; ".join(_stage(stage, entry) for stage, entry in trained.items())
        only = "".join(trained) if len(trained) == 1 < len(entries) else ""
        return Training(next(iter(trained.values()))["config"]["name"], told, only, _sources(trained.values()))
    except (KeyError, TypeError, ValueError, StopIteration) as error:
        raise DataError(
            f"{weights} does not say how its weights were trained.", "Give a folder that flareseg export wrote."
        ) from error


def _stage(stage: str, entry: Mapping[str, Any]) -> str:
    trained, best = entry["trained"], entry["progress"]
    fresh = entry["config"]["stages"][stage]["fresh"]
    new = f", of which {trained['step'] * fresh:,} new," if fresh else ""
    return (
        f"{stage} network by config `{entry['config']['name']}`, {trained['samples']:,} samples{new} in "
        f"{trained['step']:,} steps; best in validation, and scored, after {best['step']:,} of them"
    )


def _sources(entries: Iterable[Mapping[str, Any]]) -> str:
    """What the cases of the store are, the most numerous first."""
    sources = [each for entry in entries for each in entry["provenance"]["sources"]]
    found = {(each["cases"], each["kind"], each["source"]) for each in sources}
    most_first = sorted(sorted(found), key=lambda each: each[0], reverse=True)
    return ", ".join(f"{cases} x {kind} of {source}" for cases, kind, source in most_first)


def _commands(scored: Mapping[str, Accuracy], trained: Mapping[str, Training]) -> str:
    """What makes the rows, one after the other, and the page of them all."""
    lines, options = ["## Commands that made the figures", "", "```"], ""
    for name, results in scored.items():
        run, weights, scores = f"run-{name}", f"weights-{name}", f"scores-{name}"
        lines += [
            f"flareseg train {trained[name].config} --store store --output {run}{_stage_option(trained[name])}",
            f"flareseg export {run} --output {weights}",
            f"python -m accuracy score {scores} --weights {weights}{_cts(results)}",
        ]
        options += f" --{name} {scores} --{name}-weights {weights}"
    shown = next((results for results in scored.values() if results.cts), None)
    lines += [f"python -m accuracy results docs{options}{_cts(shown) if shown else ''}", "```", ""]
    return "\n".join(lines)


def _stage_option(training: Training) -> str:
    return f" --stage {training.only}" if training.only else ""


def _cts(results: Accuracy) -> str:
    return " --cts CTS" if results.cts else ""


def _is_shown(group: str, scored: Mapping[str, Accuracy]) -> bool:
    """Groups with figures of ours are; without any, the published figures are shown once."""
    return any(getattr(results, group) for results in scored.values()) if scored else group == "cts"


def _table(group: str, about: str, scored: Mapping[str, Accuracy], trained: Mapping[str, Training]) -> str:
    header = ["method", "cases", *(f"{organ} {name}" for organ in ORGAN_NAMES for name in ("DSC", "NSD"))]
    rows = [_own(trained[preset].config, getattr(results, group)) for preset, results in scored.items()]
    rows = [row for row in rows if row] + [_published(team, name) for team, name in BESIDE.items()]
    return f"## On {about}\n\n{markdown.table(header, rows)}"


def _own(config: str, cases: Sequence[CaseFigures]) -> list[str]:
    """The row of a training config, empty without cases."""
    if not cases:
        return []
    organs = list(zip(*(case.organs for case in cases)))
    cells = [_spread(getattr(each, name) for each in own) for own in organs for name in ("dice", "nsd")]
    return [f"`{config}`", str(len(cases)), *cells]


def _published(team: str, name: str) -> list[str]:
    dice, nsd = PUBLISHED[team]
    cells = [f"{value:.1f}" for pair in zip(dice[: len(ORGAN_NAMES)], nsd) for value in pair]
    return [f"{name}, published ({OTHER_DATA})", "50", *cells]


def _spread(values: Iterable[float | None]) -> str:
    known = [100 * value for value in values if value is not None]
    if not known:
        return "–"
    return f"{fmean(known):.1f} ± {stdev(known):.1f}" if len(known) > 1 else f"{known[0]:.1f}"

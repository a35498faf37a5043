"""Scores of weights on labelled CTs and on the fixed synthetic patients, which no network has learned from."""

from __future__ import annotations

from pathlib import Path

from flareseg.cli import console
from flareseg.inference.cascade import Cascade
from flareseg.inference.full_size import Networks

from accuracy.cases import labelled_cts
from accuracy.patients import plans
from accuracy.results import CaseFigures
from accuracy.scoring import Scoring, written_ahead
from benchmarks.memory.methods import CASCADE


def of(
    name: str, weights: Path | None, cts: Path | None, patients: int, device: str, folder: Path
) -> list[CaseFigures]:
    """The figures of every case. ``folder``: for what is written meanwhile. Raises FlareError."""
    networks = Networks.CASCADE if name == CASCADE else Networks.FULL_SIZE
    cascade = Cascade.load(device, weights, networks=networks)
    labelled = labelled_cts(cts) if cts else []
    groups = {"cts": (labelled, len(labelled)), "synthetic": (written_ahead(plans(patients), folder), patients)}
    found: list[CaseFigures] = []
    for group, (cases, count) in groups.items():
        if count:
            scored, messages = Scoring(cascade, folder / name / group, html=False).run(cases)
            console.say(messages)
            found += scored
    return found

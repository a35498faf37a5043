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
    found: list[CaseFigures] = []
    for group, cases in (("cts", labelled_cts(cts) if cts else []), ("synthetic", None)):
        scoring = Scoring(cascade, folder / name / group, html=False)
        some = written_ahead(plans(patients), folder) if cases is None else cases
        scored, messages = scoring.run(some) if patients or cases else ([], [])
        console.say(messages)
        found += scored
    return found

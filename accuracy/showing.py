"""Finding of the files behind scored cases, for the picture of an easy and a hard one."""

from __future__ import annotations

import tempfile
from pathlib import Path

from flareseg.core.errors import DataError

from accuracy import qualitative
from accuracy.cases import ScoredCase, labelled_cts
from accuracy.patients import plans, write_patient
from accuracy.qualitative import ShownCase
from accuracy.results import Accuracy, CaseFigures


def draw(path: Path, scores: Path, results: Accuracy, cts: Path | None) -> None:
    """Write the picture of the easiest and the hardest case: of the CTs if their folder is given, else synthetic ones.

    ``scores``: the folder that score wrote, with the predictions. Raises FlareError.
    """
    group, cases = ("cts", results.cts) if cts is not None and results.cts else ("synthetic", results.synthetic)
    predictions = scores / group / "predictions"
    cases = [case for case in cases if (predictions / f"{case.name}.nii.gz").exists()]
    if not cases:
        raise DataError(f"{scores} holds no case that can be shown.", "Give the folder of its CTs with --cts.")
    with tempfile.TemporaryDirectory() as folder:
        there = {case.name: case for case in labelled_cts(cts)} if group == "cts" and cts is not None else {}
        shown = []
        for word, case in zip(("easy", "hard"), qualitative.easy_and_hard(cases)):
            files = there.get(case.name) or _synthetic(case.name, Path(folder))
            prediction = predictions / f"{case.name}.nii.gz"
            shown.append(ShownCase(_title(word, case), files.scan, files.ground_truth, prediction))
        qualitative.draw(path, shown)


def _synthetic(name: str, folder: Path) -> ScoredCase:
    """A synthetic patient, made again. Raises DataError for another name."""
    plan = next((plan for plan in plans() if plan.name == name), None)
    if plan is None:
        raise DataError(f"The case {name} is not there any more.", "Give the folder of the scored CTs with --cts.")
    return write_patient(plan, folder)


def _title(word: str, case: CaseFigures) -> str:
    return f"{word}: {case.name}\nmean Dice {100 * qualitative.mean_dice(case):.1f} %"

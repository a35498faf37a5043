"""Finding of the files behind scored cases, for the picture of easy and hard ones."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

from flareseg.core.errors import DataError

from accuracy import qualitative
from accuracy.cases import ScoredCase, labelled_cts
from accuracy.patients import plans, write_patient
from accuracy.qualitative import ShownCase
from accuracy.results import Accuracy, CaseFigures


def draw(path: Path, scores: Path, results: Accuracy, cts: Path | None) -> None:
    """Write the picture of the easiest and the hardest synthetic patient and, if their folder is given, of the CTs.

    ``scores``: the folder that score wrote, with the predictions. Raises FlareError.
    """
    with tempfile.TemporaryDirectory() as folder:
        shown = _shown(scores / "synthetic", results.synthetic, lambda name: _synthetic(name, Path(folder)))
        if cts is not None:
            there = {case.name: case for case in labelled_cts(cts)}
            shown += _shown(scores / "cts", [case for case in results.cts if case.name in there], there.__getitem__)
        if not shown:
            raise DataError(f"{scores} holds no case that can be shown.", "Give the folder of its CTs with --cts.")
        qualitative.draw(path, shown)


def _shown(scores: Path, cases: list[CaseFigures], files_of: Callable[[str], ScoredCase]) -> list[ShownCase]:
    """The easiest and the hardest of the cases of which there are predictions."""
    paths = {case.name: scores / "predictions" / f"{case.name}.nii.gz" for case in cases}
    cases = [case for case in cases if paths[case.name].exists()]
    shown = []
    for word, case in zip(("easy", "hard"), qualitative.easy_and_hard(cases) if cases else ()):
        files = files_of(case.name)
        shown.append(ShownCase(_title(word, case), files.scan, files.ground_truth, paths[case.name]))
    return shown


def _synthetic(name: str, folder: Path) -> ScoredCase:
    """A synthetic patient, made again. Raises DataError for another name."""
    plan = next((plan for plan in plans() if plan.name == name), None)
    if plan is None:
        raise DataError(f"The case {name} is not there any more.", "Give the folder of the scored CTs with --cts.")
    return write_patient(plan, folder)


def _title(word: str, case: CaseFigures) -> str:
    return f"{word}: {case.name}\nmean Dice {100 * qualitative.mean_dice(case):.1f} %"

"""Segmentation and scoring of many cases, from file to file as a user would do it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path

import flareseg
from flareseg.core.errors import FlareError
from flareseg.core.organs import ORGANS
from flareseg.evaluation import tables
from flareseg.evaluation.cases import EvaluationCase
from flareseg.evaluation.evaluator import EvaluatedCase, Evaluator
from flareseg.evaluation.html_report import HtmlReport
from flareseg.evaluation.study import Study
from flareseg.evaluation.surface import TOLERANCES
from flareseg.inference.cascade import Cascade
from flareseg.io.outputs import make_folder, write_text

from accuracy.cases import ScoredCase
from accuracy.patients import PatientPlan, write_patient
from accuracy.results import CaseFigures, figures

PROTOCOL = TOLERANCES["flare21"]


@dataclass
class Scoring:
    """Scores a group of cases into ``folder``: what ``flareseg evaluate`` writes, with predictions/ and reports/.

    ``show`` is called with the figures of each case. ``html``: whether the report with its pictures is written.
    """

    cascade: Cascade
    folder: Path
    html: bool = True
    show: Callable[[CaseFigures], None] = lambda case: None
    _confidences: dict[str, list[float | None]] = field(default_factory=dict)
    _failures: list[str] = field(default_factory=list)

    def run(self, cases: Iterable[ScoredCase]) -> tuple[list[CaseFigures], list[str]]:
        """The figures of every case that could be scored, and messages about the others. Raises FlareError."""
        for part in ("predictions", "reports"):
            make_folder(self.folder / part)
        report = HtmlReport(self.folder / "report", PROTOCOL) if self.html else None
        found: list[CaseFigures] = []

        def scored(result: EvaluatedCase) -> None:
            if report:
                report.add(result)
            found.append(figures(result.score, self._confidences[result.score.name]))
            self.show(found[-1])

        study = Study()
        study.run(map(self._segmented, cases), Evaluator(PROTOCOL), scored)
        tables.write_scores(self.folder, study.scores)
        tables.write_summary(self.folder, study, PROTOCOL)
        if report:
            report.finish(study)
        return found, self._failures + study.warnings

    def _segmented(self, case: ScoredCase) -> EvaluationCase:
        """Segment a case. One that fails has no prediction, and scores 0 as in the challenge."""
        prediction = self.folder / "predictions" / f"{case.name}.nii.gz"
        told = self.folder / "reports" / f"{case.name}.json"
        confidences: dict[int, float | None] = {}
        try:
            report = flareseg.segment(case.scan, prediction, cascade=self.cascade).report
        except Exception as error:  # the other cases go on
            reason = error.message if isinstance(error, FlareError) else f"{type(error).__name__}: {error}"
            self._failures.append(f"{case.name} could not be segmented: {reason}")
            for earlier in (prediction, told):
                earlier.unlink(missing_ok=True)
        else:
            write_text(told, report.dumps())
            confidences = {organ.label: organ.confidence for organ in report.organs}
        self._confidences[case.name] = [confidences.get(organ.label) for organ in ORGANS]
        there = [path if path.exists() else None for path in (prediction, case.scan, told)]
        return EvaluationCase(case.name, case.ground_truth, *there)


def written_ahead(plans: Sequence[PatientPlan], folder: Path) -> Iterator[ScoredCase]:
    """The synthetic patients as files in ``folder``; another process makes the next one while one is scored.

    The files of a patient are removed when the next one is asked for. Raises FlareError.
    """
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        waiting: deque[Future[ScoredCase]] = deque()
        for n in range(len(plans) + 1):
            waiting.extend(pool.submit(write_patient, plan, folder) for plan in plans[n : n + 1])
            if n:
                case = waiting.popleft().result()
                yield case
                case.scan.unlink()
                case.ground_truth.unlink()

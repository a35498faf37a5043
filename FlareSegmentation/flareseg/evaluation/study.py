"""The evaluation of many cases; a case that cannot be scored does not stop the others."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from flareseg.core.errors import DataError, FlareError, OutputError
from flareseg.core.organs import ORGANS
from flareseg.evaluation.cases import EvaluationCase
from flareseg.evaluation.evaluator import EvaluatedCase, Evaluator
from flareseg.evaluation.scores import CaseScore
from flareseg.evaluation.selection import OrganSelection

_MOST_NAMED = 3


@dataclass
class Study:
    """``left_out``: why a case has no score. ``extra``: predictions without a ground truth. ``selection``:
    which organs are scored."""

    extra: list[Path] = field(default_factory=list)
    selection: OrganSelection = field(default_factory=OrganSelection)
    scores: list[CaseScore] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)

    @property
    def warnings(self) -> list[str]:
        """Messages about the study as a whole, and those of its cases."""
        extra = [f"{path.name} has no ground truth and is not scored." for path in self.extra]
        left_out = [f"{name} is not scored: {reason}" for name, reason in self.left_out.items()]
        notes = [f"{score.name}: {note}" for score in self.scores for note in score.notes]
        return extra + left_out + notes + not_scored(self.scores, self.selection)

    @property
    def failed(self) -> bool:
        """Whether any case had no score, or no prediction that could be used."""
        return bool(self.left_out) or any(score.failed for score in self.scores)

    def run(self, cases: Iterable[EvaluationCase], evaluator: Evaluator, show: Callable[[EvaluatedCase], None]) -> None:
        """Score cases and ``show`` each result. Raises OutputError alone, or when no case could be scored."""
        for case in cases:
            try:
                result = evaluator.evaluate(case)
                show(result)
                self.scores.append(result.score)
            except OutputError:
                raise
            except FlareError as error:
                self.left_out[case.name] = f"{error.message} {error.hint}".strip()
            except Exception as error:  # the other cases go on
                place = traceback.extract_tb(error.__traceback__)[-1]
                where = f"{Path(place.filename).name}, line {place.lineno}"
                self.left_out[case.name] = f"It failed unexpectedly ({type(error).__name__}: {error}; {where})."
        if not self.scores:
            raise DataError("No case could be scored.", " ".join(self.warnings))


def not_scored(scores: Sequence[CaseScore], selection: OrganSelection) -> list[str]:
    """A message for each organ that is left out of the scores of some cases."""
    if selection.labels is not None:
        left_out = [organ.name for organ in ORGANS if organ.label not in selection.labels]
        return [f"Not scored, as --organs does not name them: {', '.join(left_out).lower()}."] if left_out else []
    messages = []
    for n, organ in enumerate(ORGANS):
        without = [case for case in scores if case.organs[n].dice is None]
        shown = sum(bool(case.organs[n].prediction_ml) for case in without)
        if without:
            messages.append(
                f"{organ.name}: not in the ground truth of {len(without)} of {len(scores)} cases "
                f"({_few([case.name for case in without])}) and not scored there; in the prediction of {shown} of them."
            )
    hint = "Organs that were looked for in every case count as missing there when --organs names them (or says all)."
    return [*messages, hint] if messages else []


def _few(names: list[str]) -> str:
    return ", ".join(names[:_MOST_NAMED]) + (", ..." if len(names) > _MOST_NAMED else "")

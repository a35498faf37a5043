"""The HTML report: an overview and a page for each case, readable without a network."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

from flareseg.core.organs import ORGANS
from flareseg.display.pages import page_environment
from flareseg.evaluation import figures
from flareseg.evaluation.evaluator import EvaluatedCase
from flareseg.evaluation.scores import CaseScore
from flareseg.evaluation.study import Study
from flareseg.evaluation.summary import summarise
from flareseg.evaluation.views import organ_views
from flareseg.io.outputs import make_folder, write_text

_MOST_BYTES = 200  # of a case in the name of a file, of 255


class HtmlReport:
    """Draws the pictures of each case as it comes, and writes the pages at the end.

    ``folder`` gets index.html, cases/NAME.html and pictures/. ``tolerances``: mm by label value.
    Raises OutputError.
    """

    def __init__(self, folder: Path, tolerances: Mapping[int, float]) -> None:
        self._folder = folder
        self._tolerances = tolerances
        self._pictures: dict[str, dict[str, str]] = {}  # by case and organ, paths inside the folder
        self._environment = page_environment(Path(__file__).with_name("templates"))
        self._environment.globals |= {"page": _page, "file_name": _file_name}
        for part in ("cases", "pictures"):
            make_folder(folder / part)

    def add(self, result: EvaluatedCase) -> None:
        """Draw what can be shown of a case."""
        drawn = self._pictures[result.score.name] = {}
        if result.comparison is None:
            return
        for organ in ORGANS:
            if views := organ_views(result.comparison, organ):
                name = f"pictures/{_file_name(result.score.name)}-{organ.name.lower()}.png"
                figures.draw_organ(self._folder / name, views, self._tolerances[organ.label])
                drawn[organ.name] = name

    def finish(self, study: Study) -> None:
        """Write the pages, the worst case first."""
        worst_first = sorted(study.scores, key=lambda case: case.dice)
        for theme in figures.THEMES:
            figures.draw_box_plots(self._folder / f"pictures/spread-{theme.name}.png", worst_first, theme)
        for n, case in enumerate(worst_first):
            self._write_case(case, worst_first[n - 1] if n else None, *worst_first[n + 1 : n + 2])
        self._write(
            "index.html",
            "index.html.j2",
            cases=worst_first,
            summary=summarise(worst_first),
            warnings=study.warnings,
            tolerances=self._tolerances,
            scored=study.selection.names,
        )

    def _write_case(self, case: CaseScore, previous: CaseScore | None, after: CaseScore | None = None) -> None:
        self._write(
            f"cases/{_file_name(case.name)}.html",
            "case.html.j2",
            case=case,
            pictures=self._pictures[case.name],
            previous=previous.name if previous else None,
            next=after.name if after else None,
            colours={"missed": figures.MISSED, "too_much": figures.TOO_MUCH},
        )

    def _write(self, name: str, template: str, **facts: object) -> None:
        write_text(self._folder / name, self._environment.get_template(template).render(**facts))


def _page(case: str) -> str:
    """The link from the overview to a case."""
    return f"cases/{quote(_file_name(case))}.html"


def _file_name(case: str) -> str:
    """The case's name, shortened where file systems would not take it with what comes behind it."""
    name = case.encode()
    if len(name) <= _MOST_BYTES:
        return case
    return f"{name[:_MOST_BYTES].decode('utf-8', 'ignore')}-{hashlib.sha256(name).hexdigest()[:8]}"

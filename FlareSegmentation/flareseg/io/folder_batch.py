"""A batch of the scan files of a folder, with resume and a summary table."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import SimpleITK as sitk

from flareseg.core.errors import FlareError, OutputError
from flareseg.core.organs import Organ
from flareseg.core.report import Report
from flareseg.io.batch import Batch, Entry, State
from flareseg.io.image_files.nifti import is_nifti
from flareseg.io.outputs import check_writable, make_folder, write_text
from flareseg.io.reading import check_whole
from flareseg.io.tasks import Task

SUMMARY = "summary.csv"
_IN_SUMMARY = (State.DONE, State.SKIPPED, State.NOTHING_FOUND, State.FAILED)


class FolderBatch(Batch[Task, Report]):
    """A batch of files with a summary in ``folder`` that has the volumes of ``organs``.

    Raises OutputError when it cannot be written, or where another program's file lies in place of a report.
    """

    def __init__(self, tasks: list[Task], folder: Path, organs: tuple[Organ, ...]) -> None:
        super().__init__(tasks)
        self._summary = folder / SUMMARY
        self._organs = [organ.name for organ in organs]
        make_folder(folder)
        check_writable(self._summary)
        for report in filter(None, (task.report for task in tasks)):
            if report.exists() and "schema_version" not in _json_of(report):
                raise OutputError(
                    f"{report} exists and is not a report of flareseg.",
                    "Choose another output folder, or move that file away.",
                )

    def skip_finished(self) -> None:
        """Skip the tasks whose two files can be read. What they say is not compared: people correct label maps."""
        for entry in self.entries:
            if _is_finished(entry.task):
                self.skip(entry, _read_report(entry.task))

    def write_summary(self) -> None:
        """Write one row for each scan that has ended, as CSV in UTF-8. Raises OutputError."""
        text = io.StringIO()
        rows = csv.writer(text, lineterminator="\n")
        rows.writerow(["name", "state", "seconds", *(f"{organ} mL" for organ in self._organs), "warnings", "error"])
        rows.writerows(self._row(entry) for entry in self.entries if entry.state in _IN_SUMMARY)
        write_text(self._summary, text.getvalue())

    def _row(self, entry: Entry[Task, Report]) -> list[str]:
        row, report = {"error": str(entry.error or "")}, entry.result
        if report:
            row = {organ.name: f"{organ.volume_ml:.1f}" for organ in report.organs}
            warnings = report.warnings + [f"{organ.name}: {text}" for organ in report.organs for text in organ.warnings]
            row |= {"seconds": f"{report.total_seconds:.2f}", "warnings": " ".join(warnings)}
        columns = ["seconds", *self._organs, "warnings", "error"]
        return [entry.task.name, entry.state.value, *(row.get(column, "") for column in columns)]


def _is_finished(task: Task) -> bool:
    try:
        sitk.ReadImage(str(task.labels))
        if is_nifti(task.labels):  # of which ITK reads a part without an error
            check_whole(task.labels)
        return task.report is None or task.report.exists()
    except (FlareError, OSError, RuntimeError):
        return False


def _read_report(task: Task) -> Report | None:
    """Return a report; None for one of another version."""
    try:
        return Report.from_json(_json_of(task.report)) if task.report else None
    except (ValueError, KeyError, TypeError):
        return None


def _json_of(path: Path) -> dict[str, Any]:
    """Return the JSON object in a file; empty for any other file."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}

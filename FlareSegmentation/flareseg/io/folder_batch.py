"""A batch of the scan files of a folder, which goes on from the ledger of the output folder and writes its table.

The same ledger and table as those of ``flareseg archive``, so that either goes on where the other ended.
"""

from __future__ import annotations

import contextlib
import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import SimpleITK as sitk

from flareseg.core.errors import FlareError, OutputError
from flareseg.core.report import Report
from flareseg.io.batch import Batch, Entry, State
from flareseg.io.image_files.nifti import is_nifti
from flareseg.io.ledger import ResultLedger, ResultRow, file_key, series_key
from flareseg.io.ledger_lock import Hold
from flareseg.io.outputs import check_writable, make_folder
from flareseg.io.reading import check_whole
from flareseg.io.result_row import DONE, done_row, failed_row, inside, row_of
from flareseg.io.result_table import TABLE, write_csv
from flareseg.io.tasks import Task

_PAUSE = 20  # times as long as it took to write the table, which of an archive's folder has many rows
_ENDED = (State.DONE, State.SKIPPED, State.NOTHING_FOUND, State.FAILED)


class FolderBatch(Batch[Task, Report]):
    """A batch of files with the table of results in ``folder``.

    Raises OutputError when it cannot be written, or where another program's file lies in place of a report.
    """

    def __init__(self, tasks: list[Task], folder: Path) -> None:
        super().__init__(tasks)
        self._ledger = ResultLedger(folder)
        self._rows: dict[str, ResultRow] | None = None
        self._recorded: set[int] = set()
        self._due = 0.0
        make_folder(folder)
        check_writable(folder / TABLE)
        for report in filter(None, (task.report for task in tasks)):
            if report.exists() and "schema_version" not in _json_of(report):
                raise OutputError(
                    f"{report} exists and is not a report of flareseg.",
                    "Choose another output folder, or move that file away.",
                )

    def lock(self) -> contextlib.AbstractContextManager[Hold]:
        """Hold the output folder against other callers, archives too. Raises OutputError."""
        return self._ledger.lock()

    def skip_finished(self) -> None:
        """Skip the tasks whose files can be read. What they say is not compared: people correct label maps."""
        for entry in self.entries:
            if not _is_finished(entry.task):
                elsewhere = self._done_elsewhere(entry.task)
                if elsewhere is None or not _is_finished(elsewhere):
                    continue
                entry.task = elsewhere
            self.skip(entry, _read_report(entry.task))

    def keep_table(self) -> None:
        """Record the scans that have ended, and write the table unless that takes too long to do so again now.

        Raises OutputError.
        """
        rows = self._record_ended()
        if time.monotonic() >= self._due:
            self._write(rows)

    def write_table(self) -> None:
        """Record the scans that have ended, and write the table. Raises OutputError."""
        self._write(self._record_ended())

    def _record_ended(self) -> dict[str, ResultRow]:
        if self._rows is None:
            self._rows = {row["key"]: row for row in self._ledger.rows()}
        done = {row.get("labels") for row in self._rows.values() if row["state"] == DONE}
        for entry in self.entries:
            if entry.state in _ENDED and id(entry) not in self._recorded:
                self._recorded.add(id(entry))
                if entry.state is not State.SKIPPED or self._files(entry.task)["labels"] not in done:
                    self._record(entry, self._rows)
        return self._rows

    def _write(self, rows: dict[str, ResultRow]) -> None:
        begun = time.monotonic()
        write_csv(self._ledger.output / TABLE, sorted(rows.values(), key=lambda row: str(row["name"])))
        ended = time.monotonic()
        self._due = ended + _PAUSE * (ended - begun)

    def _record(self, entry: Entry[Task, Report], rows: dict[str, ResultRow]) -> None:
        """Place the row of an entry."""
        key, facts = _identity(entry.task)
        if entry.error:
            row = failed_row(key, entry.task.name, entry.error, **facts)
        elif entry.result:
            row = done_row(key, entry.task.name, entry.result, self._files(entry.task), **facts)
        else:  # a report of another version
            row = row_of(key, entry.task.name, DONE, **self._files(entry.task), **facts)
        rows[key] = row
        if not isinstance(entry.error, OutputError):  # of the disk, not of the scan
            self._ledger.place(row)

    def _files(self, task: Task) -> dict[str, str]:
        paths = {"labels": task.labels, "report": task.report}
        return {name: inside(path, self._ledger.output) for name, path in paths.items() if path}

    def _done_elsewhere(self, task: Task) -> Task | None:
        """The task with the files of its row, which an archive may have named otherwise."""
        row = self._ledger.row(_identity(task)[0])
        if row is None or row.get("state") != DONE or not {"labels", "report"} <= row.keys():
            return None
        return replace(task, labels=self._ledger.output / row["labels"], report=self._ledger.output / row["report"])


def _identity(task: Task) -> tuple[str, dict[str, str]]:
    """The key of a task; and of a DICOM series which images it has and what their header says."""
    if not task.scan.is_dir():
        return file_key(task.name), {}
    from flareseg.io.dicom.series import images_of, only_choice, series_facts

    with contextlib.suppress(OSError):  # reading says why
        if found := only_choice(task.scan):
            uid, part, stack = found
            return series_key(uid, part), {**series_facts(stack.header.path), "images": images_of(stack)}
    return file_key(task.name), {}


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

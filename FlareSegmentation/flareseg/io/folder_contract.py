"""FLARE's folder contract: every inputs/X_0000.nii.gz gives outputs/X.nii.gz."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from flareseg.core.errors import OutputError, ScanError
from flareseg.io.batch import DEFAULT_SUFFIX, Task
from flareseg.io.outputs import check_writable, make_folder
from flareseg.io.reading import is_scan_file

CHANNEL = "_0000"  # nnU-Net and FLARE call the CT of case X X_0000
_INPUT = f"{CHANNEL}{DEFAULT_SUFFIX}"


@dataclass(frozen=True)
class FolderPlan:
    """The tasks of a folder, and the scan files in it that the contract does not name."""

    tasks: list[Task]
    left_out: list[Path]


def plan_folder(inputs: Path, outputs: Path, reports: Path | None = None) -> FolderPlan:
    """A task for each X_0000.nii.gz, with a report X.json in the folder ``reports`` if there is one.

    Raises ScanError or OutputError before any work is done.
    """
    scans = _scans(inputs)
    if outputs.resolve() == inputs.resolve():
        raise OutputError("Inputs and outputs are the same folder.", "Give another folder for the outputs.")
    tasks = [_task(scan, outputs, reports) for scan in scans if scan.name.endswith(_INPUT)]
    if not tasks:
        raise ScanError(f"The folder {inputs} holds no scan named X{_INPUT}.", f"Name each scan X as X{_INPUT}.")
    for folder in filter(None, (outputs, reports)):
        make_folder(folder)
    check_writable(tasks[0].labels)
    return FolderPlan(tasks, [scan for scan in scans if not scan.name.endswith(_INPUT)])


@dataclass(frozen=True)
class EarlierResult:
    """The file that lies at the target of a task before the task runs."""

    path: Path
    status: os.stat_result | None

    @classmethod
    def at(cls, path: Path) -> EarlierResult:
        return cls(path, _status(path))

    def remove(self) -> bool:
        """Remove it, unless nothing was there or a new file has taken its place; whether it was removed.

        Raises OutputError.
        """
        now = _status(self.path)
        if not (self.status and now and os.path.samestat(self.status, now)):
            return False
        try:
            self.path.unlink()
        except OSError as error:
            raise OutputError(
                f"{self.path} is of an earlier run and cannot be removed: {error.strerror}.",
                "Remove it: it is not a result of this run.",
            ) from error
        return True


def _status(path: Path) -> os.stat_result | None:
    """None when nothing is there. Of a link, the status of the link itself."""
    return path.lstat() if os.path.lexists(path) else None


def _scans(inputs: Path) -> list[Path]:
    try:
        return sorted(path for path in inputs.iterdir() if is_scan_file(path) and not path.name.startswith("."))
    except OSError as error:
        raise ScanError(f"The folder {inputs} cannot be read: {error.strerror}.", "Check the path.") from error


def _task(scan: Path, outputs: Path, reports: Path | None) -> Task:
    case = scan.name.removesuffix(_INPUT)
    return Task(scan, outputs / f"{case}{DEFAULT_SUFFIX}", reports / f"{case}.json" if reports else None, None)

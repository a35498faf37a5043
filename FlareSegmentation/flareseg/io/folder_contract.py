"""FLARE's folder contract: every inputs/X_0000.nii.gz gives outputs/X.nii.gz."""

from __future__ import annotations

from pathlib import Path

from flareseg.core.errors import OutputError, ScanError
from flareseg.io.outputs import check_writable, make_folder
from flareseg.io.reading import is_scan_file
from flareseg.io.tasks import DEFAULT_SUFFIX, Plan, Task

CHANNEL = "_0000"  # nnU-Net and FLARE call the CT of case X X_0000
_INPUT = f"{CHANNEL}{DEFAULT_SUFFIX}"


def plan_contract(inputs: Path, outputs: Path, reports: Path | None = None) -> Plan:
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
    others = [scan for scan in scans if not scan.name.endswith(_INPUT)]
    return Plan(tasks, [f"{scan} is not named X{_INPUT} and is left out." for scan in others])


def _scans(inputs: Path) -> list[Path]:
    try:
        return sorted(path for path in inputs.iterdir() if is_scan_file(path) and not path.name.startswith("."))
    except OSError as error:
        raise ScanError(f"The folder {inputs} cannot be read: {error.strerror}.", "Check the path.") from error


def _task(scan: Path, outputs: Path, reports: Path | None) -> Task:
    case = scan.name.removesuffix(_INPUT)
    return Task(str(scan), scan, outputs / f"{case}{DEFAULT_SUFFIX}", reports / f"{case}.json" if reports else None)

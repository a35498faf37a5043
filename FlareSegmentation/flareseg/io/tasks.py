"""The tasks of a command: its scans, and the paths of the results of each."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from flareseg.core.errors import JobError, OutputError, ScanError
from flareseg.io.outputs import check_writable, make_folder
from flareseg.io.reading import stem
from flareseg.io.scan_folder import RESULT, Inputs, holds_dicom, scans_among, scans_in
from flareseg.io.writing import SUFFIXES, suffix_of

DEFAULT_SUFFIX = ".nii.gz"


@dataclass(frozen=True)
class Task:
    """One scan and the files it gives; ``report`` and ``preview`` are None when not asked for.

    ``name``: the scan's path as the caller gave it, or inside the folder that the caller gave.
    """

    name: str
    scan: Path
    labels: Path
    report: Path | None = None
    preview: Path | None = None

    @property
    def targets(self) -> list[Path]:
        return [path for path in (self.labels, self.report, self.preview) if path]


@dataclass(frozen=True)
class Plan:
    """The tasks of a command, and a message for each file of a folder that was left out."""

    tasks: list[Task]
    left_out: list[str]


def plan(
    scans: Sequence[Path], output: Path, report: Path | None, preview: Path | None, keep: Sequence[Path] = ()
) -> Plan:
    """A task for each scan; no target is one of the scans or of the files to ``keep``.

    A folder among ``scans`` stands for the scan files in it, or else for one DICOM series. One scan
    may have ``output``, ``report`` and ``preview`` as file names; several need folders, in which
    the results of scan NAME are NAME-organs.nii.gz, NAME.json and NAME.png.
    Raises ScanError or OutputError before any work is done.
    """
    inputs = [_expanded(given) for given in scans]
    found = [scan for part in inputs for scan in part.scans]
    single = len(found) == 1
    tasks = [
        Task(
            str(scan),
            scan,
            _target(output, single, f"{_name(scan)}{RESULT}{DEFAULT_SUFFIX}", SUFFIXES),
            _target(report, single, f"{_name(scan)}.json", (".json",)) if report else None,
            _target(preview, single, f"{_name(scan)}.png", (".png",)) if preview else None,
        )
        for scan in found
    ]
    _check(tasks, [*found, *keep])
    return Plan(tasks, [message for part in inputs for message in part.left_out])


def plan_folder(folder: Path, output: Path, pattern: str, suffix: str) -> Plan:
    """A task for each scan file of a folder and for each subfolder with DICOM files that match a pattern.

    Results keep the place of their scan inside the folder: that of A/NAME.nrrd is ``output``/A/NAME + ``suffix``, and
    its report ``output``/A/NAME.json. A folder without a scan in it may itself be a DICOM series.
    Raises ScanError or JobError or OutputError before any work is done.
    """
    suffix_of(Path(f"name{suffix}"))
    if not folder.is_dir():
        raise ScanError(f"Folder not found: {folder}.", "Check the path.")
    found = scans_among(_matches(folder, pattern), folder, with_dicom=True)
    tasks = [_task_inside(scan, scan.relative_to(folder), output, suffix) for scan in found.scans]
    if not tasks and holds_dicom(folder):
        tasks = [_task_inside(folder, Path(folder.resolve().name), output, suffix)]
    if not tasks:
        raise ScanError(
            f'No scan in {folder} matches "{pattern}".',
            "Give a folder with NIfTI, NRRD or MetaImage files, or with one subfolder for each DICOM series.",
        )
    _check(tasks, found.scans)
    return Plan(tasks, found.left_out)


def _expanded(given: Path) -> Inputs:
    try:
        if not given.is_dir():
            return Inputs([given], [])
        found = scans_in(given)
    except OSError as error:
        raise ScanError(f"{given} cannot be read: {error.strerror}.", "Check that you may read it.") from error
    return found if found.scans else Inputs([given], found.left_out)


def _matches(folder: Path, pattern: str) -> list[Path]:
    try:
        return sorted(folder.glob(pattern))
    except (ValueError, NotImplementedError):
        raise JobError(
            f'The pattern "{pattern}" cannot be used.', 'Use one like "*", "*.nii.gz" or "*/ct.nii.gz".'
        ) from None


def _task_inside(scan: Path, name: Path, output: Path, suffix: str) -> Task:
    target = output / name.parent / stem(name)
    labels, report = (target.with_name(target.name + end) for end in (suffix, ".json"))
    return Task(name.as_posix(), scan, labels, report)


def _name(scan: Path) -> str:
    """The name of a scan for its results, that of the folder for "." and ".."."""
    named = Path(os.path.realpath(scan)) if scan.name in ("", "..") else scan
    return stem(named) or "scan"


def _target(asked: Path, single: bool, name: str, suffixes: tuple[str, ...]) -> Path:
    if os.path.isdir(asked) or not asked.suffix:  # noqa: PTH112, of a name that is too long Path.is_dir raises
        return asked / name
    if not single:
        raise OutputError(f"{asked} cannot hold the results of several scans.", "Give the name of a folder.")
    if not asked.name.lower().endswith(suffixes):
        raise OutputError(f"{asked.name} has no known suffix.", f"Use {' or '.join(suffixes)}, or a folder.")
    return asked


def _check(tasks: list[Task], keep: Sequence[Path]) -> None:
    """Raise OutputError unless every target can be written, once and over none of the files to keep."""
    kept = {_place(path) for path in keep}
    taken: dict[str, Task] = {}
    for task in tasks:
        suffix_of(task.labels)
        for target in task.targets:
            if _place(target) in kept:
                raise OutputError(f"{target} would be overwritten.", "Choose another name for the result.")
            if (other := taken.setdefault(_place(target), task)) is not task:
                raise OutputError(
                    f"{other.scan} and {task.scan} would both write {target.name}.",
                    "Segment them one at a time.",
                )
    for target in (target for task in tasks for target in task.targets):
        make_folder(target.parent)
        check_writable(target)


def _place(path: Path) -> str:
    """Return one key for all paths that some file system takes for one: by links, capitals, or composed letters."""
    return unicodedata.normalize("NFC", os.path.realpath(path)).casefold()

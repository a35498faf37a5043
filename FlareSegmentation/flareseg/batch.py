"""Which scans a command means, and where each one's results go."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from flareseg.errors import FlareError, bad_scan
from flareseg.outputs import check_writable, make_folder
from flareseg.reading import is_scan_file, stem
from flareseg.writing import SUFFIXES, suffix_of

DEFAULT_SUFFIX = ".nii.gz"
RESULT = "-organs"


@dataclass(frozen=True)
class Task:
    """One scan and the files it gives; ``report`` and ``preview`` are None when not asked for."""

    scan: Path
    labels: Path
    report: Path | None
    preview: Path | None


def plan(
    scans: Sequence[Path], output: Path, report: Path | None, preview: Path | None, keep: Sequence[Path] = ()
) -> list[Task]:
    """A task for each scan; no target is one of the scans or of the files to ``keep``.

    A folder among ``scans`` stands for the scan files in it, or else for one DICOM series. One scan
    may have ``output``, ``report`` and ``preview`` as file names; several need folders, in which
    the results of scan NAME are NAME-organs.nii.gz, NAME.json and NAME.png.
    Raises FlareError("bad_scan" or "write") before any work is done.
    """
    found = [scan for given in scans for scan in _expanded(given)]
    single = len(found) == 1
    tasks = [
        Task(
            scan,
            _target(output, single, f"{stem(scan)}{RESULT}{DEFAULT_SUFFIX}", SUFFIXES),
            _target(report, single, f"{stem(scan)}.json", (".json",)) if report else None,
            _target(preview, single, f"{stem(scan)}.png", (".png",)) if preview else None,
        )
        for scan in found
    ]
    _check(tasks, {path.resolve() for path in (*found, *keep)})
    return tasks


def _expanded(given: Path) -> list[Path]:
    try:
        if not given.is_dir():
            return [given]
        files = sorted(path for path in given.iterdir() if is_scan_file(path) and not _is_result(path))
    except OSError as error:
        raise bad_scan(
            f"The folder {given} cannot be read: {error.strerror}.", "Check that you may read it."
        ) from error
    return files or [given]


def _is_result(path: Path) -> bool:
    """A result of an earlier run into the same folder, or a hidden file."""
    return path.name.startswith(".") or stem(path).removesuffix(".seg").endswith(RESULT)


def _target(asked: Path, single: bool, name: str, suffixes: tuple[str, ...]) -> Path:
    if asked.is_dir() or not asked.suffix:
        return asked / name
    if not single:
        raise FlareError("write", f"{asked} cannot hold the results of several scans.", "Give the name of a folder.")
    if not asked.name.lower().endswith(suffixes):
        raise FlareError("write", f"{asked.name} has no known suffix.", f"Use {' or '.join(suffixes)}, or a folder.")
    return asked


def _check(tasks: list[Task], keep: set[Path]) -> None:
    taken: dict[Path, Path] = {}
    for task in tasks:
        suffix_of(task.labels)
        for target in filter(None, (task.labels, task.report, task.preview)):
            if target.resolve() in keep:
                raise FlareError("write", f"{target} would be overwritten.", "Choose another name for the result.")
            if (other := taken.setdefault(target.resolve(), task.scan)) is not task.scan:
                raise FlareError(
                    "write", f"{other} and {task.scan} would both write {target.name}.", "Segment them one at a time."
                )
            make_folder(target.parent)
            check_writable(target)

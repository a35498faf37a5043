"""The tasks of a command: its scans, and the paths of the results of each."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from flareseg.core.errors import JobError, OutputError, ScanError
from flareseg.io.outputs import check_writable, make_folder
from flareseg.io.reading import common_folder, is_dicom_slice, stem
from flareseg.io.scan_folder import RESULT, Inputs, holds_dicom, scans_among, scans_in
from flareseg.io.writing import SUFFIXES, suffix_of

DEFAULT_SUFFIX = ".nii.gz"
DICOM = ".dcm"
DICOM_SEG = "dicom-seg"
STRUCTURES = "dicom-rtstruct"
FORMATS = {
    **{suffix.removeprefix("."): suffix for suffix in SUFFIXES},
    DICOM_SEG: DICOM,
    STRUCTURES: DICOM,
}
"""Formats of the organs by name, and the suffix of a file of each."""
KNOWN = (*SUFFIXES, DICOM)


@dataclass(frozen=True)
class Task:
    """One scan and the files it gives; those that are None are not asked for.

    ``name``: the scan's path as the caller gave it, or inside the folder that the caller gave. ``dicom_report`` and
    ``uncertainty``: a structured report, and the uncertainty as a segmentation, both DICOM. ``files``: of a series
    that the caller gave file by file; ``scan`` is their folder.
    """

    name: str
    scan: Path
    labels: Path
    report: Path | None = None
    preview: Path | None = None
    dicom_report: Path | None = None
    uncertainty: Path | None = None
    files: tuple[Path, ...] = ()

    @property
    def targets(self) -> list[Path]:
        paths = (self.labels, self.report, self.preview, self.dicom_report, self.uncertainty)
        return [path for path in paths if path]


@dataclass(frozen=True)
class Plan:
    """The tasks of a command, and a message for each file of a folder that was left out."""

    tasks: list[Task]
    left_out: list[str]


@dataclass(frozen=True)
class Outputs:
    """Where the results of a command go, each a file or a folder; None for what is not asked for.

    ``format``: one of FORMATS; None follows from the name of a file, and in a folder is NIfTI.
    """

    labels: Path
    report: Path | None = None
    preview: Path | None = None
    dicom_report: Path | None = None
    uncertainty: Path | None = None
    format: str | None = None


def plan(scans: Sequence[Path], outputs: Outputs, keep: Sequence[Path] = ()) -> Plan:
    """A task for each scan; no target is one of the scans or of the files to ``keep``.

    A folder among ``scans`` stands for the scan files in it, or else for one DICOM series; all DICOM slices among them
    are one series. One scan
    may have file names for its results; several need folders, in which the results of scan NAME are
    NAME-organs.nii.gz (or as ``format`` says), NAME.json, NAME.png, NAME-report.dcm and NAME-uncertainty.dcm.
    Raises ScanError, JobError or OutputError before any work is done.
    """
    suffixes = _suffixes(outputs)
    slices = tuple(given for given in scans if is_dicom_slice(given)) if len(scans) > 1 else ()
    slices = slices if len(slices) > 1 else ()
    inputs = [_expanded(given) for given in scans if given not in slices]
    found = [scan for part in inputs for scan in part.scans]
    single = len(found) + bool(slices) == 1
    tasks = [_task(scan, outputs, single, suffixes) for scan in found]
    if slices:
        tasks.append(replace(_task(common_folder(slices), outputs, single, suffixes), files=slices))
    _check(tasks, [*found, *slices, *keep])
    return Plan(tasks, [message for part in inputs for message in part.left_out])


def _suffixes(outputs: Outputs) -> tuple[str, ...]:
    """Those that a file of the organs may have, that of a file in a folder first. Raises JobError or OutputError."""
    if outputs.format is None:
        return (DEFAULT_SUFFIX, *KNOWN)
    if outputs.format not in FORMATS:
        raise JobError(f'Unknown format: "{outputs.format}".', f"Use one of {', '.join(FORMATS)}.")
    suffix, name = FORMATS[outputs.format], outputs.labels.name.lower()
    if name.endswith(KNOWN) and not name.endswith(suffix):
        raise OutputError(
            f"{outputs.labels.name} does not fit the format {outputs.format}.", f"Use {suffix}, or a folder."
        )
    return (suffix,)


def _task(scan: Path, outputs: Outputs, single: bool, suffixes: tuple[str, ...]) -> Task:
    name = _name(scan)

    def other(asked: Path | None, end: str, suffix: str) -> Path | None:
        return None if asked is None else _target(asked, single, f"{name}{end}{suffix}", (suffix,))

    return Task(
        str(scan),
        scan,
        _target(outputs.labels, single, f"{name}{RESULT}{suffixes[0]}", suffixes),
        other(outputs.report, "", ".json"),
        other(outputs.preview, "", ".png"),
        other(outputs.dicom_report, "-report", DICOM),
        other(outputs.uncertainty, "-uncertainty", DICOM),
    )


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
        known = " or ".join(dict.fromkeys(suffixes))
        raise OutputError(f"{asked.name} has no known suffix.", f"Use {known}, or a folder.")
    return asked


def _check(tasks: list[Task], keep: Sequence[Path]) -> None:
    """Raise OutputError unless every target can be written, once and over none of the files to keep."""
    kept = {_place(path) for path in keep}
    taken: dict[str, Task] = {}
    for task in tasks:
        if not task.labels.name.lower().endswith(DICOM):
            suffix_of(task.labels)
        places = [_place(target) for target in task.targets]
        if len(set(places)) < len(places):
            raise OutputError("Two results of the scan have the same file name.", "Give each its own.")
        for target, place in zip(task.targets, places):
            if place in kept:
                raise OutputError(f"{target} would be overwritten.", "Choose another name for the result.")
            if (other := taken.setdefault(place, task)) is not task:
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

"""The cases of a batch: which scan files of a folder, and where the results of each go."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from flareseg.core.errors import JobError, OutputError, ScanError
from flareseg.io.reading import is_scan_file, stem
from flareseg.io.writing import SEGMENTATION_SUFFIX, suffix_of
from slicer.i18n import tr as _

SUFFIX = "-organs" + SEGMENTATION_SUFFIX
_DICOM_MARK = (128, b"DICM")  # DICOM PS3.10, section 7.1: preamble of 128 bytes, then the prefix


@dataclass(frozen=True)
class Case:
    """A scan and the files it gives. ``name``: the scan's path inside the input folder, as it was given."""

    name: str
    scan: Path
    labels: Path
    report: Path


def findCases(inputFolder: Path, outputFolder: Path, pattern: str = "*", suffix: str = SUFFIX) -> list[Case]:
    """The scans of ``inputFolder`` and the files they give; see segmentFolder.

    Hidden files, segmentations, earlier results and the output folder are not scans. A folder without any
    scan in it may itself be a DICOM series. Raises ScanError or JobError or OutputError.
    """
    suffix_of(Path("name" + suffix))
    if not inputFolder.is_dir():
        raise ScanError(_("Folder not found: {folder}.").format(folder=inputFolder), _("Check the path."))
    found = [path for path in _matches(inputFolder, pattern) if _isScan(path, outputFolder)]
    cases = _withoutResults([_case(path, path.relative_to(inputFolder), outputFolder, suffix) for path in found])
    if not cases and _holdsDicom(inputFolder):
        cases = [_case(inputFolder, Path(inputFolder.resolve().name), outputFolder, suffix)]
    if not cases:
        raise ScanError(
            _('No scan in {folder} matches "{pattern}".').format(folder=inputFolder, pattern=pattern),
            _("Give a folder with NIfTI, NRRD or MetaImage files, or with one subfolder for each DICOM series."),
        )
    _refuseCollisions(cases)
    return cases


def _matches(folder: Path, pattern: str) -> list[Path]:
    try:
        return sorted(folder.glob(pattern))
    except (ValueError, NotImplementedError):
        raise JobError(
            _('The pattern "{pattern}" cannot be used.').format(pattern=pattern),
            _('Use one like "*", "*.nii.gz" or "*/ct.nii.gz".'),
        ) from None


def _isScan(path: Path, outputFolder: Path) -> bool:
    if path.name.startswith(".") or path.resolve() == outputFolder.resolve():
        return False
    if path.is_dir():
        return _holdsDicom(path)
    return is_scan_file(path) and not path.name.lower().endswith(SEGMENTATION_SUFFIX)


def _holdsDicom(folder: Path) -> bool:
    """A folder that cannot be looked into counts: reading it will say why."""
    try:
        return any(_isDicom(path) for path in sorted(folder.iterdir()) if path.is_file())
    except OSError:
        return True


def _isDicom(path: Path) -> bool:
    offset, mark = _DICOM_MARK
    with path.open("rb") as stream:
        stream.seek(offset)
        return stream.read(len(mark)) == mark


def _case(scan: Path, name: Path, outputFolder: Path, suffix: str) -> Case:
    target = outputFolder / name.parent / stem(name)
    labels, report = (target.with_name(target.name + end) for end in (suffix, ".json"))
    return Case(name.as_posix(), scan, labels, report)


def _withoutResults(cases: list[Case]) -> list[Case]:
    """An input folder that is the output folder as well holds the results of earlier scans."""
    results = {case.labels.resolve(): case for case in cases}
    return [case for case in cases if results.get(case.scan.resolve(), case) is case]


def _refuseCollisions(cases: list[Case]) -> None:
    taken = {case.scan.resolve() for case in cases}
    for case in cases:
        if case.labels.resolve() in taken:
            raise OutputError(
                _("The result of {name} would be written over another file of this batch.").format(name=case.name),
                _("Choose another output folder, suffix or pattern."),
            )
        taken.add(case.labels.resolve())

"""Matching of predictions, ground truths, scans and reports to cases by file name."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from flareseg.core.errors import DataError
from flareseg.io.folder_contract import CHANNEL
from flareseg.io.reading import is_scan_file, stem
from flareseg.io.scan_folder import RESULT


@dataclass(frozen=True)
class EvaluationCase:
    """The files of one case; what is not there is None."""

    name: str
    ground_truth: Path
    prediction: Path | None = None
    scan: Path | None = None
    report: Path | None = None


@dataclass(frozen=True)
class Matching:
    """The cases of a comparison, and predictions that no ground truth belongs to."""

    cases: list[EvaluationCase]
    extra: list[Path]


def case_name(path: Path) -> str:
    """The case a file belongs to: X for X.nii.gz, X_0000.nii.gz, X-organs.seg.nrrd and X_0000.json.

    Bytes of a name that are not UTF-8 become U+FFFD, as tables and pages are written in UTF-8.
    """
    name = os.fsencode(stem(path).removesuffix(".json")).decode("utf-8", "replace")
    for suffix in (".seg", RESULT, CHANNEL):
        name = name.removesuffix(suffix) or name
    return name


def match(predictions: Path, ground_truths: Path, scans: Path | None = None, reports: Path | None = None) -> Matching:
    """Match two folders by the names of their files, or take two files as one case.

    ``scans`` and ``reports`` are folders too, or files where ``ground_truths`` is one; reports lie beside the
    predictions unless told otherwise.
    Raises DataError when there is nothing to compare or a name fits twice.
    """
    if ground_truths.is_file() and predictions.is_file():
        return _single(predictions, ground_truths, scans, reports)
    true = _by_case(ground_truths, _labels_first)
    if not true:
        raise DataError(f"The folder {ground_truths} holds no label maps.", "Give the folder of the true labels.")
    predicted = _by_case(predictions, _results_first)
    pictured = _by_case(scans, _scans_first) if scans else {}
    told = _by_case(reports or predictions, _labels_first, _is_report)
    cases = [EvaluationCase(x, true[x], predicted.get(x), pictured.get(x), told.get(x)) for x in sorted(true)]
    return Matching(cases, [path for x, path in sorted(predicted.items()) if x not in true])


def _single(prediction: Path, ground_truth: Path, scan: Path | None, report: Path | None) -> Matching:
    name = case_name(prediction)
    if report is None or report.is_dir():
        report = _by_case(report or prediction.parent, _labels_first, _is_report).get(name)
    if scan and scan.is_dir():
        scan = _by_case(scan, _scans_first).get(name)
    return Matching([EvaluationCase(name, ground_truth, prediction, scan, report)], [])


def _by_case(
    folder: Path, preference: Callable[[Path], tuple[bool, bool]], belongs: Callable[[Path], bool] = is_scan_file
) -> dict[str, Path]:
    """The preferred file of each case in a folder."""
    found: dict[str, Path] = {}
    for path in _files(folder, belongs):
        other = found.setdefault(case_name(path), path)
        if other is not path and preference(path) == preference(other):
            raise DataError(f"{other.name} and {path.name} in {folder} are one case.", "Keep one of them there.")
        found[case_name(path)] = max(other, path, key=preference)
    return found


def _files(folder: Path, belongs: Callable[[Path], bool]) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if belongs(path) and not path.name.startswith("."))
    except OSError as error:
        raise DataError(
            f"The folder {folder} cannot be read: {error.strerror}.", "Give a folder, or two files."
        ) from error


def _is_report(path: Path) -> bool:
    return path.is_file() and path.suffix.lower() == ".json"


def _is_result(path: Path) -> bool:
    return stem(path).removesuffix(".seg").endswith(RESULT)


def _is_channel(path: Path) -> bool:
    return stem(path).removesuffix(".json").endswith(CHANNEL)


def _labels_first(path: Path) -> tuple[bool, bool]:
    return not _is_result(path), not _is_channel(path)


def _results_first(path: Path) -> tuple[bool, bool]:
    return _is_result(path), not _is_channel(path)


def _scans_first(path: Path) -> tuple[bool, bool]:
    return not _is_result(path), _is_channel(path)

"""Many scans, one after the other, in the warm worker: volume nodes of the scene, or the scan files of a folder."""

from __future__ import annotations

import csv
import io
import json
import logging
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from enum import Enum
from functools import partial
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np
import qt
import SimpleITK as sitk
import slicer
from flareseg.core.errors import Cancelled, FlareError, OutputError, ScanError
from flareseg.core.geometry import Geometry
from flareseg.core.organs import organs_shown
from flareseg.core.report import Report, StageTime
from flareseg.io.image_files.nifti import is_nifti
from flareseg.io.outputs import check_writable, make_folder, write_text
from flareseg.io.reading import check_whole, read_volume
from flareseg.io.writing import write_labels
from slicer.i18n import tr as _

from ..choices import CleanUp, DeviceChoice, PrecisionChoice
from ..explained import explained
from ..options import RunOptions
from .cases import SUFFIX, Case, findCases
from .dependencies import Dependencies
from .job import Job, JobRunner

SUMMARY = "summary.csv"
_LOOK_SECONDS = 0.02  # between two turns of Slicer's event loop while a file is read or written

Result = TypeVar("Result")


class BatchLogic(Protocol):
    """What a batch needs of the module's logic."""

    runner: JobRunner
    dependencies: Dependencies

    def segment(self, volumeNode: slicer.vtkMRMLScalarVolumeNode, **options: Any) -> slicer.vtkMRMLSegmentationNode: ...


class State(str, Enum):
    """What became of a case."""

    DONE = "done"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class NodeResult:
    """A volume node with its segmentation node, or with the error that it met."""

    volumeNode: slicer.vtkMRMLScalarVolumeNode
    segmentationNode: slicer.vtkMRMLSegmentationNode | None
    error: FlareError | None


@dataclass(frozen=True)
class CaseResult:
    """``report`` is there for a case that is done, and for a skipped one whose report this version can read;
    ``error`` for a failed one."""

    case: Case
    state: State
    report: Report | None = None
    error: FlareError | None = None


def segmentAll(
    logic: BatchLogic,
    volumeNodes: Iterable[slicer.vtkMRMLScalarVolumeNode],
    onResult: Callable[[NodeResult], object] | None = None,
    **options: Any,
) -> list[NodeResult]:
    """A result for each node, in their order; a node that cannot be segmented does not stop the others.

    Closing the logic does: the nodes that are left then fail as cancelled. ``onResult`` is called after
    each node; ``options`` (``device="cpu"``, ...) are those of the logic's ``segment``.
    Raises PackagesError when the engine's packages are missing.
    """
    logic.dependencies.ensure()
    results: list[NodeResult] = []
    stopped: FlareError | None = None
    for volumeNode in list(volumeNodes):
        result = NodeResult(volumeNode, None, stopped) if stopped else _segmentNode(logic, volumeNode, options)
        if isinstance(result.error, Cancelled):
            stopped = result.error
        results.append(result)
        if onResult:
            onResult(result)
    return results


def segmentFolder(
    logic: BatchLogic,
    inputFolder: str | Path,
    outputFolder: str | Path,
    pattern: str = "*",
    resume: bool = True,
    device: str | DeviceChoice = "auto",
    suffix: str = SUFFIX,
    splitKidneys: bool = False,
    cleanUp: str | CleanUp = CleanUp.NORMAL,
    onResult: Callable[[CaseResult], object] | None = None,
    precision: str | PrecisionChoice = PrecisionChoice.AUTO,
) -> list[CaseResult]:
    """Segment the scans of a folder: NIfTI, NRRD and MetaImage files, and subfolders with a DICOM series.

    ``pattern`` chooses among them as in pathlib ("*.nii.gz", "*/ct.nii.gz"). Scan NAME gives NAME + ``suffix``
    and the report NAME.json at the same place inside ``outputFolder``, and a row of summary.csv there.
    With ``resume`` a case whose two files are there and whole is skipped, also when a person has corrected
    its label map since; without, they are made again. ``splitKidneys``, ``cleanUp`` and ``precision`` are
    those of RunOptions.
    ``onResult`` is called after each case.

    A case that fails does not stop the others. Raises FlareError when nothing can be done at all (no scan, a
    folder that cannot be written, missing packages), and Cancelled when the logic is closed, or Slicer quits,
    while a case is segmented: what was done by then stays, and the same call goes on from there.
    """
    logic.runner.refuseWhenBusy()
    options = RunOptions(device, splitKidneys=splitKidneys, cleanUp=cleanUp, precision=precision)
    cases = findCases(Path(inputFolder), Path(outputFolder), pattern, suffix)
    summary = Path(outputFolder) / SUMMARY
    _prepareFolders(cases, summary)
    logic.dependencies.ensure()
    return FolderBatch(logic.runner, summary, options).work(cases, resume, onResult)


class FolderBatch:
    """Works off cases and keeps their summary up to date, so that an interruption loses nothing."""

    def __init__(self, runner: JobRunner, summary: Path, options: RunOptions) -> None:
        self._runner, self._summary, self._options = runner, summary, options

    def work(
        self, cases: list[Case], resume: bool, onResult: Callable[[CaseResult], object] | None
    ) -> list[CaseResult]:
        """Finished cases come first, all at once: the summary never loses their rows, however often it is resumed."""
        finished = [case for case in cases if resume and inBackground(partial(_isWhole, case))]
        results = {case.name: CaseResult(case, State.SKIPPED, _readReport(case)) for case in finished}
        self._keepSummary(cases, results)
        for case in cases:
            if case.name not in results:
                results[case.name] = self._segment(case)
                self._keepSummary(cases, results)
            if onResult:
                onResult(results[case.name])
        ordered = [results[case.name] for case in cases]
        self._writeSummary(ordered)
        return ordered

    def _segment(self, case: Case) -> CaseResult:
        try:
            start = time.monotonic()
            job, geometry, warnings = inBackground(partial(_newJob, case, self._options))
            seconds = time.monotonic() - start
            labels, report = _runJob(self._runner, job)
            report.scan.name = case.name
            report.warnings = warnings + report.warnings
            _addSeconds(report, "read", seconds)
            inBackground(partial(_write, case, labels, geometry, report))
            return CaseResult(case, State.DONE, report)
        except Cancelled:
            raise
        except Exception as error:  # whatever it is, the other cases have to go on
            return CaseResult(case, State.FAILED, error=explained(error))

    def _keepSummary(self, cases: list[Case], results: dict[str, CaseResult]) -> None:
        """A summary that is open in another program, or a full disk, must not stop the batch."""
        try:
            self._writeSummary([results[case.name] for case in cases if case.name in results])
        except FlareError as error:
            logging.warning("FlareSegmentation: %s", error)

    def _writeSummary(self, results: list[CaseResult]) -> None:
        names = [organ.name for organ in organs_shown(self._options.splitKidneys)]
        writeSummary(self._summary, results, names)


def writeSummary(path: Path, results: list[CaseResult], organs: list[str]) -> None:
    """One row a case as CSV (UTF-8), with the volumes of these organs. Raises OutputError."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(["name", "state", "seconds", *(f"{organ} mL" for organ in organs), "warnings", "error"])
    rows.writerows(_row(result, organs) for result in results)
    write_text(path, text.getvalue())


def inBackground(work: Callable[[], Result]) -> Result:
    """What ``work`` returns or raises; it runs in a thread while Slicer handles its events.

    It must touch neither nodes nor widgets.
    """
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(work)
        while not future.done():
            slicer.app.processEvents()
            wait([future], timeout=_LOOK_SECONDS)
        return future.result()


def _segmentNode(logic: BatchLogic, volumeNode: slicer.vtkMRMLScalarVolumeNode, options: dict[str, Any]) -> NodeResult:
    try:
        if volumeNode is not None and volumeNode.GetScene() is None:
            raise ScanError(_("The scan is no longer in the scene."), _("Load it again."))
        return NodeResult(volumeNode, logic.segment(volumeNode, **options), None)
    except Exception as error:  # whatever it is, the other nodes have to go on
        return NodeResult(volumeNode, None, explained(error))


def _prepareFolders(cases: list[Case], summary: Path) -> None:
    for folder in {summary.parent, *(case.labels.parent for case in cases)}:
        make_folder(folder)
    check_writable(summary)
    for case in cases:
        if case.report.exists() and "schema_version" not in _jsonOf(case.report):
            raise OutputError(
                _("{report} is there already, and is no report of a segmentation.").format(report=case.report),
                _("Choose another output folder, or move that file away."),
            )


def _jsonOf(path: Path) -> dict[str, Any]:
    """Empty for a file that holds no JSON object."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _isWhole(case: Case) -> bool:
    """Whether both files can be read to their end. What they say is not compared: people correct label maps."""
    try:
        sitk.ReadImage(str(case.labels))
        if is_nifti(case.labels):  # of which ITK reads a part without a word
            check_whole(case.labels)
        return case.report.exists()
    except (FlareError, OSError, RuntimeError):
        return False


def _readReport(case: Case) -> Report | None:
    """None for the report of another version."""
    try:
        return Report.from_json(_jsonOf(case.report))
    except (ValueError, KeyError, TypeError):
        return None


def _newJob(case: Case, options: RunOptions) -> tuple[Job, Geometry, list[str]]:
    """The scan handed over to the worker, so that it need not stay in Slicer's own memory."""
    volume = read_volume(case.scan)
    job = Job(
        volume.voxels,
        volume.geometry,
        device=DeviceChoice.of(options.device).value,
        temporaryFolder=slicer.app.temporaryPath,
        splitKidneys=options.splitKidneys,
        cleanUp=CleanUp.of(options.cleanUp).value,
        precision=PrecisionChoice.of(options.precision).value,
    )
    return job, volume.geometry, volume.warnings


def _runJob(runner: JobRunner, job: Job) -> tuple[np.ndarray, Report]:
    """Wait for the job while Slicer handles its events. Raises the FlareError that it fails with."""
    outcome: list[tuple] = []
    loop = qt.QEventLoop()

    def end(*result: object) -> None:
        outcome.append(result)
        loop.quit()

    job.finished.connect(end)
    job.failed.connect(end)
    try:
        runner.start(job)
    except Exception as error:  # whatever it is, the job has to remove its folder
        job.fail(explained(error))
    if not outcome:
        loop.exec_()
    if not outcome:  # the loop was left because Slicer quits
        runner.close()
    if isinstance(outcome[0][0], FlareError):
        raise outcome[0][0]
    labels, report = outcome[0]
    return labels, report


def _write(case: Case, labels: np.ndarray, geometry: Geometry, report: Report) -> None:
    """The report last: it tells a resumed batch that the case is done."""
    start = time.monotonic()
    write_labels(case.labels, labels, geometry)
    _addSeconds(report, "write", time.monotonic() - start)
    write_text(case.report, report.dumps())


def _addSeconds(report: Report, name: str, seconds: float) -> None:
    """What the worker measured is mapping and saving arrays; files take their time as well."""
    report.total_seconds += seconds
    for stage in report.stages:
        if stage.name == name:
            stage.seconds += seconds
            return
    report.stages.append(StageTime(name, seconds))


def _row(result: CaseResult, organs: list[str]) -> list[str]:
    report = result.report
    volumes = {organ.name: f"{organ.volume_ml:.1f}" for organ in report.organs} if report else {}
    return [
        result.case.name,
        result.state.value,
        f"{report.total_seconds:.2f}" if report else "",
        *(volumes.get(organ, "") for organ in organs),
        " ".join(_warnings(report)) if report else "",
        str(result.error) if result.error else "",
    ]


def _warnings(report: Report) -> list[str]:
    return report.warnings + [f"{organ.name}: {text}" for organ in report.organs for text in organ.warnings]

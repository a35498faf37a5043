"""Segmentation of many scans from the Python console: volume nodes of the scene, or the scan files of a folder."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import slicer
from flareseg.core.errors import FlareError, ScanError
from flareseg.core.report import Report
from flareseg.io.batch import Batch, State
from flareseg.io.folder_batch import FolderBatch
from flareseg.io.scan_folder import RESULT
from flareseg.io.tasks import Task, plan_folder
from flareseg.io.writing import SEGMENTATION_SUFFIX
from slicer.i18n import tr as _

from ..choices import BordersChoice, CleanUpChoice, DeviceChoice, NetworkChoice, PrecisionChoice
from ..explained import explained
from ..options import RunOptions
from .files import segmentFile
from .waiting import inBackground

if TYPE_CHECKING:
    from .logic import FlareSegmentationLogic

SUFFIX = RESULT + SEGMENTATION_SUFFIX


@dataclass(frozen=True)
class NodeResult:
    """A volume node with its segmentation node, or with the error it failed with."""

    volumeNode: slicer.vtkMRMLScalarVolumeNode
    segmentationNode: slicer.vtkMRMLSegmentationNode | None
    error: FlareError | None


@dataclass(frozen=True)
class CaseResult:
    """A scan of a folder: ``case`` has its name and the paths of its files, ``state`` its outcome.

    ``report`` is there for a case that is done, and for a skipped one whose report this version can read;
    ``error`` for one without a result.
    """

    case: Task
    state: State
    report: Report | None = None
    error: FlareError | None = None


def segmentAll(
    logic: FlareSegmentationLogic,
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
    batch: Batch = Batch(volumeNodes)
    results = []
    for entry in batch.run(lambda node: _segmentNode(logic, node, options), explained):
        results.append(NodeResult(entry.task, entry.result, entry.error))
        if onResult:
            onResult(results[-1])
    return results


def segmentFolder(
    logic: FlareSegmentationLogic,
    inputFolder: str | Path,
    outputFolder: str | Path,
    pattern: str = "*",
    resume: bool = True,
    device: str | DeviceChoice = "auto",
    suffix: str = SUFFIX,
    splitKidneys: bool = False,
    cleanUp: str | CleanUpChoice = CleanUpChoice.NORMAL,
    onResult: Callable[[CaseResult], object] | None = None,
    precision: str | PrecisionChoice = PrecisionChoice.AUTO,
    organs: Sequence[str] | None = None,
    borders: str | BordersChoice = BordersChoice.GUIDED,
    huGate: bool = True,
    network: str | NetworkChoice = NetworkChoice.CASCADE,
    weights: str = "",
) -> list[CaseResult]:
    """Segment the scans of a folder: NIfTI, NRRD and MetaImage files, and subfolders with a DICOM series.

    ``pattern`` chooses among them as in pathlib ("*.nii.gz", "*/ct.nii.gz"). Hidden files, results and segmentations
    are left out; Slicer's log names the segmentations. Scan NAME gives NAME + ``suffix``
    and the report NAME.json at the same place inside ``outputFolder``, and a row of results.csv there, the table of
    ``flareseg archive``, which goes on with such a folder, as this goes on with an archive's.
    With ``resume`` a case whose two files are there and whole is skipped, also when a person has corrected
    its label map since; without, they are made again. ``splitKidneys``, ``cleanUp``, ``precision``,
    ``organs``, ``borders``, ``huGate``, ``network`` and ``weights`` are those of RunOptions.
    ``onResult`` is called after each case.

    A case that fails does not stop the others. Raises FlareError when nothing can be done at all (no scan, a
    folder that cannot be written, missing packages), and Cancelled when the logic is closed, or Slicer quits,
    while a case is segmented: what was done by then stays, and the same call goes on from there.
    """
    logic.runner.refuseWhenBusy()
    options = RunOptions(
        device,
        splitKidneys=splitKidneys,
        cleanUp=cleanUp,
        precision=precision,
        organs=organs,
        borders=borders,
        huGate=huGate,
        network=network,
        weights=weights,
    )
    plan = inBackground(lambda: plan_folder(Path(inputFolder), Path(outputFolder), pattern, suffix))
    batch = FolderBatch(plan.tasks, Path(outputFolder))
    for message in plan.left_out:
        logging.warning("FlareSegmentation: %s", message)
    logic.dependencies.ensure()
    with batch.lock():
        if resume:
            inBackground(batch.skip_finished)
        return _run(batch, partial(segmentFile, logic.runner, options=options), onResult)


def _run(
    batch: FolderBatch, segment: Callable[[Task], Report], onResult: Callable[[CaseResult], object] | None
) -> list[CaseResult]:
    _tryTable(partial(inBackground, batch.keep_table))  # with the rows of finished scans, however often it is resumed
    results = []
    try:
        for entry in batch.run(segment, explained):
            if entry.state is State.CANCELLED and entry.error:
                raise entry.error
            if entry.state is not State.SKIPPED:
                _tryTable(partial(inBackground, batch.keep_table))
            results.append(CaseResult(entry.task, entry.state, entry.result, entry.error))
            if onResult:
                onResult(results[-1])
    except BaseException:
        _tryTable(batch.write_table)
        raise
    inBackground(batch.write_table)
    return results


def _segmentNode(
    logic: FlareSegmentationLogic, volumeNode: slicer.vtkMRMLScalarVolumeNode, options: dict[str, Any]
) -> slicer.vtkMRMLSegmentationNode:
    if volumeNode is not None and volumeNode.GetScene() is None:
        raise ScanError(_("The scan is no longer in the scene."), _("Load it again."))
    return logic.segment(volumeNode, **options)


def _tryTable(write: Callable[[], object]) -> None:
    """Write the table, if that is possible: one that is open in another program must not stop the batch."""
    try:
        write()
    except FlareError as error:
        logging.warning("FlareSegmentation: %s", error)

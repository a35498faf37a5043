"""Segmentation of a volume node into a segmentation node, shared by the panel and the console."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

import numpy as np
import slicer
import vtk
from flareseg.core.errors import Cancelled, FlareError, InternalError, ScanError
from flareseg.core.report import Report
from flareseg.core.volume import Volume
from slicer.i18n import tr as _
from slicer.util import VTKObservationMixin

from ..choices import BordersChoice, CleanUpChoice, DeviceChoice, EditedSegments, NetworkChoice, PrecisionChoice
from ..nodes.edits import editedOrgans
from ..nodes.results import keepWaited, newSegmentationNode, writeResult
from ..nodes.roi import roiBounds
from ..nodes.uncertainty import writeUncertainty
from ..nodes.volumes import volumeOf, voxelWatch
from ..options import RunOptions
from ..signals import Signal
from .job import Job, JobRunner


class NodeDeleted(FlareError):
    """The run's scan or result was deleted, or the scene closed: this run ends, others of a batch go on."""

    kind = Cancelled.kind


class SegmentationRun(VTKObservationMixin):
    """One scan on its way to a segmentation node.

    Connect to its signals, then ``start()`` it. It ends exactly once: by ``finished`` (the node, and
    what the run measured) or by ``failed``. Closing the scene or deleting its scan or result stops it.
    """

    def __init__(
        self,
        volumeNode: slicer.vtkMRMLScalarVolumeNode,
        segmentationNode: slicer.vtkMRMLSegmentationNode | None,
        job: Job,
        runner: JobRunner,
        options: RunOptions,
    ) -> None:
        super().__init__()
        self.progressed = job.progressed
        self.finished: Signal[slicer.vtkMRMLSegmentationNode, Report] = Signal()
        self.failed: Signal[FlareError] = Signal()
        self.active = True
        self._startedAt = 0.0
        self._volumeNode = volumeNode
        self._segmentationNode = segmentationNode
        self._job = job
        self._runner = runner
        self._edited = options.edited
        job.finished.connect(self._onFinished)
        job.failed.connect(self._fail)

    def start(self) -> None:
        self._startedAt = time.monotonic()
        scene = self._volumeNode.GetScene()
        self.addObserver(scene, scene.StartCloseEvent, self._onSceneClosing)
        self.addObserver(scene, scene.NodeRemovedEvent, self._onNodeRemoved)
        self._runner.start(self._job)

    def cancel(self, reason: FlareError | None = None) -> None:
        """The run then fails with ``reason`` (Cancelled by default) as soon as the engine lets go."""
        if self.active:
            self._runner.cancel(reason)

    def _onFinished(self, labels: np.ndarray, report: Report) -> None:
        try:
            node, report = self._write(labels, report)
        except FlareError as error:
            self._fail(error)
            return
        except Exception as error:  # whatever it is, the run has to end
            logging.exception("FlareSegmentation: the result could not be shown")
            self._fail(
                InternalError(
                    _("The result could not be put into the scene: {why}.").format(why=error),
                    _("Please report this with the text of Slicer's error log."),
                )
            )
            return
        keepWaited(node, time.monotonic() - self._startedAt)
        self._end()
        self.finished.emit(node, report)

    def _write(self, labels: np.ndarray, report: Report) -> tuple[slicer.vtkMRMLSegmentationNode, Report]:
        """Write the result. What counts as edited is decided only now: a person may have gone on editing meanwhile."""
        _refuseOtherGrid(self._volumeNode, self._job)
        edited = editedOrgans(self._segmentationNode)
        given = None if edited and self._edited is EditedSegments.NEW else self._segmentationNode
        node = given or newSegmentationNode(self._volumeNode)
        kept = edited if self._edited is EditedSegments.KEEP else []
        try:
            report = writeResult(node, self._volumeNode, labels, report, kept)
            if self._job.uncertainty is not None:
                writeUncertainty(node, self._volumeNode, self._job.uncertainty)
            return node, report
        except Exception:
            if given is None:
                node.GetScene().RemoveNode(node)
            raise

    def _fail(self, error: FlareError) -> None:
        self._end()
        self.failed.emit(error)

    def _end(self) -> None:
        self.active = False
        self.removeObservers()

    def _onSceneClosing(self, _scene: object, _event: str) -> None:
        self.cancel(NodeDeleted(_("The scene was closed, so the segmentation was stopped.")))

    @vtk.calldata_type(vtk.VTK_OBJECT)
    def _onNodeRemoved(self, _scene: object, _event: str, node: slicer.vtkMRMLNode) -> None:
        if node is self._volumeNode:
            self.cancel(NodeDeleted(_("The scan was deleted, so its segmentation was stopped.")))
        elif node is self._segmentationNode:
            self.cancel(NodeDeleted(_("The result was deleted, so the segmentation was stopped.")))


def prepareRun(
    runner: JobRunner,
    volumeNode: slicer.vtkMRMLScalarVolumeNode,
    segmentationNode: slicer.vtkMRMLSegmentationNode | None,
    options: RunOptions,
) -> SegmentationRun:
    """Return a run. Raises FlareError for input that cannot be segmented, and while another run is in progress."""
    checkRun(runner, volumeNode, options)
    roi = None if options.roi is None else roiBounds(options.roi, volumeNode)
    job = newJob(volumeOf(volumeNode), options, roi, voxelWatch(volumeNode))
    return SegmentationRun(volumeNode, segmentationNode, job, runner, options)


def newJob(
    volume: Volume,
    options: RunOptions,
    roi: list[float] | None = None,
    isUnchanged: Callable[[], bool] = lambda: True,
) -> Job:
    """The scan as a job for the worker: its folder is made, the voxels are handed over when it starts."""
    return Job(
        volume.voxels,
        volume.geometry,
        DeviceChoice.of(options.device).value,
        roi,
        slicer.app.temporaryPath,
        options.splitKidneys,
        CleanUpChoice.of(options.cleanUp).value,
        options.uncertainty,
        PrecisionChoice.of(options.precision).value,
        isUnchanged,
        options.organs,
        BordersChoice.of(options.borders).value,
        options.huGate,
        NetworkChoice.of(options.network).value,
        options.weights or None,
    )


def _refuseOtherGrid(volumeNode: slicer.vtkMRMLScalarVolumeNode, job: Job) -> None:
    """Raises ScanError if the volume is not on the grid any more on which it was segmented."""
    if volumeOf(volumeNode).geometry.to_json() != job.request.geometry:
        raise ScanError(
            _("The scan got another size or position while it was segmented, so no result was written."),
            _("Segment the scan again."),
        )


def checkRun(runner: JobRunner, volumeNode: slicer.vtkMRMLScalarVolumeNode, options: RunOptions) -> None:
    """Raise the FlareError that ``prepareRun`` would raise, before anything is installed or written."""
    runner.refuseWhenBusy()
    volumeOf(volumeNode)
    DeviceChoice.of(options.device)
    if options.roi is not None:
        roiBounds(options.roi, volumeNode)

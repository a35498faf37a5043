"""What runs in a worker process of Dask: the plugin that loads the networks once, and the task of one case."""

from __future__ import annotations

from distributed import Worker, WorkerPlugin, get_worker

from flareseg.archive.attempt import AttemptOutcome, attempt
from flareseg.archive.cases import ArchiveCase
from flareseg.archive.job import ArchiveJob, CaseWork
from flareseg.core.errors import FlareError, WorkerError, unexpected
from flareseg.io.ledger import ResultLedger

_NAME = "flareseg-archive"


class ArchivePlugin(WorkerPlugin):
    """Opens a job when a worker process starts, also one that replaces a process that was ended."""

    name = _NAME

    def __init__(self, job: ArchiveJob) -> None:
        self.job = job
        self.ledger = ResultLedger(job.output)
        self.work: CaseWork | None = None
        self.error: FlareError | None = None

    def setup(self, worker: Worker) -> None:
        self.open()

    def open(self) -> None:
        try:
            self.work = self.job.open()
        except Exception as error:  # whatever it is, the driver is told, rather than Dask's log
            self.error = unexpected(error)


def opening_error(dask_worker: Worker) -> FlareError | None:
    """Why the job could not be opened in a worker process, which Dask gives as the argument."""
    plugin = dask_worker.plugins[_NAME]
    assert isinstance(plugin, ArchivePlugin)
    return plugin.error


def do_case(case: ArchiveCase) -> AttemptOutcome:
    """Do a case in this worker process. Raises FlareError where the job could not be opened."""
    plugin = get_worker().plugins[_NAME]
    assert isinstance(plugin, ArchivePlugin)
    if plugin.work is None:  # a process that took the place of another one may have found the GPU busy
        plugin.open()
    if plugin.work is None:
        raise plugin.error or WorkerError("The networks were not loaded.", "Run the same command again.")
    return attempt(plugin.ledger, case, plugin.work)

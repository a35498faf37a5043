"""What runs in a worker process of Dask: the plugin that loads the networks once, and the task of one case."""

from __future__ import annotations

from distributed import Worker, WorkerPlugin, get_worker

from flareseg.archive.attempt import Outcome, attempt
from flareseg.archive.cases import ArchiveCase
from flareseg.archive.job import CaseWork, Job
from flareseg.io.ledger import Ledger

_NAME = "flareseg-archive"


class ArchivePlugin(WorkerPlugin):
    """Opens a job when a worker process starts, also one that replaces a process that was ended."""

    name = _NAME

    def __init__(self, job: Job) -> None:
        self.job = job
        self.ledger = Ledger(job.output)
        self.work: CaseWork | None = None

    def setup(self, worker: Worker) -> None:
        self.work = self.job.open()


def do_case(case: ArchiveCase) -> Outcome:
    """Do a case in this worker process."""
    plugin = get_worker().plugins[_NAME]
    assert isinstance(plugin, ArchivePlugin) and plugin.work is not None
    return attempt(plugin.ledger, case, plugin.work)

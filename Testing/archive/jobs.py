"""Jobs for worker processes: the real work of an archive with a network that is cheap, and cases that misbehave."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from flareseg.archive.cases import ArchiveCase
from flareseg.archive.job import CaseWork, SegmentArchive
from flareseg.archive.segmenting import CaseSegmenter
from flareseg.core.errors import GpuUnavailableError, InsufficientMemoryError
from flareseg.inference.options import Borders, SegmentationOptions
from flareseg.io.ledger import ResultRow
from scripted_networks import kidney_finder


@dataclass(frozen=True)
class CheapJob:
    """Everything but the networks is real. What a case does beside that follows from its name."""

    source: Path
    output: Path

    def open(self) -> CaseWork:
        torch.set_num_threads(1)
        job = SegmentArchive(
            self.source, self.output, ".nii.gz", SegmentationOptions(borders=Borders.PLAIN, hu_gate=False)
        )
        return Misbehaving(CaseSegmenter(kidney_finder(), job))


@dataclass(frozen=True)
class Misbehaving:
    """Cases in a folder "kills" end their process, as a crash in a library does; "raises" fails, "full" has no memory.

    A case in a folder "once" ends its process at the first attempt only; one in "waits" waits for a file "go".
    """

    work: CaseSegmenter

    def __call__(self, case: ArchiveCase) -> ResultRow:
        mark = self.work.job.output / f"{case.key}.mark"
        if "kills" in case.folder or ("once" in case.folder and not mark.exists()):
            mark.touch()
            preview = self.work.job.output / case.target
            preview.parent.mkdir(parents=True, exist_ok=True)
            preview.with_name(".0123456789ab.tmp.png").touch()  # as of a process that is killed while it writes
            os.kill(os.getpid(), signal.SIGKILL)
            time.sleep(60)
        if "waits" in case.folder:
            mark.touch()
            while not (self.work.job.output / "go").exists():
                time.sleep(0.05)
        if "raises" in case.folder:
            raise RuntimeError("ITK ERROR: not an image")
        if "full" in case.folder:
            raise InsufficientMemoryError("This scan needs 900 GB.", "Take another computer.")
        return self.work(case)


@dataclass(frozen=True)
class DyingJob(CheapJob):
    """Its process is killed while a case is at work, and the next one while it starts; then all goes well.

    With ``busy`` the next one is not killed, but finds the GPU busy at first.
    """

    busy: bool = False

    def open(self) -> CaseWork:
        started = self.output / f"{len(list(self.output.glob('*.started')))}.started"
        started.touch()
        if started.name == "1.started" and self.busy:
            raise GpuUnavailableError("The GPU is busy.", "Wait.")
        if started.name == "1.started":
            os.kill(os.getpid(), signal.SIGKILL)
        return self.die_once

    def die_once(self, case: ArchiveCase) -> ResultRow:
        if (self.output / "1.started").exists():
            return super().open()(case)
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError("a process cannot ignore SIGKILL")

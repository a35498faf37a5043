"""What every worker process has to know: where scans and results lie, and how to segment."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from flareseg.archive.cases import ArchiveCase
from flareseg.io.ledger import ResultRow

if TYPE_CHECKING:
    from flareseg.inference.options import SegmentationOptions


class CaseWork(Protocol):
    """Does one case: writes its files and gives its row, or raises."""

    def __call__(self, case: ArchiveCase) -> ResultRow: ...


class ArchiveJob(Protocol):
    """What a worker process gets once, when it starts. It travels to other computers."""

    @property
    def output(self) -> Path: ...

    def open(self) -> CaseWork:
        """Load what the work needs, once a process."""
        ...


@dataclass(frozen=True)
class SegmentArchive:
    """Segmentation of the cases in the folder ``source`` to label maps with the suffix ``suffix`` in ``output``.

    ``network``: "cascade" or "full-size"; ``threads``: of PyTorch in each process, 0 for as many as it takes;
    ``ram_mb``: the most memory of each process.
    """

    source: Path
    output: Path
    suffix: str
    options: SegmentationOptions
    device: str = "auto"
    precision: str = "auto"
    weights: Path | None = None
    network: str = "cascade"
    threads: int = 0
    ram_mb: float | None = None

    def open(self) -> CaseWork:
        from flareseg.core import own_process

        own_process.prepare()
        with own_process.loading():
            from flareseg.archive.segmenting import CaseSegmenter

            return CaseSegmenter.load(self)

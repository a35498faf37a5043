"""DICOM files of a segmentation that another program holds: ``python -m flareseg.dicom_export``.

Reads one ExportJob as a line of JSON from stdin. Writes one line: ``{"written": [paths], "warnings": [messages]}``, or
``{"kind": ..., "message": ..., "hint": ...}`` for an error. When stdin closes before that, the process ends: its
caller has given up, or has itself ended.
"""

from __future__ import annotations

import _thread
import json
import os
import sys
import threading
import time
import traceback
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from flareseg.core import own_process
from flareseg.core.errors import InternalError, unexpected
from flareseg.core.geometry import Geometry
from flareseg.core.json_fields import from_json
from flareseg.core.report import OrganFacts, WeightsFacts
from flareseg.core.shortage import shortage_said
from flareseg.dicom_export.matching import matched
from flareseg.dicom_export.targets import DicomTargets
from flareseg.dicom_export.withheld import texts_withheld
from flareseg.dicom_export.writer import DicomResult, write_dicom_files

_PATIENCE_SECONDS = 0.8  # for the files; its caller waits for a second


@dataclass(frozen=True)
class ExportJob:
    """Write a label map as DICOM."""

    files: list[str]
    """The DICOM files of the series, in any order."""
    labels: str
    """An .npy file: uint8 (k, j, i)."""
    geometry: dict[str, Any]
    """Geometry.to_json() of that array."""
    organs: list[OrganFacts]
    """The organs in the label map."""
    weights: list[WeightsFacts]
    segmentation: str
    """The path of the SEG."""
    report: str | None = None
    """The path of the SR; None writes none."""
    edited: list[str] = field(default_factory=list)
    """Names of the organs that a person has corrected."""


def export(job: ExportJob) -> list[str]:
    """Do a job and return warnings. Raises FlareError."""
    targets = DicomTargets(Path(job.segmentation), Path(job.report) if job.report else None)
    targets.check_packages()
    labels = np.load(job.labels, mmap_mode="r", allow_pickle=False)
    source, labels = matched(map(Path, job.files), labels, Geometry.from_json(job.geometry))
    write_dicom_files(targets, DicomResult(source, labels, job.organs, job.weights, edited=job.edited))
    return source.warnings


def main() -> None:
    own_process.prepare()
    job = sys.stdin.buffer.readline()
    threading.Thread(target=_leave_with_caller, daemon=True).start()
    try:
        print(json.dumps(_answer(job)), flush=True)  # noqa: T201
    except KeyboardInterrupt:
        sys.exit(1)


def _leave_with_caller() -> None:
    """Interrupt the work, so that it removes its unfinished files; end the process if that takes too long."""
    while os.read(0, 1):
        pass
    _thread.interrupt_main()
    time.sleep(_PATIENCE_SECONDS)
    os._exit(1)


def _answer(line: bytes) -> dict[str, Any]:
    try:
        with shortage_said("Writing the result"), texts_withheld():
            job = from_json(ExportJob, json.loads(line))
            warnings = export(job)
        return {"written": [path for path in (job.segmentation, job.report) if path], "warnings": warnings}
    except Exception as error:  # the caller is told of every failure
        failure = unexpected(error)
        if isinstance(failure, InternalError):
            traceback.print_exception(failure)
        return {"kind": failure.kind, "message": failure.message, "hint": failure.hint}


if __name__ == "__main__":
    main()

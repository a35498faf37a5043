"""The messages between a caller and the worker: one JSON object a line, in both directions.

Into the worker go jobs (SegmentJob, CancelJob, DescribeJob), out of it come events (Ready, DeviceInfo,
Stage, Result, Failure, Idle). A line is UTF-8 JSON with a "type" and the fields of that class.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

from flareseg.core.errors import JobError
from flareseg.core.json_fields import from_json


@dataclass(frozen=True)
class SegmentJob:
    """Segment one scan. ``scan``, ``labels`` and ``uncertainty`` are absolute paths that end in .npy."""

    type: ClassVar[str] = "segment"
    id: str
    scan: str
    """An uncompressed .npy of (slices, rows, columns) voxels in HU, which the worker maps."""
    geometry: dict[str, Any]
    """Geometry.to_json() of that array."""
    labels: str
    """The .npy to write: uint8, the shape of the scan."""
    device: str = "auto"
    """Any of "auto", "cuda" and "cpu"."""
    roi: list[Any] | None = None
    """Six RAS bounds in mm (r0, r1, a0, a1, s0, s1), checked with the rest of the job; None to find the abdomen."""
    name: str = "scan"
    """What the report calls the scan."""
    split_kidneys: bool = False
    """Give the left kidney the label organs.LEFT_KIDNEY."""
    clean_up: str = "normal"
    """Any of "off", "normal" and "strong" (see components.CleanUp)."""
    borders: str = "guided"
    """Any of "plain" and "guided" (see options.Borders)."""
    hu_gate: bool = True
    """Remove air, fat, bone and metal from the organs (see hu_gate.py)."""
    uncertainty: str | None = None
    """A second .npy to write, or None: uint8, the shape of the scan, percent of uncertainty in each voxel."""
    precision: str = "auto"
    """Any of "auto", "float32", "float16" and "bfloat16" (see precision.py)."""
    organs: list[str] | None = None
    """Names of the organs to write and report (see organs.ORGAN_NAMES); None for all."""
    network: str = "cascade"
    """Any of "cascade" and "full-size" (see full_size.Networks)."""
    weights: str | None = None
    """Folder with other network weights, or None for those of the package."""
    temporary: bool = False
    """The scan lies in a job folder (see job_folder.py), which the worker removes when its caller disappears; it never
    removes a folder of another kind."""


@dataclass(frozen=True)
class CancelJob:
    """Stop the job with this id, running or waiting. Answered by Failure(kind="cancelled")."""

    type: ClassVar[str] = "cancel"
    id: str


@dataclass(frozen=True)
class DescribeJob:
    """Ask which device a choice means and what it has free. Answered by DeviceInfo or Failure."""

    type: ClassVar[str] = "describe"
    id: str
    device: str = "auto"


@dataclass(frozen=True)
class Ready:
    """The worker listens. ``pid`` is its process, ``version`` the engine's."""

    type: ClassVar[str] = "ready"
    pid: int
    version: str


@dataclass(frozen=True)
class DeviceInfo:
    """Answer to DescribeJob: memory in MB, of the GPU or of the computer, and why it is this device.

    ``ram_mb``: the most of the computer's memory that the worker can have, within the limits of its container and its
    own; None where it is not known.
    """

    type: ClassVar[str] = "device"
    id: str
    kind: str
    name: str
    free_mb: float
    total_mb: float
    reason: str = ""
    ram_mb: float | None = None


@dataclass(frozen=True)
class StageProgress:
    """Progress: the current stage, its done fraction 0..1, and memory now in MB."""

    type: ClassVar[str] = "stage"
    id: str
    stage: str
    fraction: float
    ram_mb: float
    gpu_mb: float | None = None


@dataclass(frozen=True)
class JobResult:
    """The job is done: the labels file named in the job, and Report.to_json()."""

    type: ClassVar[str] = "result"
    id: str
    labels: str
    report: dict[str, Any]


@dataclass(frozen=True)
class Failure:
    """The job (or, without an id, a line) failed: kind, message and hint of a FlareError.

    ``details`` is a traceback for the log; it is empty for failures that need none.
    """

    type: ClassVar[str] = "error"
    id: str | None
    kind: str
    message: str
    hint: str = ""
    details: str = ""


@dataclass(frozen=True)
class Idle:
    """The worker waited ``seconds`` without a job and now ends, which gives the GPU back whole."""

    type: ClassVar[str] = "idle"
    seconds: float


JobMessage = SegmentJob | CancelJob | DescribeJob
Event = Ready | DeviceInfo | StageProgress | JobResult | Failure | Idle

JOBS: dict[str, Any] = {c.type: c for c in (SegmentJob, CancelJob, DescribeJob)}
EVENTS: dict[str, Any] = {c.type: c for c in (Ready, DeviceInfo, StageProgress, JobResult, Failure, Idle)}


def encode(message: JobMessage | Event) -> bytes:
    """One line, newline included."""
    body = {"type": message.type, **asdict(message)}
    return json.dumps(body, ensure_ascii=True, separators=(",", ":")).encode() + b"\n"


def decode_job(line: bytes) -> JobMessage:
    """Return the job in a line. Raises JobError for any other line, naming what is wrong with it."""
    job: JobMessage = _decode(line, JOBS)
    return job


def decode_event(line: bytes) -> Event:
    """Return the event in a line. Raises JobError for any other line."""
    event: Event = _decode(line, EVENTS)
    return event


def _decode(line: bytes, classes: dict[str, Any]) -> Any:
    try:
        body = json.loads(line)
    except (ValueError, RecursionError):
        raise _bad_line("it is not JSON") from None
    kind = body.pop("type", None) if isinstance(body, dict) else None
    if not isinstance(kind, str) or kind not in classes:
        raise _bad_line(f"its type is not one of {', '.join(classes)}")
    try:
        return from_json(classes[kind], body)
    except ValueError as error:
        raise _bad_line(str(error)) from None


def _bad_line(why: str) -> JobError:
    return JobError(f"Invalid line: {why}.", "Send one JSON object a line.")

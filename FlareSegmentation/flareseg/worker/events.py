"""The messages between a caller and the worker: one JSON object a line, in both directions.

Into the worker go jobs (SegmentJob, CancelJob, DescribeJob), out of it come events (Ready, DeviceInfo,
Stage, Result, Failure, Idle). A line is UTF-8 JSON with a "type" and the fields of that class.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from typing import Any, ClassVar

from flareseg.core.errors import FlareError


@dataclass(frozen=True)
class SegmentJob:
    """Segment one scan.

    ``scan``: an uncompressed .npy of (slices, rows, columns) voxels in HU, which the worker maps.
    ``geometry``: Geometry.to_json() of that array. ``labels``: the .npy to write (uint8, same shape).
    ``device``: "auto", "cuda" or "cpu". ``roi``: RAS bounds in mm (r0, r1, a0, a1, s0, s1), or
    None to find the abdomen. ``name``: what the report calls the scan. ``split_kidneys``: give the
    left kidney the label of organs.LEFT_KIDNEY. ``clean_up``: "off", "normal" or "strong" (see
    components.CleanUp). ``uncertainty``: an .npy to write as well (uint8, same shape: percent of uncertainty
    in each voxel), or None.
    ``precision``: "auto", "float32", "float16" or "bfloat16" (see precision.py).
    ``temporary``: the scan lies in a job folder (see job_folder.py), which the worker removes when its
    caller disappears; it never removes a folder of another kind.

    ``scan``, ``labels`` and ``uncertainty`` are absolute paths that end in .npy.
    """

    type: ClassVar[str] = "segment"
    id: str
    scan: str
    geometry: dict[str, Any]
    labels: str
    device: str = "auto"
    roi: list[float] | None = None
    name: str = "scan"
    split_kidneys: bool = False
    clean_up: str = "normal"
    uncertainty: str | None = None
    precision: str = "auto"
    temporary: bool = False


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
class Stage:
    """Sign of life: the stage at work, its done fraction 0..1, and memory now in MB."""

    type: ClassVar[str] = "stage"
    id: str
    stage: str
    fraction: float
    ram_mb: float
    gpu_mb: float | None = None


@dataclass(frozen=True)
class Result:
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


Job = SegmentJob | CancelJob | DescribeJob
Event = Ready | DeviceInfo | Stage | Result | Failure | Idle

_JSON_TYPES: dict[str, tuple[type, ...]] = {
    "str": (str,),
    "bool": (bool,),
    "int": (int,),
    "float": (int, float),
    "list[float]": (list,),
    "dict[str, Any]": (dict,),
    "None": (type(None),),
}

JOBS: dict[str, Any] = {c.type: c for c in (SegmentJob, CancelJob, DescribeJob)}
EVENTS: dict[str, Any] = {c.type: c for c in (Ready, DeviceInfo, Stage, Result, Failure, Idle)}


def encode(message: Job | Event) -> bytes:
    """One line, newline included."""
    body = {"type": message.type, **asdict(message)}
    return json.dumps(body, ensure_ascii=True, separators=(",", ":")).encode() + b"\n"


def decode_job(line: bytes) -> Job:
    """Raises FlareError("bad_job") for a line that is no job, naming what is wrong with it."""
    job: Job = _decode(line, JOBS)
    return job


def decode_event(line: bytes) -> Event:
    """Raises FlareError("bad_job") for a line that is no event."""
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
    cls = classes[kind]
    types = {f.name: _json_types(str(f.type)) for f in fields(cls)}
    for name, value in body.items():
        if name not in types:
            raise _bad_line(f"unknown field {name}")
        if not isinstance(value, types[name]):
            raise _bad_line(f"field {name} is of another type")
    try:
        return cls(**body)
    except TypeError:
        raise _bad_line(f"a field of {cls.type} is missing") from None


def _json_types(annotation: str) -> tuple[type, ...]:
    """What JSON gives for a field annotated so."""
    return tuple(kind for part in annotation.split(" | ") for kind in _JSON_TYPES[part])


def _bad_line(why: str) -> FlareError:
    return FlareError("bad_job", f"The line was not understood: {why}.", "Send one JSON object a line.")

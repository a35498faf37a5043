"""The errors that the engine raises: one class for each kind of failure.

Every error says what is wrong (``message``) and what to do about it (``hint``). Neither ever holds a
patient's name: a file is named only as the caller named it. ``kind`` is the name of the class for
programs: it is what the worker and the JSON output of the command transmit.
"""

from __future__ import annotations

from typing import ClassVar


class FlareError(Exception):
    """Base class of all errors that the engine raises on purpose; raise one of its subclasses.

    Args:
        message: What is wrong, in one sentence.
        hint: What to do about it; empty when nothing can be done.

    Attributes:
        kind: Stable identifier of the class, for programs and for the worker's messages.
    """

    kind: ClassVar[str]

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message, hint)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()


class ScanError(FlareError):
    """The input cannot be read, or is not a CT volume that can be segmented."""

    kind = "bad_scan"


class RoiError(FlareError):
    """The region of interest is not an axis-aligned box, lies outside the scan, or is too small."""

    kind = "bad_roi"


class JobError(FlareError):
    """A request is malformed: an unknown option or value, or a message that the worker cannot read."""

    kind = "bad_job"


class DataError(FlareError):
    """A data set for training or evaluation is incomplete or inconsistent."""

    kind = "bad_data"


class ConfigError(FlareError):
    """A configuration, preset or environment variable holds an invalid value."""

    kind = "bad_config"


class NoAbdomenError(FlareError):
    """No abdomen, or none of the organs, was found in the scan."""

    kind = "no_abdomen"


class GpuUnavailableError(FlareError):
    """A GPU was requested, and there is none that can be used."""

    kind = "no_gpu"


class GpuMemoryError(FlareError):
    """The memory of the GPU is exhausted."""

    kind = "gpu_memory"


class InsufficientMemoryError(FlareError):
    """The main memory does not suffice, or is exhausted."""

    kind = "memory"


class WeightsError(FlareError):
    """The weights are missing or damaged, or do not fit the networks."""

    kind = "weights"


class OutputError(FlareError):
    """A result cannot be written."""

    kind = "write"


class Cancelled(FlareError):
    """The caller cancelled the work."""

    kind = "cancelled"

    def __init__(self, message: str = "The job was cancelled.", hint: str = "") -> None:
        super().__init__(message, hint)


class WorkerError(FlareError):
    """The worker process ended unexpectedly, or did not answer as agreed."""

    kind = "worker"


class PackagesError(FlareError):
    """A Python package that the work needs is missing or cannot be imported."""

    kind = "packages"


class InternalError(FlareError):
    """An unexpected failure, most likely a defect of this software."""

    kind = "internal"


ERRORS: dict[str, type[FlareError]] = {
    cls.kind: cls
    for cls in (
        ScanError,
        RoiError,
        JobError,
        DataError,
        ConfigError,
        NoAbdomenError,
        GpuUnavailableError,
        GpuMemoryError,
        InsufficientMemoryError,
        WeightsError,
        OutputError,
        Cancelled,
        WorkerError,
        PackagesError,
        InternalError,
    )
}
"""Each subclass of FlareError by its kind."""


def error_of_kind(kind: str, message: str, hint: str = "") -> FlareError:
    """Rebuild an error from what was transmitted of it.

    Args:
        kind: A key of ERRORS.
        message: What is wrong.
        hint: What to do about it.

    Returns:
        An instance of the subclass of that kind, to be raised or shown.

    Raises:
        ValueError: The kind is unknown.
    """
    if kind not in ERRORS:
        raise ValueError(f"unknown kind of error: {kind}")
    return ERRORS[kind](message, hint)


def unexpected(error: Exception) -> FlareError:
    """Make one of our errors of any exception.

    Args:
        error: Whatever was raised.

    Returns:
        The error itself if it is one of ours; for another one an InternalError with it as the cause.
    """
    if isinstance(error, FlareError):
        return error
    failure = InternalError(f"Failed unexpectedly ({type(error).__name__}: {error}).")
    failure.__cause__ = error
    return failure

"""What can go wrong, said so that a person knows what to do next."""

from __future__ import annotations


class FlareError(Exception):
    """A failure with a kind for programs, one message for people, and a hint.

    ``kind`` is one of KINDS; ``message`` says what is wrong, ``hint`` what to do about it.
    Neither ever holds a patient's name: a file is named only as the caller named it.
    """

    KINDS = (
        "bad_scan",
        "bad_roi",
        "bad_job",
        "bad_data",
        "bad_config",
        "no_abdomen",
        "no_gpu",
        "gpu_memory",
        "memory",
        "weights",
        "write",
        "cancelled",
        "worker",
        "packages",
        "internal",
    )

    def __init__(self, kind: str, message: str, hint: str = "") -> None:
        if kind not in self.KINDS:
            raise ValueError(f"unknown kind of error: {kind}")
        super().__init__(f"{message} {hint}".strip())
        self.kind = kind
        self.message = message
        self.hint = hint


class Cancelled(FlareError):
    """The person who asked for the work no longer wants it."""

    def __init__(self) -> None:
        super().__init__("cancelled", "The job was cancelled.")


def bad_scan(message: str, hint: str) -> FlareError:
    return FlareError("bad_scan", message, hint)

"""What can go wrong, said so that a person knows what to do next."""

from __future__ import annotations


class FlareError(Exception):
    """A failure with a kind for programs, one sentence for people, and a remedy.

    ``kind`` is one of KINDS; ``sentence`` says what is wrong, ``remedy`` what to do about it.
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

    def __init__(self, kind: str, sentence: str, remedy: str = "") -> None:
        if kind not in self.KINDS:
            raise ValueError(f"unknown kind of error: {kind}")
        super().__init__(f"{sentence} {remedy}".strip())
        self.kind = kind
        self.sentence = sentence
        self.remedy = remedy


class Cancelled(FlareError):
    """The person who asked for the work no longer wants it."""

    def __init__(self) -> None:
        super().__init__("cancelled", "The job was cancelled.")


def bad_scan(sentence: str, remedy: str) -> FlareError:
    return FlareError("bad_scan", sentence, remedy)

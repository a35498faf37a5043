"""The errors: one class a kind, and back from what is transmitted of one."""

from __future__ import annotations

import pickle

import pytest
from flareseg.core.errors import ERRORS, Cancelled, FlareError, ScanError, error_of_kind

KINDS = {
    "bad_scan": "ScanError",
    "bad_roi": "RoiError",
    "bad_job": "JobError",
    "bad_data": "DataError",
    "bad_config": "ConfigError",
    "no_abdomen": "NoAbdomenError",
    "no_gpu": "GpuUnavailableError",
    "gpu_memory": "GpuMemoryError",
    "memory": "InsufficientMemoryError",
    "weights": "WeightsError",
    "write": "OutputError",
    "cancelled": "Cancelled",
    "worker": "WorkerError",
    "packages": "PackagesError",
    "internal": "InternalError",
}


def test_kinds_that_other_programs_know_stay_as_they_are() -> None:
    assert {kind: cls.__name__ for kind, cls in ERRORS.items()} == KINDS


def test_every_subclass_has_a_kind_of_its_own() -> None:
    defined = [cls for cls in FlareError.__subclasses__() if cls.__module__ == "flareseg.core.errors"]
    assert sorted(cls.kind for cls in defined) == sorted(KINDS)


def test_an_error_says_what_is_wrong_and_then_what_to_do() -> None:
    error = ScanError("The scan is empty.", "Export it again.")
    assert (error.message, error.hint) == ("The scan is empty.", "Export it again.")
    assert str(error) == "The scan is empty. Export it again."


def test_an_error_without_a_hint_says_only_what_is_wrong() -> None:
    assert str(ScanError("The scan is empty.")) == "The scan is empty."


def test_a_cancelled_job_needs_no_words() -> None:
    assert (str(Cancelled()), Cancelled().kind) == ("The job was cancelled.", "cancelled")


@pytest.mark.parametrize("kind", KINDS)
def test_an_error_is_rebuilt_from_what_is_transmitted(kind: str) -> None:
    error = error_of_kind(kind, "It failed.", "Try again.")
    assert (type(error).__name__, error.kind, str(error)) == (KINDS[kind], kind, "It failed. Try again.")


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown kind of error: bad_luck"):
        error_of_kind("bad_luck", "It failed.")


def test_an_error_survives_the_way_between_processes() -> None:
    """concurrent.futures and multiprocessing pickle the exceptions of their workers."""
    error = pickle.loads(pickle.dumps(ScanError("The scan is empty.", "Export it again.")))
    assert (type(error), error.message, error.hint) == (ScanError, "The scan is empty.", "Export it again.")

"""Several scans on the command line: what the progress bar and the exit code say of them."""

from __future__ import annotations

import pytest
from flareseg.cli.console import exit_code, remark_on
from flareseg.core.errors import FlareError
from flareseg.io.batch import Batch


def test_the_progress_bar_tells_which_scan_it_is_and_how_long_all_will_take() -> None:
    times = iter([0.0, 20.0, 20.0])
    batch: Batch[str, int] = Batch(["first", "second", "third"], clock=times.__next__)
    first = batch.begin()
    assert first
    assert remark_on(batch) == " (1 of 3)"
    batch.succeed(first, 1)
    batch.begin()
    assert remark_on(batch) == " (2 of 3, about 40 s left)"


def test_one_scan_needs_no_number() -> None:
    batch: Batch[str, int] = Batch(["only"])
    batch.begin()
    assert remark_on(batch) == ""


@pytest.mark.parametrize(
    ("kind", "code"), [("no_abdomen", 1), ("bad_scan", 2), ("write", 2), ("gpu_memory", 2), ("internal", 3)]
)
def test_the_exit_code_follows_from_the_failure(kind: str, code: int) -> None:
    assert exit_code(FlareError(kind, "It failed.")) == code


def test_the_exit_code_of_a_scan_that_is_done_is_0() -> None:
    assert exit_code(None) == 0

"""A pytest plugin: a test that is skipped for a reason that is not listed here fails.

So that no test stops running unseen, say because a file it needs was moved.
"""

from __future__ import annotations

from collections.abc import Generator

import pytest

REASONS = (
    # the hardware
    "this computer has no CUDA GPU",
    "this computer has a GPU",
    # data that is not part of the repository
    "the real CTs are not beside this checkout",
    "the reference predictions are not beside this checkout",
    "the real label maps are not beside this checkout",
    "the label maps are not beside this checkout",
    "not a git checkout",
    # packages that are optional
    'the peers are not installed (pip install ".[bench]")',
    # what the system or the user's rights lack
    "this user may not mount a small file system",
    "root without setpriv may read and write anything",
    "needs SIGKILL",
    "a process group is ended differently on Windows",
    "Windows sends no SIGINT to one process",
    "peaks are read from Linux's kernel",
)
"""What a reason may begin with."""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    return judged(report)


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """A whole file may be skipped, too."""
    report = yield
    return judged(report)


def judged(report: pytest.TestReport | pytest.CollectReport) -> pytest.TestReport | pytest.CollectReport:
    """The report, failed if it is of a skip that is not expected."""
    if report.skipped and not hasattr(report, "wasxfail"):
        assert isinstance(report.longrepr, tuple)
        reason = report.longrepr[2].removeprefix("Skipped: ")
        if not reason.startswith(REASONS):
            report.outcome = "failed"
            report.longrepr = f"skipped for a reason that Testing/expected_skips.py does not list: {reason}"
    return report

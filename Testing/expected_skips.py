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
    # programs and packages that are optional
    "dciodvfy is not installed (Debian: dicom3tools)",
    'the peers are not installed (pip install ".[bench]")',
    # what the user's rights lack
    "this user may not mount a small file system",
    "root without setpriv may read and write anything",
    # what systems other than Linux lack
    "a process group is ended differently on Windows",
    "limits are set as Linux has them",
    "looks at glibc's allocator and Linux's marks",
    "needs /dev/full",
    "needs POSIX signals and a shell",
    "needs SIGKILL",
    "needs a folder where nothing can be made",
    "needs make and a POSIX shell",
    "other systems have no file names but UTF-8",
    "peaks are read from Linux's kernel",
    "the process's own limits are read on Linux",
    "this system has no /dev/zero",
    "Windows has no FIFOs",
    "Windows has no modes and no user ids",
    "Windows has no named pipes in folders",
    "Windows has no signals",
    "Windows sends no SIGINT to one process",
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

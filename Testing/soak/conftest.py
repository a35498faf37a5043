"""The length of the soak."""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--soak-jobs", type=int, metavar="N", help="how many jobs one worker is given")

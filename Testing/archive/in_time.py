"""Waiting for what another process does."""

from __future__ import annotations

import time
from collections.abc import Callable

SECONDS = 200.0


def wait_for(happens: Callable[[], bool]) -> None:
    """Wait until something happens; an assertion fails where it does not within SECONDS."""
    limit = time.monotonic() + SECONDS
    while not happens():
        assert time.monotonic() < limit
        time.sleep(0.1)

"""What Dask loads first in the worker processes of this computer."""

from __future__ import annotations

import signal

from distributed import Worker


def dask_setup(worker: Worker) -> None:
    """Leave Ctrl+C and SIGTERM, which terminals and batch systems send to these too, to the process that started them.

    When that one has ended, so do these. Dask ends one that takes too much memory by SIGKILL, if SIGTERM does not help.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)

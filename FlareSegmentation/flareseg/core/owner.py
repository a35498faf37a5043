"""Which process something on disk belongs to, and whether that process has ended."""

from __future__ import annotations

import os
import platform
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

_SAME_START_SECONDS = 60.0  # a clock that is set moves the start time of every process


@dataclass(frozen=True)
class Owner:
    """A process, as files name it. ``started``: seconds since 1970. ``computer``: where ``pid`` is counted."""

    pid: int
    started: float
    computer: str

    @classmethod
    def this_process(cls) -> Owner:
        import psutil  # here, because Slicer imports this file before the engine's packages are installed

        return cls(os.getpid(), psutil.Process().create_time(), _computer())

    def has_ended(self) -> bool:
        """False where that cannot be known. A later process with the same pid is not mistaken for this one."""
        import psutil

        if self.computer != _computer():
            return False
        try:
            process = psutil.Process(self.pid)
            is_later = process.create_time() > self.started + _SAME_START_SECONDS
            return is_later or process.status() == psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return True
        except psutil.AccessDenied:
            return False


def _computer() -> str:
    """Where a pid means the same process: this computer, and on Linux this PID namespace (a container has its own).

    Two computers may have one name, and the first PID namespace of all of them has one number.
    """
    with suppress(OSError):
        return f"{platform.node()} {Path('/proc/self/ns/pid').readlink()} {_installation()}".strip()
    return platform.node()


def _installation() -> str:
    """What tells computers of one name apart, and is the same after they were started again; "" if it is not known."""
    with suppress(OSError):
        return sha256(b"flareseg" + Path("/etc/machine-id").read_bytes()).hexdigest()[:16]  # itself it is confidential
    return ""

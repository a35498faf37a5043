"""A lock on a folder of results: one caller at a time, also among several computers that share a disk."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from flareseg.core.errors import OutputError
from flareseg.core.owner import Owner
from flareseg.core.repeating import repeated
from flareseg.io.outputs import refusals_said

BEAT_SECONDS = 20.0
STALE_SECONDS = 300.0  # without a beat; whether a process of another computer lives cannot be asked


@dataclass(frozen=True)
class Hold:
    """The hold of a process on a lock."""

    lock: Path
    output: Path
    owner: Owner

    def check(self) -> None:
        """Raise OutputError when another caller has taken the lock over, as while this computer was suspended."""
        if _owner(self.lock) not in (self.owner, None):
            raise _held(self.lock, self.output)


@contextlib.contextmanager
def locked(lock: Path, output: Path) -> Iterator[Hold]:
    """Hold the file ``lock``, whose folder is there, on the results in ``output``. Raises OutputError if it is held.

    The lock of a process that has ended is taken over; that of another computer after STALE_SECONDS without a beat.
    """
    owner = Owner.this_process()
    _acquire(lock, output, owner)
    try:
        with repeated(lambda: _beat(lock, owner), lambda: BEAT_SECONDS):
            yield Hold(lock, output, owner)
    finally:
        if _owner(lock) == owner:
            lock.unlink(missing_ok=True)


def is_held(lock: Path) -> bool:
    """Whether a process that is alive, as far as can be known, holds the lock."""
    try:
        return not _is_stale(lock)
    except FileNotFoundError:
        return False


def _acquire(lock: Path, output: Path, owner: Owner) -> None:
    with refusals_said(lock):
        while True:
            try:
                with lock.open("x", encoding="utf-8") as stream:
                    json.dump(asdict(owner), stream)
                return
            except FileExistsError:
                if not _remove_stale(lock):
                    raise _held(lock, output) from None


def _remove_stale(lock: Path) -> bool:
    """Whether the way is free: the lock was stale, or is gone. Renamed first: only one of two callers can do that."""
    aside = lock.with_name(f"{lock.name}.{secrets.token_hex(4)}")
    try:
        if not _is_stale(lock):
            return False
        before = lock.read_bytes()
        lock.rename(aside)
    except FileNotFoundError:
        return True
    if aside.read_bytes() != before:  # that of a caller who was quicker
        aside.rename(lock)
        return False
    aside.unlink()
    return True


def _is_stale(lock: Path) -> bool:
    owner = _owner(lock)
    if owner is not None and owner.has_ended():
        return True
    is_ours = owner is not None and owner.computer == Owner.this_process().computer
    return not is_ours and _seconds_since_beat(lock) > STALE_SECONDS


def _seconds_since_beat(lock: Path) -> float:
    beat = lock.stat().st_mtime
    return _disk_time(lock) - beat


def _disk_time(lock: Path) -> float:
    """The time by the disk's clock, which may differ from this computer's; by that where no file can be made there."""
    now = lock.with_name(f"{lock.name}.{secrets.token_hex(4)}")
    try:
        now.touch()
        return now.stat().st_mtime
    except OSError:
        return time.time()
    finally:
        with contextlib.suppress(OSError):
            now.unlink(missing_ok=True)


def _owner(lock: Path) -> Owner | None:
    """The process that a lock names; None while it is written, and for a damaged one."""
    try:
        facts = json.loads(lock.read_text(encoding="utf-8"))
        return Owner(int(facts["pid"]), float(facts["started"]), str(facts["computer"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _held(lock: Path, output: Path) -> OutputError:
    owner = _owner(lock)
    who = f"process {owner.pid} on {owner.computer.split()[0]}" if owner else "another process"
    return OutputError(
        f"{output} is in use: {who} is writing results there.",
        f"Wait until it has ended. If that computer was switched off, delete {lock}.",
    )


def _beat(lock: Path, owner: Owner) -> None:
    with contextlib.suppress(OSError):  # a disk that is away for a moment; others wait STALE_SECONDS
        if _owner(lock) == owner:
            os.utime(lock)

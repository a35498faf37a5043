"""Atomic writing of files: each is written under a temporary name, then renamed."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path

from flareseg.core.errors import OutputError
from flareseg.core.shortage import ran_out

_UNFINISHED = re.compile(r"\.[0-9a-f]{12}\.tmp(\.\w+)*")  # the names that ``atomic_write`` makes


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text. Raises OutputError."""
    with atomic_write(path, path.suffix) as beside:
        beside.write_text(text, encoding="utf-8", errors="backslashreplace")  # of names that are not UTF-8


def sync(path: Path) -> None:
    """Have a file on the disk itself, so that a loss of power does not empty it. Raises OutputError."""
    with refusals_said(path), path.open("r+b") as stream:
        os.fsync(stream.fileno())


@contextlib.contextmanager
def atomic_write(path: Path, suffix: str = "") -> Iterator[Path]:
    """A path beside ``path`` (same suffix) that takes its place when the block ends well.

    Raises OutputError for what the system refuses; the file beside is removed then.
    """
    beside = path.with_name(f".{secrets.token_hex(6)}.tmp{suffix}")
    try:
        with refusals_said(path):
            yield beside
            beside.replace(path)
    finally:
        if beside.is_file():
            beside.unlink()


def remove_unfinished(folder: Path) -> None:
    """Remove what ``atomic_write`` left in a folder when its process was killed; only safe where no other one writes.

    Raises OutputError.
    """
    with refusals_said(folder):
        for path in folder.iterdir():
            if _UNFINISHED.fullmatch(path.name):
                path.unlink()


@contextlib.contextmanager
def refusals_said(path: Path) -> Iterator[None]:
    """OutputError for what the system refuses while ``path`` is written."""
    try:
        yield
    except OSError as error:
        if ran_out(error):
            raise
        hint = "Free some space, or choose a place where you may write."
        if error.errno == errno.ENAMETOOLONG:
            hint = "Give the result a shorter name, or the scan."
        raise OutputError(f"{path} cannot be written: {error.strerror or error}.", hint) from error


def make_folder(folder: Path) -> None:
    """Make a folder and those above it. Raises OutputError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise OutputError(
            f"{folder} is a file, not a folder.", "Give the name of a folder, or of a new one."
        ) from error
    except OSError as error:
        raise OutputError(
            f"The folder {folder} cannot be made: {error.strerror}.", "Choose a place where you may write."
        ) from error


def check_writable(path: Path) -> None:
    """Raise OutputError now rather than after the work, if ``path`` cannot be written."""
    with refusals_said(path):
        kind = _kind(path)
    if kind == stat.S_IFDIR:
        raise OutputError(f"{path} is a folder, not a file.", "Give the name of a file.")
    if kind != stat.S_IFREG:
        raise OutputError(f"{path} is a device, pipe or socket, not a file.", "Give the name of a file.")
    beside = path.with_name(f".{secrets.token_hex(6)}.tmp")
    with refusals_said(path):
        beside.write_bytes(b"0")
        beside.unlink()


def _kind(path: Path) -> int:
    """The type of file at ``path``, or an ordinary file's. Raises OSError for a name that is too long."""
    try:
        return stat.S_IFMT(path.stat().st_mode)
    except FileNotFoundError:
        return stat.S_IFREG

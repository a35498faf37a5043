"""Files that are written beside their target first, then renamed into place, so that no half file is seen."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Iterator
from pathlib import Path

from flareseg.errors import FlareError
from flareseg.shortage import ran_out


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text. Raises FlareError("write")."""
    with replacing(path, path.suffix) as beside:
        beside.write_text(text, encoding="utf-8")


@contextlib.contextmanager
def replacing(path: Path, suffix: str = "") -> Iterator[Path]:
    """A path beside ``path`` (same suffix) that takes its place when the block ends well.

    Raises FlareError("write") for what the system refuses; the file beside is removed then.
    """
    beside = path.with_name(f".{secrets.token_hex(6)}.tmp{suffix}")
    try:
        with refusals_said(path):
            yield beside
            beside.replace(path)
    finally:
        if beside.is_file():
            beside.unlink()


@contextlib.contextmanager
def refusals_said(path: Path) -> Iterator[None]:
    """FlareError("write") for what the system refuses while ``path`` is written."""
    try:
        yield
    except OSError as error:
        if ran_out(error):
            raise
        raise FlareError(
            "write",
            f"{path} cannot be written: {error.strerror or error}.",
            "Free some space, or choose a place where you may write.",
        ) from error


def make_folder(folder: Path) -> None:
    """Make a folder and those above it. Raises FlareError("write")."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FlareError(
            "write", f"The folder {folder} cannot be made: {error.strerror}.", "Choose a place where you may write."
        ) from error


def check_writable(path: Path) -> None:
    """Raise FlareError("write") now rather than after the work, if ``path`` cannot be written."""
    if path.is_dir():
        raise FlareError("write", f"{path} is a folder, not a file.", "Give the name of a file.")
    beside = path.with_name(f".{secrets.token_hex(6)}.tmp")
    with replacing(beside) as probe:
        probe.write_bytes(b"0")
    beside.unlink()

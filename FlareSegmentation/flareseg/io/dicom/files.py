"""Listing of the readable files in a folder and its subfolders."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Files:
    """``paths``: regular files in the order of their names. ``remarks``: messages on what was left out."""

    paths: list[Path] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)


def files_under(folder: Path) -> Files:
    """All regular files of a folder and its subfolders; hidden ones are left out, links are followed.

    Pipes and devices are never opened: opening a pipe waits for its other end. Raises OSError when
    ``folder`` itself cannot be read.
    """
    found = Files()
    _walk(folder, found, set())
    return found


def shown(path: Path) -> str:
    """A file's own name, without its folders (which may name a patient), fit for every terminal."""
    return os.fsencode(path.name).decode("utf-8", "replace")


def _walk(folder: Path, found: Files, seen: set[tuple[int, int]]) -> None:
    state = folder.stat()
    if (state.st_dev, state.st_ino) in seen:  # a link that leads back to where it lies
        return
    seen.add((state.st_dev, state.st_ino))
    for path in sorted(folder.iterdir()):
        if not path.name.startswith("."):
            _take(path, found, seen)


def _take(path: Path, found: Files, seen: set[tuple[int, int]]) -> None:
    try:
        if path.is_dir():
            _walk(path, found, seen)
        elif path.is_file():
            found.paths.append(path)
        elif path.is_symlink():
            found.remarks.append(f"{shown(path)} is a link to a file that is not there; it was left out.")
        else:
            found.remarks.append(f"{shown(path)} is a pipe or a device, not a file; it was left out.")
    except OSError as error:
        found.remarks.append(f"{shown(path)} cannot be read ({error.strerror}); it was left out.")

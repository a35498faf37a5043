"""The private folder that holds the arrays of one job for Slicer and the worker, and its safe removal."""

from __future__ import annotations

import json
import logging
import os
import re
import stat
import sys
import tempfile
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from flareseg.core.owner import Owner

PREFIX = "flareseg-"
MARKER = "flareseg-job.json"
_OWN_FILES = re.compile(r"(scan|labels|uncertainty)\.npy|\.[0-9a-f]{12}\.tmp(\.npy)?")  # the latter of outputs.py
_LARGEST_MARKER_BYTES = 4096

log = logging.getLogger("flareseg.worker.job_folder")


@dataclass(frozen=True)
class JobFolder:
    """A folder ``flareseg-*`` (mode 0700) with a marker file that says which process made it."""

    path: Path

    @classmethod
    def make(cls, parent: str | None = None) -> JobFolder:
        """A new one in ``parent`` (None: the system's temporary folder). Raises OSError."""
        folder = cls(Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent)).absolute())
        facts = {"folder": folder.path.name, **asdict(Owner.this_process())}
        try:
            folder._marker.write_text(json.dumps(facts), encoding="utf-8")
        except BaseException:
            folder.remove()
            raise
        return folder

    @property
    def scan(self) -> Path:
        return self.path / "scan.npy"

    @property
    def labels(self) -> Path:
        return self.path / "labels.npy"

    @property
    def uncertainty(self) -> Path:
        return self.path / "uncertainty.npy"

    @property
    def _marker(self) -> Path:
        return self.path / MARKER

    def owner(self) -> Owner | None:
        """The process that made it; None for a folder that is not certainly a job folder of this user.

        It is one if it is named so, is not a link, is private to this user and holds a marker with its own name.
        """
        try:
            if not (self.path.is_absolute() and self.path.name.startswith(PREFIX) and _is_private(self.path)):
                return None
            marker = self._marker.lstat()
            if not stat.S_ISREG(marker.st_mode) or marker.st_size > _LARGEST_MARKER_BYTES:
                return None
            facts = json.loads(self._marker.read_text(encoding="utf-8"))
            if facts["folder"] != self.path.name or not 0 < facts["pid"] < 1 << 32:
                return None
            return Owner(int(facts["pid"]), float(facts["started"]), str(facts["computer"]))
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return None

    def remove(self) -> bool:
        """Remove the files of a job and then the folder, if nothing else lies in it; whether it is gone.

        For a folder that this process made itself. Of another, ask for its ``owner`` first.
        """
        try:
            names = [path.name for path in self.path.iterdir()]
        except FileNotFoundError:
            return True
        except OSError:
            return False
        for name in filter(_OWN_FILES.fullmatch, names):
            with suppress(OSError):  # on Windows, a file that is still mapped
                (self.path / name).unlink()
        with suppress(OSError):
            if not any(_OWN_FILES.fullmatch(path.name) for path in self.path.iterdir()):
                self._marker.unlink(missing_ok=True)  # last, so that a later sweep still knows the folder
                self.path.rmdir()
        return not self.path.exists()

    def remove_if_ours(self) -> None:
        """Remove it if it certainly is a job folder of this user."""
        if self.owner() and not self.remove():
            log.warning("could not remove the job folder %s", self.path)


def sweep(parent: Path) -> None:
    """Remove the job folders in ``parent`` whose processes ended without removing them."""
    for path in parent.absolute().glob(f"{PREFIX}*"):
        owner = JobFolder(path).owner()
        if owner is not None and owner.has_ended():
            JobFolder(path).remove_if_ours()


def _is_private(path: Path) -> bool:
    """Whether it is a folder (and no link to one) that only this user can open."""
    facts = path.lstat()
    if not stat.S_ISDIR(facts.st_mode):
        return False
    if sys.platform == "win32":  # the user's own temporary folder is private; a junction counts as a link
        return not facts.st_file_attributes & stat.FILE_ATTRIBUTE_REPARSE_POINT
    return facts.st_mode & 0o777 == 0o700 and facts.st_uid == os.getuid()

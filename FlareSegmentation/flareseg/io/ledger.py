"""The state of every case of an output folder, on disk: attempts and results, one small file each.

Everything lies in the hidden folder LEDGER of the output folder, so that any call can go on where another one ended,
from another computer as well: a case with a row has ended; one without has not. Rows are placed atomically.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

from flareseg.core.errors import OutputError
from flareseg.io.ledger_lock import Hold, is_held, locked
from flareseg.io.outputs import check_writable, make_folder, refusals_said, write_text

LEDGER = ".flareseg"
MOST_ATTEMPTS = 3
ResultRow = dict[str, Any]
_ROW = re.compile("[0-9a-f]{16}[.]json")  # file managers and disks put files of their own anywhere


def file_key(name: str) -> str:
    """Return the key of an image file, or of a folder, by its path inside the source, with slashes."""
    return key_of(f"file:{name}")


def series_key(uid: str, part: int = 0) -> str:
    """Return the key of part number ``part`` of a DICOM series (see io.dicom.series.in_parts)."""
    return key_of(f"series:{uid}" + (f"#{part + 1}" if part else ""))


def key_of(identity: str) -> str:
    """Return a key, 16 hexadecimal digits: of a million cases two have the same one with odds of 1 to 37 million."""
    return sha256(identity.encode("utf-8", "backslashreplace")).hexdigest()[:16]


class ResultLedger:
    """The ledger of the folder ``output``. Every method raises OutputError for what the system refuses."""

    def __init__(self, output: Path) -> None:
        self.output = output
        self.folder = output / LEDGER
        self._rows, self._attempts = self.folder / "rows", self.folder / "attempts"

    def prepare(self) -> None:
        """Make the folders."""
        for folder in (self._rows, self._attempts):
            make_folder(folder)

    def lock(self) -> contextlib.AbstractContextManager[Hold]:
        """Hold the output folder against other callers."""
        self.prepare()
        return locked(self.folder / "lock", self.output)

    @property
    def is_locked(self) -> bool:
        """Whether a caller works on the output folder now."""
        return is_held(self.folder / "lock")

    def takes_files(self) -> bool:
        """Whether a file can be written beside the rows now."""
        try:
            check_writable(self._rows / "row.json")
        except OutputError:
            return False
        return True

    def begin(self, key: str) -> int:
        """Count an attempt to do a case, before it begins; its number, from 1.

        The count is on disk, so that it outlives the process that the attempt may end.
        """
        folder = self._attempts / key[:2]
        make_folder(folder)
        number = 1
        with refusals_said(folder):
            while True:
                with contextlib.suppress(FileExistsError):
                    (folder / f"{key}.{number}").touch(exist_ok=False)
                    return number
                number += 1

    def withdraw(self, key: str) -> None:
        """Take back the last attempt, which was interrupted through no fault of the case."""
        with refusals_said(self._attempts):
            for path in self._attempts_of(key)[-1:]:
                path.unlink(missing_ok=True)

    def place(self, row: ResultRow) -> None:
        """Write the row of a case that has ended, in place of an earlier one."""
        path = self._path(row["key"])
        make_folder(path.parent)
        write_text(path, json.dumps(row, ensure_ascii=False) + "\n")
        with contextlib.suppress(OutputError):  # the case has ended, and forgetting it forgets them, too
            self._forget_attempts(row["key"])

    def forget(self, key: str) -> None:
        """Have a case done again."""
        with refusals_said(self._path(key)):
            self._path(key).unlink(missing_ok=True)
        self._forget_attempts(key)

    def row(self, key: str) -> ResultRow | None:
        """The row of a case; None for one that has not ended, or whose row a loss of power has damaged."""
        return _read(self._path(key))

    def rows(self) -> Iterator[ResultRow]:
        """All rows that are whole, in the order of their keys."""
        with refusals_said(self._rows):
            folders = sorted(filter(Path.is_dir, self._rows.iterdir())) if self._rows.is_dir() else []
        for folder in folders:
            with refusals_said(folder):
                files = sorted(path for path in folder.iterdir() if _ROW.fullmatch(path.name))
            yield from filter(None, map(_read, files))

    def _path(self, key: str) -> Path:
        return self._rows / key[:2] / f"{key}.json"

    def _attempts_of(self, key: str) -> list[Path]:
        attempts = (self._attempts / key[:2]).glob(f"{key}.*")
        return sorted((path for path in attempts if path.suffix[1:].isdecimal()), key=lambda path: int(path.suffix[1:]))

    def _forget_attempts(self, key: str) -> None:
        with refusals_said(self._attempts):
            for path in self._attempts_of(key):
                path.unlink(missing_ok=True)


def _read(path: Path) -> ResultRow | None:
    """A row; None for a file that is not there or is not a row. Raises OutputError."""
    try:
        row = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    except OSError as error:
        hint = "Check that the disk is there and that you may read it."
        raise OutputError(f"{path} cannot be read: {error.strerror}.", hint) from error
    return row if isinstance(row, dict) and "key" in row else None

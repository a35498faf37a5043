"""The training store: a folder of cases in one form, with facts about each.

``store.json`` lists the cases; each lies in ``cases/NAME.npz`` (no pickle). All arrays are (k, j, i) with axes to
superior, posterior and left. Who writes holds a lock on the file ``.lock``, which the system frees when a process ends.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import re
from collections.abc import Container, Iterator
from dataclasses import asdict, dataclass, field, replace
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout

from flareseg.core.errors import DataError, OutputError
from flareseg.io.outputs import atomic_write, make_folder, refusals_said, remove_unfinished, write_text
from flareseg.training.tissues import Tissue

INDEX, LOCK = "store.json", ".lock"
SCHEMA_VERSION = 1


class Kind(str, Enum):
    SCAN = "scan"  # a CT with labels
    ORGANS = "organs"  # a label map without CT, which may hold organs only
    BODY = "body"  # a body in which every voxel has a tissue


@dataclass(frozen=True)
class CaseFacts:
    """What is known of a case without opening it.

    ``spacing`` in mm and ``shape`` are (k, j, i); ``volumes_ml`` by tissue name. ``untrusted``: names of tissues whose
    labels must not be learned. ``bare``: a body whose skin and fat were not labelled but filled in.
    """

    name: str
    kind: Kind
    source: str
    licence: str
    spacing: tuple[float, float, float]
    shape: tuple[int, int, int]
    volumes_ml: dict[str, float]
    untrusted: list[str] = field(default_factory=list)
    bare: bool = False
    sha256: str = ""


@dataclass(frozen=True)
class StoredCase:
    """``tissues``: uint8 codes of Tissue; ``hu``: int16, of a SCAN. Of a BODY also ``filled``: uint8, the tissues with
    organs and vessels replaced by their nearest neighbour; and ``outside``: uint8, mm outside the muscles, on half the
    grid."""

    facts: CaseFacts
    tissues: np.ndarray
    hu: np.ndarray | None = None
    filled: np.ndarray | None = None
    outside: np.ndarray | None = None


class Store:
    """A training store on disk."""

    def __init__(self, folder: Path, cases: dict[str, CaseFacts]) -> None:
        self.folder = folder
        self._cases = cases

    @classmethod
    def create(cls, folder: Path) -> Store:
        """Open the store in a folder, or make an empty one. Raises DataError or OutputError."""
        if not (folder / INDEX).exists():
            make_folder(folder / "cases")
            with _locked(folder):
                if not (folder / INDEX).exists():
                    cls(folder, {})._write_index()
        return cls.open(folder)

    @classmethod
    def open(cls, folder: Path) -> Store:
        """Open the store in a folder. Raises DataError if the folder holds none, or one that cannot be read."""
        return cls(folder, _read_index(folder))

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Keep other processes from writing meanwhile. At the start the cases are listed that others have added since
        the store was opened, and what a killed run left half written is removed.

        Raises OutputError when another process is writing.
        """
        with _locked(self.folder):
            for folder in (self.folder, self.folder / "cases"):
                remove_unfinished(folder)
            self._cases = _read_index(self.folder)
            yield

    def __iter__(self) -> Iterator[CaseFacts]:
        return iter(self._cases.values())

    def __len__(self) -> int:
        return len(self._cases)

    def __contains__(self, name: str) -> bool:
        return name in self._cases

    def only(self, names: Container[str]) -> Store:
        """The same store with some of its cases, to read from."""
        return Store(self.folder, {name: facts for name, facts in self._cases.items() if name in names})

    def add(self, case: StoredCase) -> None:
        """Write a case and list it; one of the same name is replaced. Where others may write, call it inside ``alone``.

        Raises OutputError.
        """
        arrays: dict[str, Any] = {
            "tissues": case.tissues,
            "hu": case.hu,
            "filled": case.filled,
            "outside": case.outside,
        }
        content = io.BytesIO()
        np.savez_compressed(content, **{name: array for name, array in arrays.items() if array is not None})
        with atomic_write(self._path(case.facts.name)) as beside:
            beside.write_bytes(content.getbuffer())
        digest = hashlib.sha256(content.getbuffer()).hexdigest()
        self._cases[case.facts.name] = replace(case.facts, sha256=digest)
        self._write_index()

    def load(self, name: str) -> StoredCase:
        """Load a case. Raises DataError when its file is missing or has changed."""
        facts = self._cases[name]
        path = self._path(name)
        try:
            content = path.read_bytes()
        except OSError as error:
            raise DataError(f"{path} cannot be read.", "Make the store again.") from error
        if hashlib.sha256(content).hexdigest() != facts.sha256:
            raise DataError(f"{path} is damaged (its sha256 has changed).", "Make the store again.")
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            return StoredCase(facts, **{key: arrays[key] for key in arrays.files})

    def _path(self, name: str) -> Path:
        return self.folder / "cases" / f"{name}.npz"

    def _write_index(self) -> None:
        cases = [asdict(facts) for facts in self._cases.values()]
        write_text(self.folder / INDEX, json.dumps({"schema_version": SCHEMA_VERSION, "cases": cases}, indent=1))


def volumes_ml(tissues: np.ndarray, spacing: tuple[float, float, float]) -> dict[str, float]:
    """The volume of each tissue in a map, in mL, by its name; what is not there is left out."""
    counts = np.bincount(tissues.ravel(), minlength=len(Tissue))
    ml = float(np.prod(spacing)) / 1000
    return {tissue.name.lower(): round(float(counts[tissue]) * ml, 1) for tissue in Tissue if tissue and counts[tissue]}


def _read_index(folder: Path) -> dict[str, CaseFacts]:
    try:
        index = json.loads((folder / INDEX).read_text(encoding="utf-8"))
        if index["schema_version"] != SCHEMA_VERSION:
            raise ValueError("another schema version")
        return {entry["name"]: _facts(entry) for entry in index["cases"]}
    except OSError as error:
        raise DataError(f"{folder} is not a training store.", "Make one with flareseg prepare.") from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise DataError(
            f"The training store {folder} is damaged ({error}).", "Make it again with flareseg prepare."
        ) from error


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    path = folder / LOCK
    with refusals_said(path):
        path.touch()
    lock = FileLock(path, timeout=0)
    try:
        lock.acquire()
    except Timeout as error:
        raise OutputError(
            f"Another process is writing to the training store {folder}.", "Start again when it has ended."
        ) from error
    except (OSError, NotImplementedError) as error:
        raise OutputError(
            f"The training store {folder} cannot be locked ({error}).", "Choose a folder on a local disk."
        ) from error
    try:
        yield
    finally:
        lock.release()


def _facts(entry: dict[str, object]) -> CaseFacts:
    """Return the facts in an entry. Raises ValueError or TypeError for an entry that does not describe a case."""
    facts = CaseFacts(**entry)  # type: ignore[arg-type]
    if not re.fullmatch(r"[\w.-]+", facts.name):  # it becomes the name of a file
        raise ValueError(f'"{facts.name}" is not a valid case name')
    k, j, i = facts.spacing
    depth, rows, columns = facts.shape
    return replace(facts, kind=Kind(facts.kind), spacing=(k, j, i), shape=(depth, rows, columns))

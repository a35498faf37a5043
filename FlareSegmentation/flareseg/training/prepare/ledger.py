"""A record of what each case of a store was made from, so that a later run makes only what has changed."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from flareseg.core.errors import DataError, FlareError
from flareseg.io.outputs import write_text
from flareseg.training.prepare.building import Form
from flareseg.training.prepare.found import CaseSource
from flareseg.training.store import Store

LEDGER = "prepared.json"
_VERSION = 1  # of what prepare makes of the same input: a change makes every case anew


class Ledger:
    """``prepared.json`` in the store's folder: by case, the fingerprint of its origin and the sha256 it got."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._path = store.folder / LEDGER
        self._entries = _read(self._path)

    def has(self, name: str, origin: str) -> bool:
        """Whether the store holds this case, whole, and made from the same origin."""
        if name not in self._store:
            return False
        try:
            case = self._store.load(name)
        except FlareError:  # missing or damaged: it is made again
            return False
        return self._entries.get(name) == [origin, case.facts.sha256]

    def note(self, name: str, origin: str) -> None:
        """Record a case; to be called once the case is in the store. A run killed in between makes it again."""
        sha256 = next(facts.sha256 for facts in self._store if facts.name == name)
        self._entries[name] = [origin, sha256]
        write_text(self._path, json.dumps(self._entries, indent=1))


def origin_of(case: CaseSource, form: Form) -> str:
    """Fingerprint of a case's input, what is known of it, and the form it gets. Raises DataError."""
    digest = hashlib.sha256(repr((_VERSION, case.provenance, form.kind.value, form.mm)).encode())
    try:
        for chunk in case.content():
            digest.update(chunk)
    except OSError as error:
        raise DataError(
            f"{error.filename} cannot be read: {error.strerror}.", "Check that the file is there and may be read."
        ) from error
    return digest.hexdigest()


def _read(path: Path) -> dict[str, list[str]]:
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(entries, dict):
            raise ValueError("it is not a JSON object")
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"{path} is damaged ({error}).", "Delete it: the cases are then made again.") from error
    return entries

"""Import of cases into a store, one by one; unusable ones are refused with the reason."""

from __future__ import annotations

import traceback
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from flareseg.core.errors import DataError, FlareError, ScanError
from flareseg.training.prepare.building import Form, build
from flareseg.training.prepare.checks import warnings_of
from flareseg.training.prepare.found import CaseSource
from flareseg.training.prepare.ledger import Ledger, origin_of
from flareseg.training.store import Store


class ImportState(str, Enum):
    ADDED = "added"
    REPLACED = "replaced"
    KEPT = "already there"
    REFUSED = "refused"


@dataclass(frozen=True)
class ImportResult:
    """The outcome of a case. ``notes``: why it was refused, or what is unusual about it."""

    name: str
    state: ImportState
    volumes_ml: dict[str, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def import_cases(found: Iterable[CaseSource], store: Store, form: Form) -> Iterator[ImportResult]:
    """Bring cases into a store that no other process writes to meanwhile, one at each step.

    Raises OutputError.
    """
    with store.alone():
        ledger = Ledger(store)
        seen: set[str] = set()
        for case in found:
            name = case.provenance.name
            outcome = _outcome(case, store, ledger, form, is_new=name not in seen)
            seen.add(name)
            yield outcome


def _outcome(case: CaseSource, store: Store, ledger: Ledger, form: Form, is_new: bool) -> ImportResult:
    try:
        if not is_new:
            raise DataError("Another case of this run has the same name.", "Rename one of the two.")
        return _brought(case, store, ledger, form)
    except (ScanError, DataError) as error:
        return ImportResult(case.provenance.name, ImportState.REFUSED, notes=[str(error)])
    except FlareError:  # a full disk, say, ends the run
        raise
    except Exception as error:  # the other cases go on
        place = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{Path(place.filename).name}, line {place.lineno}"
        note = f"It failed unexpectedly ({type(error).__name__}: {error}; {where})."
        return ImportResult(case.provenance.name, ImportState.REFUSED, notes=[note])


def _brought(case: CaseSource, store: Store, ledger: Ledger, form: Form) -> ImportResult:
    name, origin = case.provenance.name, origin_of(case, form)
    if ledger.has(name, origin):
        return ImportResult(name, ImportState.KEPT, next(facts.volumes_ml for facts in store if facts.name == name))
    state = _state(case, store, form)
    made = build(case.read(), case.provenance, form)
    store.add(made)
    ledger.note(name, origin)
    return ImportResult(name, state, made.facts.volumes_ml, warnings_of(made))


def _state(case: CaseSource, store: Store, form: Form) -> ImportState:
    """Whether the case is new or another version of one. Raises DataError for another case's name."""
    there = next((facts for facts in store if facts.name == case.provenance.name), None)
    if there is None:
        return ImportState.ADDED
    if (there.source, there.kind) != (case.provenance.source, form.kind):
        raise DataError(
            f'The store has a case of this name already ({there.kind.value} from "{there.source}").',
            "Give --name-prefix, so that both have names of their own.",
        )
    return ImportState.REPLACED

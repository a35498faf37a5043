"""The command flareseg prepare, which imports data sets of several layouts into a training store."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer
from rich.table import Table

from flareseg.cli import console
from flareseg.core.extras import needs
from flareseg.core.limits import Limits
from flareseg.core.organs import ORGANS
from flareseg.training.layout import Layout

if TYPE_CHECKING:
    from flareseg.training.prepare import ImportResult
    from flareseg.training.prepare.layouts import Found
    from flareseg.training.store import Store

SOME_REFUSED = 1


class KindName(str, Enum):
    SCANS = "scans"
    ORGANS = "organs"
    BODIES = "bodies"


def prepare(
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="Data set folder, .npz file, or phantom:4.")],
    store: Annotated[Path, typer.Argument(metavar="STORE", help="Training store; created if it does not exist.")],
    layout: Annotated[Layout, typer.Option(help="Layout of the source.")] = Layout.AUTO,
    data_map: Annotated[
        Optional[str],
        typer.Option("--map", metavar="FILE.yaml", help="Meaning, source and licence of the labels."),
    ] = None,
    source_text: Annotated[Optional[str], typer.Option("--source", help="Name of the data set.")] = None,
    licence: Annotated[Optional[str], typer.Option(help="Licence of the data set, stored with every case.")] = None,
    kind: Annotated[
        Optional[KindName], typer.Option("--as", help="Use of the cases; by default it follows from their content.")
    ] = None,
    name_prefix: Annotated[Optional[str], typer.Option(help="Prefix of the names of all cases.")] = None,
    spacing: Annotated[Optional[float], typer.Option(help="Voxel size in mm; by default 1.5, of bodies 2.")] = None,
) -> None:
    """Bring CTs with labels, label maps or bodies into a training store. Exits with 1 if a case is refused."""
    with console.failures_said():
        Limits().check_engine()
        found, into = _opened(source, store, layout, data_map, (source_text, licence, name_prefix), kind, spacing)
        outcomes = _import_cases(found, into)
    _show(outcomes, into)
    if any(_refused(outcome) for outcome in outcomes):
        raise typer.Exit(SOME_REFUSED)


def _opened(
    source: str,
    folder: Path,
    layout: Layout,
    map_name: str | None,
    words: tuple[str | None, str | None, str | None],
    kind: KindName | None,
    mm: float | None,
) -> tuple[Found, Store]:
    """The cases that were found, and the store. Raises FlareError."""
    with needs("train"):
        from flareseg.training.prepare import find
        from flareseg.training.prepare.data_map import DataMap, read_data_map
        from flareseg.training.store import Kind, Store
    kinds = {KindName.SCANS: Kind.SCAN, KindName.ORGANS: Kind.ORGANS, KindName.BODIES: Kind.BODY}
    described = (read_data_map(map_name) if map_name else DataMap()).with_words(*words)
    found = find(source, layout, described, kinds[kind] if kind else None, mm)
    return found, Store.create(folder)


def _import_cases(found: Found, store: Store) -> list[ImportResult]:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from flareseg.training.prepare import import_cases

    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), TextColumn("{task.description}", markup=False))
    outcomes = []
    with Progress(*columns, console=console.err, transient=True, disable=not console.err.is_terminal) as bar:
        task = bar.add_task("", total=len(found.cases))
        for outcome in import_cases(found.cases, store, found.form):
            outcomes.append(outcome)
            bar.update(task, advance=1, description=outcome.name)
    return outcomes


def _show(outcomes: list[ImportResult], store: Store) -> None:
    """A row a case, the refused ones last, and how many there are of each."""
    from flareseg.training.prepare import ImportState

    console.out.print(_table(sorted(outcomes, key=_refused), store))
    counts = [(sum(outcome.state is state for outcome in outcomes), state.value) for state in ImportState]
    said = ", ".join(f"{count} {state}" for count, state in counts if count)
    console.out.print(f"{said}. {store.folder} holds {len(store)} cases.", soft_wrap=True)


def _table(outcomes: list[ImportResult], store: Store) -> Table:
    from flareseg.training.prepare.checks import organ_ml

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("Case", overflow="fold")
    table.add_column("Kind", no_wrap=True)
    for organ in ORGANS:
        table.add_column(f"{organ.name}\nmL", justify="right", no_wrap=True)
    table.add_column("", overflow="fold")
    kinds = {facts.name: facts.kind.value for facts in store}
    for outcome in outcomes:
        refused = _refused(outcome)
        ml = ["" if refused else f"{organ_ml(outcome.volumes_ml, organ.label):.0f}" for organ in ORGANS]
        words = f"{outcome.state.value}: " if refused or outcome.notes else outcome.state.value
        row = (outcome.name, "" if refused else kinds[outcome.name], *ml, words + "; ".join(outcome.notes))
        table.add_row(*row, style="red" if refused else None)
    return table


def _refused(outcome: ImportResult) -> bool:
    return outcome.state.value == "refused"

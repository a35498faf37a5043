"""The report page of an archive: distributions, failures, and the cases most worth a look."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import numpy as np

from flareseg.archive import worth_a_look
from flareseg.archive.discovery import LEFT_OUT
from flareseg.archive.histogram import Histogram, histogram_of
from flareseg.archive.table import read_table
from flareseg.core.organs import LEFT_KIDNEY, ORGANS, RIGHT_KIDNEY
from flareseg.display.pages import page_environment
from flareseg.io.outputs import write_text
from flareseg.io.result_row import DONE, FAILED, ORGAN_COLUMNS

if TYPE_CHECKING:
    import pandas

PAGE = "report.html"
_EXAMPLES = 5  # of each kind of failure
_FACTS = (("ml", "volume", "mL"), ("hu", "mean HU", "HU"), ("confidence", "confidence", "%"))
_COLUMNS = ("error_kind", "error", "manufacturer", "model", "seconds", "ram_mb")


@dataclass(frozen=True)
class OrganDistributions:
    """The histograms of one organ, with its colour."""

    name: str
    colour: tuple[int, int, int]
    histograms: list[Histogram]


def write_report(output: Path) -> None:
    """Write PAGE to an output folder, from its table of results. Raises OutputError."""
    hu = [f"{organ}_hu" for organ in ORGAN_COLUMNS.values()]
    table = read_table(output, [*worth_a_look.columns(), *hu, *_COLUMNS])
    environment = page_environment(Path(__file__).with_name("templates"))
    environment.globals |= {"link": quote}
    done = table[table["state"] == DONE]
    page = environment.get_template("archive.html.j2").render(
        states=Counter(table["state"].tolist()),
        total=len(table),
        distributions=list(_distributions(done)),
        speed=[histogram_of("Seconds a scan", "s", v) for v in _values(done, "seconds")],
        memory=[histogram_of("Peak RAM", "MB", v) for v in _values(done, "ram_mb")],
        looks=worth_a_look.most_worth_a_look(table),
        failures=_failures(table),
        scanners=_scanners(table),
        left_out=_left_out(output / LEFT_OUT),
    )
    write_text(output / PAGE, page)


def _distributions(done: pandas.DataFrame) -> Iterator[OrganDistributions]:
    colours = {organ.name: organ.colour for organ in (*ORGANS, RIGHT_KIDNEY, LEFT_KIDNEY)}
    for name, column in ORGAN_COLUMNS.items():
        found = []
        for fact, title, unit in _FACTS:
            for values in _values(done, f"{column}_{fact}"):
                is_share = fact == "confidence"
                found.append(
                    histogram_of(title, unit, 100 * values if is_share else values, (0, 100) if is_share else None)
                )
        if found:
            yield OrganDistributions(name, colours[name], found)


def _values(table: pandas.DataFrame, column: str) -> Iterator[np.ndarray]:
    """The known values of a column, if there are any."""
    values = table[column].to_numpy(dtype=float)
    values = values[np.isfinite(values)]
    if len(values):
        yield values


def _failures(table: pandas.DataFrame) -> list[dict[str, Any]]:
    """Kind, count and some examples, the most frequent kind first."""
    failed = table[table["state"] == FAILED]
    kinds = Counter(failed["error_kind"].tolist())
    return [
        {
            "kind": kind,
            "count": count,
            "examples": failed[failed["error_kind"] == kind][["name", "error"]].head(_EXAMPLES).to_dict("records"),
        }
        for kind, count in kinds.most_common()
    ]


def _scanners(table: pandas.DataFrame) -> list[tuple[str, int]]:
    known = table[["manufacturer", "model"]].dropna(how="all").fillna("")
    return Counter(f"{maker} {model}".strip() for maker, model in known.to_numpy().tolist()).most_common(12)


def _left_out(path: Path) -> list[tuple[str, int, int]]:
    """Reason, how many entries, and how many images."""
    entries, images = Counter[str](), Counter[str]()
    if path.exists():
        with path.open(encoding="utf-8", newline="") as stream:
            for row in csv.DictReader(stream):
                entries[row["reason"]] += 1
                images[row["reason"]] += int(row["images"])
    return [(reason, count, images[reason]) for reason, count in entries.most_common(20)]

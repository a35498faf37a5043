"""The results as tables of text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.floor import Floor
from benchmarks.methods import FLARE21, METHODS, OURS, PROTOCOLS, STAGES, WARM
from benchmarks.results import Results
from benchmarks.row import Row
from benchmarks.scans import voxels_of

_DISTURBING = 0.1  # share of the processor
DEVICES = {"cpu": "CPU", "cuda": "GPU"}


@dataclass(frozen=True)
class TextTable:
    """``cells``: rows of text below ``heads``; the first ``names`` columns are words, the others numbers."""

    title: str
    heads: list[str]
    cells: list[list[str]]
    names: int = 1

    def markdown(self) -> str:
        rules = ["---" if n < self.names else "---:" for n in range(len(self.heads))]
        lines = [self.heads, rules, *self.cells]
        return f"**{self.title}**\n\n" + "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def all_tables(results: Results) -> list[TextTable]:
    """Comparison and stages of each protocol, and how ours grows with the slices."""
    tables = []
    for protocol in (FLARE21, WARM):
        if rows := results.of(protocol):
            tables += [_comparison(results, protocol, rows), *_stages(results, protocol, rows)]
    return [*tables, *_growth(results)]


def notes(results: Results) -> list[str]:
    """Plain messages: the floor, whether reported memory is true, what was extrapolated or left out."""
    messages = [*_floor_notes(results), *_honesty_notes(results)]
    if any(row.extrapolated for row in results.rows):
        messages.append(
            "≈ Extrapolated: on a CPU a peer's network runs a few passes of those that its own predictor asks for ("
            "Network passes); their median stands for the others. All around the network runs whole."
        )
    problems = [f"{line(row)}." for row in results.rows if row.problem]
    return messages + others_note(results.rows) + problems


def others_note(rows: Sequence[Row]) -> list[str]:
    """A message when other programs disturbed the rows; else none."""
    most = max((row.others for row in rows), default=0.0)
    if most < _DISTURBING:
        return []
    return [
        f"Other programs had up to {100 * most:.0f} % of the processor meanwhile: read ratios and CPU seconds only."
    ]


def machine_line(results: Results) -> str:
    """The machine in a few words, for titles."""
    machine = results.machine
    gpu = machine["gpu"]["name"] if machine["gpu"] else "no GPU"
    return f"{machine['processor']}, {gpu}"


# heading, field of Row, and whether the ratio to ours follows
_COLUMNS = {
    FLARE21: [
        ("Seconds", "seconds", True),
        ("CPU s", "cpu_seconds", True),
        ("RAM MB", "ram_mb", True),
        ("GPU MiB", "gpu_mib", True),
        ("GPU MiB above context", "gpu_above_context_mib", False),
        ("GPU MiB·s", "gpu_area", False),
    ],
    WARM: [
        ("Seconds", "seconds", True),
        ("CPU s", "cpu_seconds", True),
        ("RAM MB above scan, labels", "ram_above_mb", True),
        ("GPU MiB allocated", "gpu_allocated_mib", True),
    ],
}


def _comparison(results: Results, protocol: str, rows: list[Row]) -> TextTable:
    on_gpu = any(row.device == "cuda" for row in rows)
    shown = [column for column in _COLUMNS[protocol] if on_gpu or not column[0].startswith("GPU")]
    figures = [head for name, _, with_ratio in shown for head in ([name, "× ours"] if with_ratio else [name])]
    heads = ["Slices", "Method", "Device", *figures, "Network passes"]
    cells = [_line(results, row, shown) for row in rows]
    if not results.machine["gpu"]:
        cells.append(["all", "every method", "GPU", "no GPU", *[""] * (len(heads) - 4)])
    return TextTable(PROTOCOLS[protocol], heads, cells, names=3)


def _line(results: Results, row: Row, columns: list[tuple[str, str, bool]]) -> list[str]:
    cells = [str(row.slices), METHODS[row.method].title, DEVICES[row.device]]
    ours = results.ours(row.protocol, row.device, row.slices)
    for _, name, with_ratio in columns:
        value = getattr(row, name)
        about = "≈ " if row.extrapolated and "seconds" in name and value is not None else ""
        cells.append(about + number(value))
        if with_ratio:
            cells.append(about + _ratio(value, getattr(ours, name) if ours else None))
    return [*cells, _passes(row)]


def _passes(row: Row) -> str:
    if row.problem:
        return row.problem.split(":")[0] if row.problem.startswith(("skipped", "stopped")) else "failed"
    return f"{row.passes_run} of {row.passes}" if row.extrapolated else "all"


def line(row: Row) -> str:
    """A row in a few words."""
    figure = row.problem if row.seconds is None else f"{number(row.seconds)} s"
    how = f" (extrapolated from {row.passes_run} of {row.passes} network passes)" if row.extrapolated else ""
    return f"{METHODS[row.method].title}, {row.slices} slices, {row.protocol}, {DEVICES[row.device]}: {figure}{how}"


def number(value: float | None) -> str:
    """Three significant digits, without an exponent."""
    if value is None:
        return ""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}" if abs(value) >= 0.001 else "0"


def _ratio(value: float | None, ours: float | None) -> str:
    return number(value / ours) if value is not None and ours else ""


def _stages(results: Results, protocol: str, rows: list[Row]) -> list[TextTable]:
    """Where the time went at the base number of slices, a table for each device."""
    tables = []
    for device in ("cuda", "cpu"):
        here = [r for r in rows if r.device == device and r.slices == results.base_slices and r.stages]
        names = [stage for stage in STAGES if any(stage in row.stages for row in here)]
        cells = [[STAGES[n], *[number(row.stages.get(n)) for row in here]] for n in names]
        title = f"Seconds in each stage, {results.base_slices} slices, {DEVICES[device]}, {protocol}"
        if here:
            tables.append(TextTable(title, ["Stage", *[METHODS[row.method].title for row in here]], cells))
    return tables


def _growth(results: Results) -> list[TextTable]:
    """How ours grows with the slices, warm."""
    heads = ["Slices", "Seconds", f"× {results.base_slices}", "× floor", "RAM MB above", "GPU MiB"]
    tables = []
    for device in ("cuda", "cpu"):
        rows = [row for row in results.of(WARM) if (row.method, row.device) == (OURS, device) and row.seconds]
        base = next((row.seconds for row in rows if row.slices == results.base_slices), None)
        cells = [
            [
                str(row.slices),
                number(row.seconds),
                _ratio(row.seconds, base),
                _ratio(row.seconds, _floor(results, device).seconds(voxels_of(row.slices))),
                number(row.ram_above_mb),
                number(row.gpu_allocated_mib) or "no GPU",
            ]
            for row in rows
        ]
        if len(rows) > 1:
            tables.append(TextTable(f"{METHODS[OURS].title} from array to labels, {DEVICES[device]}", heads, cells))
    return tables


def _floor(results: Results, device: str) -> Floor:
    return Floor(**results.machine["floors"][device])


def _floor_notes(results: Results) -> list[str]:
    slices, messages = results.base_slices, []
    for device in results.machine["floors"]:
        floor, voxels = _floor(results, device), voxels_of(slices)
        moved = f"{number(1000 * floor.transfer_seconds(voxels))} ms of pinned copies and " if floor.upload else ""
        message = (
            f"Floor on the {DEVICES[device]} at {slices} slices: {moved}{number(1000 * floor.arithmetic_seconds)} ms "
            f"of arithmetic ({floor.gflop:.0f} GFLOP at {number(floor.tflops)} TFLOP/s in {floor.dtype})"
        )
        ours = results.ours(WARM, device, slices)
        if ours and ours.seconds:
            times = number(ours.seconds / floor.seconds(voxels))
            message += f"; ours takes {number(1000 * ours.seconds)} ms, {times} times as long"
        messages.append(f"{message}.")
    return messages


def _honesty_notes(results: Results) -> list[str]:
    """The peaks in our reports against those sampled from outside, the worst over all scans."""
    messages = []
    for what, reported, outside in (
        ("RAM", "reported_ram_mb", "ram_mb"),
        ("GPU memory", "reported_gpu_mib", "gpu_highest_mib"),
    ):
        pairs = [(getattr(row, reported), getattr(row, outside)) for row in results.rows]
        errors = [100 * (told / seen - 1) for told, seen in pairs if told is not None and seen]
        if errors:
            worst = max(errors, key=abs)
            messages.append(
                f"The report's peak {what} differs by {worst:+.1f} % at most from what was sampled from outside."
            )
    return messages

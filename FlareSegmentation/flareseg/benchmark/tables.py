"""The results as tables of text, for a terminal and for a README alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flareseg.benchmark.catalogue import FLARE21, METHODS, OURS, PROTOCOLS, STAGES, WARM
from flareseg.benchmark.floor import Floor
from flareseg.benchmark.results import Results, Row

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
            tables.append(_comparison(results, protocol, rows))
            tables += _stages(results, protocol, rows)
    return [*tables, *_growth(results)]


def notes(results: Results) -> list[str]:
    """Plain messages: the floor, whether reported memory is true, what was extrapolated or left out."""
    messages = [*_floor_notes(results), *_honesty_notes(results)]
    if any(row.extrapolated for row in results.rows):
        messages.append(
            "≈ Extrapolated: on a CPU a peer's network runs a few passes of those that its own predictor asks for ("
            "Network passes); their median stands for the others. All around the network runs whole."
        )
    messages += others_note(results.rows)
    return messages + [f"{_label(row)}: {row.problem}." for row in results.rows if row.problem]


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


def _comparison(results: Results, protocol: str, rows: list[Row]) -> TextTable:
    on_gpu = any(row.device == "cuda" for row in rows)
    columns = _COLD_COLUMNS if protocol == FLARE21 else _WARM_COLUMNS
    shown = [column for column in columns if on_gpu or not column[0].startswith("GPU")]
    heads = ["Slices", "Method", "Device"]
    for head, _, with_ratio in shown:
        heads += [head, "× ours"] if with_ratio else [head]
    heads.append("Network passes")
    cells = [_line(results, row, shown) for row in rows]
    if not results.machine["gpu"]:
        cells.append(["all", "every method", "GPU", "no GPU", *[""] * (len(heads) - 4)])
    return TextTable(PROTOCOLS[protocol], heads, cells, names=3)


# heading, field of Row, and whether the ratio to ours follows
_COLD_COLUMNS = [
    ("Seconds", "seconds", True),
    ("CPU s", "cpu_seconds", True),
    ("RAM MB", "ram_mb", True),
    ("GPU MiB", "gpu_mib", True),
    ("GPU MiB above context", "gpu_above_context_mib", False),
    ("GPU MiB·s", "gpu_area", False),
]
_WARM_COLUMNS = [
    ("Seconds", "seconds", True),
    ("CPU s", "cpu_seconds", True),
    ("RAM MB above scan, labels", "ram_above_mb", True),
    ("GPU s between events", "event_seconds", False),
    ("GPU MiB allocated", "gpu_allocated_mib", True),
]


def _line(results: Results, row: Row, columns: list[tuple[str, str, bool]]) -> list[str]:
    line = [str(row.slices), METHODS[row.method].title, DEVICES[row.device]]
    ours = results.ours_beside(row)
    for _, name, with_ratio in columns:
        value = getattr(row, name)
        about = "≈ " if row.extrapolated and "seconds" in name and value is not None else ""
        line.append(about + number(value))
        if with_ratio:
            line.append(about + _ratio(value, getattr(ours, name) if ours else None))
    return [*line, _passes(row)]


def _passes(row: Row) -> str:
    if row.problem:
        return row.problem.split(":")[0] if row.problem.startswith(("skipped", "stopped")) else "failed"
    return row.extrapolated.removeprefix("extrapolated from ").removesuffix(" network passes") or "all"


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
        names += sorted({stage for row in here for stage in row.stages} - set(names))
        cells = [[STAGES.get(n, n), *[number(row.stages.get(n)) for row in here]] for n in names]
        title = f"Seconds in each stage, {results.base_slices} slices, {DEVICES[device]}, {protocol}"
        if here:
            tables.append(TextTable(title, ["Stage", *[METHODS[row.method].title for row in here]], cells))
    return tables


def _growth(results: Results) -> list[TextTable]:
    """How ours grows with the slices, warm."""
    rows = [row for row in results.of(WARM) if row.method == OURS.key and row.seconds is not None]
    tables = []
    for device in ("cuda", "cpu"):
        here = [row for row in rows if row.device == device]
        base = next((row.seconds for row in here if row.slices == results.base_slices), None)
        cells = [
            [
                str(row.slices),
                number(row.seconds),
                _ratio(row.seconds, base),
                _ratio(row.seconds, results.floor_seconds(device, row.slices)),
                number(row.ram_above_mb),
                number(row.gpu_allocated_mib) or "no GPU",
            ]
            for row in here
        ]
        heads = ["Slices", "Seconds", f"× {results.base_slices}", "× floor", "RAM MB above", "GPU MiB"]
        if len(here) > 1:
            tables.append(TextTable(f"{OURS.title} from array to labels, {DEVICES[device]}", heads, cells))
    return tables


def _floor_notes(results: Results) -> list[str]:
    messages = []
    slices = results.base_slices
    voxels = slices * results.in_plane**2
    for device, floor in ((device, Floor(**facts)) for device, facts in results.machine["floors"].items()):
        whole = floor.seconds(2 * voxels, voxels)
        moved = f"{number(1000 * floor.transfer_seconds(2 * voxels, voxels))} ms of pinned copies and "
        messages.append(
            f"Floor on the {DEVICES[device]} at {slices} slices: {moved if floor.upload else ''}"
            f"{number(1000 * floor.arithmetic_seconds)} ms of arithmetic ({floor.gflop:.0f} GFLOP at "
            f"{number(floor.tflops)} TFLOP/s in {floor.dtype})" + _times_floor(results, device, slices, whole)
        )
    return messages


def _times_floor(results: Results, device: str, slices: int, floor: float) -> str:
    for row in results.of(WARM):
        if (row.method, row.device, row.slices) == (OURS.key, device, slices) and row.seconds is not None:
            return f"; ours takes {number(1000 * row.seconds)} ms, {number(row.seconds / floor)} times as long."
    return "."


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


def _label(row: Row) -> str:
    return f"{METHODS[row.method].title}, {row.slices} slices, {row.protocol}, {DEVICES[row.device]}"

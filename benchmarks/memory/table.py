"""The table of memory and time, and its page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from flareseg.core.organs import CLASSES
from flareseg.inference.live_bytes import pass_mb
from flareseg.inference.networks import build
from flareseg.training.memory import StepMemory, count_step
from flareseg.training.sample import Stage

from accuracy import markdown
from accuracy.results import CaseFigures
from accuracy.tables import case_line
from benchmarks.memory.methods import BASELINE, METHODS, MemoryMethod
from benchmarks.memory.step import Measured

_HEAD = (
    "method",
    "parameters",
    "tensors kept, MB",
    "peak while training, MB (share)",
    "in bfloat16, MB",
    "peak while segmenting, MB",
)


@dataclass(frozen=True)
class CountedRow:
    """What was counted of one method on a scan of 160 slices; ``pass_mb``: of the network while it segments."""

    method: MemoryMethod
    step: StepMemory
    half: StepMemory
    pass_mb: float


def counted(methods: Sequence[MemoryMethod] = METHODS) -> list[CountedRow]:
    """Count every method."""
    return [
        CountedRow(
            method,
            count_step(Stage.FULL_SIZE, method.settings()),
            count_step(Stage.FULL_SIZE, method.settings(), "bf16-mixed"),
            pass_mb(partial(build, method.network, CLASSES, method.options), method.grid)[0],
        )
        for method in methods
    ]


def page(
    rows: Sequence[CountedRow],
    measured: Mapping[str, Measured],
    about: str,
    scores: Mapping[str, Sequence[CaseFigures]],
) -> str:
    """Everything as Markdown. ``about``: grid and device of what was measured; ``scores``: cases by weights."""
    whole = next(row for row in rows if row.method is BASELINE).step.peak_mb
    lines = [
        (
            row.method.title,
            f"{row.step.parameters:,}",
            f"{row.step.kept_mb:,.0f}",
            f"{row.step.peak_mb:,.0f} ({100 * row.step.peak_mb / whole:.0f} %)",
            f"{row.half.peak_mb:,.0f}",
            f"{row.pass_mb:,.0f}",
        )
        for row in rows
    ]
    times = [
        (
            title,
            f"{each.step_mb:,.0f}",
            f"{each.counted_mb:,.0f}",
            f"{each.step_seconds:.1f}",
            f"{each.pass_mb:,.0f}",
            f"{each.pass_seconds:.1f}",
        )
        for title, each in measured.items()
    ]
    head = ("method", "peak of a step, MB", "counted, MB", "step, s", "peak of a pass, MB", "pass, s")
    parts = [
        "# Memory of training and segmenting\n",
        "Counted with fake tensors for one scan of 160 x 512 x 512 voxels, batch 1, AdamW, float32 unless stated; the "
        "crop has 96 x 128 x 192 voxels. Shares are of the plain 3D U-Net.\n",
        markdown.table(_HEAD, lines),
        *([f"## Measured on {about}\n", markdown.table(head, times)] if times else []),
        "![Memory against the number of slices](memory.png)\n",
        "## Dice and surface Dice at 1 mm, %\n",
        *([line for name in scores for line in _scored(name, scores[name])] or ["No weights were given.\n"]),
    ]
    return "\n".join(parts)


def _scored(name: str, cases: Sequence[CaseFigures]) -> list[str]:
    return [f"### {name}\n", "".join(f"- {case_line(case)}\n" for case in cases)]

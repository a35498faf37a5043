"""Where the time of a training step goes: each effect of the synthesis, forward, backward, and what follows."""

from __future__ import annotations

import inspect
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from flareseg.training import trainer as product
from flareseg.training.synthesis import synthesizer
from job import synchronise


def ms_of_parts(trainer: Any, seconds: float) -> dict[str, float]:
    """Go on with a training, and return the milliseconds of each part by step, the largest first.

    The device is waited for around each part, so a step takes longer than usual; what overlaps counts for the part that
    waits. ``batch`` holds the effects of the synthesis, which are listed, too.
    """
    spent: Counter[str] = Counter()
    effects = [name for name, value in vars(synthesizer).items() if _is_effect(value)]
    places: list[tuple[Any, str]] = [
        *((synthesizer, name) for name in effects),
        (trainer.batches, "batch"),
        (product, "forward"),
        (trainer._fabric, "backward"),
        (trainer, "_clip"),
        (trainer._optimiser, "step"),
        (trainer._state.average, "update_parameters"),
        (trainer, "_report"),
    ]
    begun = trainer.progress.step
    with ExitStack() as timed:
        for owner, name in places:
            timed.enter_context(_timed(owner, name, spent))
        trainer.train(seconds / 60)
    steps = max(1, trainer.progress.step - begun)
    return {name: round(1000 * total / steps, 2) for name, total in spent.most_common()}


def _is_effect(value: object) -> bool:
    return inspect.isfunction(value) and value.__module__.startswith("flareseg.training.synthesis.")


@contextmanager
def _timed(owner: Any, name: str, spent: Counter[str]) -> Iterator[None]:
    """Add the seconds of every call of ``owner.name`` to ``spent`` while the context lasts."""
    work: Callable[..., Any] = getattr(owner, name)

    def timed(*arguments: Any, **options: Any) -> Any:
        synchronise()
        begun = time.perf_counter()
        try:
            return work(*arguments, **options)
        finally:
            synchronise()
            spent[name] += time.perf_counter() - begun  # type: ignore[assignment]

    setattr(owner, name, timed)
    try:
        yield
    finally:
        setattr(owner, name, work)

"""Progress of a training run on the terminal, and its end on Ctrl+C or SIGTERM."""

from __future__ import annotations

import contextlib
import io
import signal
from collections.abc import Iterator
from types import FrameType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from flareseg.cli import console
from flareseg.training.sample import Stage
from flareseg.training.validation import Score

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class ConsoleWatcher:
    """Reports the progress of a run on stderr, unless ``silent`` (of several processes, one reports).

    Ctrl+C and a polite kill end the run after the step that is under way.
    """

    def __init__(self, silent: bool = False) -> None:
        self.is_cancelled = False
        self._console = Console(file=io.StringIO()) if silent else console.err
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[figures]}"),
            console=self._console,
        )
        self._task = self._bar.add_task("", visible=False, figures="")

    @contextlib.contextmanager
    def watching(self) -> Iterator[ConsoleWatcher]:
        """Show the bar and listen to signals while the block lasts."""
        before = {number: signal.signal(number, self._end) for number in _SIGNALS}
        try:
            with self._bar:
                yield self
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def begins(self, stage: Stage, done: int, steps: int) -> None:
        self._bar.reset(
            self._task, description=stage.value, completed=done, total=steps, visible=done < steps, figures=""
        )
        if done:
            self._console.print(f"{stage.value}: going on from step {done} of {steps}.")

    def advanced(self, step: int, loss: float, score: Score, lr: float) -> None:
        self._bar.update(self._task, completed=step, figures=f"loss {loss:.3f}  Dice {_percent(score.mean)}")

    def validated(self, step: int, score: Score, is_best: bool) -> None:
        organs = "  ".join(f"{name.lower()} {_percent(share)}" for name, share in {**score.dice, **score.roi}.items())
        self._console.print(f"step {step}: validation Dice {organs}{'  (best so far)' if is_best else ''}")

    def say(self, message: str) -> None:
        """Print a line above the bar."""
        self._console.print(message, soft_wrap=True)

    def _end(self, number: int, frame: FrameType | None) -> None:
        self.is_cancelled = True


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"

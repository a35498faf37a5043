"""A batch of scans: the next one, the state of each, and the remaining time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Generic, TypeVar

from flareseg.core.errors import Cancelled, FlareError, NoAbdomenError

TaskT = TypeVar("TaskT")
ResultT = TypeVar("ResultT")


class State(str, Enum):
    """The state of a scan in a batch."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    SKIPPED = "skipped"
    NOTHING_FOUND = "nothing found"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass
class Entry(Generic[TaskT, ResultT]):
    """One task of a batch, with its result or why there is none, and the wall-clock seconds that it took."""

    task: TaskT
    state: State = State.WAITING
    result: ResultT | None = None
    error: FlareError | None = None
    seconds: float | None = None


class Batch(Generic[TaskT, ResultT]):
    """Tasks in their order. A task that fails does not stop the others, a task that is cancelled does.

    The caller drives it by ``run``, or by ``begin`` and then ``succeed`` or ``fail`` as events come in.
    ``on_change`` is called with each entry that gets another state; ``clock`` counts seconds.
    """

    def __init__(
        self,
        tasks: Iterable[TaskT],
        on_change: Callable[[Entry[TaskT, ResultT]], object] = lambda entry: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.entries: list[Entry[TaskT, ResultT]] = [Entry(task) for task in tasks]
        self._on_change, self._clock = on_change, clock
        self._begun_at = 0.0

    def run(
        self, work: Callable[[TaskT], ResultT], explain: Callable[[Exception], FlareError]
    ) -> Iterator[Entry[TaskT, ResultT]]:
        """Do ``work`` for the tasks that wait, and give each entry, also a skipped or cancelled one, in its turn.

        ``explain`` turns whatever ``work`` raises into the error of the entry.
        """
        for entry in self.entries:
            if entry.state is State.WAITING:
                self._begin(entry)
                try:
                    self.succeed(entry, work(entry.task))
                except Exception as error:  # whatever it is, the other tasks have to go on
                    self.fail(entry, explain(error))
            yield entry
            _release_frames(entry.error)

    def begin(self) -> Entry[TaskT, ResultT] | None:
        """The first entry that waits, which runs from now on; None at the end."""
        for entry in self._in(State.WAITING):
            self._begin(entry)
            return entry
        return None

    def skip(self, entry: Entry[TaskT, ResultT], result: ResultT | None = None) -> None:
        """The task was done before."""
        entry.result = result
        self._set(entry, State.SKIPPED)

    def succeed(self, entry: Entry[TaskT, ResultT], result: ResultT) -> None:
        entry.result, entry.seconds = result, self._clock() - self._begun_at
        self._set(entry, State.DONE)

    def fail(self, entry: Entry[TaskT, ResultT], error: FlareError) -> None:
        entry.error, entry.seconds = error, self._clock() - self._begun_at
        if isinstance(error, Cancelled):
            self._set(entry, State.CANCELLED)
            self.cancel()
        else:
            self._set(entry, State.NOTHING_FOUND if isinstance(error, NoAbdomenError) else State.FAILED)

    def cancel(self) -> None:
        """Leave out the tasks that wait. The one at work is the caller's to stop, and then to ``fail``."""
        for entry in self._in(State.WAITING):
            entry.error = Cancelled()
            self._set(entry, State.CANCELLED)

    def place(self, entry: Entry[TaskT, ResultT]) -> tuple[int, int]:
        """Return the position of an entry, from 1, and the number of entries."""
        return [other is entry for other in self.entries].index(True) + 1, len(self.entries)

    @property
    def seconds_left(self) -> float | None:
        """Return the expected seconds to the end, from the tasks done so far; None before the first has ended."""
        known = [entry.seconds for entry in self.entries if entry.seconds is not None]
        return len(self._in(State.WAITING, State.RUNNING)) * sum(known) / len(known) if known else None

    def _in(self, *states: State) -> list[Entry[TaskT, ResultT]]:
        return [entry for entry in self.entries if entry.state in states]

    def _begin(self, entry: Entry[TaskT, ResultT]) -> None:
        self._begun_at = self._clock()
        self._set(entry, State.RUNNING)

    def _set(self, entry: Entry[TaskT, ResultT], state: State) -> None:
        entry.state = state
        self._on_change(entry)


def _release_frames(error: BaseException | None) -> None:
    """Clear the frames of a traceback, which hold what its functions held, such as the voxels of a scan."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:  # a chain of causes may be a circle
        seen.add(id(error))
        error.__traceback__ = None
        error = error.__cause__ or error.__context__

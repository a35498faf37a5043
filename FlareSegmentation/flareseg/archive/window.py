"""Calls on the workers of a Dask cluster, of which only a few are submitted at a time.

The scheduler holds a window of tasks, however many there are in all, so that its memory stays flat.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError
from typing import Any, TypeVar

from distributed import Client, Future, KilledWorker, as_completed

from flareseg.core.errors import WorkerError

ItemT = TypeVar("ItemT")
AnswerT = TypeVar("AnswerT")

_PER_THREAD = 3  # one at work and some waiting, so that no thread idles while the next are sent
_PARTS = 6  # of the window, of which one or more are submitted together
_COUNTED_SECONDS = 5.0  # between two looks at how many workers there are


class Window:
    """``resources``: what a call takes of a worker, such as {"GPU": 1}.

    ``most_lost``: how often Dask may give a call up before that is its answer. It does so when more workers have ended
    that had the call than its setting allowed-failures says.
    """

    def __init__(self, client: Client, resources: dict[str, float] | None = None, most_lost: int = 3) -> None:
        self._client, self._resources, self._most_lost = client, resources, most_lost
        self._numbers = itertools.count()
        self._waiting: dict[Future, tuple[Any, int]] = {}
        self._size, self._counted_at = 0, 0.0

    @property
    def items(self) -> list[Any]:
        """What is submitted and has not been answered."""
        return [item for item, _ in self._waiting.values()]

    def map(
        self,
        function: Callable[[ItemT], AnswerT],
        items: Iterable[ItemT],
        is_to_repeat: Callable[[AnswerT], bool] = lambda answer: False,
    ) -> Iterator[tuple[ItemT, AnswerT | Exception]]:
        """Each item with its answer, or the exception that its call raised, as they come in.

        A call is repeated when its worker is lost, and when its answer is to be repeated. Raises WorkerError when the
        scheduler is lost.
        """
        remaining = iter(items)
        answered = as_completed()
        self._fill(function, remaining, answered)
        for future in answered:
            item, lost = self._waiting.pop(future)
            answer = _answer(future)
            future.release()
            is_lost = isinstance(answer, (KilledWorker, CancelledError))
            if (is_lost and lost < self._most_lost) or (not isinstance(answer, Exception) and is_to_repeat(answer)):
                self._submit(function, [item], answered, lost + is_lost)
            else:
                yield item, answer
            self._fill(function, remaining, answered)

    def cancel(self) -> None:
        """Give up what is submitted."""
        if is_connected(self._client):
            self._client.cancel(list(self._waiting))

    def _fill(self, function: Callable[[ItemT], Any], remaining: Iterator[ItemT], answered: as_completed) -> None:
        """Submit what fits into the window, when a part of it has been answered: each submission costs a message."""
        room = self._room() - len(self._waiting)
        if room >= max(1, self._size // _PARTS):
            self._submit(function, list(itertools.islice(remaining, room)), answered)

    def _room(self) -> int:
        """The size of the window, which follows the number of workers."""
        if time.monotonic() - self._counted_at > _COUNTED_SECONDS or not self._size:
            try:
                self._size = max(1, _PER_THREAD * sum(self._client.nthreads().values()))
            except OSError as error:
                raise _lost() from error
            self._counted_at = time.monotonic()
        return self._size

    def _submit(
        self, function: Callable[[ItemT], Any], items: list[ItemT], answered: as_completed, lost: int = 0
    ) -> None:
        if not is_connected(self._client):
            raise _lost()
        keys = [("flareseg", next(self._numbers)) for _ in items]  # one group of tasks for the scheduler's statistics
        for item, future in zip(items, self._client.map(function, items, key=keys, resources=self._resources)):
            self._waiting[future] = (item, lost)
            answered.add(future)


def is_connected(client: Client) -> bool:
    """Whether the scheduler can be reached."""
    return bool(client.status == "running")


def _lost() -> WorkerError:
    return WorkerError("The connection to the Dask scheduler was lost.", "Run the same command again.")


def _answer(future: Future) -> Any:
    try:
        return future.result()
    except Exception as error:
        return error

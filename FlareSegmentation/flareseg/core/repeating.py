"""An action that is repeated in a thread of its own while a block runs."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def repeated(action: Callable[[], object], seconds: Callable[[], float]) -> Iterator[None]:
    """Call ``action`` again and again, with pauses of ``seconds()``, until the block has ended.

    It is not called at once, and not any more once the block has been left. It must not raise.
    """
    ended = threading.Event()

    def repeat() -> None:
        while not ended.wait(seconds()):
            action()

    thread = threading.Thread(target=repeat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()

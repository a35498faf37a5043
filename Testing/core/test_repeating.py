"""An action that is repeated while a block runs."""

from __future__ import annotations

import threading

from flareseg.core.repeating import repeated


def test_the_action_is_repeated_until_the_block_ends() -> None:
    calls: list[int] = []
    third = threading.Event()
    before = threading.enumerate()

    def act() -> None:
        calls.append(1)
        if len(calls) == 3:
            third.set()

    with repeated(act, lambda: 0.001):
        assert third.wait(30)
    assert len(calls) >= 3
    assert set(threading.enumerate()) <= set(before)


def test_a_block_that_ends_first_does_not_wait_for_the_pause() -> None:
    calls: list[int] = []
    with repeated(lambda: calls.append(1), lambda: 3600.0):
        pass
    assert calls == []

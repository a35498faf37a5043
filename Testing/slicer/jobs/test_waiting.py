"""Work in a thread while Slicer handles its events."""

from __future__ import annotations

import gc
import threading

import pytest
from FlareSegmentationLib.garbage import GarbagePause
from FlareSegmentationLib.jobs.waiting import inBackground

DESTROYED_IN: list[threading.Thread] = []


class Widget:
    """Stands for a Qt object, which may be destroyed in the main thread only; part of a reference cycle."""

    def __init__(self) -> None:
        self.itself = self

    def __del__(self) -> None:
        DESTROYED_IN.append(threading.current_thread())


def allocate() -> int:
    """Enough new containers for Python to look for garbage many times."""
    return len([[number] for number in range(100_000)])


def test_unreachable_objects_are_not_destroyed_in_the_thread():
    Widget()
    assert inBackground(allocate) == 100_000
    gc.collect()
    destroyed_in = DESTROYED_IN[:]
    assert destroyed_in == [threading.main_thread()]


@pytest.mark.parametrize("is_enabled", [True, False])
def test_garbage_collection_is_afterwards_as_before(is_enabled):
    if not is_enabled:
        gc.disable()
    try:
        with pytest.raises(ZeroDivisionError):
            inBackground(lambda: 1 / 0)
        assert gc.isenabled() is is_enabled
    finally:
        gc.enable()


def test_the_last_of_several_threads_turns_garbage_collection_on_again():
    pause = GarbagePause()
    pause.begin()
    pause.begin()
    pause.end()
    assert not gc.isenabled()
    pause.end()
    assert gc.isenabled()

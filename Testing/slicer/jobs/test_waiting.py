"""Work in a thread while Slicer handles its events."""

from __future__ import annotations

import gc
import threading

import pytest
from conftest import wait_until
from FlareSegmentationLib.background import Work
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


def test_garbage_collection_goes_on_when_the_last_of_several_threads_has_ended():
    first_may_end, second_may_end = threading.Event(), threading.Event()
    first, second = Work(first_may_end.wait), Work(second_may_end.wait)
    first_may_end.set()
    assert first.result()
    assert not gc.isenabled()
    second_may_end.set()
    assert second.result()
    assert gc.isenabled()


def test_garbage_collection_goes_on_although_the_end_is_not_waited_for():
    Work(lambda: None)
    wait_until(gc.isenabled)

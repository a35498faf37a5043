"""The end of the worker process: its reasons, its exit code, and its time limit."""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from typing import NoReturn

import psutil

GRACE_SECONDS = 2.0  # for a cancelled job to remove what it wrote, before the process just ends
_PARENT_LOOK_SECONDS = 1.0
_SIGNALS = ("SIGTERM", "SIGINT", "SIGHUP", "SIGBREAK")  # the third is missing on Windows, the last elsewhere

log = logging.getLogger("flareseg.worker.ending")


class Ending:
    """Whether the worker is to end, and with which exit code: the first reason decides. For any thread."""

    def __init__(self) -> None:
        self.code = 0
        self._begun = threading.Event()
        self._lock = threading.Lock()
        self._wake: Callable[[], None] = lambda: None

    @property
    def begun(self) -> bool:
        return self._begun.is_set()

    def begin(self, why: str, code: int = 0) -> None:
        with self._lock:
            if self.begun:
                return
            self.code = code
            self._begun.set()
        self._wake()
        log.info("the worker ends: %s", why)

    def wakes(self, wake: Callable[[], None]) -> None:
        """Have ``wake`` called once the end has begun, or now if it has."""
        with self._lock:
            self._wake = wake
            is_late = self.begun
        if is_late:
            wake()

    def wait(self, seconds: float | None = None) -> bool:
        """Wait for the end to begin, at most so long; whether it has."""
        return self._begun.wait(seconds)


def end_on_signals(ending: Ending) -> None:
    """End on SIGTERM, SIGINT, SIGHUP and (Windows) SIGBREAK with 128 plus the signal's number. For the main thread.

    Python runs a signal's handler only between two steps of the main thread; its wake-up descriptor tells a
    thread at once, even while the main thread is inside a long step of a library.
    """
    heard, told = socket.socketpair()
    told.setblocking(False)
    signal.set_wakeup_fd(told.detach(), warn_on_full_buffer=False)
    for name in _SIGNALS:
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), lambda number, frame: None)

    def listen() -> None:
        number = heard.recv(1)[0]
        ending.begin(signal.Signals(number).name, 128 + number)

    _in_background(listen)


def end_with(parent: int, ending: Ending) -> None:
    """End when the process with this pid does."""

    def watch() -> None:
        try:
            process = psutil.Process(parent)
            while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
                if ending.wait(_PARENT_LOOK_SECONDS):
                    return
        except psutil.NoSuchProcess:
            pass  # it had ended already, or has ended while it was looked at
        ending.begin("its parent has ended")

    _in_background(watch)


def end_for_sure(ending: Ending, clean_up: Callable[[], None]) -> None:
    """Leave some time after the end has begun, even if the main thread is in a step that never returns."""

    def force() -> None:
        ending.wait()
        time.sleep(GRACE_SECONDS)
        leave(ending, clean_up)

    _in_background(force)


def leave(ending: Ending, clean_up: Callable[[], None]) -> NoReturn:
    """End the process without waiting for its threads, after ``clean_up`` if its caller is gone.

    Clean-up is not waited for long: it logs, and a caller that is stuck does not read the log.
    """
    try:
        if ending.begun:
            _in_background(clean_up).join(GRACE_SECONDS)
    finally:
        os._exit(ending.code)


def _in_background(target: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=target, daemon=True)
    thread.start()
    return thread

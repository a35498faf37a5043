"""Preparation of stdin, stdout and stderr for any encoding, and for full or closed streams."""

from __future__ import annotations

import codecs
import io
import os
import sys

_ERRORS = "flareseg.plain"
_PLAIN = {"■": "#", "█": "#", "━": "-", "±": "+/-", "·": "-", "…": "...", "–": "-", "→": "->"}
_STANDARD = (0, 1, 2)


def prepare() -> None:
    """Print in any encoding, and keep the numbers of closed streams from files that are opened later."""
    for number in _STANDARD:
        try:
            os.fstat(number)
        except OSError:
            silence(number)
    codecs.register_error(_ERRORS, _replaced)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=_ERRORS)


def silence(number: int) -> None:
    """Let what is written to a stream that takes nothing more go nowhere, so that the end of the process succeeds."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    if nowhere != number:
        os.dup2(nowhere, number)
        os.close(nowhere)


def printable(text: str) -> str:
    """One line without what would steer a terminal: file names may hold line breaks and escape sequences."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def _replaced(error: UnicodeError) -> tuple[str, int]:
    """What stands for letters that the stream's encoding lacks."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(_PLAIN.get(letter, "?") for letter in error.object[error.start : error.end]), error.end

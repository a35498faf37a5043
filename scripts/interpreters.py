"""The supported Pythons of this computer. Only the standard library, so that any Python can run it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path


def installed(versions: Iterable[str]) -> dict[str, Path]:
    """One interpreter for each of ``versions`` ("3.10") that is here, in the order given."""
    found = {}
    for version in versions:
        interpreter = next((path for path in _candidates(version) if _runs(path, version)), None)
        if interpreter is not None:
            found[version] = interpreter
    return found


def _candidates(version: str) -> Iterator[Path]:
    """Where an interpreter may lie: on the PATH, or among pyenv's, the newest first."""
    for folder in os.get_exec_path():
        yield Path(folder) / f"python{version}"
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    yield from sorted(pyenv.glob(f"versions/{version}.*/bin/python{version}"), reverse=True)


def _runs(interpreter: Path, version: str) -> bool:
    """Whether it starts (pyenv puts names on the PATH that do not) and is of this version."""
    if not interpreter.is_file():
        return False
    question = "import sys; print('%d.%d' % sys.version_info[:2])"
    try:
        answer = subprocess.run([interpreter, "-c", question], capture_output=True, text=True, timeout=60)
    except OSError:
        return False
    return answer.returncode == 0 and answer.stdout.strip() == version

"""The command line in a process of its own, as a person or a script runs it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def flareseg(*arguments: str | Path, through: list[str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run ``flareseg`` with arguments; ``through`` is a command that runs it (setpriv, for example)."""
    command = [*(through or []), sys.executable, "-m", "flareseg", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)

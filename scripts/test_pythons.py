"""Test of `make demo` with each supported Python of this computer, each in a temporary environment."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from pathlib import Path

from interpreters import installed

PLACE = Path("build/pythons")


def main(versions: list[str]) -> int:
    found = installed(versions)
    if not found:
        print(
            f"No Python {versions[0]} to {versions[-1]} was found, neither on the PATH nor in pyenv.", file=sys.stderr
        )
        return 1
    outcomes = {version: demo(version, interpreter) for version, interpreter in found.items()}
    for version in versions:
        print(f"Python {version}: {outcomes.get(version, 'not on this computer')}")
    return int(any(outcome.startswith("FAILED") for outcome in outcomes.values()))


def demo(version: str, interpreter: Path) -> str:
    """Run it and tell how it went: "passed in 98 s" or "FAILED with exit code 2"."""
    print(f"Python {version}: {interpreter}", flush=True)
    place, started = PLACE / version, time.monotonic()
    shutil.rmtree(place, ignore_errors=True)
    try:
        ended = subprocess.run(["make", "demo", f"PYTHON={interpreter}", f"VENV={place}/venv", f"DEMO={place}/demo"])
    finally:
        shutil.rmtree(place / "venv", ignore_errors=True)
    if ended.returncode:
        return f"FAILED with exit code {ended.returncode}"
    return f"passed in {time.monotonic() - started:.0f} s ({interpreter}); its pictures are in {place}/demo"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

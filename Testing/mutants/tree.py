"""A copy of the working tree, in which faults are put and tests are run; the working tree itself is never changed."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mutants.fault import PRODUCT, TESTS, Fault

ROOT = Path(__file__).resolve().parents[2]
GREEN, RED = 0, 1  # pytest's exit codes; any other one means that the tests could not be run
TEST_SECONDS = 120  # of one test: a fault may well be an endless loop
_LEFT_OUT = shutil.ignore_patterns(".*", "build", "__pycache__", "*.pyc")


@dataclass(frozen=True)
class Verdict:
    """How pytest ended, the tests that failed, and what it said."""

    code: int
    failed: tuple[str, ...]
    said: str


@dataclass(frozen=True)
class Tree:
    """``folder`` holds the copy."""

    folder: Path

    @classmethod
    @contextlib.contextmanager
    def copied(cls, root: Path = ROOT) -> Iterator[Tree]:
        """A copy in a temporary folder, which is removed in the end."""
        with tempfile.TemporaryDirectory(prefix="flareseg-mutants-") as folder:
            yield cls(Path(shutil.copytree(root, Path(folder) / "tree", ignore=_LEFT_OUT)))

    @contextlib.contextmanager
    def having(self, fault: Fault) -> Iterator[None]:
        """With a fault in it. Raises ValueError for a fault that does not fit the code, or is not valid Python."""
        path = self.folder / PRODUCT / fault.file
        whole, faulty = path.read_text(encoding="utf-8"), fault.put_into(self.folder)
        try:
            compile(faulty, fault.file, "exec")
        except SyntaxError as error:
            raise ValueError(f"{fault.name}: what would take the place is not valid Python ({error})") from error
        path.write_text(faulty, encoding="utf-8")
        try:
            yield
        finally:
            path.write_text(whole, encoding="utf-8")

    def test(self, tests: Sequence[str], *options: str) -> Verdict:
        """Run tests (paths under Testing/) on the product as the copy holds it."""
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--timeout", str(TEST_SECONDS)]
        places = os.pathsep.join(str(self.folder / part) for part in (PRODUCT, TESTS))
        # without compiled files: one that belongs to the code before the fault may be as long and as old
        environment = {**os.environ, "PYTHONPATH": places, "PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1"}
        done = subprocess.run(
            [*command, *options, *(f"{TESTS}/{test}" for test in tests)],
            cwd=self.folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
        )
        ends = [line.split(" ", 1)[1] for line in done.stdout.splitlines() if line.startswith(("FAILED ", "ERROR "))]
        failed = tuple(end.split(" - ")[0].removeprefix(f"{TESTS}/") for end in ends)
        return Verdict(done.returncode, failed, done.stdout)

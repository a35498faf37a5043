"""A fault: a small piece of wrong code in place of the right one, and the tests that must see it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import yaml

PRODUCT, TESTS = "FlareSegmentation", "Testing"
LISTS = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Fault:
    """``file`` lies under FlareSegmentation/; ``tests`` are files under Testing/, each with ``::test`` if one is meant.

    ``before``: code that the file holds exactly once; ``after``: what takes its place.
    """

    name: str
    file: str
    before: str
    after: str
    tests: tuple[str, ...]

    def put_into(self, tree: Path) -> str:
        """The whole text of the file with the fault in it. Raises ValueError unless ``before`` is there once."""
        text = (tree / PRODUCT / self.file).read_text(encoding="utf-8")
        if (count := text.count(self.before)) != 1:
            raise ValueError(f"{self.name}: the text to replace occurs {count} times in {self.file}, not once")
        if self.before == self.after:
            raise ValueError(f"{self.name}: the fault changes nothing")
        return text.replace(self.before, self.after)


def read_faults(folder: Path = LISTS) -> list[Fault]:
    """The faults of all lists (*.yaml) of a folder. Raises TypeError for unknown or missing keys."""
    rows = [row for path in sorted(folder.glob("*.yaml")) for row in yaml.safe_load(path.read_text(encoding="utf-8"))]
    return [Fault(**{**row, "tests": tuple(row["tests"].split())}) for row in rows]

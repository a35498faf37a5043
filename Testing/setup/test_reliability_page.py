"""docs/reliability.md names tests that are there."""

from __future__ import annotations

import re
from pathlib import Path

TESTING = Path(__file__).resolve().parents[1]
ROW = re.compile(r"^\| (?P<fault>[^|]+) \| (?P<what>[^|]+) \| `(?P<file>[\w/]+\.py)::(?P<test>\w+)` \|$", re.MULTILINE)


def rows() -> list[re.Match[str]]:
    page = (TESTING.parent / "docs" / "reliability.md").read_text(encoding="utf-8")
    found = list(ROW.finditer(page))
    tables = [line for line in page.splitlines() if line.startswith("| ") and not line.startswith("| Fault |")]
    assert len(found) == len(tables), "every row has a fault, what happens, and a test"
    return found


def test_the_page_has_at_least_sixty_faults_each_once() -> None:
    faults = [row["fault"] for row in rows()]
    assert len(faults) >= 60
    assert len({*faults, *(f"{row['file']}::{row['test']}" for row in rows())}) == 2 * len(faults)


def test_every_test_that_the_page_names_is_there() -> None:
    missing = [
        f"{row['file']}::{row['test']}"
        for row in rows()
        if not re.search(rf"def {row['test']}\(", (TESTING / row["file"]).read_text(encoding="utf-8"))
    ]
    assert missing == []

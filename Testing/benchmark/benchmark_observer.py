"""One that is told how a benchmark goes, and keeps it."""

from __future__ import annotations

from flareseg.benchmark.results import Row


class Silence:
    """Shows nothing."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.rows: list[Row] = []

    def begin(self, what: str) -> None:
        self.begun.append(what)

    def alive(self, seconds: float) -> None:
        assert seconds >= 0

    def done(self, row: Row, position: int, total: int) -> None:
        assert len(self.rows) + 1 == position <= total
        self.rows.append(row)

"""The request to a child process and its answer, one JSON file each."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.row import Row

MACHINE, CONTEXT = "machine", "context"  # kinds of job beside the two protocols


@dataclass(frozen=True)
class ChildJob:
    """``kind``: a protocol, MACHINE (what this computer is) or CONTEXT (a CUDA context and nothing else)."""

    kind: str
    device: str
    method: str = ""
    slices: int = 0
    scan: str = ""
    labels: str = ""
    repeats: int = 1

    @property
    def row(self) -> Row:
        """Return the job's row before anything is measured."""
        return Row(self.kind, self.method, self.device, self.slices)


@dataclass
class Account:
    """What a child measured of itself.

    Attributes:
        row: Complete when warm; else from array to labels, but with all stages between ``entered`` and ``ended``.
        entered: When its Python code began, in seconds since the epoch; ``ended``: when it ended.
        given_mb: Size of scan and labels in memory (1e6 bytes).
        left_out: Wall-clock and processor seconds of network passes that were not run. The row's figures hold them;
            what is measured from outside does not.
        facts: Of the machine.
    """

    row: Row
    entered: float = 0.0
    ended: float = 0.0
    given_mb: float = 0.0
    left_out: tuple[float, float] = (0.0, 0.0)
    facts: dict[str, Any] = field(default_factory=dict)


def save(content: ChildJob | Account, path: Path) -> None:
    path.write_text(json.dumps(asdict(content)), encoding="utf-8")


def load_job(path: Path) -> ChildJob:
    return ChildJob(**json.loads(path.read_text(encoding="utf-8")))


def load_account(path: Path) -> Account:
    data = json.loads(path.read_text(encoding="utf-8"))
    return Account(**{**data, "row": Row(**data["row"])})

"""The provenance of a run's data, stored with its checkpoints and in the manifest of its weights."""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from flareseg import __version__
from flareseg.core.errors import DataError
from flareseg.io.outputs import write_text
from flareseg.training.store import CaseFacts

PROVENANCE = "provenance.json"


def write_provenance(folder: Path, cases: Iterable[CaseFacts]) -> None:
    """Keep the cases that a run learns from, by source and licence. Raises OutputError."""
    write_text(folder / PROVENANCE, json.dumps({"code": code_version(), "sources": by_source(cases)}, indent=1))


def read_provenance(folder: Path) -> dict[str, Any]:
    """Read the provenance of a run. Raises DataError when it is missing or damaged."""
    try:
        return dict(json.loads((folder / PROVENANCE).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise DataError(f"{folder / PROVENANCE} is missing or damaged.", "Give the whole folder of a run.") from error


def digest(cases: Iterable[CaseFacts]) -> str:
    """Another one for other cases, or for the same with other content."""
    content = "\n".join(f"{case.name} {case.sha256}" for case in sorted(cases, key=lambda case: case.name))
    return hashlib.sha256(content.encode()).hexdigest()


def by_source(cases: Iterable[CaseFacts]) -> list[dict[str, Any]]:
    """Sources with licence, kind and number of cases, largest first."""
    counts = Counter((case.source, case.licence, case.kind.value) for case in cases)
    return [
        {"source": source, "licence": licence, "kind": kind, "cases": count}
        for (source, licence, kind), count in counts.most_common()
    ]


def code_version() -> str:
    """The version of flareseg, and the commit where it runs from a clone."""
    here = Path(__file__).resolve().parent
    try:
        commit = subprocess.run(
            ["git", "-C", str(here), "rev-parse", "--short", "HEAD"], capture_output=True, text=True, timeout=10
        )
    except (OSError, subprocess.TimeoutExpired):
        return __version__
    return f"{__version__} ({commit.stdout.strip()})" if commit.returncode == 0 else __version__

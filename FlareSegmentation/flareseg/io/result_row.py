"""One row of the table of results: what became of one case."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path

from flareseg import __version__
from flareseg.core.errors import FlareError, NoAbdomenError
from flareseg.core.organs import LEFT_KIDNEY, ORGANS, RIGHT_KIDNEY
from flareseg.core.report import Report
from flareseg.io.ledger import ResultRow

DONE, NOTHING_FOUND, FAILED = "done", "nothing found", "failed"
_LIVER, _KIDNEYS, _SPLEEN, _PANCREAS = ORGANS
ORGAN_COLUMNS = {
    organ.name: organ.name.lower().replace(" ", "_")
    for organ in (_LIVER, _KIDNEYS, RIGHT_KIDNEY, LEFT_KIDNEY, _SPLEEN, _PANCREAS)
}
"""What the columns of an organ begin with, by the organ's name in reports."""

SCANNER_COLUMNS = ("manufacturer", "model", "kernel", "kvp", "contrast")
COLUMNS: dict[str, type] = {
    "name": str,
    "state": str,
    "error_kind": str,
    "error": str,
    "warnings": str,
    "study_uid": str,
    "series_uid": str,
    **dict.fromkeys(SCANNER_COLUMNS, str),
    "slices": int,
    "rows": int,
    "columns": int,
    "slice_mm": float,
    "row_mm": float,
    "column_mm": float,
    **{f"{organ}_{fact}": float for organ in ORGAN_COLUMNS.values() for fact in ("ml", "hu", "hu_sd", "confidence")},
    "seconds": float,
    "ram_mb": float,
    "gpu_mb": float,
    "device": str,
    "attempts": int,
    "labels": str,
    "report": str,
    "preview": str,
    "ended": str,
    "version": str,
    "key": str,
}
"""The columns of the table with their types. A value that is not known is missing."""


def done_row(key: str, name: str, report: Report, files: Mapping[str, str], **facts: str | int) -> ResultRow:
    """The row of a case that was segmented.

    ``files``: paths inside the output folder of "labels", "report" and "preview"; ``facts``: other columns.
    """
    slices, rows, columns = report.scan.shape
    slice_mm, row_mm, column_mm = report.scan.spacing
    warnings = report.warnings + [f"{organ.name}: {text}" for organ in report.organs for text in organ.warnings]
    row = row_of(key, name, DONE, **facts, **files)
    row |= {
        "warnings": " ".join(warnings),
        "slices": slices,
        "rows": rows,
        "columns": columns,
        "slice_mm": slice_mm,
        "row_mm": row_mm,
        "column_mm": column_mm,
        "seconds": round(report.total_seconds, 3),
        "ram_mb": round(report.memory.peak_ram_mb, 1),
        "gpu_mb": report.memory.peak_gpu_allocated_mb,
        "device": f"{report.device.name}, {report.device.dtype}",
        "version": report.version,
    }
    for organ in report.organs:
        begin = ORGAN_COLUMNS[organ.name]
        row |= {f"{begin}_ml": round(organ.volume_ml, 1), f"{begin}_confidence": _rounded(organ.confidence, 3)}
        row |= {f"{begin}_hu": _rounded(organ.mean_hu, 1), f"{begin}_hu_sd": _rounded(organ.std_hu, 1)}
    return row


def failed_row(key: str, name: str, error: FlareError, **facts: str | int) -> ResultRow:
    """The row of a case without a result."""
    state = NOTHING_FOUND if isinstance(error, NoAbdomenError) else FAILED
    return row_of(key, name, state, **facts) | {"error_kind": error.kind, "error": str(error)}


def inside(path: Path, folder: Path) -> str:
    """A path inside a folder, with slashes on every system."""
    return path.relative_to(folder).as_posix()


def row_of(key: str, name: str, state: str, **facts: str | int) -> ResultRow:
    """A row with what every row has."""
    ended = datetime.now(timezone.utc).isoformat(timespec="seconds")
    return {"key": key, "name": name, "state": state, "ended": ended, "version": __version__, **facts}


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)

"""Running time, peak GPU memory and area under the memory curve of a case, as FLARE21 counts them."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flareseg.core.errors import DataError
from flareseg.core.measure import MB
from flareseg.core.report import Report

SAMPLE_SECONDS = 0.1
LEAST_SHARE = 0.02  # of the samples; what is seen more rarely does not count as the maximum
MIB = 2**20 / MB  # the challenge's "MB" are NVML's MiB; ours are 1e6 bytes


@dataclass(frozen=True)
class Resources:
    """Seconds, MB and MB·s in the challenge's unit (2**20 bytes); None where it was not measured."""

    seconds: float | None = None
    gpu_mb: float | None = None
    gpu_mb_s: float | None = None


def peak_of(samples: Sequence[float]) -> float:
    """FLARE21's peak: the largest value seen in more than 2 % of the samples.

    Where no value is, which the challenge leaves open, the largest of all. Raises ValueError without samples.
    """
    counts = Counter(samples)
    return max((value for value, count in counts.items() if count > LEAST_SHARE * len(samples)), default=max(samples))


def area_under(samples: Sequence[float]) -> float:
    """Area under a curve sampled every SAMPLE_SECONDS: MB·s for samples in MB."""
    return sum(samples) * SAMPLE_SECONDS


def read_resources(path: Path) -> Resources:
    """Read a report of ``flareseg segment``, or a file of the challenge's own measuring code.

    The latter is {"time": seconds, "gpu_memory": [a value in MiB every 0.1 s]}.
    Raises DataError for any other file.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(data, dict):
            raise ValueError("no JSON object")
        return _of_challenge(data) if "gpu_memory" in data else _of_report(Report.from_json(data))
    except OSError as error:
        raise DataError(f"{path.name} cannot be read: {error.strerror}.", "") from error
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        raise DataError(f"{path.name} is not a valid report.", "") from error


def _of_challenge(data: dict[str, Any]) -> Resources:
    samples = [_figure(value) for value in data["gpu_memory"]]
    seconds = _figure(data.get("time", len(samples) * SAMPLE_SECONDS))
    return Resources(seconds, peak_of(samples), area_under(samples)) if samples else Resources(seconds)


def _of_report(report: Report) -> Resources:
    """A report holds the peak but no curve; without a GPU both are nothing."""
    seconds = _figure(report.total_seconds)
    if report.device.kind == "cpu":
        return Resources(seconds, 0.0, 0.0)
    peak = report.memory.peak_gpu_device_mb
    return Resources(seconds, None if peak is None else _figure(peak) / MIB)


def _figure(value: Any) -> float:
    """Return a measured value. Raises ValueError if it is negative, NaN or infinite."""
    figure = float(value)
    if not 0 <= figure < math.inf:
        raise ValueError(f"{figure} was not measured")
    return figure

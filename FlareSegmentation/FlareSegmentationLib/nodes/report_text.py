"""The numbers of a report as people read them."""

from __future__ import annotations

from flareseg.core.report import OrganFacts, Report, StageTime
from slicer.i18n import tr as _

_NOTHING = "-"
_SHORTEST_SECONDS = 0.005


def seconds(value: float) -> str:
    return f"{value:.2f}" if value < 9.995 else f"{value:.1f}"


def gigabytes(megabytes: float, decimals: int = 2) -> str:
    return f"{megabytes / 1000:.{decimals}f} GB"


def totals(report: Report, waited: float | None = None) -> str:
    """How long a person waited (seconds), where that is known; on a line of its own what the engine took."""
    memory = report.memory
    total = [] if waited is None else [_("Total {seconds} s").format(seconds=seconds(waited))]
    parts = [_("Engine {seconds} s").format(seconds=seconds(report.total_seconds))]
    if memory.peak_gpu_allocated_mb is not None:
        parts.append(_("GPU memory peak {memory}").format(memory=gigabytes(memory.peak_gpu_allocated_mb)))
    parts.append(_("RAM peak {memory}").format(memory=gigabytes(memory.peak_ram_mb)))
    parts.append(f"{report.device.name}, {report.device.dtype}")
    return "\n".join([*total, " · ".join(parts)])


def stagesShown(report: Report) -> list[StageTime]:
    """Without those that would be told as 0.00 s."""
    return [stage for stage in report.stages if stage.seconds >= _SHORTEST_SECONDS]


def volume(found: OrganFacts) -> str:
    return f"{found.volume_ml:.0f} mL" if found.voxels else _NOTHING


def meanHu(found: OrganFacts) -> str:
    """With its standard deviation."""
    return _NOTHING if found.mean_hu is None else f"{found.mean_hu:.0f} ± {found.std_hu or 0.0:.0f}"


def confidence(found: OrganFacts) -> str:
    return _NOTHING if found.confidence is None else f"{100 * found.confidence:.0f} %"


def checkHere(found: OrganFacts) -> str:
    """What deserves a look, for example "touches the upper edge of the scan; slices 141-146, 152"."""
    places = [str(p.first) if p.first == p.last else f"{p.first}-{p.last}" for p in found.uncertain]
    slices = _("slices {list}").format(list=", ".join(places)) if places else ""
    return "; ".join(filter(None, (*found.warnings, slices)))

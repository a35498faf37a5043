"""Formatting of a report's numbers for people."""

from __future__ import annotations

from flareseg.core.report import OrganFacts, Report, StageTime
from slicer.i18n import tr as _

from .positions import SlicePositions

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
    """Return the stages that took at least 0.01 s as displayed."""
    return [stage for stage in report.stages if stage.seconds >= _SHORTEST_SECONDS]


def volume(found: OrganFacts) -> str:
    return f"{found.volume_ml:.0f} mL" if found.voxels else _NOTHING


def meanHu(found: OrganFacts) -> str:
    """Return mean and standard deviation of an organ's HU as text."""
    return _NOTHING if found.mean_hu is None else f"{found.mean_hu:.0f} ± {found.std_hu or 0.0:.0f}"


def confidence(found: OrganFacts) -> str:
    return _NOTHING if found.confidence is None else f"{100 * found.confidence:.0f} %"


def checkHere(found: OrganFacts, positions: SlicePositions | None) -> str:
    """What to check, for example "touches the upper edge of the scan; S 76.5 to 84.0, 92.5 mm".

    Without ``positions`` slices are given by their indices.
    """
    slices = sliceIndices(found) if positions is None else _slicesInMm([positions(p) for p in found.uncertain])
    return "; ".join(filter(None, (*found.warnings, slices)))


def sliceIndices(found: OrganFacts) -> str:
    """Of the uncertain places, in the scan's own slices: "slices 141-146, 152"."""
    places = [str(p.first) if p.first == p.last else f"{p.first}-{p.last}" for p in found.uncertain]
    return _("slices {list}").format(list=", ".join(places)) if places else ""


def _slicesInMm(ranges: list[tuple[float, float]]) -> str:
    """As the slider of Slicer's axial view shows them."""
    texts = []
    for low, high in ranges:
        first, last = f"{low:.1f}", f"{high:.1f}"
        texts.append(first if first == last else _("{first} to {last}").format(first=first, last=last))
    return _("S {list} mm").format(list=", ".join(texts)) if texts else ""

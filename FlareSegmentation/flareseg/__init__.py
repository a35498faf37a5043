"""Segmentation of liver, kidneys, spleen and pancreas in abdominal CT.

The names in ``__all__`` are the public interface. Those that need NumPy, SimpleITK or PyTorch are imported when they
are first used, so that ``import flareseg`` itself is quick.

Example:
    >>> import flareseg
    >>> result = flareseg.segment("ct.nii.gz", "organs.seg.nrrd")
    >>> for organ in result.report.organs:
    ...     print(organ.name, f"{organ.volume_ml:.0f} mL")
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from flareseg.core.errors import (
    Cancelled,
    ConfigError,
    DataError,
    FlareError,
    GpuMemoryError,
    GpuUnavailableError,
    InsufficientMemoryError,
    InternalError,
    JobError,
    NoAbdomenError,
    OutputError,
    PackagesError,
    RoiError,
    ScanError,
    WeightsError,
    WorkerError,
)

if TYPE_CHECKING:
    from flareseg.api import SegmentationResult, segment, write_dicom
    from flareseg.core.geometry import Geometry
    from flareseg.core.limits import Limits
    from flareseg.core.report import Report
    from flareseg.core.volume import Volume
    from flareseg.inference.cascade import Cascade, Segmentation
    from flareseg.inference.components import CleanUp
    from flareseg.inference.full_size import Networks
    from flareseg.inference.options import Borders, SegmentationOptions
    from flareseg.io.reading import read_volume
    from flareseg.io.writing import write_labels

__version__ = "0.1.0"

__all__ = [
    "Borders",
    "Cancelled",
    "Cascade",
    "CleanUp",
    "ConfigError",
    "DataError",
    "FlareError",
    "Geometry",
    "GpuMemoryError",
    "GpuUnavailableError",
    "InsufficientMemoryError",
    "InternalError",
    "JobError",
    "Limits",
    "Networks",
    "NoAbdomenError",
    "OutputError",
    "PackagesError",
    "Report",
    "RoiError",
    "ScanError",
    "Segmentation",
    "SegmentationOptions",
    "SegmentationResult",
    "Volume",
    "WeightsError",
    "WorkerError",
    "read_volume",
    "segment",
    "write_dicom",
    "write_labels",
]

_LAZY = {
    "Borders": ("flareseg.inference.options", "Borders"),
    "Cascade": ("flareseg.inference.cascade", "Cascade"),
    "CleanUp": ("flareseg.inference.components", "CleanUp"),
    "Geometry": ("flareseg.core.geometry", "Geometry"),
    "Limits": ("flareseg.core.limits", "Limits"),
    "Networks": ("flareseg.inference.full_size", "Networks"),
    "Report": ("flareseg.core.report", "Report"),
    "Segmentation": ("flareseg.inference.cascade", "Segmentation"),
    "SegmentationOptions": ("flareseg.inference.options", "SegmentationOptions"),
    "SegmentationResult": ("flareseg.api", "SegmentationResult"),
    "Volume": ("flareseg.core.volume", "Volume"),
    "read_volume": ("flareseg.io.reading", "read_volume"),
    "segment": ("flareseg.api", "segment"),
    "write_dicom": ("flareseg.api", "write_dicom"),
    "write_labels": ("flareseg.io.writing", "write_labels"),
}


def __getattr__(name: str) -> object:
    """Import a public name from its module when it is first used (PEP 562)."""
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, attribute = _LAZY[name]
    globals()[name] = value = getattr(import_module(module), attribute)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

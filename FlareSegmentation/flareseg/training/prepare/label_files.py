"""Reading of label maps, alone or with their CT, into canonical orientation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from flareseg.core.errors import DataError
from flareseg.core.geometry import Geometry, Orientation
from flareseg.core.volume import Volume, checked
from flareseg.io.reading import read_volume
from flareseg.training.prepare.found import ImportedAnatomy, Provenance
from flareseg.training.prepare.values import LabelValues

_CHUNK = 1 << 20


@dataclass(frozen=True)
class LabelFileCase:
    """A label map file, and the CT on the same grid if there is one."""

    provenance: Provenance
    labels: Path | None
    image: Path | None
    values: LabelValues

    def content(self) -> Iterator[bytes]:
        yield repr(sorted(self.values.names.items())).encode()
        for path in (self.labels, self.image):
            if path:
                yield from file_content(path)

    def read(self) -> ImportedAnatomy:
        if self.labels is None:
            raise DataError("This CT has no label map.", "Add its label map, or leave the CT out.")
        labels = read_volume(self.labels)
        tissues = self.values.tissues(labels.voxels)
        hu = read_hu(self.image, labels.geometry) if self.image else None
        return canonical(tissues, hu, labels.geometry, self.values.kidneys_joined, self.values.unlabelled)


def canonical(
    tissues: np.ndarray,
    hu: np.ndarray | None,
    geometry: Geometry,
    kidneys_joined: bool = False,
    unlabelled: tuple[str, ...] = (),
) -> ImportedAnatomy:
    """Arrays on the grid of ``geometry``, turned so that their axes run to superior, posterior and left."""
    orientation = Orientation.of(geometry)
    turned = [np.ascontiguousarray(orientation.view(array)) for array in (tissues, hu) if array is not None]
    spacing = orientation.geometry(geometry).spacing
    return ImportedAnatomy(turned[0], spacing, turned[1] if hu is not None else None, kidneys_joined, unlabelled)


def read_hu(path: Path, grid: Geometry) -> np.ndarray:
    """The HU of a CT that must lie on ``grid``. Raises ScanError or DataError."""
    volume: Volume = checked(read_volume(path))
    require_same_grid(volume.geometry, grid, "The labels", "the CT")
    return volume.voxels


def require_same_grid(first: Geometry, other: Geometry, other_is: str, first_is: str) -> None:
    if not first.is_close_to(other):
        raise DataError(
            f"{other_is} ({_grid(other)}) do not lie on the grid of {first_is} ({_grid(first)}).",
            "Resample the labels to the CT's grid.",
        )


def file_content(path: Path) -> Iterator[bytes]:
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            yield chunk


def _grid(geometry: Geometry) -> str:
    shape, spacing, origin = (
        ", ".join(f"{v:.4g}" for v in vector)
        for vector in (geometry.shape[::-1], geometry.spacing[::-1], geometry.origin)
    )
    return f"{shape} voxels of {spacing} mm from {origin}"

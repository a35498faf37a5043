"""Displacement fields between organ maps and bodies, and their file (safetensors)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from flareseg.core.errors import DataError
from flareseg.io.outputs import atomic_write
from flareseg.training.synthesis.cases import Body, OrganMap, Point, point
from flareseg.training.synthesis.config import RegistrationConfig
from flareseg.training.synthesis.masks import affine, interpolate

_STEP_MM = 0.5  # a field is kept in bytes of this size, which reaches 63 mm
_VERSION = "1"


@dataclass(frozen=True)
class Field:
    """The mapping from mm in an organ map to mm in a body: scale and shift, then a displacement.

    ``scale``, ``shift``, ``origin``: along (k, j, i); ``displacement``: (3, k, j, i) in mm on every second point of a
    grid that begins at ``origin`` with ``spacing_mm``.
    """

    scale: Point
    shift: Point
    origin: Point
    spacing_mm: float
    displacement: Tensor

    def __call__(self, points: Tensor) -> Tensor:
        """``points``: (3, k, j, i) in mm of the map."""
        # the outermost nodes are the grid's outermost points
        step = [(2 * n - 1) * self.spacing_mm / (n - 1) for n in self.displacement.shape[1:]]
        bend = interpolate(self.displacement[None], points[None], self.origin, step)[0]
        return affine(points, self.scale, self.shift) + bend

    def body_height(self, top_mm: float) -> tuple[float, float]:
        """mm of the map, along k, at which a body of ``top_mm`` begins and ends."""
        scale, shift = self.scale[0], self.shift[0]
        return -shift / scale, (top_mm - shift) / scale

    def to(self, device: torch.device) -> Field:
        return replace(self, displacement=self.displacement.to(device))


class Fields:
    """The fields of many pairs, by the pair's key."""

    def __init__(self, fields: Mapping[str, Field]) -> None:
        self._fields = dict(fields)

    def __contains__(self, key: str) -> bool:
        return key in self._fields

    def __len__(self) -> int:
        return len(self._fields)

    def update(self, more: Mapping[str, Field]) -> None:
        self._fields.update(more)

    def of(self, case: OrganMap, body: Body) -> Field:
        """Return the field of a pair. Raises DataError if it was not registered, or a case has changed since."""
        try:
            return self._fields[pair_key(case, body)]
        except KeyError as error:
            raise DataError(
                f"The registration does not hold {case.name} with {body.name}, or one of them has changed since.",
                "Register the store again.",
            ) from error

    def save(self, path: Path) -> None:
        """Write the fields to a file. Raises OutputError."""
        tensors = {}
        for key, field in self._fields.items():
            steps = (field.displacement / _STEP_MM).round().clamp(-127, 127).to(torch.int8)
            tensors[f"{key}.displacement"] = steps.cpu().contiguous()
            tensors[f"{key}.affine"] = torch.tensor([field.scale, field.shift, field.origin])
        spacing = {key: str(field.spacing_mm) for key, field in self._fields.items()}
        with atomic_write(path, ".safetensors") as beside:
            save_file(tensors, beside, {"version": _VERSION, **spacing})

    @classmethod
    def load(cls, path: Path) -> Fields:
        """Read the fields from a file. Raises DataError for another file."""
        try:
            with safe_open(path, "pt") as file:
                facts = file.metadata() or {}
                if facts.pop("version", "") != _VERSION:
                    raise KeyError("version")
                return cls({key: _field(file, key, float(mm)) for key, mm in facts.items()})
        except (OSError, SafetensorError, KeyError, ValueError) as error:
            raise DataError(
                f"The registration {path} cannot be used ({error}).", "Delete it: it is made again."
            ) from error


def pair_key(case: OrganMap, body: Body) -> str:
    """Changes when one of the two changes."""
    return hashlib.sha256(f"{case.sha256} {body.sha256}".encode()).hexdigest()[:24]


def settings_key(settings: RegistrationConfig) -> str:
    """Changes with what a field depends on; the batch is not part of that."""
    text = json.dumps(settings.model_dump(mode="json", exclude={"batch"}), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _field(file: safe_open, key: str, spacing_mm: float) -> Field:
    scale, shift, origin = (point(row) for row in file.get_tensor(f"{key}.affine").tolist())
    return Field(scale, shift, origin, spacing_mm, file.get_tensor(f"{key}.displacement").float() * _STEP_MM)

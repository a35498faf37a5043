"""The manifest of a folder of network weights: the file, options and input grid of each network."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flareseg.core.errors import WeightsError
from flareseg.inference.calibration import Calibration, calibrations_from_json
from flareseg.inference.resample import Size

MANIFEST = "manifest.json"
_MOST_VOXELS = 512**3  # of a grid
_LARGEST_OPTION, _MOST_LEVELS = 1024, 16  # of a network's widths


@dataclass(frozen=True)
class WeightsEntry:
    """One network of the manifest: its ``file`` in the same folder with the ``sha256``, the name of its class, the
    options it is built with, the ``grid`` (k, j, i) in voxels that its input is brought to, the ``calibration`` of its
    confidence by label value, where there is one, and the ``factor`` of the scan's own grid, if that takes the place of
    ``grid``."""

    file: str
    sha256: str
    network: str
    options: Mapping[str, Any]
    grid: Size
    calibration: Mapping[int, Calibration] = field(default_factory=dict)
    factor: float | None = None

    @classmethod
    def from_json(cls, data: Any) -> WeightsEntry:
        """Return the entry in JSON data. Raises ValueError that says what is wrong."""
        if not isinstance(data, dict):
            raise ValueError("it is not a JSON object")
        if missing := [key for key in ("file", "sha256", "network", "grid") if key not in data]:
            raise ValueError(f"it has no {' and no '.join(missing)}")
        sha256 = _text(data["sha256"], "sha256", r"[0-9a-f]{64}")
        return cls(
            _file_name(data["file"]),
            sha256,
            _text(data["network"], "network", r".+"),
            _options(data.get("options")),
            _grid(data["grid"]),
            calibrations_from_json(data.get("calibration"), sha256),
            _factor(data.get("factor")),
        )


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest: licence, and for each network file, sha256, parameters, training, metrics.

    Raises WeightsError when it is missing or unreadable.
    """
    path = folder / MANIFEST
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(manifest, dict) or not isinstance(manifest.get("weights"), dict):
            raise ValueError('it has no "weights"')
    except OSError as error:
        raise broken(f"The list of network weights is missing: {path}.") from error
    except RecursionError as error:
        raise broken(f"The list of network weights is damaged: {path} (it is nested too deeply).") from error
    except ValueError as error:
        raise broken(f"The list of network weights is damaged: {path} ({error}).") from error
    return manifest


def read_entry(folder: Path, stage: str) -> WeightsEntry:
    """The manifest's entry of a stage. Raises WeightsError."""
    weights = read_manifest(folder)["weights"]
    if stage not in weights:
        raise broken(f"The list of network weights in {folder} has no entry {stage}.")
    try:
        return WeightsEntry.from_json(weights[stage])
    except ValueError as error:
        raise damaged_entry(folder, stage, error) from error


def damaged_entry(folder: Path, stage: str, reason: object) -> WeightsError:
    return broken(f"The list of network weights is damaged: {folder / MANIFEST}, entry {stage} ({reason}).")


def broken(message: str) -> WeightsError:
    return WeightsError(message, "Install FlareSegmentation again, or name a folder with whole weights.")


def _text(value: object, key: str, pattern: str) -> str:
    if not isinstance(value, str) or not re.fullmatch(pattern, value):
        raise ValueError(f"its {key} is not valid")
    return value


def _file_name(value: object) -> str:
    """A name without folders: the file lies beside the manifest."""
    if not isinstance(value, str) or not re.fullmatch(r"[^/\\:\0]+", value) or value in (".", ".."):
        raise ValueError("its file is not the name of a file in the same folder")
    return value


def _options(value: object) -> Mapping[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ValueError("its options are not a JSON object")
    for key, option in value.items():
        if isinstance(option, str) and re.fullmatch(r"[a-z]{1,32}", option):
            continue  # a kind of layer; the network knows which there are
        numbers = option if isinstance(option, list) else [option]
        if not 0 < len(numbers) <= _MOST_LEVELS or not all(_is_whole(n, 1, _LARGEST_OPTION) for n in numbers):
            raise ValueError(f"its option {key} is not made of whole numbers from 1 to {_LARGEST_OPTION}")
    return value


def _factor(value: object) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value <= 1:
        raise ValueError("its factor is not a number above 0, up to 1")
    return float(value)


def _grid(value: object) -> Size:
    if not isinstance(value, list) or len(value) != 3 or not all(_is_whole(n, 1, _MOST_VOXELS) for n in value):
        raise ValueError("its grid is not three whole numbers above 0")
    depth, rows, columns = value
    if depth * rows * columns > _MOST_VOXELS:
        raise ValueError(f"its grid of {depth} x {rows} x {columns} voxels is too large")
    return (depth, rows, columns)


def _is_whole(value: object, least: int, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most

"""Loading of network weights from safetensors files that a manifest names with their sha256."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from flareseg.core.errors import WeightsError
from flareseg.core.report import WeightsFacts
from flareseg.inference.calibration import Calibration
from flareseg.inference.manifest import WeightsEntry, broken, damaged_entry, read_entry
from flareseg.inference.networks import build, divisor_of
from flareseg.inference.own_grid import own_grid
from flareseg.inference.resample import Size

_PACKAGE = Path(__file__).resolve().parents[1]
_PICKLES = (b"PK\x03\x04", b"\x80")  # how torch.save's archive and a plain pickle begin
_NOT_SHIPPED = "num_batches_tracked"  # batch norm counts its training batches, which means nothing here


def shipped_folder() -> Path:
    """Return the folder of this package's weights: inside the pip package, or in the Slicer module's Resources."""
    inside = _PACKAGE / "models"
    return inside if inside.is_dir() else _PACKAGE.parent / "Resources" / "Models"


@dataclass(frozen=True)
class TrainedNetwork:
    """A network with its weights, ready to run.

    Attributes:
        network: The network, in evaluation mode.
        grid: Number of voxels (k, j, i) that its input is resampled to.
        factor: None, or what the scan's own grid is multiplied with to give that of its input, instead of ``grid``.
        make: Makes the network without its weights.
        facts: Name and sha256 of its weights, for the report.
        calibration: Calibration of the confidence by label value, as the manifest has it.
    """

    network: nn.Module
    grid: Size
    facts: WeightsFacts
    calibration: Mapping[int, Calibration] = field(default_factory=dict)
    factor: float | None = None
    make: Callable[[], nn.Module] = nn.Identity

    def grid_of(self, shape: Size) -> Size:
        """Return the grid that a box of so many voxels (k, j, i) is resampled to."""
        return self.grid if self.factor is None else own_grid(shape, self.factor, divisor_of(self.network))


def load_network(stage: str, classes: int, folder: Path | None = None) -> TrainedNetwork:
    """Build the network of a stage as the manifest describes it, and load its weights.

    Args:
        stage: "abdomen", "organs" or "full_size".
        classes: Number of output channels, the background included.
        folder: Folder with the manifest and the safetensors files. None: that of this package.

    Returns:
        The network with its weights, on the CPU in float32.

    Raises:
        WeightsError: The manifest or the file is missing or damaged, the file differs from its sha256, or its weights
            are not finite or do not fit the network, its classes or its grid.
    """  # noqa: DOC501, damaged_entry makes a WeightsError
    folder = folder or shipped_folder()
    entry = read_entry(folder, stage)
    make = partial(build, entry.network, classes, entry.options)
    try:
        network = make().eval()
    except (TypeError, ValueError, IndexError, RuntimeError) as error:
        raise damaged_entry(folder, stage, f"{entry.network} cannot be built: {error}") from error
    try:
        _require_grid(entry, network)
    except ValueError as error:
        raise damaged_entry(folder, stage, error) from error
    facts = _load_weights(network, folder / entry.file, entry.sha256)
    return TrainedNetwork(network, entry.grid, facts, entry.calibration, entry.factor, make)


def _require_grid(entry: WeightsEntry, network: nn.Module) -> None:
    """Raise ValueError for a grid that the network cannot work on."""
    divisor = divisor_of(network)
    size = " x ".join(map(str, entry.grid))
    if any(n % divisor for n in entry.grid):
        raise ValueError(f"its grid of {size} voxels is not divisible by {divisor}, as {entry.network} needs")
    if all(n == divisor for n in entry.grid):
        raise ValueError(f"its grid of {size} voxels is too small for {entry.network}")


def _load_weights(network: nn.Module, path: Path, expected_sha256: str) -> WeightsFacts:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise broken(f"The network weights cannot be read: {path}.") from error
    sha256 = hashlib.sha256(content).hexdigest()
    if sha256 != expected_sha256:
        raise broken(f"The network weights are damaged (their sha256 has changed): {path}.")
    tensors = _tensors(content, path)
    if misfit := _misfit(network, tensors):
        raise WeightsError(
            f"The network weights do not fit the network ({misfit}): {path}.",
            "Install FlareSegmentation again; weights of your own may need the version that they were trained with.",
        )
    network.load_state_dict(tensors, strict=False)
    if damaged := [name for name, values in network.state_dict().items() if not torch.isfinite(values).all()]:
        raise broken(f"The network weights are damaged ({damaged[0]} holds NaN or infinite values): {path}.")
    return WeightsFacts(path.name, sha256)


def _tensors(content: bytes, path: Path) -> dict[str, Tensor]:
    try:
        return safetensors.torch.load(content)
    except (SafetensorError, KeyError, ValueError, TypeError, RuntimeError) as error:  # types that PyTorch lacks, too
        if content.startswith(_PICKLES):  # some safetensors begin so, too, by the length of their header
            message = f"The network weights are a PyTorch pickle, which is never loaded, not safetensors: {path}."
            raise broken(message) from error
        raise broken(f"The network weights are not a complete safetensors file: {path}.") from error


def _misfit(network: nn.Module, tensors: Mapping[str, Tensor]) -> str:
    """The first difference between the tensors and those that the network has; "" for none."""
    wanted = network.state_dict()
    for name in sorted(wanted.keys() | tensors.keys()):
        if name not in tensors and not name.endswith(_NOT_SHIPPED):
            return f"{name} is missing"
        if name not in wanted:
            return f"it has no {name}"
        if name in tensors and tensors[name].shape != wanted[name].shape:
            return f"{name} is {_shape(tensors[name])} instead of {_shape(wanted[name])}"
    return ""


def _shape(tensor: Tensor) -> str:
    return " x ".join(map(str, tensor.shape)) or "a single number"

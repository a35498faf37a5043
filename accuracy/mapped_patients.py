"""Synthetic patients made from the label maps of a training store, and what weights expect and reach on them."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

import numpy as np
import torch
from flareseg.core.errors import DataError, NoAbdomenError
from flareseg.core.geometry import Geometry
from flareseg.core.organs import ORGAN_NAMES, ORGANS
from flareseg.core.volume import Volume
from flareseg.evaluation.overlap import dice_per_organ
from flareseg.inference.cascade import Cascade
from flareseg.inference.low_scans import shown_of
from flareseg.inference.manifest import MANIFEST, read_manifest
from flareseg.inference.resample import Size
from flareseg.inference.weights import shipped_folder
from flareseg.training.chance import Chance
from flareseg.training.sample import Stage
from flareseg.training.store import Kind, Store
from flareseg.training.synthesis import SynthesisConfig, Synthesizer

from accuracy.fitting import Observation

GRID = (100, 160, 160)  # of a scan of the trunk, 300 to 540 mm wide
_FIRST_SEED = 700_000  # far from those of a training


def uncalibrated(weights: Path | None, device: str, precision: str) -> Cascade:
    """The cascade with its confidence as the probabilities have it. Raises FlareError."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(shutil.copytree(weights or shipped_folder(), Path(folder) / "weights"))
        manifest = read_manifest(copy)
        manifest["weights"]["organs"].pop("calibration", None)
        (copy / MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")
        return Cascade.load(device, copy, precision=precision)


@dataclass(frozen=True)
class MappedPatients:
    """Synthetic patients of a training store: its organ maps and bodies whose names fit the patterns.

    ``grid``: (k, j, i) of their scans.
    """

    store: Store
    maps: str = "*"
    bodies: str = "*"
    grid: Size = GRID
    synthesis: SynthesisConfig = field(default_factory=SynthesisConfig)

    def observed(self, cascade: Cascade, patients: int) -> Iterator[list[Observation]]:
        """The organs of each patient that were found. Patients take turns through the maps, maps through the bodies.

        Raises DataError.
        """
        maps, bodies = _named(self.store, Kind.ORGANS, self.maps), _named(self.store, Kind.BODY, self.bodies)
        for turn, name in enumerate(maps[:patients]):
            pair = self.store.only({name, bodies[turn % len(bodies)]})
            source = Synthesizer(pair, self.synthesis, "cpu")
            for number in range(turn, patients, len(maps)):
                yield _observations(name, *self._scan(source, number), cascade)

    def _scan(self, source: Synthesizer, number: int) -> tuple[Volume, np.ndarray]:
        """A patient's scan and its true labels; of a low one without the slices that continue it for training."""
        sample = source.sample(Stage.ABDOMEN, self.grid, Chance(_FIRST_SEED + number))
        assert sample.voxel is not None, "the synthesizer knows it"
        inside = shown_of(sample.shown or len(sample.image), len(sample.image))
        image, labels = sample.image[inside].round().to(torch.int16).numpy(), sample.labels[inside].numpy()
        return Volume(image, Geometry.canonical(image.shape, sample.voxel)), labels


def _named(store: Store, kind: Kind, pattern: str) -> list[str]:
    names = [facts.name for facts in store if facts.kind is kind and fnmatchcase(facts.name, pattern)]
    if not names:
        raise DataError(f"{store.folder} has no {kind.value} named {pattern}.", "Add some with flareseg prepare.")
    return names


def _observations(group: str, scan: Volume, labels: np.ndarray, cascade: Cascade) -> list[Observation]:
    try:
        found = cascade.segment(scan)
    except NoAbdomenError:
        return []
    dice = dice_per_organ(found.labels, labels)
    names = {organ.label: name for organ, name in zip(ORGANS, ORGAN_NAMES)}
    return [
        Observation(group, names[organ.label], organ.confidence, dice[organ.label])
        for organ in found.organs
        if organ.confidence is not None
    ]

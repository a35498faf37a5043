"""CTs of stations of whole-body tissue maps, rendered by the synthesis of the training."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from flareseg.core.geometry import Geometry
from flareseg.core.volume import Volume
from flareseg.training.chance import Chance
from flareseg.training.synthesis.acquisition import acquired
from flareseg.training.synthesis.anatomy import Anatomy
from flareseg.training.synthesis.config import SynthesisConfig
from flareseg.training.synthesis.gut import gut
from flareseg.training.synthesis.parenchyma import marrow
from flareseg.training.synthesis.phases import palette
from flareseg.training.synthesis.surroundings import table
from flareseg.training.synthesis.texture import Scene, grain, painted
from flareseg.training.synthesis.vessels import fat_vessels, lung_vessels, soft_blobs
from flareseg.training.tissues import ORGAN_TISSUES
from scipy.ndimage import zoom

MAP_MM, MM = 2.0, 3.0
_APART_MM = 12.0  # of a station from the organs
# where stations begin and end, in mm below the lowest organ, above the highest organ, or from the lower end
_BELOW = {"belly and pelvis": (219.0, 0.0), "pelvis": (279.0, 78.0)}
_FROM_BELOW = {"thighs": (0.0, 141.0), "hips": (81.0, 219.0)}
_ABOVE = {"chest": (0.0, 200.0), "upper chest": (51.0, 220.0), "neck and head": (190.0, 400.0)}
_SHORTEST_MM = 60.0


def stations(file: Path, seeds: int) -> Iterator[tuple[str, Volume]]:
    """The stations of each body in an archive of tissue maps (NAME_lab, 2 mm, (k, j, i) up, back, left) without an
    organ, each ``seeds`` times: name and scan."""
    with np.load(file) as archive:
        for key in sorted(name for name in archive.files if name.endswith("_lab")):
            tissues = zoom(archive[key], MAP_MM / MM, order=0)
            for name, part in _parts(tissues):
                for seed in range(seeds):
                    yield f"{key.removesuffix('_lab')}, {name}, {seed}", _scan(part, seed)


def _parts(tissues: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    held = np.flatnonzero(np.isin(tissues, ORGAN_TISSUES).any(axis=(1, 2)))
    lowest, highest = held[0] - _APART_MM / MM, held[-1] + 1 + _APART_MM / MM
    spans = {name: (lowest - a / MM, lowest - b / MM) for name, (a, b) in _BELOW.items()}
    spans |= {name: (a / MM, b / MM) for name, (a, b) in _FROM_BELOW.items() if b / MM < lowest}
    spans |= {name: (highest + a / MM, highest + b / MM) for name, (a, b) in _ABOVE.items()}
    for name, (first, last) in spans.items():
        part = tissues[max(0, round(first)) : max(0, round(last))]
        if len(part) * MM >= _SHORTEST_MM:
            yield name, part
            if name == "thighs":
                yield "one thigh", np.ascontiguousarray(part[:, :, part.shape[2] // 2 :])


@torch.no_grad()
def _scan(tissues: np.ndarray, seed: int) -> Volume:
    config, chance = SynthesisConfig(), Chance(seed)
    anatomy = Anatomy(torch.from_numpy(tissues.astype(np.int32)), (MM, MM, MM))
    scene = Scene(anatomy, palette(config.phases, chance), grain(anatomy, config.texture, chance))
    hu = gut(marrow(painted(scene), scene), scene, config.gut, chance)
    for vessels in (fat_vessels, soft_blobs, lung_vessels):
        hu = vessels(hu, scene, config.vessels, chance)
    hu = acquired(table(hu, anatomy, config.table, chance), anatomy, config.acquisition, chance)
    voxels = hu.clamp(-1024, 3071).round().to(torch.int16).numpy()
    return Volume(voxels, Geometry.canonical(voxels.shape, (MM, MM, MM)), "station")

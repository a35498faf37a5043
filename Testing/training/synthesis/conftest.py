"""A synthetic patient, and a store that holds its case."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from flareseg.training.store import Store
from flareseg.training.synthesis import Synthesizer
from flareseg.training.synthesis.anatomy import Anatomy
from flareseg.training.synthesis.config import AcquisitionConfig
from flareseg.training.synthesis.phases import PRIORS, Palette, Phase
from flareseg.training.synthesis.texture import Scene
from made_patient import FRAME, ORGANS, SPACING, body_case, drawn, organ_case, tiny_config


@pytest.fixture(scope="session")
def store_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A registered store. Tests read it only."""
    store = Store.create(tmp_path_factory.mktemp("store"))
    store.add(organ_case())
    store.add(body_case(shift=(12, -12, 12)))
    Synthesizer(store, tiny_config(), "cpu")
    return store.folder


@pytest.fixture
def store(store_folder: Path) -> Store:
    return Store.open(store_folder)


@pytest.fixture(scope="session")
def anatomy() -> Anatomy:
    """The whole patient on voxels of 6 mm."""
    return Anatomy(torch.from_numpy(drawn(FRAME + ORGANS)).int(), SPACING)


@pytest.fixture
def palette() -> Palette:
    """The arterial phase without any spread, and without texture."""
    hu = {}
    for material, prior in PRIORS.items():
        of_phase = prior.in_phase(Phase.ARTERIAL)
        hu[material] = (
            getattr(of_phase, "mean", None) or (getattr(of_phase, "low", 0) + getattr(of_phase, "high", 0)) / 2
        )
    return Palette(Phase.ARTERIAL, hu, dict.fromkeys(hu, 0.0))


@pytest.fixture
def scene(anatomy: Anatomy, palette: Palette) -> Scene:
    return Scene(anatomy, palette, torch.zeros(anatomy.shape))


@pytest.fixture
def ideal_scanner() -> AcquisitionConfig:
    """A scanner that shows the patient as he is."""
    none = (0.0, 0.0)
    return AcquisitionConfig(
        shading_hu=none,
        blur_k_voxels=none,
        blur_ji_voxels=none,
        thick=0,
        noise_hu=(1e-6, 1e-6),
        streaks=0,
        gain=(1, 1),
        offset_sd=0,
    )

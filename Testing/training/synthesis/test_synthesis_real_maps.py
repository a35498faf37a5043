"""Synthesis from real label maps, where they lie beside the checkout."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from flareseg.core.organs import CLASSES, ORGANS
from flareseg.evaluation.overlap import dice
from flareseg.inference.engine import normalised
from flareseg.inference.weights import load_network
from flareseg.training.chance import Chance
from flareseg.training.sample import Stage
from flareseg.training.store import CaseFacts, Kind, Store, StoredCase, volumes_ml
from flareseg.training.synthesis import SynthesisConfig, Synthesizer
from flareseg.training.synthesis.config import RegistrationConfig


@pytest.fixture(scope="module")
def real_maps(real_ct: Path, tmp_path_factory: pytest.TempPathFactory) -> Store:
    """One organ map and one body, of two persons."""
    folder = real_ct.parent / "label_maps"
    if not folder.is_dir():
        pytest.skip("the real label maps are not beside this checkout (../shared/data/label_maps)")
    store = Store.create(tmp_path_factory.mktemp("real"))
    with np.load(folder / "targets.npz") as maps, np.load(folder / "backbones.npz") as bodies:
        tissues, body = maps["s0327"], [bodies[f"s0328_{part}"] for part in ("lab", "fill", "D")]
    store.add(StoredCase(_facts("organs", Kind.ORGANS, 1.5, tissues), tissues))
    store.add(StoredCase(_facts("body", Kind.BODY, 2.0, body[0], bare=True), body[0], filled=body[1], outside=body[2]))
    return store


def _facts(name: str, kind: Kind, mm: float, tissues: np.ndarray, bare: bool = False) -> CaseFacts:
    depth, rows, columns = tissues.shape
    spacing = (mm, mm, mm)
    volumes = volumes_ml(tissues, spacing)
    return CaseFacts(name, kind, "TotalSegmentator", "CC BY 4.0", spacing, (depth, rows, columns), volumes, bare=bare)


def test_the_shipped_network_knows_the_organs_of_a_synthetic_ct(real_maps: Store) -> None:
    """The weights learned from real anatomy in such images: what they do not find is not as it was."""
    quick = SynthesisConfig(registration=RegistrationConfig(spacing_mm=12, shape=(36, 24, 32), iterations=(8, 8)))
    trained = load_network("organs", CLASSES)
    sample = Synthesizer(real_maps, quick, "cpu").sample(Stage.ORGANS, trained.grid, Chance(1))
    with torch.inference_mode():
        found = trained.network.float()(normalised(sample.image)[None, None])[0].argmax(0).numpy()
    overlaps = {organ.name: dice(found == organ.label, sample.labels.numpy() == organ.label) for organ in ORGANS}
    assert min(overlaps.values()) > 0.75, overlaps
    assert overlaps["Liver"] > 0.9

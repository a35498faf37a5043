"""Miniature data sets made from phantoms, and a way to bring them into a store."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from flareseg.core.geometry import Geometry
from flareseg.io.outputs import make_folder
from flareseg.io.writing import write_labels, write_scan
from flareseg.phantom import Phantom, make_phantom
from flareseg.training.prepare import ImportResult, Layout, find, import_cases
from flareseg.training.prepare.data_map import DataMap
from flareseg.training.store import Kind, Store

MM = 6.0  # coarse enough for tests that take a second
Prepare = Callable[..., tuple[Store, list[ImportResult]]]


@pytest.fixture(scope="session")
def patients() -> list[Phantom]:
    return [make_phantom(seed, (44, 52, 66), (7.5, 6.0, 6.0)) for seed in (0, 1)]


@pytest.fixture
def grid(patients: list[Phantom]) -> Geometry:
    return patients[0].volume.geometry


@pytest.fixture
def flare21(tmp_path: Path, patients: list[Phantom]) -> Path:
    """FLARE21's download: TrainingImg/train_000_0000.nii.gz, TrainingMask/train_000.nii.gz."""
    return _pairs(tmp_path / "FLARE21", "TrainingImg", "TrainingMask", "train_", patients)


@pytest.fixture
def nnunet(tmp_path: Path, patients: list[Phantom]) -> Path:
    """nnU-Net's folders with a dataset.json of version 1."""
    folder = _pairs(tmp_path / "Task100_Abdomen", "imagesTr", "labelsTr", "case_", patients)
    names = {"0": "background", "1": "liver", "2": "kidney", "3": "spleen", "4": "pancreas"}
    dataset = {"name": "Abdomen", "licence": "CC BY 4.0", "modality": {"0": "CT"}, "labels": names}
    (folder / "dataset.json").write_text(json.dumps(dataset))
    return folder


@pytest.fixture
def prepare(tmp_path: Path) -> Prepare:
    """Bring a source into the store of this test; the store and the outcomes."""

    def run(
        source: Path | str,
        data_map: DataMap | None = None,
        kind: Kind | None = None,
        layout: Layout = Layout.AUTO,
        mm: float = MM,
    ) -> tuple[Store, list[ImportResult]]:
        found = find(str(source), layout, data_map or DataMap(), kind, mm)
        store = Store.create(tmp_path / "store")
        return store, list(import_cases(found.cases, store, found.form))

    return run


def _pairs(folder: Path, images: str, labels: str, prefix: str, patients: list[Phantom]) -> Path:
    make_folder(folder / images)
    make_folder(folder / labels)
    for number, patient in enumerate(patients):
        write_scan(folder / images / f"{prefix}{number:03d}_0000.nii.gz", patient.volume)
        path = folder / labels / f"{prefix}{number:03d}.nii.gz"
        write_labels(path, patient.labels.astype(np.uint8), patient.volume.geometry)
    return folder

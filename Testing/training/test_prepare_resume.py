"""A second run does only what is missing; a run that was killed goes on."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from flareseg.phantom import Phantom
from flareseg.training.prepare import State
from flareseg.training.prepare.data_map import DataMap
from flareseg.training.store import Kind, Store
from flareseg.writing import write_labels
from training.conftest import Prepare

FOUR_PHANTOMS = """
from pathlib import Path
from flareseg.training.prepare import Layout, bring_in, find
from flareseg.training.prepare.data_map import DataMap
from flareseg.training.store import Kind, Store
found = find("phantom:4", Layout.AUTO, DataMap(), Kind.ORGANS, 6.0)
for outcome in bring_in(found.cases, Store.create(Path({folder!r})), found.form):
    print(outcome.name, flush=True)
"""


def test_what_is_there_already_is_not_made_again(flare21: Path, prepare: Prepare) -> None:
    store, _ = prepare(flare21)
    written = (store.folder / "cases" / "train_000.npz").stat().st_mtime_ns
    again, outcomes = prepare(flare21)
    assert [outcome.state for outcome in outcomes] == [State.KEPT] * 2
    assert outcomes[0].volumes_ml["liver"] > 0
    assert (again.folder / "cases" / "train_000.npz").stat().st_mtime_ns == written


def test_a_case_that_changed_is_replaced(flare21: Path, prepare: Prepare, patients: list[Phantom]) -> None:
    prepare(flare21)
    labels = patients[0].labels.copy()
    labels[labels == 4] = 0
    write_labels(flare21 / "TrainingMask" / "train_000.nii.gz", labels, patients[0].volume.geometry)
    store, outcomes = prepare(flare21)
    assert [outcome.state for outcome in outcomes] == [State.REPLACED, State.KEPT]
    assert "pancreas" not in store.load("train_000").facts.volumes_ml


def test_another_spacing_makes_the_cases_anew(flare21: Path, prepare: Prepare) -> None:
    prepare(flare21)
    _, outcomes = prepare(flare21, mm=8.0)
    assert [outcome.state for outcome in outcomes] == [State.REPLACED] * 2


def test_a_licence_that_was_corrected_is_written(flare21: Path, prepare: Prepare) -> None:
    prepare(flare21)
    store, outcomes = prepare(flare21, DataMap(licence="CC BY 4.0"))
    assert [outcome.state for outcome in outcomes] == [State.REPLACED] * 2
    assert {case.licence for case in store} == {"CC BY 4.0"}


def test_a_damaged_case_is_made_again(flare21: Path, prepare: Prepare) -> None:
    store, _ = prepare(flare21)
    (store.folder / "cases" / "train_001.npz").write_bytes(b"")
    store, outcomes = prepare(flare21)
    assert [outcome.state for outcome in outcomes] == [State.KEPT, State.REPLACED]
    assert store.load("train_001").tissues.any()


def test_a_killed_run_goes_on(tmp_path: Path, prepare: Prepare) -> None:
    code = FOUR_PHANTOMS.format(folder=str(tmp_path / "store"))
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "phantom_organs_0000\n"
        process.kill()
    there = len(Store.open(tmp_path / "store"))
    assert 1 <= there < 4
    store, outcomes = prepare("phantom:4", kind=Kind.ORGANS)
    states = [outcome.state for outcome in outcomes]
    assert states[0] is State.KEPT and states[-1] is State.ADDED and State.REFUSED not in states
    assert all(store.load(f"phantom_organs_{seed:04d}").tissues.any() for seed in range(4))

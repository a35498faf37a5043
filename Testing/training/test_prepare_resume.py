"""A second run does only what is missing; a run that was killed goes on; two at once do no harm."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from flareseg.core.errors import FlareError
from flareseg.io.writing import write_labels
from flareseg.phantom import Phantom
from flareseg.training.prepare import ImportState, Layout, find, import_cases
from flareseg.training.prepare.data_map import DataMap
from flareseg.training.store import Kind, Store
from training.conftest import Prepare

FOUR_PHANTOMS = """
from pathlib import Path
from flareseg.training.prepare import Layout, import_cases, find
from flareseg.training.prepare.data_map import DataMap
from flareseg.training.store import Kind, Store
found = find("phantom:4", Layout.AUTO, DataMap(), Kind.ORGANS, 6.0)
for outcome in import_cases(found.cases, Store.create(Path({folder!r})), found.form):
    print(outcome.name, flush=True)
"""


def preparing(folder: Path) -> subprocess.Popen[str]:
    """A process that prepares four phantoms into a store; the first is in it when this returns."""
    code = FOUR_PHANTOMS.format(folder=str(folder))
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "phantom_organs_0000\n"
    return process


def files(store: Path) -> set[str]:
    return {path.relative_to(store).as_posix() for path in store.rglob("*") if path.is_file()}


def test_what_is_there_already_is_not_made_again(flare21: Path, prepare: Prepare) -> None:
    store, _ = prepare(flare21)
    written = (store.folder / "cases" / "train_000.npz").stat().st_mtime_ns
    again, outcomes = prepare(flare21)
    assert [outcome.state for outcome in outcomes] == [ImportState.KEPT] * 2
    assert outcomes[0].volumes_ml["liver"] > 0
    assert (again.folder / "cases" / "train_000.npz").stat().st_mtime_ns == written


def test_a_case_that_changed_is_replaced(flare21: Path, prepare: Prepare, patients: list[Phantom]) -> None:
    prepare(flare21)
    labels = patients[0].labels.copy()
    labels[labels == 4] = 0
    write_labels(flare21 / "TrainingMask" / "train_000.nii.gz", labels, patients[0].volume.geometry)
    store, outcomes = prepare(flare21)
    assert [outcome.state for outcome in outcomes] == [ImportState.REPLACED, ImportState.KEPT]
    assert "pancreas" not in store.load("train_000").facts.volumes_ml


def test_another_spacing_makes_the_cases_anew(flare21: Path, prepare: Prepare) -> None:
    prepare(flare21)
    _, outcomes = prepare(flare21, mm=8.0)
    assert [outcome.state for outcome in outcomes] == [ImportState.REPLACED] * 2


def test_a_licence_that_was_corrected_is_written(flare21: Path, prepare: Prepare) -> None:
    prepare(flare21)
    store, outcomes = prepare(flare21, DataMap(licence="CC BY 4.0"))
    assert [outcome.state for outcome in outcomes] == [ImportState.REPLACED] * 2
    assert {case.licence for case in store} == {"CC BY 4.0"}


def test_a_damaged_case_is_made_again(flare21: Path, prepare: Prepare) -> None:
    store, _ = prepare(flare21)
    (store.folder / "cases" / "train_001.npz").write_bytes(b"")
    store, outcomes = prepare(flare21)
    assert [outcome.state for outcome in outcomes] == [ImportState.KEPT, ImportState.REPLACED]
    assert store.load("train_001").tissues.any()


def test_a_killed_run_goes_on(tmp_path: Path, prepare: Prepare) -> None:
    with preparing(tmp_path / "store") as process:
        process.kill()
    there = len(Store.open(tmp_path / "store"))
    assert 1 <= there < 4
    store, outcomes = prepare("phantom:4", kind=Kind.ORGANS)
    states = [outcome.state for outcome in outcomes]
    assert states[0] is ImportState.KEPT and states[-1] is ImportState.ADDED and ImportState.REFUSED not in states
    assert all(store.load(f"phantom_organs_{seed:04d}").tissues.any() for seed in range(4))


def test_what_a_killed_run_left_half_written_is_removed(tmp_path: Path, prepare: Prepare) -> None:
    store, _ = prepare("phantom:1", kind=Kind.ORGANS)
    for name in (".0123456789ab.tmp.json", "cases/.0123456789ab.tmp", "cases/.keep.tmp", "notes.tmp"):
        (store.folder / name).touch()
    prepare("phantom:1", kind=Kind.ORGANS)
    assert files(store.folder) == {
        "store.json",
        "prepared.json",
        ".lock",
        "cases/phantom_organs_0000.npz",
        "cases/.keep.tmp",
        "notes.tmp",
    }


def test_a_second_run_into_the_same_store_is_refused_and_changes_nothing(tmp_path: Path, prepare: Prepare) -> None:
    with preparing(tmp_path / "store") as process:
        process.send_signal(signal.SIGSTOP)
        before = files(tmp_path / "store")
        with pytest.raises(FlareError, match="Another process is writing to the training store") as caught:
            prepare("phantom:1", kind=Kind.ORGANS)
        assert (caught.value.kind, files(tmp_path / "store")) == ("write", before)
        process.kill()
    assert [outcome.state for outcome in prepare("phantom:1", kind=Kind.ORGANS)[1]] == [ImportState.KEPT]


def test_a_store_that_was_opened_before_another_run_ended_loses_nothing(tmp_path: Path, prepare: Prepare) -> None:
    early = Store.create(tmp_path / "store")
    prepare("phantom:1", kind=Kind.ORGANS)
    found = find("phantom:1", Layout.AUTO, DataMap(prefix="second_"), Kind.ORGANS, 6.0)
    assert [outcome.state for outcome in import_cases(found.cases, early, found.form)] == [ImportState.ADDED]
    assert [case.name for case in Store.open(tmp_path / "store")] == [
        "phantom_organs_0000",
        "second_phantom_organs_0000",
    ]


def test_an_interrupted_command_leaves_a_whole_store_and_no_traceback(tmp_path: Path, prepare: Prepare) -> None:
    store = tmp_path / "store"
    words = ["prepare", "phantom:50", str(store), "--as", "organs", "--spacing", "6"]
    with subprocess.Popen([sys.executable, "-m", "flareseg", *words], stderr=subprocess.PIPE, text=True) as process:
        while not any(store.glob("cases/*.npz")):
            assert process.poll() is None
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert process.returncode not in (0, None) and "Traceback" not in said
    assert not [name for name in files(store) if ".tmp" in name]
    assert prepare("phantom:1", kind=Kind.ORGANS)[1][0].state in (ImportState.KEPT, ImportState.REPLACED)

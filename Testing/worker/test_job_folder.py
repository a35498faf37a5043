"""Job folders: what makes one ours, and that nothing else is ever removed."""

from __future__ import annotations

import json
import os
import shutil
import stat
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from flareseg.core.owner import Owner
from flareseg.worker.job_folder import MARKER, JobFolder, sweep
from worker_process import folder_of_ended_process

posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no modes and no user ids")


@pytest.fixture
def folder(tmp_path: Path) -> JobFolder:
    """A job folder with a scan."""
    folder = JobFolder.make(str(tmp_path))
    folder.scan.write_bytes(b"voxels")
    return folder


def change_marker(folder: Path, **changes: object) -> None:
    marker = folder / MARKER
    marker.write_text(json.dumps({**json.loads(marker.read_text()), **changes}))


def test_a_new_folder_names_this_process_as_its_owner(folder: JobFolder) -> None:
    assert folder.path.name.startswith("flareseg-")
    owner = folder.owner()
    assert owner == Owner.this_process()
    assert (owner.pid, owner.started) == (os.getpid(), psutil.Process().create_time())


@posix
def test_a_new_folder_is_private_to_its_user(folder: JobFolder) -> None:
    assert stat.S_IMODE(folder.path.stat().st_mode) == 0o700


def test_it_goes_with_all_files_of_a_job_and_their_unfinished_copies(folder: JobFolder, tmp_path: Path) -> None:
    for name in ("labels.npy", "uncertainty.npy", ".0123456789ab.tmp.npy", ".0123456789ab.tmp"):
        (folder.path / name).touch()
    assert folder.remove()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["notes.txt", "scan.nii.gz", "labels-1.npy", ".npy", "Scan.npy.bak"])
def test_what_is_not_of_a_job_stays(name: str, folder: JobFolder) -> None:
    (folder.path / name).write_text("of a person")
    assert not folder.remove()
    assert [path.name for path in folder.path.iterdir()] == [name]


def test_a_folder_named_like_a_file_of_a_job_stays_with_its_content(folder: JobFolder) -> None:
    (folder.labels / "work").mkdir(parents=True)
    assert not folder.remove()
    assert (folder.labels / "work").is_dir()


def test_a_folder_that_is_gone_already_counts_as_removed(folder: JobFolder) -> None:
    assert folder.remove()
    assert folder.remove()


@posix
def test_a_scan_that_is_a_link_goes_and_what_it_points_to_stays(folder: JobFolder, tmp_path: Path) -> None:
    (tmp_path / "real.npy").write_bytes(b"voxels")
    folder.scan.unlink()
    folder.scan.symlink_to(tmp_path / "real.npy")
    assert folder.remove()
    assert (tmp_path / "real.npy").read_bytes() == b"voxels"


def renamed(path: Path) -> Path:
    return path.rename(path.with_name("patients"))


def copied(path: Path) -> Path:
    shutil.copytree(path, copy := path.with_name("flareseg-copy"))
    copy.chmod(0o700)
    return copy


def linked(path: Path) -> Path:
    link = path.with_name("flareseg-link")
    link.symlink_to(path)
    return link


def with_linked_marker(path: Path) -> Path:
    (path / MARKER).rename(path.parent / "elsewhere.json")
    (path / MARKER).symlink_to(path.parent / "elsewhere.json")
    return path


def open_to_all(path: Path) -> Path:
    path.chmod(0o755)
    return path


def unmarked(path: Path) -> Path:
    (path / MARKER).unlink()
    return path


def marked(text: str) -> Callable[[Path], Path]:
    def mark(path: Path) -> Path:
        (path / MARKER).write_text(text)
        return path

    return mark


@posix
@pytest.mark.parametrize(
    "foreign", [renamed, copied, linked, with_linked_marker, open_to_all, unmarked], ids=lambda make: make.__name__
)
def test_a_folder_that_is_not_certainly_ours_is_left_alone(foreign: Callable[[Path], Path], folder: JobFolder) -> None:
    path = foreign(folder.path)
    before = sorted(entry.name for entry in path.iterdir())
    JobFolder(path).remove_if_ours()
    assert sorted(entry.name for entry in path.iterdir()) == before
    assert (path / "scan.npy").read_bytes() == b"voxels"


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", "[" * 4000, '{"folder": 1}', " " * 5000])
def test_a_marker_that_is_not_ours_marks_nothing(text: str, folder: JobFolder) -> None:
    marked(text)(folder.path)
    JobFolder(folder.path).remove_if_ours()
    assert folder.scan.is_file()


@posix
def test_a_folder_of_another_user_is_left_alone(folder: JobFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getuid", lambda: folder.path.stat().st_uid + 1)
    folder.remove_if_ours()
    assert folder.scan.is_file()


def test_a_relative_path_names_no_job_folder(folder: JobFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder.path.parent)
    JobFolder(Path(folder.path.name)).remove_if_ours()
    assert folder.scan.is_file()


def test_a_sweep_removes_folders_of_ended_processes_and_no_others(folder: JobFolder, tmp_path: Path) -> None:
    (tmp_path / "flareseg-notes").mkdir()
    left = folder_of_ended_process(tmp_path)
    assert (left / "scan.npy").is_file()
    sweep(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {folder.path.name, "flareseg-notes"}


def test_a_sweep_does_not_mistake_a_later_process_with_the_same_pid_for_the_owner(
    folder: JobFolder, tmp_path: Path
) -> None:
    change_marker(folder.path, started=psutil.Process().create_time() - 3600)
    sweep(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_sweep_leaves_folders_of_other_computers(tmp_path: Path) -> None:
    left = folder_of_ended_process(tmp_path)
    change_marker(left, computer="another one")
    sweep(tmp_path)
    assert (left / "scan.npy").is_file()


def test_a_sweep_of_a_folder_that_is_not_there_does_nothing(tmp_path: Path) -> None:
    sweep(tmp_path / "missing")
    assert list(tmp_path.iterdir()) == []

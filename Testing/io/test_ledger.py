"""The ledger of an output folder: rows, attempts, and the lock, as several processes and computers see them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from flareseg.core.errors import FlareError
from flareseg.core.owner import Owner
from flareseg.io.ledger import ResultLedger, file_key, series_key
from flareseg.io.ledger_lock import STALE_SECONDS

A, B = file_key("a.nii.gz"), file_key("b.nii.gz")


@pytest.fixture
def ledger(tmp_path: Path) -> ResultLedger:
    ledger = ResultLedger(tmp_path)
    ledger.prepare()
    return ledger


@pytest.fixture
def lock(ledger: ResultLedger) -> Path:
    return ledger.folder / "lock"


def write_lock(lock: Path, **changes: object) -> None:
    owner = Owner.this_process()
    facts = {"pid": owner.pid, "started": owner.started, "computer": owner.computer, **changes}
    lock.write_text(json.dumps(facts), encoding="utf-8")


def ended_process() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_keys_stay_the_same_from_version_to_version() -> None:
    """Or else an archive that was begun with an earlier version would begin anew."""
    assert file_key("a/ct.nii.gz") == "1760fb97df51b3b6"
    assert series_key("1.2.3") == "5b72f5a2e245a9f9"
    assert series_key("1.2.3", 1) == "2488530d21c461f6"
    assert len({A, B, series_key("1.2.3"), series_key("1.2.3", 1)}) == 4


def test_a_row_is_read_by_another_ledger_of_the_folder(ledger: ResultLedger, tmp_path: Path) -> None:
    ledger.place({"key": A, "name": "größe.nii.gz"})
    other = ResultLedger(tmp_path)
    assert other.row(A) == {"key": A, "name": "größe.nii.gz"}
    assert other.row(B) is None
    assert list(other.rows()) == [{"key": A, "name": "größe.nii.gz"}]


def test_a_row_takes_the_place_of_an_earlier_one(ledger: ResultLedger) -> None:
    ledger.place({"key": A, "state": "failed"})
    ledger.place({"key": A, "state": "done"})
    assert [row["state"] for row in ledger.rows()] == ["done"]


@pytest.mark.parametrize("content", [b"", bytes(40), b'{"key": "1760', b"[]"])
def test_a_row_as_a_loss_of_power_leaves_it_does_not_count(content: bytes, ledger: ResultLedger) -> None:
    ledger.place({"key": A})
    (path,) = ledger.folder.rglob(f"{A}.json")
    path.write_bytes(content)
    assert ledger.row(A) is None
    assert list(ledger.rows()) == []


def test_files_of_others_among_the_rows_are_left_alone(ledger: ResultLedger) -> None:
    ledger.place({"key": A})
    rows = next(ledger.folder.rglob(f"{A}.json")).parents[1]
    for name in (".DS_Store", f"{A[:2]}/Thumbs.db", f"{A[:2]}/.{A}.json", f"{A[:2]}/copy of {A}.json"):
        (rows / name).write_bytes(b"[]")
    assert list(ledger.rows()) == [{"key": A}]


def test_what_the_system_refuses_is_said(ledger: ResultLedger) -> None:
    """Of a folder in place of a row, and of an attempt that cannot be removed."""
    ledger.place({"key": B})
    path = next(ledger.folder.rglob(f"{B}.json"))
    path.unlink()
    path.mkdir()
    with pytest.raises(FlareError, match="cannot be read"):
        ledger.row(B)
    (ledger.folder / "attempts" / A[:2] / f"{A}.1").mkdir(parents=True)
    with pytest.raises(FlareError, match="cannot be written"):
        ledger.withdraw(A)
    ledger.place({"key": A})
    assert ledger.row(A) == {"key": A}


def test_attempts_are_counted_across_processes(ledger: ResultLedger, tmp_path: Path) -> None:
    assert [ledger.begin(A), ResultLedger(tmp_path).begin(A), ledger.begin(A), ledger.begin(B)] == [1, 2, 3, 1]


def test_an_attempt_that_is_withdrawn_does_not_count(ledger: ResultLedger) -> None:
    ledger.begin(A)
    ledger.begin(A)
    ledger.withdraw(A)
    assert ledger.begin(A) == 2
    ledger.withdraw(B)  # which had none


def test_a_row_and_forgetting_end_the_count_of_attempts(ledger: ResultLedger) -> None:
    ledger.begin(A)
    ledger.place({"key": A})
    assert ledger.begin(A) == 1
    ledger.forget(A)
    assert ledger.begin(A) == 1
    assert ledger.row(A) is None


def test_a_lock_that_is_held_refuses_others_and_is_free_afterwards(ledger: ResultLedger, lock: Path) -> None:
    with ledger.lock():
        assert ledger.is_locked
        with pytest.raises(FlareError, match=f"process {os.getpid()} on") as caught, ledger.lock():
            pass
    assert str(lock) in caught.value.hint
    assert not ledger.is_locked
    assert [path.name for path in ledger.folder.iterdir() if path.is_file()] == []


def test_the_lock_of_a_process_that_has_ended_is_taken_over(ledger: ResultLedger, lock: Path) -> None:
    write_lock(lock, pid=ended_process())
    assert not ledger.is_locked
    with ledger.lock():
        assert json.loads(lock.read_text(encoding="utf-8"))["pid"] == os.getpid()


@pytest.mark.parametrize(("age", "is_free"), [(STALE_SECONDS - 60, False), (STALE_SECONDS + 60, True)])
def test_the_lock_of_another_computer_is_taken_over_when_it_beats_no_longer(
    age: float, is_free: bool, ledger: ResultLedger, lock: Path
) -> None:
    write_lock(lock, computer="elsewhere")
    beat = lock.stat().st_mtime - age
    os.utime(lock, (beat, beat))
    assert ledger.is_locked is not is_free
    if is_free:
        with ledger.lock():
            pass
    else:
        with pytest.raises(FlareError, match="on elsewhere is writing"), ledger.lock():
            pass


def test_a_lock_that_another_caller_took_over_is_not_removed(ledger: ResultLedger, lock: Path) -> None:
    with ledger.lock():
        write_lock(lock, computer="elsewhere")
    assert lock.exists()


def test_a_process_whose_lock_was_taken_over_is_told(ledger: ResultLedger, lock: Path) -> None:
    """As one of a computer that was suspended, which others took for switched off."""
    with ledger.lock() as hold:
        hold.check()
        write_lock(lock, computer="elsewhere 1")
        with pytest.raises(FlareError, match=r"is in use: process .* on elsewhere"):
            hold.check()


def test_a_lock_is_asked_for_without_a_file_beside_it(ledger: ResultLedger) -> None:
    """As of a folder that may only be read."""
    opened: list[str] = []
    active = [True]
    sys.addaudithook(lambda event, facts: opened.append(str(facts[0])) if event == "open" and active else None)
    assert not ledger.is_locked
    active.clear()
    assert opened
    assert set(opened) == {str(ledger.folder / "lock")}


def test_the_lock_of_this_process_is_held_however_old_it_is(ledger: ResultLedger, lock: Path) -> None:
    write_lock(lock)
    os.utime(lock, (0, 0))
    assert ledger.is_locked

"""The list of faults fits the code, and its runner tells a fault that is seen from one that survives."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from mutants.__main__ import ALL_SEEN, SURVIVED, UNFIT, chosen, judged, main
from mutants.fault import Fault, read_faults
from mutants.tree import ROOT, Tree

FAULTS = read_faults()
SEEN_QUICKLY = ("the left kidney carries the SNOMED code of the right", "a box ends a voxel early")


@pytest.mark.parametrize("fault", FAULTS, ids=[fault.name for fault in FAULTS])
def test_every_fault_fits_the_code_once_and_leaves_it_python(fault: Fault) -> None:
    compile(fault.put_into(ROOT), fault.file, "exec")
    for test in fault.tests:
        assert (ROOT / "Testing" / test.split("::")[0]).is_file()


def test_the_list_is_long_and_no_name_is_given_twice() -> None:
    names = {fault.name for fault in FAULTS}
    assert len(names) == len(FAULTS) >= 60


def test_some_faults_in_the_real_code_are_seen() -> None:
    with Tree.copied() as tree:
        assert judged(tree, [fault for fault in FAULTS if fault.name in SEEN_QUICKLY]) == ALL_SEEN


ADD = "def add(a: int, b: int) -> int:\n    return a + b\n"
TEST = "from flareseg.sums import add\n\n\ndef test_add() -> None:\n    assert add(2, 2) == 4\n"
MINUS = {"before": "a + b", "after": "a - b"}
TIMES = {"before": "a + b", "after": "a * b"}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A miniature of this one: one function, and a test that takes a product for a sum."""
    project = tmp_path / "project"
    for file, text in {"FlareSegmentation/flareseg/sums.py": ADD, "Testing/test_sums.py": TEST}.items():
        (project / file).parent.mkdir(parents=True)
        (project / file).write_text(text)
    (project / "FlareSegmentation" / "flareseg" / "__init__.py").touch()
    return project


def run(project: Path, *faults: dict[str, str], arguments: tuple[str, ...] = ()) -> int:
    lines = [
        f"- {{name: fault {n}, file: flareseg/sums.py, before: '{fault['before']}', "
        f"after: '{fault['after']}', tests: test_sums.py}}"
        for n, fault in enumerate(faults)
    ]
    lists = project.parent / "lists"
    lists.mkdir()
    (lists / "faults.yaml").write_text("\n".join(lines))
    return main(arguments, project, lists)


def test_a_fault_that_fails_a_test_is_seen(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(project, MINUS) == ALL_SEEN
    assert "fault 0: seen by test_sums.py::test_add" in capsys.readouterr().out


def test_a_fault_that_fails_none_survives_and_is_named(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(project, MINUS, TIMES) == SURVIVED
    said = capsys.readouterr().out
    assert "1 of 2 faults were seen." in said
    assert "SURVIVED: fault 1 (flareseg/sums.py)" in said


def test_the_working_tree_is_never_changed(project: Path) -> None:
    run(project, MINUS)
    assert (project / "FlareSegmentation" / "flareseg" / "sums.py").read_text() == ADD
    assert sorted(path.name for path in project.rglob("*") if path.is_file()) == [
        "__init__.py",
        "sums.py",
        "test_sums.py",
    ]


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("a % b", "a - b", "occurs 0 times in flareseg/sums.py, not once"),
        ("int", "str", "occurs 3 times in flareseg/sums.py, not once"),
        ("a + b", "a + b", "changes nothing"),
        ("a + b", "a +", "is not valid Python"),
        ("def add", "def sum", "must be code that runs"),
    ],
    ids=["not there", "there three times", "no change", "no Python", "no such function"],
)
def test_a_fault_that_does_not_fit_the_code_is_refused(
    before: str, after: str, message: str, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(project, {"before": before, "after": after}) == UNFIT
    assert message in capsys.readouterr().out


def test_tests_that_fail_without_a_fault_prove_nothing(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "Testing" / "test_sums.py").write_text(TEST.replace("== 4", "== 5"))
    assert run(project, MINUS) == UNFIT
    assert "must pass before a fault is put in" in capsys.readouterr().out


def test_the_pieces_are_the_whole_list() -> None:
    pieces = [fault for n in (1, 2, 3, 4) for fault in chosen(FAULTS, f"{n}/4", "")]
    assert sorted(fault.name for fault in pieces) == sorted(fault.name for fault in FAULTS)
    assert {fault.file for fault in chosen(FAULTS, "1/1", "KIDNEYS.py")} == {"flareseg/inference/kidneys.py"}
    with pytest.raises(ValueError, match="unknown shard 5/4"):
        chosen(FAULTS, "5/4", "")


def test_the_command_lists_the_faults_of_a_piece() -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "Testing")}
    command = [sys.executable, "-m", "mutants", "--list", "-k", "preview.py"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, encoding="utf-8", timeout=60)
    assert done.returncode == 0, done.stderr
    assert "the picture is upside down (flareseg/display/preview.py)" in done.stdout

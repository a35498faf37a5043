"""What GitHub runs and asks for: workflows that call what `make` calls, pinned actions, issue forms without scans."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
GITHUB = ROOT / ".github"
WORKFLOWS = sorted(GITHUB.glob("workflows/*.yml"))
FORMS = sorted(set(GITHUB.glob("ISSUE_TEMPLATE/*.yml")) - {GITHUB / "ISSUE_TEMPLATE" / "config.yml"})
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
PINNED = re.compile(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+")


def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def jobs() -> dict[str, Any]:
    return {name: job for path in WORKFLOWS for name, job in read(path)["jobs"].items()}


def steps(kind: str) -> list[str]:
    return [step[kind] for job in jobs().values() for step in job["steps"] if kind in step]


def targets() -> set[str]:
    return set(re.findall(r"^([a-z][a-z-]*):", MAKEFILE, re.MULTILINE))


@pytest.mark.parametrize("path", sorted(GITHUB.rglob("*.yml")), ids=lambda path: path.name)
def test_a_file_is_valid_yaml(path: Path) -> None:
    assert isinstance(read(path), dict)


def test_every_action_is_pinned_to_a_commit_with_its_version_beside_it() -> None:
    lines = [line for path in WORKFLOWS for line in path.read_text(encoding="utf-8").splitlines() if "uses:" in line]
    assert len(lines) == len(steps("uses")) > 8
    assert [line for line in lines if not PINNED.fullmatch(line.split("uses: ")[1])] == []


def test_every_make_target_of_a_step_exists() -> None:
    called = {step.removeprefix("make ") for step in steps("run") if step.startswith("make ")}
    assert {"lint", "docs", "wheel", "demo", "test-lowest"} <= called <= targets()


def test_steps_without_make_do_what_make_test_does() -> None:
    """The same packages with the same lock, and pytest; a choice of tests names files that exist."""
    assert "--constraint ,$(LOCK)) --editable" in MAKEFILE
    assert "$(INSTALL) '.[test]'" in MAKEFILE
    assert "$(BIN)/python -m pytest\n" in MAKEFILE
    install = re.compile(
        r"python -m pip install --constraint locks/python(\$\{\{ matrix.python \}\}|3.13).txt --editable '.\[test\]'"
    )
    files = {path.stem for path in ROOT.glob("Testing/**/test_*.py")}
    for step in steps("run"):
        if step.startswith("python -m pytest"):
            assert set(re.findall(r"test_\w+", step)) <= files
        elif not step.startswith(("make ", "echo ", "sudo apt-get ")):
            assert install.fullmatch(step)


def test_all_systems_are_tested_with_the_oldest_and_the_newest_python() -> None:
    matrix = jobs()["test"]["strategy"]["matrix"]
    pythons = re.findall(r"^PYTHONS := (.+)$", MAKEFILE, re.MULTILINE)[0].split()
    assert matrix["system"] == ["ubuntu-latest", "macos-latest", "windows-latest"]
    assert matrix["python"] == [pythons[0], pythons[-1]] == ["3.10", "3.13"]


def test_the_processors_are_those_of_the_test_of_every_processor() -> None:
    (path,) = ROOT.glob("Testing/**/test_every_processor.py")
    (table,) = re.findall(r"^PROCESSORS = (\{.*?^\})", path.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    processors = {name: variables for name, variables in ast.literal_eval(table).items() if variables}
    matrix = jobs()["processors"]["strategy"]["matrix"]["include"]
    assert {entry["name"]: {entry["variable"]: entry["value"]} for entry in matrix} == processors


@pytest.mark.parametrize("path", FORMS, ids=lambda path: path.stem)
def test_a_form_has_what_github_requires(path: Path) -> None:
    form = read(path)
    assert {"name", "description", "body"} <= form.keys()
    ids = [field["id"] for field in form["body"] if field["type"] != "markdown"]
    assert len(set(ids)) == len(ids) > 2
    kinds = {"markdown", "textarea", "input", "dropdown", "checkboxes"}
    assert {field["type"] for field in form["body"]} <= kinds
    labels = [field["attributes"]["label"] for field in form["body"] if field["type"] != "markdown"]
    assert all(labels)


def test_a_bug_asks_for_the_report_and_for_no_scan() -> None:
    form = read(GITHUB / "ISSUE_TEMPLATE" / "bug.yml")
    fields = {field["id"]: field for field in form["body"] if "id" in field}
    assert "attach no scans" in form["body"][0]["attributes"]["value"]
    assert fields["report"]["attributes"]["render"] == "json"
    assert fields["privacy"]["attributes"]["options"][0]["required"] is True


def test_dependabot_looks_after_packages_and_actions() -> None:
    kinds = {update["package-ecosystem"] for update in read(GITHUB / "dependabot.yml")["updates"]}
    assert kinds == {"pip", "github-actions"}

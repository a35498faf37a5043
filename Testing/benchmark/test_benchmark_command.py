"""flareseg benchmark, as a person calls it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
import typer
from flareseg.benchmark.publish import check_folder, publish
from flareseg.benchmark.results import Results
from flareseg.cli.benchmark import benchmark
from flareseg.core.errors import FlareError
from typer.testing import CliRunner

COMMAND = "import typer; from flareseg.cli.benchmark import benchmark; typer.run(benchmark)"


@pytest.fixture
def app() -> typer.Typer:
    app = typer.Typer()
    app.command()(benchmark)
    return app


def test_one_folder_holds_json_markdown_and_two_plots(results: Results, tmp_path: Path):
    files = publish(results, tmp_path / "new" / "folder")
    assert {path.name for path in files} == {"results.json", "results.md", "time.png", "memory.png"}
    assert all(path.stat().st_size for path in files)
    assert Results.loads(files[0].read_text()) == results


def test_what_there_is_no_time_for_is_said_and_the_files_are_written(
    app: typer.Typer, phantom_file: Path, tmp_path: Path
):
    arguments = [str(tmp_path / "out"), "--methods", "ours,plain", "--protocols", "warm", "--slices", "8,16"]
    scan = ["--scan", str(phantom_file), "--device", "cpu"]
    done = CliRunner().invoke(app, [*arguments, *scan, "--minutes", "0.001"])
    assert done.exit_code == 0, done.output
    problems = [row["problem"] for row in json.loads((tmp_path / "out" / "results.json").read_text())["rows"]]
    assert problems == ["skipped: about 5 s needed, 0 s left (--minutes gives more)"] * 4
    assert "[4/4] Plain 3D U-Net, 16 slices, warm, cpu: skipped" in done.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--methods", "ours,magic"], 'There is no method "magic". Choose from ours, plain'),
        (["--protocols", "hot"], 'There is no protocol "hot"'),
        (["--slices", "80,many"], 'The slices "80,many" are not whole numbers'),
        (["--slices", "2"], "are not whole numbers from 4"),
        (["--scan", "nowhere.nii.gz"], "There is no file or folder nowhere.nii.gz"),
    ],
)
def test_a_wrong_wish_is_a_message(app: typer.Typer, tmp_path: Path, arguments: list[str], message: str):
    done = CliRunner().invoke(app, [str(tmp_path / "out"), *arguments])
    assert done.exit_code == 2
    assert message in " ".join(done.output.split())
    assert not (tmp_path / "out").exists()


def test_a_place_that_cannot_be_written_is_said_before_the_work(tmp_path: Path):
    (tmp_path / "file").touch()
    with pytest.raises(FlareError, match="is a file, not a folder"):
        check_folder(tmp_path / "file")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no SIGINT to one process")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_leaves_no_process_and_no_folder(phantom_file: Path, tmp_path: Path, number: int):
    private = tmp_path / "tmp"
    private.mkdir()
    arguments = [str(tmp_path / "out"), "--scan", str(phantom_file), "--slices", "16", "--device", "cpu"]
    process = subprocess.Popen(
        [sys.executable, "-c", COMMAND, *arguments],
        env={**os.environ, "TMPDIR": str(private)},
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    while not (children := psutil.Process(process.pid).children()):
        assert process.poll() is None
    process.send_signal(number)
    process.communicate(timeout=30)
    assert process.returncode != 0
    assert psutil.wait_procs(children, timeout=30)[1] == []
    assert list(private.iterdir()) == []
    assert not (tmp_path / "out").exists()

"""Several scans on the command line: what the progress bar and the exit code say of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from flareseg.cli.console import exit_code, remark_on
from flareseg.cli.segment_files import FileSegmenter, segment_all
from flareseg.core.errors import error_of_kind
from flareseg.inference.cascade import Cascade, SegmentationOptions
from flareseg.io.batch import Batch
from flareseg.io.tasks import Task


def test_the_progress_bar_tells_which_scan_it_is_and_how_long_all_will_take() -> None:
    times = iter([0.0, 20.0, 20.0])
    batch: Batch[str, int] = Batch(["first", "second", "third"], clock=times.__next__)
    first = batch.begin()
    assert first
    assert remark_on(batch) == " (1 of 3)"
    batch.succeed(first, 1)
    batch.begin()
    assert remark_on(batch) == " (2 of 3, about 40 s left)"


def test_one_scan_needs_no_number() -> None:
    batch: Batch[str, int] = Batch(["only"])
    batch.begin()
    assert remark_on(batch) == ""


@pytest.mark.parametrize(
    ("kind", "code"), [("no_abdomen", 1), ("bad_scan", 2), ("write", 2), ("gpu_memory", 2), ("internal", 3)]
)
def test_the_exit_code_follows_from_the_failure(kind: str, code: int) -> None:
    assert exit_code(error_of_kind(kind, "It failed.")) == code


def test_the_exit_code_of_a_scan_that_is_done_is_0() -> None:
    assert exit_code(None) == 0


def test_only_a_label_map_that_the_scan_did_not_write_is_of_an_earlier_run(
    cascade: Cascade, phantom_file: Path, tmp_path: Path
) -> None:
    """The second scan writes its label map and then fails, because its report cannot be written."""
    first, second = (tmp_path / name for name in ("bad-organs.nii.gz", "ct-organs.nii.gz"))
    for path in (first, second, tmp_path / "file", tmp_path / "bad.nii.gz"):
        path.write_text("of an earlier run")
    tasks = [
        Task("bad", tmp_path / "bad.nii.gz", first),
        Task("ct", phantom_file, second, tmp_path / "file" / "report.json"),
    ]
    earlier: list[Path] = []
    errors = segment_all(FileSegmenter(cascade, SegmentationOptions()), tasks, earlier.append)
    assert [error and error.kind for error in errors] == ["bad_scan", "write"]
    assert earlier == [first]

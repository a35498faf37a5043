"""A scan that cannot be read: its own fault, or that of a share that this computer has lost."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from flareseg.archive.attempt import SourceLost
from flareseg.archive.segmenting import check_source


@pytest.mark.parametrize("left", ["", "a"])
def test_a_place_where_a_share_was_is_empty(left: str, tmp_path: Path) -> None:
    (tmp_path / "mount" / left).mkdir(parents=True)
    with pytest.raises(SourceLost, match=r"cannot be read on this computer .* is empty\. Check that the disk or share"):
        check_source(tmp_path / "mount" / "a" / "study")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows lets only some people make links")
def test_a_folder_that_the_system_does_not_list(tmp_path: Path) -> None:
    (tmp_path / "mount").symlink_to(tmp_path / "mount")
    with pytest.raises(SourceLost, match="symbolic links"):
        check_source(tmp_path / "mount" / "study")


def test_a_study_that_was_removed_and_one_that_is_there_are_not_lost(tmp_path: Path) -> None:
    (tmp_path / "another").mkdir()
    (tmp_path / "another" / "IM000.dcm").touch()
    check_source(tmp_path / "study" / "series")
    check_source(tmp_path / "another")

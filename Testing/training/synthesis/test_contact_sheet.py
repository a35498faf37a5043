"""The contact sheet of samples."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from flareseg.core.errors import FlareError
from flareseg.core.organs import ORGANS
from flareseg.training.contact_sheet import contact_sheet
from flareseg.training.sample import Sample
from PIL import Image


def sample(with_organs: bool = True) -> Sample:
    labels = torch.zeros(16, 24, 32, dtype=torch.uint8)
    for organ in ORGANS if with_organs else ():
        labels[3:13, 5:19, 6 * organ.label : 6 * organ.label + 5] = organ.label
    return Sample(40.0 + 60.0 * (labels > 0), labels)


def test_a_sheet_has_a_column_for_each_sample(tmp_path: Path) -> None:
    contact_sheet(tmp_path / "two.png", [sample(), sample()])
    contact_sheet(tmp_path / "three.png", [sample(), sample()], real=[sample()])
    two, three = (Image.open(tmp_path / f"{name}.png") for name in ("two", "three"))
    assert three.height == two.height
    assert three.width > 1.4 * two.width


def test_each_organ_is_shown_in_its_colour(tmp_path: Path) -> None:
    contact_sheet(tmp_path / "sheet.png", [sample()])
    colours = {colour for _, colour in Image.open(tmp_path / "sheet.png").convert("RGB").getcolors(1 << 24)}
    assert {organ.colour for organ in ORGANS} <= colours


def test_a_sample_without_organs_is_shown_too(tmp_path: Path) -> None:
    contact_sheet(tmp_path / "sheet.png", [sample(with_organs=False)])
    assert Image.open(tmp_path / "sheet.png").width > 100


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(FlareError, match="cannot be written"):
        contact_sheet(tmp_path / "missing" / "sheet.png", [sample()])

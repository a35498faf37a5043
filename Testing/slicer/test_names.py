"""Names that the panel shows are looked up in the language of Slicer."""

from __future__ import annotations

import pytest
import slicer
from flareseg.core.report import STAGES
from FlareSegmentationLib import names
from FlareSegmentationLib.nodes.edits import POSSIBLE_ORGANS


@pytest.fixture
def german(monkeypatch):
    """A translation, as Slicer's language extension brings it."""
    monkeypatch.setitem(slicer.i18n.translations, "Liver", "Leber")
    monkeypatch.setitem(slicer.i18n.translations, "Crop", "Zuschneiden")


def test_names_are_translated(german):
    assert names.organName("Liver") == "Leber"
    assert names.stageName("crop") == "Zuschneiden"


@pytest.mark.parametrize("organ", POSSIBLE_ORGANS, ids=lambda organ: organ.name)
def test_every_organ_keeps_its_name_without_a_translation(organ):
    assert names.organName(organ.name) == organ.name


@pytest.mark.parametrize(("stage", "name"), STAGES.items())
def test_every_stage_keeps_its_name_without_a_translation(stage, name):
    assert names.stageName(stage) == name

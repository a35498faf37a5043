"""Names that the panel shows are looked up in the language of Slicer."""

from __future__ import annotations

import re

import pytest
import slicer
from flareseg.core.errors import ERRORS, NoAbdomenError
from flareseg.core.report import STAGES
from FlareSegmentationLib import names
from FlareSegmentationLib.nodes.edits import POSSIBLE_ORGANS


class Everything(dict[str, str]):
    """A translation of every text: the text in angle brackets."""

    def get(self, text: str, _otherwise: str = "") -> str:  # type: ignore[override]
        return f"<{text}>"


@pytest.fixture
def german(monkeypatch):
    """A translation, as Slicer's language extension brings it."""
    words = {"Liver": "Leber", "Crop": "Zuschneiden", "No organ was found": "Kein Organ gefunden"}
    for text, translation in words.items():
        monkeypatch.setitem(slicer.i18n.translations, text, translation)


def test_names_are_translated(german):
    assert names.organName("Liver") == "Leber"
    assert names.stageName("crop") == "Zuschneiden"


@pytest.mark.parametrize("organ", POSSIBLE_ORGANS, ids=lambda organ: organ.name)
def test_every_organ_keeps_its_name_without_a_translation(organ):
    assert names.organName(organ.name) == organ.name


@pytest.mark.parametrize(("stage", "name"), STAGES.items())
def test_every_stage_keeps_its_name_without_a_translation(stage, name):
    assert names.stageName(stage) == name


@pytest.mark.parametrize("kind", ERRORS)
def test_every_kind_of_failure_has_a_name_to_translate(kind, monkeypatch):
    monkeypatch.setattr(slicer.i18n, "translations", Everything())
    assert re.fullmatch("<.+>", names.failureName(kind))


def test_a_failure_without_a_translation_leaves_the_message_alone():
    assert names.failureName("no_abdomen") == ""
    assert names.failureName("a kind of a later version") == ""


def test_the_panel_puts_the_translated_kind_before_the_engines_message(german, open_panel):
    panel = open_panel()
    panel.panel.showFailure(NoAbdomenError("No abdomen found in this scan.", "Choose a region."))
    assert panel.ui.failureLabel.text == "Kein Organ gefunden\nNo abdomen found in this scan."

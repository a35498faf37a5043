"""The terms of the weights are accepted once, in the panel alone."""

from __future__ import annotations

import json

import ctk
import pytest
import slicer
from conftest import click, is_ready, run_once, segmentations, wait_until
from FlareSegmentationLib import settings
from FlareSegmentationLib.panel.consent import MANIFEST, Consent
from PySide6.QtCore import QEventLoop, QTimer
from PySide6.QtWidgets import QApplication, QMessageBox
from standins.pythonqt import pythonqt_class


class MessageBox(pythonqt_class(QMessageBox)):  # type: ignore[misc]
    """ctkMessageBox, whose ``exec_`` gives the button that was clicked."""

    def exec_(self) -> QMessageBox.StandardButton:
        return QMessageBox.StandardButton(self.exec())


@pytest.fixture
def person(monkeypatch, desktop):
    """Slicer as a user runs it, with a main window, and not in testing mode, where no message box waits."""
    monkeypatch.setattr(slicer.app, "testingEnabled", lambda: False)
    monkeypatch.setattr(ctk, "ctkMessageBox", MessageBox, raising=False)
    texts = []

    def answer(button: QMessageBox.StandardButton) -> list[str]:
        """The next message box is read and answered."""

        def look() -> None:
            box = QApplication.activeModalWidget()
            if box is None:
                QTimer.singleShot(10, look)
            else:
                texts.append(box.text)
                box.button(button).click()

        QTimer.singleShot(0, look)
        return texts

    return answer


def ask_in_a_slot() -> bool:
    """In the application a click asks: Slicer deletes its message boxes later, once the event is handled."""
    answers: list[bool] = []
    loop = QEventLoop()
    QTimer.singleShot(0, lambda: (answers.append(Consent().isGiven()), loop.quit()))
    loop.exec()
    return answers[0]


def test_the_message_box_states_the_terms_and_ok_is_remembered(person):
    texts = person(QMessageBox.StandardButton.Ok)
    assert ask_in_a_slot()
    assert json.loads(MANIFEST.read_text(encoding="utf-8"))["licence"] in texts[0]
    assert "not a medical device" in texts[0]
    assert ask_in_a_slot()  # a second message box would wait forever
    assert len(texts) == 1


def test_cancel_starts_nothing_and_is_not_remembered(person):
    texts = person(QMessageBox.StandardButton.Cancel)
    assert not ask_in_a_slot()
    person(QMessageBox.StandardButton.Ok)
    assert ask_in_a_slot()
    assert len(texts) == 2


def test_in_testing_mode_where_slicer_shows_no_message_box_a_run_may_start():
    assert Consent().isGiven()


def test_other_terms_are_asked_for_again(tmp_path):
    asked = []
    manifest = tmp_path / "manifest.json"
    for terms in ("For research use. First.", "For research use. First.", "For research use. Second."):
        manifest.write_text(json.dumps({"licence": terms}), encoding="utf-8")
        assert Consent(lambda text: asked.append(text) or True, manifest).isGiven()
    assert len(asked) == 2


def test_weights_that_are_free_for_every_use_are_not_asked_about(tmp_path):
    (tmp_path / "manifest.json").write_text(json.dumps({"licence": "Apache-2.0"}), encoding="utf-8")
    assert Consent(lambda text: pytest.fail("asked"), tmp_path / "manifest.json").isGiven()


@pytest.fixture
def refusing(ready_with):
    """A panel whose user declines the terms; what was asked."""
    panel = ready_with("willing")
    asked = []
    panel.consent = Consent(lambda text: asked.append(text))
    return panel, asked


def test_a_click_without_consent_segments_nothing(refusing):
    panel, asked = refusing
    click(panel)
    assert len(asked) == 1
    assert is_ready(panel)
    assert segmentations() == []


def test_a_queue_without_consent_segments_nothing(refusing):
    panel, asked = refusing
    panel.ui.queueSection.collapsed = False
    panel.ui.allScansCheckBox.click()
    panel.ui.queueButton.click()
    assert len(asked) == 1
    assert is_ready(panel)


def test_a_script_is_not_asked(refusing):
    panel, asked = refusing
    panel.logic.segment(panel.ui.scanSelector.currentNode())
    assert asked == []
    assert settings.acceptedTerms() == ""


def test_a_panel_whose_terms_were_accepted_runs_at_once(ready_with):
    panel = ready_with("willing")
    asked = []
    panel.consent = Consent(lambda text: asked.append(text) or True)
    run_once(panel)
    wait_until(lambda: is_ready(panel))
    run_once(panel)
    assert len(asked) == 1

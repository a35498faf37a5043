"""A result is saved by Slicer's own dialogs, its table as CSV."""

from __future__ import annotations

import pytest
import qt
import slicer
from flareseg.core.report import OrganFacts, UncertainPlace
from FlareSegmentationLib.panel.saving import SaveMenu
from standins.widgets import DICOMExportDialog


@pytest.fixture
def actions(node, report):
    """The menu's actions by the first word of their text."""
    report.organs = [
        OrganFacts(1, "Liver", 9, 1489.4, [], 104.4, 21.0, 0.97),
        OrganFacts(4, "Pancreas", 9, 71.0, [], 92.0, 25.0, 0.71, [UncertainPlace(1, 3, [0.0, 0.0, 36.0])]),
        OrganFacts(3, "Spleen", 0, 0.0, ["not found"]),
    ]
    button = qt.QPushButton("Save as...")
    menu = SaveMenu(button, lambda: (node, report))
    yield {action.text.split()[0]: action for action in button.menu().actions() if not action.isSeparator()}
    assert menu


def test_menu_names_what_can_be_saved(actions):
    assert list(actions) == ["Files", "Organ", "DICOM", "Slicer's"]


def test_segments_are_saved_by_the_segment_editors_own_form(actions, node):
    seen = []

    def answer():
        (form,) = qt.QApplication.activeModalWidget().findChildren(slicer.qMRMLSegmentationFileExportWidget)
        seen.append((form.segmentationNode(), form.settingsKey))
        form.exportToFilesDone.emit()  # which closes the dialog

    timer = qt.QTimer()
    timer.setSingleShot(True)
    timer.connect("timeout()", answer)
    timer.start(0)
    actions["Files"].trigger()
    assert seen == [(node, "ExportSegmentsToFiles")]
    assert qt.QApplication.activeModalWidget() is None


def test_slicers_own_dialog_for_dicom_is_there_as_well(actions, monkeypatch):
    monkeypatch.setattr(DICOMExportDialog, "asked", [])
    actions["Slicer's"].trigger()
    assert DICOMExportDialog.asked == [0]  # the item of the node, which only the application's plugins give


def test_slicer_without_dicom_offers_the_rest(node, report, monkeypatch):
    monkeypatch.delattr(slicer, "qSlicerDICOMExportDialog")
    button = qt.QPushButton("Save as...")
    SaveMenu(button, lambda: (node, report))
    assert [action.text.split()[0] for action in button.menu().actions()] == ["Files", "Organ"]


class TestTheTable:
    def answer(self, monkeypatch, path):
        monkeypatch.setattr(qt.QFileDialog, "getSaveFileName", lambda *_arguments: str(path))

    def test_it_is_written_with_units_and_an_empty_field_for_what_is_not_known(self, actions, tmp_path, monkeypatch):
        self.answer(monkeypatch, tmp_path / "organs")
        actions["Organ"].trigger()
        assert (tmp_path / "organs.csv").read_text(encoding="utf-8") == (
            "Organ,Volume [mL],Mean [HU],Standard deviation [HU],Confidence [%],Check here\n"
            "Liver,1489.4,104.4,21.0,97.0,\n"
            "Pancreas,71.0,92.0,25.0,71.0,S 33.0 to 39.0 mm\n"
            "Spleen,0.0,,,,not found\n"
        )

    @pytest.mark.parametrize(
        ("typed", "written"),
        [("CT 1.25 mm", "CT 1.25 mm.csv"), ("CT 1.25 mm.csv", "CT 1.25 mm.csv"), ("Organs.CSV", "Organs.CSV")],
    )
    def test_its_name_is_the_one_that_was_typed(self, typed, written, actions, tmp_path, monkeypatch):
        self.answer(monkeypatch, tmp_path / typed)
        actions["Organ"].trigger()
        assert [path.name for path in tmp_path.glob("*.[cC]*")] == [written]

    @pytest.mark.parametrize("agrees", [True, False])
    def test_an_earlier_file_of_the_name_with_suffix_is_replaced_only_when_the_person_agrees(
        self, agrees, actions, tmp_path, monkeypatch
    ):
        """Qt asked about a file without the suffix."""
        (tmp_path / "organs.csv").write_text("earlier")
        asked = []
        monkeypatch.setattr(slicer.util, "confirmOkCancelDisplay", lambda text: asked.append(text) or agrees)
        self.answer(monkeypatch, tmp_path / "organs")
        actions["Organ"].trigger()
        assert asked == [f"{tmp_path / 'organs.csv'} exists. Replace it?"]
        assert ((tmp_path / "organs.csv").read_text() == "earlier") is not agrees

    def test_of_a_name_with_suffix_only_the_dialog_itself_asks(self, actions, tmp_path, monkeypatch):
        (tmp_path / "organs.csv").write_text("earlier")
        monkeypatch.setattr(slicer.util, "confirmOkCancelDisplay", lambda _text: pytest.fail("asked again"))
        self.answer(monkeypatch, tmp_path / "organs.csv")
        actions["Organ"].trigger()
        assert (tmp_path / "organs.csv").read_text().startswith("Organ,")

    def test_nothing_is_written_when_the_dialog_is_left(self, actions, tmp_path, monkeypatch):
        self.answer(monkeypatch, "")
        monkeypatch.chdir(tmp_path)
        before = list(tmp_path.rglob("*.csv"))
        actions["Organ"].trigger()
        assert list(tmp_path.rglob("*.csv")) == before

    def test_folder_that_is_not_there_is_told(self, actions, tmp_path, monkeypatch):
        told = []
        monkeypatch.setattr(slicer.util, "errorDisplay", told.append)
        self.answer(monkeypatch, tmp_path / "missing" / "organs.csv")
        actions["Organ"].trigger()
        (text,) = told
        assert "missing" in text

"""What a source lacks is completed where DICOM permits it, or refused in words; of the patient no more is copied."""

from __future__ import annotations

import traceback
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest
from dicom_files import write_enhanced, write_series
from flareseg.core.errors import FlareError, InternalError, JobError, ScanError
from flareseg.core.report import OrganFacts
from flareseg.core.volume import Volume
from flareseg.dicom_export.source import source_of
from flareseg.dicom_export.targets import DicomTargets
from flareseg.io.reading import read_volume
from pydicom import Dataset, dcmread
from series import TAGS, WEIGHTS, faults, some_labels, square, written

Change = Callable[[Dataset], object]

OF_THE_PATIENT = {
    *("PatientName", "PatientID", "PatientBirthDate", "PatientSex"),
    *("StudyDate", "StudyTime", "StudyID", "StudyInstanceUID", "AccessionNumber", "ReferringPhysicianName"),
}
MORE = {
    "PatientAge": "064Y",
    "PatientWeight": "71.5",
    "PatientAddress": "12 Example Street",
    "PatientComments": "told us more",
    "OtherPatientIDs": "0815",
    "EthnicGroup": "X",
    "StudyDescription": "CT for Mrs Mustermann",
    "InstitutionName": "Hospital",
    "OperatorsName": "Doe^John",
    "AdditionalPatientHistory": "long",
}


def series(folder: Path, change: Change | None = None, **tags: object) -> Volume:
    def changed(dataset: Dataset, _k: int) -> Dataset:
        if change:
            change(dataset)
        return dataset

    return read_volume(write_series(folder / "series", square(), changed, **{**TAGS, **tags}))


def without(*names: str) -> Change:
    def remove(dataset: Dataset) -> None:
        for name in names:
            delattr(dataset, name)

    return remove


class TestRefused:
    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (without("StudyInstanceUID"), "IM000.dcm has no valid Study Instance UID, so"),
            (without("SeriesInstanceUID"), "IM000.dcm has no valid Series Instance UID, so"),
            (lambda x: setattr(x, "StudyInstanceUID", "1.2.x"), "has no valid Study Instance UID"),
            (
                without("StudyInstanceUID", "SeriesInstanceUID"),
                "has no valid Study Instance UID and no valid Series Instance UID, so",
            ),
            (lambda x: setattr(x, "SOPInstanceUID", "1.2.3.9"), "Several slices of the DICOM series have the same"),
            (
                lambda x: setattr(x, "SOPClassUID", "1.2.840.10008.5.1.4.1.1.7"),
                "of the kind Secondary Capture Image Storage, to which DICOM results are not written",
            ),
        ],
    )
    def test_an_image_that_nothing_can_refer_to(self, change: Change, message: str, tmp_path: Path) -> None:
        with pytest.raises(ScanError, match=message) as caught:
            source_of(series(tmp_path, change))
        assert ".nii.gz" in caught.value.hint

    @pytest.mark.parametrize("text", ["A\\B", 65 * "A", "A\tB"])
    def test_a_patient_id_that_dicom_does_not_allow(self, text: str, tmp_path: Path) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            volume = series(tmp_path, PatientID=text)
        with pytest.raises(ScanError, match="Patient ID of the DICOM series is not as DICOM asks") as caught:
            source_of(volume)
        assert text not in str(caught.value)

    def test_a_scan_that_is_not_dicom(self) -> None:
        with pytest.raises(ScanError, match="not a DICOM series"):
            source_of(square())

    def test_a_series_split_into_several_multi_frame_files(self, tmp_path: Path) -> None:
        for name, frames in (("a.dcm", range(12)), ("b.dcm", range(12, 24))):
            path = write_enhanced(tmp_path / "series" / name, square(), frames)
            dataset = dcmread(path)
            dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = f"1.2.3.{len(name) + frames[0]}"
            dataset.save_as(path)
        volume = read_volume(tmp_path / "series")
        assert len(volume.voxels) == 24
        with pytest.raises(ScanError, match="split into 2 multi-frame files"):
            source_of(volume)

    def test_files_that_have_gone_since(self, tmp_path: Path) -> None:
        volume = series(tmp_path)
        volume.dicom_slices[3][0].unlink()
        with pytest.raises(ScanError, match=r"IM003\.dcm was changed or removed"):
            source_of(volume)

    def test_a_report_without_a_segmentation(self, tmp_path: Path) -> None:
        with pytest.raises(JobError, match="refers to a DICOM segmentation"):
            DicomTargets(report=tmp_path / "sr.dcm")

    def test_the_next_choice_of_a_folder_is_checked_as_well(self, tmp_path: Path) -> None:
        volume = series(tmp_path)
        volume.next_choice = square
        checked = DicomTargets(tmp_path / "seg.dcm").checked(volume)
        with pytest.raises(FlareError, match="not a DICOM series"):
            checked.next_choice()


class TestCompleted:
    def test_a_missing_frame_of_reference_is_made_from_the_series(self, tmp_path: Path) -> None:
        volume = series(tmp_path, without("FrameOfReferenceUID"))
        first, again = source_of(volume), source_of(volume)
        assert first.first.FrameOfReferenceUID == again.first.FrameOfReferenceUID
        checked = DicomTargets(tmp_path / "seg.dcm").checked(volume)
        assert "has no valid Frame of Reference UID" in checked.warnings[-1]
        made = written(tmp_path / "series", tmp_path)
        assert made.dataset("segmentation").FrameOfReferenceUID == first.first.FrameOfReferenceUID
        assert faults(made.targets.segmentation) == []

    def test_attributes_that_may_be_empty_are_empty(self, tmp_path: Path) -> None:
        names = [name for name in (*TAGS, "PatientName", "PatientID") if name != "StudyInstanceUID"]
        series(tmp_path, without(*names, "SliceThickness"))
        made = written(tmp_path / "series", tmp_path, structures=True)
        for name in ("segmentation", "report", "structures"):
            dataset = made.dataset(name)
            assert not [each for each in names if dataset[each].value]
            assert faults(getattr(made.targets, name)) == []

    def test_values_that_dicom_does_not_allow_are_left_out(self, tmp_path: Path) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # pydicom's, of these values
            series(tmp_path, PatientSex="female", PatientBirthDate="1960-01-02", StudyTime="10:11", StudyDate="")
        made = written(tmp_path / "series", tmp_path, structures=True)
        for name in ("segmentation", "report", "structures"):
            dataset = made.dataset(name)
            for each in ("PatientSex", "PatientBirthDate", "StudyTime", "StudyDate"):
                assert dataset[each].value in ("", None)
            assert faults(getattr(made.targets, name)) == []

    @pytest.mark.parametrize(
        ("tags", "written_as"),
        [
            ({"AccessionNumber": "A17\\B18"}, {"AccessionNumber": ""}),
            ({"ReferringPhysicianName": "Doe^Jane\\Roe^Ann"}, {"ReferringPhysicianName": ""}),
            ({"AccessionNumber": 17 * "7", "StudyID": 16 * "7"}, {"AccessionNumber": "", "StudyID": 16 * "7"}),
            ({"PatientName": 65 * "A"}, {"PatientName": ""}),
            ({"PatientName": "A^B^C^D^E^F"}, {"PatientName": ""}),
            ({"StudyID": "1\t7"}, {"StudyID": ""}),
            ({"StudyTime": "101112."}, {"StudyTime": ""}),
            ({"StudyTime": "1011-1112"}, {"StudyTime": ""}),
            ({"StudyDate": "20240231"}, {"StudyDate": ""}),
            ({"StudyDate": "2024.05.06"}, {"StudyDate": "20240506"}),  # of ACR-NEMA
        ],
    )
    def test_values_as_dicom_asks_or_empty(
        self, tags: dict[str, str], written_as: dict[str, str], tmp_path: Path
    ) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            series(tmp_path, **tags)
        made = written(tmp_path / "series", tmp_path, structures=True)
        for name in ("segmentation", "report", "structures"):
            dataset = made.dataset(name)
            assert {each: dataset[each].value or "" for each in written_as} == written_as
            assert faults(getattr(made.targets, name)) == []

    def test_what_is_left_empty_is_told_without_its_value(self, tmp_path: Path) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            volume = series(tmp_path, AccessionNumber=17 * "7", PatientSex="female", StudyID="")
        assert source_of(volume).warnings == [
            "DICOM results leave attributes empty that are not as DICOM asks in the series: Patient's Sex, Accession "
            "Number."
        ]

    @pytest.mark.parametrize(("number", "expected"), [(-1000, 1000), (2**31 - 5, 2**31 - 4), (7, 1007)])
    def test_series_numbers_of_results_are_valid(self, number: int, expected: int, tmp_path: Path) -> None:
        series(tmp_path, SeriesNumber=number)
        made = written(tmp_path / "series", tmp_path, structures=True)
        names = ("segmentation", "report", "uncertainty", "structures")
        assert [made.dataset(name).SeriesNumber for name in names] == [expected + n for n in range(4)]
        assert [faults(getattr(made.targets, name)) for name in names] == [[], [], [], []]

    def test_the_uids_of_the_files_meta_information_stand_in(self, tmp_path: Path) -> None:
        """DICOM asks that both be the same."""
        volume = series(tmp_path)
        for path, _frame in volume.dicom_slices:
            dataset = dcmread(path)
            del dataset.SOPInstanceUID, dataset.SOPClassUID
            dataset.save_as(path)
        source = source_of(read_volume(tmp_path / "series"))
        assert [image.SOPInstanceUID for image in source.images][:2] == [
            *("1.2.826.0.1.3680043.8.498.1.1", "1.2.826.0.1.3680043.8.498.1.2"),
        ]


class TestPatient:
    @pytest.mark.parametrize("name", ["segmentation", "report", "uncertainty", "structures"])
    def test_no_more_is_copied_than_dicom_asks_for(self, name: str, tmp_path: Path) -> None:
        series(tmp_path, **MORE)
        made = written(tmp_path / "series", tmp_path, structures=True)
        dataset = made.dataset(name)
        assert not [keyword for keyword in MORE if dataset.get(keyword)]
        about = {element.keyword for element in dataset if element.keyword.startswith(("Patient", "Study"))}
        assert about <= OF_THE_PATIENT
        assert dataset.PatientID == "4711"

    def test_a_name_in_other_letters_is_kept(self, tmp_path: Path) -> None:
        series(tmp_path, SpecificCharacterSet="GB18030", PatientName="张^三")
        made = written(tmp_path / "series", tmp_path)
        for name in ("segmentation", "report"):
            assert made.dataset(name).PatientName == "张^三"

    def test_that_a_series_was_deidentified_is_kept(self, tmp_path: Path) -> None:
        series(tmp_path, PatientIdentityRemoved="YES", DeidentificationMethod="Tool 1")
        made = written(tmp_path / "series", tmp_path, structures=True)
        for name in ("segmentation", "report", "structures"):
            dataset = made.dataset(name)
            assert (dataset.PatientIdentityRemoved, dataset.DeidentificationMethod) == ("YES", "Tool 1")

    def test_the_text_of_an_exception_is_withheld_where_it_may_repeat_a_name(self, tmp_path: Path) -> None:
        """Here a KeyError of an organ's name; where in the code it was is in the cause, for logs."""
        volume, organ = series(tmp_path), OrganFacts(1, "Mustermann", 9, 1.5)
        with pytest.raises(InternalError, match=r"could not be made \(KeyError\)") as caught:
            DicomTargets(tmp_path / "seg.dcm").write(volume, some_labels(volume.geometry), [organ], WEIGHTS)
        told = "".join(traceback.format_exception(caught.value))
        assert ("organ_named" in told, "Mustermann" in told) == (True, False)
        assert not (tmp_path / "seg.dcm").exists()

    def test_no_library_warns_of_a_name(self, tmp_path: Path, recwarn: pytest.WarningsRecorder) -> None:
        """highdicom does of one without a caret, and repeats it."""
        series(tmp_path, PatientName="Mustermann")
        written(tmp_path / "series", tmp_path)
        assert not [warning for warning in recwarn if "Mustermann" in str(warning.message)]

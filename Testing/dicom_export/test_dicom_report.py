"""DICOM SR: volume and HU of each organ, read again, and its references to the segmentation."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import highdicom as hd
import pytest
from dicom_files import write_series
from flareseg.core.errors import ScanError
from flareseg.core.report import OrganFacts
from flareseg.dicom_export.report import certainty
from flareseg.dicom_export.targets import DicomTargets
from flareseg.io.reading import read_volume
from pydicom import Dataset
from pydicom.sr.codedict import codes
from series import SERIES, WEIGHTS, Written, faults, some_labels, square, written

LIVER = OrganFacts(1, "Liver", 9, 1.5)


@pytest.fixture(scope="module")
def axial(tmp_path_factory: pytest.TempPathFactory) -> Written:
    folder = tmp_path_factory.mktemp("axial")
    return written(SERIES["axial"](folder / "series"), folder)


@pytest.fixture(scope="module")
def report(axial: Written) -> hd.sr.EnhancedSR:
    return hd.sr.srread(axial.targets.report)


def groups(report: hd.sr.EnhancedSR) -> list:
    return report.content.get_volumetric_roi_measurement_groups()


@pytest.mark.parametrize("kind", ["axial", "enhanced multi-frame", "tilted gantry"])
def test_dciodvfy_finds_no_error(kind: str, tmp_path: Path) -> None:
    assert faults(written(SERIES[kind](tmp_path / "series"), tmp_path).targets.report) == []


def test_volume_mean_and_deviation_of_each_organ_are_measurements_with_units(
    report: hd.sr.EnhancedSR, axial: Written
) -> None:
    by_name = {facts.name: facts for facts in axial.organs}
    read = {}
    for group in groups(report):
        (volume,) = group.get_measurements(name=codes.SCT.Volume)
        mean, deviation = group.get_measurements(name=codes.DCM.AttenuationCoefficient)
        assert (volume.unit.value, mean.unit.value, deviation.unit.value) == ("mL", "[hnsf'U]", "[hnsf'U]")
        assert (mean.derivation, deviation.derivation) == (codes.SCT.Mean, codes.SCT.StandardDeviation)
        name = group.tracking_identifier.removeprefix("FlareSegmentation ")
        read[name] = (volume.value, mean.value, deviation.value)
    assert list(read) == ["Liver", "Right kidney", "Spleen", "Pancreas", "Left kidney"]
    for name, numbers in read.items():
        facts = by_name[name]
        assert numbers == pytest.approx((facts.volume_ml, facts.mean_hu, facts.std_hu), abs=0.05)


def test_each_group_refers_to_its_segment_and_has_its_tracking_uid(report: hd.sr.EnhancedSR, axial: Written) -> None:
    segmentation = axial.dataset("segmentation")
    for number, (group, segment) in enumerate(zip(groups(report), segmentation.SegmentSequence, strict=True), start=1):
        assert group.referenced_segment.referenced_sop_instance_uid == segmentation.SOPInstanceUID
        assert group.referenced_segment.referenced_segment_numbers == [number]
        assert group.tracking_uid == segment.TrackingUID


def test_the_side_of_a_kidney_is_told(report: hd.sr.EnhancedSR) -> None:
    sides = {group.tracking_identifier: group.finding_sites[0].laterality for group in groups(report)}
    assert sides["FlareSegmentation Liver"] is None
    assert sides["FlareSegmentation Right kidney"].value == "24028007"
    assert sides["FlareSegmentation Left kidney"].value == "7771000"


def test_the_confidence_is_a_qualitative_evaluation(report: hd.sr.EnhancedSR) -> None:
    read = {}
    for group in groups(report):
        (evaluation,) = group.get_qualitative_evaluations(name=codes.DCM.CertaintyOfFinding)
        read[group.tracking_identifier.removeprefix("FlareSegmentation ")] = evaluation.value.meaning
    assert read["Liver"] == "High"  # 0.95
    assert read["Pancreas"] == "Medium"  # 0.83
    assert read["Left kidney"] == "Low"  # 0.79


@pytest.mark.parametrize(
    ("dice", "word"), [(1.0, "High"), (0.9, "High"), (0.89, "Medium"), (0.8, "Medium"), (0.2, "Low")]
)
def test_the_words_for_an_expected_dice(dice: float, word: str) -> None:
    assert certainty(dice).meaning == word


def test_what_to_check_of_an_organ_is_a_comment_on_it(axial: Written, tmp_path: Path) -> None:
    """The volume of an organ that the scan cuts is not that of the organ."""
    liver, *others = axial.organs
    cut = replace(liver, warnings=["touches the upper edge of the scan", "touches the lower edge of the scan"])
    targets = DicomTargets(tmp_path / "seg.dcm", tmp_path / "sr.dcm")
    targets.write(axial.volume, axial.labels, [cut, *others], WEIGHTS)
    first, *rest = groups(hd.sr.srread(tmp_path / "sr.dcm"))
    assert comments(first) == cut.warnings
    assert [comments(group) for group in rest] == [[], [], [], []]
    assert faults(tmp_path / "sr.dcm") == []


def comments(group: Iterable[Dataset]) -> list[str]:
    (container,) = group
    items = [item for item in container.ContentSequence if item.ValueType == "TEXT"]
    return [item.TextValue for item in items if item.ConceptNameCodeSequence[0].CodeValue == "121106"]


def test_it_is_complete_and_not_verified(report: hd.sr.EnhancedSR) -> None:
    assert (report.CompletionFlag, report.VerificationFlag, report.PreliminaryFlag) == (
        *("COMPLETE", "UNVERIFIED", "PRELIMINARY"),
    )
    (study,) = report.CurrentRequestedProcedureEvidenceSequence
    assert len(study.ReferencedSeriesSequence) == 2  # the segmentation and its source


@pytest.mark.parametrize(
    ("modality", "kind"), [("MR", "1.2.840.10008.5.1.4.1.1.4"), ("PT", "1.2.840.10008.5.1.4.1.1.128")]
)
def test_it_is_refused_for_a_series_whose_values_are_not_hu(modality: str, kind: str, tmp_path: Path) -> None:
    """Their segmentation is written."""
    volume = read_volume(write_series(tmp_path / "series", square(), Modality=modality, SOPClassUID=kind))
    targets = DicomTargets(tmp_path / "seg.dcm", tmp_path / "sr.dcm")
    for act in (
        lambda: targets.checked(volume),
        lambda: targets.write(volume, some_labels(volume.geometry), [LIVER], WEIGHTS),
    ):
        with pytest.raises(ScanError, match=f"it is {modality}, not CT"):
            act()
    assert list(tmp_path.glob("*.dcm")) == []
    DicomTargets(tmp_path / "seg.dcm").write(volume, some_labels(volume.geometry), [LIVER], WEIGHTS)
    assert faults(tmp_path / "seg.dcm") == []

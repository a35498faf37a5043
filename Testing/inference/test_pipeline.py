"""From reading to writing: what is written where, and what the report says of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from flareseg import __version__
from flareseg.core.errors import FlareError, NoAbdomenError, ScanError
from flareseg.core.geometry import Geometry
from flareseg.core.report import Report, ScanFacts, UncertainPlace
from flareseg.core.run import Run
from flareseg.core.volume import Volume
from flareseg.inference.cascade import Segmentation, SegmentationOptions
from flareseg.inference.pipeline import PipelineResult, segment_scan
from scripted_networks import AIR, BRIGHT, MUSCLE, kidney_finder

# stored from head to foot and from the left to the right, every axis with a size and a spacing of its own
GEOMETRY = Geometry((40, 64, 80), (3.0, 2.5, 2.0), ((0, 0, -1), (0, 1, 0), (-1, 0, 0)), (100.0, -80.0, 60.0))


def patient() -> Volume:
    voxels = np.full(GEOMETRY.shape, AIR, np.int16)
    voxels[:, 5:60, 5:75] = MUSCLE
    voxels[5:15, 10:30, 20:40] = BRIGHT
    return Volume(voxels, GEOMETRY, "scan 7", ["a warning of the reader"])


def segmented(volume: Volume, options: SegmentationOptions | None = None) -> tuple[PipelineResult, list[object]]:
    """The outcome, and what was given to be written."""
    written: list[object] = []

    def write(found: Segmentation, scan: Volume) -> None:
        written.extend([found, scan.geometry])

    with Run() as run:
        outcome = segment_scan(kidney_finder(), lambda: volume, write, run, options)
    return outcome, written


def test_labels_are_written_on_the_scans_own_grid() -> None:
    outcome, (found, geometry) = segmented(patient())
    assert geometry == GEOMETRY
    assert isinstance(found, Segmentation)
    assert found is outcome.segmentation
    k, j, i = np.nonzero(found.labels == 2)
    assert (k.mean(), j.mean(), i.mean()) == pytest.approx((9.5, 19.5, 29.5), abs=0.3)


def test_the_report_describes_the_scan_as_it_is_stored() -> None:
    report = segmented(patient())[0].report
    assert report.version == __version__
    assert report.scan == ScanFacts("scan 7", [40, 64, 80], [3.0, 2.5, 2.0], "RPI")
    assert report.warnings[0] == "a warning of the reader"
    assert report.warnings[-1].startswith("Missing or of unusual size")
    assert [stage.name for stage in report.stages][-1] == "write"


def test_the_report_tells_who_chose_the_region() -> None:
    whole = segmented(patient())[0].report
    bounds = (-90.0, 10.0, -60.0, 60.0, -40.0, 40.0)
    chosen = segmented(patient(), SegmentationOptions(roi=bounds))[0].report
    assert (whole.roi_source, chosen.roi_source) == ("network", "caller")
    # the whole scan: R from -100 to 58 mm, A from -77.5 to 80, S from -57 to 60
    assert whole.roi == pytest.approx([-100.0, 58.0, -77.5, 80.0, -57.0, 60.0])
    assert chosen.roi == pytest.approx([-90.0, 10.0, -60.0, 60.0, -39.0, 39.0])


def test_what_cannot_be_segmented_is_not_written() -> None:
    written: list[object] = []
    empty = replace(patient(), voxels=np.full(GEOMETRY.shape, AIR, np.int16))
    with Run() as run, pytest.raises(FlareError):
        segment_scan(kidney_finder(), lambda: empty, lambda *result: written.extend(result), run)
    assert written == []


def without_organs(**changes: object) -> Volume:
    voxels = patient().voxels
    return replace(patient(), voxels=np.minimum(voxels, MUSCLE), name="another", **changes)


def test_where_a_scan_shows_no_abdomen_the_next_choice_is_segmented() -> None:
    first = without_organs(next_choice=lambda: without_organs(next_choice=patient))
    outcome, (found, _geometry) = segmented(first)
    assert outcome.volume.name == outcome.report.scan.name == "scan 7"
    assert isinstance(found, Segmentation)
    assert found.labels.any()


def test_a_next_choice_that_cannot_be_used_leaves_the_answer_and_is_named() -> None:
    def unreadable() -> Volume:
        raise ScanError("It is damaged.", "Copy it again.")

    with pytest.raises(NoAbdomenError, match=r"No abdomen found.*Another scan of the folder cannot be used: It is dam"):
        segmented(without_organs(next_choice=unreadable))


def test_without_a_next_choice_no_abdomen_is_an_error() -> None:
    with pytest.raises(NoAbdomenError):
        segmented(without_organs(next_choice=without_organs))


def test_a_region_of_the_caller_is_sought_in_the_first_choice_only() -> None:
    first = without_organs(next_choice=patient)
    with pytest.raises(NoAbdomenError):
        segmented(first, SegmentationOptions(roi=(-90.0, 10.0, -60.0, 60.0, -40.0, 40.0)))


def test_uncertain_places_survive_json() -> None:
    report = segmented(patient())[0].report
    report.organs[1].uncertain = [UncertainPlace(3, 7, [1.5, -2.0, 30.25])]
    again = Report.from_json(report.to_json())
    assert again.organs[1].uncertain == [UncertainPlace(3, 7, [1.5, -2.0, 30.25])]
    assert again == report


@pytest.mark.parametrize("version", [0, 1, None, "2"])
def test_any_other_schema_is_refused(version: object) -> None:
    report = segmented(patient())[0].report
    with pytest.raises(ValueError, match="report schema"):
        Report.from_json({**report.to_json(), "schema_version": version})

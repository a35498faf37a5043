"""Segmentation of one scan from reading to writing, measured; every caller uses this function."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from flareseg import __version__
from flareseg.core.errors import NoAbdomenError
from flareseg.core.geometry import Geometry, Orientation
from flareseg.core.own_process import freed_memory_kept
from flareseg.core.report import Report, ScanFacts
from flareseg.core.run import Run
from flareseg.core.shortage import shortage_said
from flareseg.core.volume import Volume, read_instead
from flareseg.inference.cascade import Cascade, Segmentation
from flareseg.inference.options import SegmentationOptions
from flareseg.inference.tilt import put_back, upright


@dataclass(frozen=True)
class PipelineResult:
    """Result of one scan.

    Attributes:
        volume: The scan as read.
        segmentation: Its organs, on the grid of ``volume``.
        report: What the run found and needed.
    """

    volume: Volume
    segmentation: Segmentation
    report: Report


def segment_scan(
    cascade: Cascade,
    read: Callable[[], Volume],
    write: Callable[[Segmentation, Volume], None],
    run: Run,
    options: SegmentationOptions | None = None,
) -> PipelineResult:
    """Read, segment and write one scan. A tilt of the gantry is undone for the networks.

    Where the scan shows no abdomen and was one of several in a folder, the next choice is read and segmented instead,
    unless the options name the region.

    Args:
        cascade: The loaded networks.
        read: Returns the scan.
        write: Writes the segmentation; called once, at the end, with the scan, on whose own grid the arrays of the
            segmentation are.
        run: Measures the stages, and receives their progress.
        options: Options. None: the defaults.

    Returns:
        The scan, its segmentation and the report.

    Raises:
        FlareError: What ``read``, ``Cascade.segment`` and ``write`` raise.
    """
    options = options or SegmentationOptions()
    volume, found = _first_abdomen(cascade, read, options, run)
    segmentation = _on_own_voxels(found, volume.geometry)
    with run.stage("write"), shortage_said("Writing the result", cascade.limits.ram):
        write(segmentation, volume)
    return PipelineResult(volume, segmentation, _report(cascade, volume, segmentation, run, options))


def _first_abdomen(
    cascade: Cascade, read: Callable[[], Volume], options: SegmentationOptions, run: Run
) -> tuple[Volume, Segmentation]:
    """The first scan, beginning with that of ``read``, that shows an abdomen, and its segmentation."""
    while True:
        with run.stage("read"), shortage_said("Reading this scan", cascade.limits.ram):
            volume = read()
        try:
            with freed_memory_kept():
                return volume, cascade.segment(upright(volume), options, run)
        except NoAbdomenError as error:
            following = volume.next_choice
            if following is None or options.roi:
                raise
            read = partial(read_instead, following, error.with_traceback(None))
        del volume  # before the next one is read


def _on_own_voxels(found: Segmentation, geometry: Geometry) -> Segmentation:
    if not any(geometry.tilt):
        return found
    uncertainty = None if found.uncertainty is None else put_back(found.uncertainty, geometry)
    return replace(found, labels=put_back(found.labels, geometry), uncertainty=uncertainty)


def _report(cascade: Cascade, volume: Volume, found: Segmentation, run: Run, options: SegmentationOptions) -> Report:
    geometry = volume.geometry
    return Report(
        version=__version__,
        scan=ScanFacts(volume.name, list(geometry.shape), list(geometry.spacing), Orientation.of(geometry).name),
        device=found.device,
        weights=cascade.weights,
        roi=list(found.roi),
        roi_source="caller" if options.roi else "scan" if cascade.takes_whole_scans else "network",
        stages=run.clock.stages,
        total_seconds=run.clock.total_seconds,
        memory=run.memory.facts(),
        organs=found.organs,
        borders=options.borders.value,
        hu_gate=options.hu_gate,
        warnings=found.warnings,
    )

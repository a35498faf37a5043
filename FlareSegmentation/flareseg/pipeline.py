"""One scan from reading to writing, measured: the one path that every caller takes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from flareseg import __version__
from flareseg.cascade import Cascade, Segmentation
from flareseg.geometry import Bounds, Geometry, Orientation
from flareseg.report import Report, ScanFacts
from flareseg.run import Run
from flareseg.volume import Volume


@dataclass(frozen=True)
class Outcome:
    """What became of a scan: the volume as read, its organs, and the report."""

    volume: Volume
    segmentation: Segmentation
    report: Report


def segment_scan(
    cascade: Cascade,
    read: Callable[[], Volume],
    write: Callable[[np.ndarray, Geometry], None],
    run: Run,
    roi: Bounds | None = None,
) -> Outcome:
    """Read, segment and write one scan inside ``run``; ``roi`` as in Cascade.segment.

    ``write`` is given the labels (uint8, the scan's own (k, j, i) grid) and their geometry.

    Raises FlareError as the three steps do; nothing is written unless all went well.
    """
    with run.stage("read"):
        volume = read()
    segmentation = cascade.segment(volume, roi, run)
    with run.stage("write"):
        write(segmentation.labels, volume.geometry)
    return Outcome(volume, segmentation, _report(cascade, volume, segmentation, run, roi))


def _report(cascade: Cascade, volume: Volume, found: Segmentation, run: Run, roi: Bounds | None) -> Report:
    geometry = volume.geometry
    return Report(
        version=__version__,
        scan=ScanFacts(volume.name, list(geometry.shape), list(geometry.spacing), Orientation.of(geometry).name),
        device=found.device,
        weights=cascade.weights,
        roi=list(found.roi),
        roi_source="caller" if roi else "network",
        stages=run.clock.stages,
        total_seconds=run.clock.total_seconds,
        memory=run.memory.facts(),
        organs=found.organs,
        warnings=found.warnings,
    )

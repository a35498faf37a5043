"""Processing of one segmentation job of the worker: checks, scan from a file, results to files."""

from __future__ import annotations

import logging
import math
import os
import stat
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from flareseg.core.errors import JobError
from flareseg.core.geometry import Bounds, Geometry
from flareseg.core.organs import organs_shown
from flareseg.core.shortage import ran_out
from flareseg.worker.events import SegmentJob
from flareseg.worker.job_folder import JobFolder

if TYPE_CHECKING:
    from flareseg.core.report import Report
    from flareseg.core.run import Run
    from flareseg.core.volume import Volume
    from flareseg.inference.cascade import Cascade, Segmentation

log = logging.getLogger("flareseg.worker.segment_job")


def check(job: SegmentJob) -> None:
    """Refuse a bad job before any work. Raises JobError or OutputError."""
    from flareseg.inference.components import CleanUp
    from flareseg.inference.full_size import Networks
    from flareseg.inference.options import Borders
    from flareseg.io.outputs import check_writable, refusals_said

    bounds(job)
    Networks.of(job.network)
    CleanUp.of(job.clean_up)
    Borders.of(job.borders)
    organs_shown(job.split_kidneys, job.organs)
    if job.temporary and JobFolder(Path(job.scan).parent).owner() is None:
        log.warning("The folder of a temporary scan is not a job folder, so it will not be removed.")
    scan, targets = _path(job.scan, "scan"), [_path(job.labels, "labels")]
    if job.uncertainty is not None:
        targets.append(_path(job.uncertainty, "uncertainty"))
    if not stat.S_ISREG(_mode(scan)):  # a FIFO or a device would be waited for without end
        raise JobError("The scan handed to the engine is not a file.", "Try again.")
    for target in targets:
        with refusals_said(target):
            check_writable(target)
    places = {os.path.normcase(target.parent.resolve() / target.name) for target in targets}
    if len(places) < len(targets) or any(_mode(target) and target.samefile(scan) for target in targets):
        raise JobError("The job names one file for two arrays.", "Give each array its own file.")


def run_job(job: SegmentJob, cascade: Cascade, run: Run) -> Report:
    """Segment the job's scan. Its files appear together at the very end, or not at all.

    Raises FlareError as check(), segment_scan() and the writing of the files do.
    """
    import numpy as np

    from flareseg.inference.components import CleanUp
    from flareseg.inference.options import Borders, SegmentationOptions
    from flareseg.inference.pipeline import segment_scan
    from flareseg.io.outputs import atomic_write

    options = SegmentationOptions(
        bounds(job),
        job.split_kidneys,
        CleanUp.of(job.clean_up),
        job.uncertainty is not None,
        None if job.organs is None else tuple(job.organs),
        Borders.of(job.borders),
        job.hu_gate,
    )
    with ExitStack() as files:  # they take their places when all of it is left, not yet cancelled

        def write(found: Segmentation, _volume: Volume) -> None:
            for target, array in ((job.uncertainty, found.uncertainty), (job.labels, found.labels)):
                if target is not None and array is not None:
                    beside = files.enter_context(atomic_write(Path(target), ".npy"))
                    np.save(beside, array, allow_pickle=False)

        return segment_scan(cascade, lambda: mapped(job), write, run, options).report


def mapped(job: SegmentJob) -> Volume:
    """The job's scan, mapped rather than read; no pickle is ever loaded. Raises JobError."""
    import numpy as np

    from flareseg.core.volume import Volume

    try:
        voxels = np.load(job.scan, mmap_mode="r", allow_pickle=False)
        geometry = Geometry.from_json(job.geometry)
    except (OSError, ValueError, KeyError, TypeError, OverflowError, EOFError) as error:
        if ran_out(error):
            raise
        raise JobError(
            f"The scan handed to the engine cannot be read ({type(error).__name__}).", "Try again."
        ) from error
    if not isinstance(voxels, np.ndarray):
        raise JobError("The scan handed to the engine is an archive, not an array.", "Give an .npy file.")
    if voxels.shape != geometry.shape:
        raise JobError("The scan handed to the engine does not match its geometry.", "Try again.")
    return Volume(voxels, geometry, job.name)


def bounds(job: SegmentJob) -> Bounds | None:
    """The job's ROI. Raises JobError if it is not six finite numbers."""
    if job.roi is None:
        return None
    numbers = [float(v) for v in job.roi if isinstance(v, (int, float)) and not isinstance(v, bool) and _is_finite(v)]
    if len(numbers) != 6 or len(job.roi) != 6:
        raise JobError("The ROI of the job is not six numbers.", "Give RAS bounds in mm.")
    r0, r1, a0, a1, s0, s1 = numbers
    return (r0, r1, a0, a1, s0, s1)


def _is_finite(number: float) -> bool:
    try:
        return math.isfinite(number)
    except OverflowError:  # an integer that no float can hold
        return False


def _mode(path: Path) -> int:
    """What the system says of the file that a path leads to; 0 where there is none that can be seen."""
    try:
        return path.stat().st_mode
    except OSError:
        return 0


def _path(text: str, role: str) -> Path:
    """An absolute path that the system can express and whose name ends in .npy. Raises JobError."""
    try:
        is_path = b"\0" not in os.fsencode(text)
    except UnicodeEncodeError:  # half of a surrogate pair
        is_path = False
    path = Path(text)
    if not is_path or not path.is_absolute() or path.suffix != ".npy":
        raise JobError(f"The job's {role} is not the absolute path of an .npy file.", "Give it with all its folders.")
    return path

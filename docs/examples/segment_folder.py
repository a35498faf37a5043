"""Segment the scans of a folder without Slicer's window.

    Slicer --no-main-window --python-script segment_folder.py -- INPUT OUTPUT
    Slicer --no-main-window --python-script segment_folder.py -- INPUT OUTPUT --pattern "*/ct.nii.gz" --device cpu

OUTPUT gets a label map and a report for each scan, and results.csv. Started again, it goes on where it was
interrupted. Exit codes: 0 all done, 1 a scan failed (results.csv says why), 2 nothing could be done.
"""

# ruff: noqa: T201  (what it prints is all that is seen of it)

from __future__ import annotations

import argparse
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

import slicer

if TYPE_CHECKING:
    from FlareSegmentationLib.jobs.batch import CaseResult

ALL_DONE, SOME_FAILED, NOTHING_DONE = 0, 1, 2


def parse(argv: list[str]) -> argparse.Namespace:
    """``argv`` as Slicer passes it: the script, perhaps the "--" that ends Slicer's own options, and the rest."""
    parser = argparse.ArgumentParser(prog="segment_folder.py", description="Segment the scans of a folder.")
    parser.add_argument("input", type=Path, metavar="INPUT", help="folder of scan files and DICOM subfolders")
    parser.add_argument("output", type=Path, metavar="OUTPUT", help="folder for the results")
    parser.add_argument("--pattern", default="*", help='which scans, for example "*.nii.gz" or "*/ct.nii.gz"')
    parser.add_argument("--device", choices=["auto", "cuda", "cpu"], default="auto")
    parser.add_argument("--suffix", default="-organs.seg.nrrd", help="end of the label maps' names; sets their format")
    parser.add_argument("--again", action="store_true", help="segment finished scans again")
    return parser.parse_args([text for text in argv[1:] if text != "--"])


def segment(options: argparse.Namespace) -> int:
    from FlareSegmentation import FlareSegmentationLogic

    logic = FlareSegmentationLogic()
    if not logic.dependencies.areThere():  # installing asks questions, and without a window there is no answer
        print("Python packages are missing. Open Slicer once and click Segment organs in FlareSegmentation.")
        return NOTHING_DONE
    try:
        results = logic.segmentFolder(
            options.input,
            options.output,
            pattern=options.pattern,
            resume=not options.again,
            device=options.device,
            suffix=options.suffix,
            onResult=show,
        )
    finally:
        logic.close()
    print(f"{len(results)} scans; see {options.output / 'results.csv'}")
    return SOME_FAILED if any(result.error for result in results) else ALL_DONE


def show(result: CaseResult) -> None:
    seconds = f"{result.report.total_seconds:.1f} s" if result.report else ""
    print(result.case.name, result.state.value, result.error or seconds, sep="  ")


def main(argv: list[str]) -> int:
    """The exit code. Whatever goes wrong ends here: an exception would leave Slicer running without a window."""
    try:
        return segment(parse(argv))
    except SystemExit as end:  # of argparse, which has printed what is wrong
        return int(end.code or 0)
    except ModuleNotFoundError as error:
        print(f"{error}. Install the extension FlareSegmentation in this Slicer.")
    except Exception as error:
        if not hasattr(error, "hint"):  # a FlareError says it all in its message
            traceback.print_exc()
        print(error)
    return NOTHING_DONE


if __name__ == "__main__":
    slicer.util.exit(main(sys.argv))

"""Segment a synthetic CT from Python, print the volume of each organ, and write the label map.

    python api.py [OUTPUT]

OUTPUT is the label map to write: organs.seg.nrrd by default, which 3D Slicer opens as a segmentation.
"""

# ruff: noqa: T201

from __future__ import annotations

import sys

import flareseg
from flareseg.phantom import make_phantom


def main(output: str) -> None:
    scan = make_phantom(shape=(80, 128, 128), spacing=(4.0, 3.0, 3.0)).volume  # or the path of a CT
    try:
        result = flareseg.segment(scan, output, options=flareseg.SegmentationOptions(split_kidneys=True))
    except flareseg.NoAbdomenError:
        sys.exit("This is not an abdominal CT.")
    except flareseg.FlareError as error:
        sys.exit(str(error))  # what is wrong, then what to do about it
    for organ in result.report.organs:
        print(f"{organ.name:<14} {organ.volume_ml:6.0f} mL")
    print(f"{output}, after {result.report.total_seconds:.1f} s on {result.report.device.name}")


if __name__ == "__main__":
    main(*sys.argv[1:] or ["organs.seg.nrrd"])

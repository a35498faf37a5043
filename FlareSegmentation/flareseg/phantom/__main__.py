"""The synthetic CT for a program that goes on meanwhile: ``python -m flareseg.phantom FOLDER``.

Writes one JSON object a line: ``{"fraction": 0.25}`` several times, then ``{"folder": ..., "geometry": ...}``. That
folder, private and inside FOLDER, holds scan.npy (int16 HU) and labels.npy (uint8), both (k, j, i). It is removed, and
the process ends, when stdin closes: the caller has read the files, has given up, or has itself ended.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import threading
import traceback
from pathlib import Path

import numpy as np

from flareseg.phantom import SHAPE, SPACING, draw_phantom


def main(parent: str, shape: tuple[int, int, int] = SHAPE, spacing: tuple[float, float, float] = SPACING) -> None:
    """Make the phantom and wait for the end of stdin.

    Args:
        parent: Existing folder in which the private folder is made.
        shape: Number of voxels along (k, j, i).
        spacing: Size of a voxel in mm along (k, j, i).
    """
    folder = tempfile.TemporaryDirectory(prefix="flareseg-phantom-", dir=parent)
    writing = threading.Lock()

    def leave(code: int) -> None:
        """From any thread, whatever the other one is doing."""
        with writing:
            folder.cleanup()
            os._exit(code)

    def leave_with_caller() -> None:
        sys.stdin.buffer.read()
        leave(0)

    threading.Thread(target=leave_with_caller, daemon=True).start()
    try:
        made = draw_phantom(0, shape, spacing, lambda fraction: _say(fraction=round(fraction, 3)))
        with writing:
            np.save(Path(folder.name) / "scan.npy", made.volume.voxels, allow_pickle=False)
            np.save(Path(folder.name) / "labels.npy", made.labels, allow_pickle=False)
    except Exception:
        traceback.print_exc()
        leave(1)
    _say(folder=folder.name, geometry=made.volume.geometry.to_json())
    threading.Event().wait()


def _say(**content: object) -> None:
    sys.stdout.write(json.dumps(content) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1])

"""What the command and the worker import: not more than a segmentation needs."""

from __future__ import annotations

import json
import subprocess
import sys


def imported(statements: str, names: list[str]) -> list[str]:
    """Which of ``names`` a fresh process has imported after ``statements``."""
    script = f"import json, sys\n{statements}\nprint(json.dumps([n for n in {names} if n in sys.modules]))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, encoding="utf-8", timeout=120)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert isinstance(found, list)
    return found


def test_a_segmentation_imports_neither_scipy_nor_plotting() -> None:
    statements = (
        "from flareseg.inference.cascade import Cascade\nCascade.load('cpu')\nimport flareseg.cli.segment_files"
    )
    assert imported(statements, ["torch", "scipy", "PIL", "matplotlib", "pandas"]) == ["torch"]


def test_the_worker_imports_no_image_library() -> None:
    """Scans come to it as arrays; SimpleITK would take 90 MB and a tenth of a second of the first click."""
    statements = (
        "import flareseg.worker.service\n"
        "from flareseg.inference.cascade import Cascade\n"
        "Cascade.load('cpu')\n"
        "import flareseg.inference.pipeline, flareseg.io.outputs, flareseg.core.volume"
    )
    assert imported(statements, ["torch", "SimpleITK", "scipy", "rich"]) == ["torch"]

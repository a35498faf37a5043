"""A quick start leaves out what a segmentation does not need, and nothing that anybody asks for."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any


def in_a_fresh_process(script: str) -> Any:
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, encoding="utf-8", timeout=120)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


QUICK = """
import gc, json, sys
from flareseg.quick_start import load_cascade
cascade = load_cascade("cpu")
import flareseg.segment_files
"""


def test_only_what_a_segmentation_needs_is_imported() -> None:
    names = ["torch", "torch._decomp", "scipy", "PIL", "matplotlib", "pandas"]
    found = in_a_fresh_process(QUICK + f"print(json.dumps([name for name in {names} if name in sys.modules]))")
    assert found == ["torch"]


def test_what_is_loaded_is_out_of_the_search_for_garbage_which_goes_on() -> None:
    found = in_a_fresh_process(QUICK + "print(json.dumps({'frozen': gc.get_freeze_count(), 'on': gc.isenabled()}))")
    assert found["on"]
    assert found["frozen"] > 100_000


def test_the_compilers_tables_are_there_for_whoever_imports_them() -> None:
    """Meta tensors, the tables' use, work as in any process with PyTorch."""
    found = in_a_fresh_process(
        QUICK + "import torch, torch._meta_registrations\n"
        "shape = torch.nn.functional.pad(torch.empty(2, 3, device='meta'), (1, 1)).shape\n"
        "print(json.dumps({'shape': list(shape), 'real': hasattr(torch._meta_registrations, 'meta_mm')}))"
    )
    assert found == {"shape": [2, 5], "real": True}


def test_a_pytorch_that_reads_the_tables_while_it_is_imported_gets_them() -> None:
    found = in_a_fresh_process(
        "import json\n"
        "from flareseg.quick_start import _without_compilers_tables\n"
        "with _without_compilers_tables():\n"
        "    from torch import _meta_registrations\n"
        "    there = callable(_meta_registrations.meta_mm)\n"
        "print(json.dumps({'there': there}))"
    )
    assert found == {"there": True}


def test_a_cascade_that_cannot_be_loaded_leaves_the_process_as_it_was() -> None:
    found = in_a_fresh_process(
        "import gc, json\n"
        "from pathlib import Path\n"
        "from flareseg.errors import FlareError\n"
        "from flareseg.quick_start import load_cascade\n"
        "try:\n    load_cascade('cpu', Path('nowhere'))\n"
        "except FlareError as error:\n    print(json.dumps({'kind': error.kind, 'on': gc.isenabled()}))"
    )
    assert found == {"kind": "weights", "on": True}


def test_the_worker_loads_no_image_library() -> None:
    """Scans come to it as arrays; SimpleITK would take 90 MB and a tenth of a second of the first click."""
    found = in_a_fresh_process(
        "import json, sys\n"
        "import flareseg.worker as worker\n"
        "worker.load_cascade('cpu')\n"
        "import flareseg.pipeline, flareseg.outputs, flareseg.volume\n"
        "print(json.dumps([name for name in ('SimpleITK', 'scipy', 'rich') if name in sys.modules]))"
    )
    assert found == []

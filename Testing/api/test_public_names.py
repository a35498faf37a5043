"""``import flareseg``: its public names, what importing it loads, and the page that describes them."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import flareseg
import pytest
from flareseg.core.errors import ERRORS

PAGE = Path(__file__).resolve().parents[2] / "docs" / "api.md"


def of_a_fresh_process(statements: str) -> str:
    command = [sys.executable, "-c", statements]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout


def test_importing_the_package_loads_no_large_library() -> None:
    script = "import sys, flareseg; print({'torch', 'SimpleITK', 'scipy', 'numpy', 'pydicom'} & set(sys.modules))"
    assert of_a_fresh_process(script) == "set()\n"


def test_a_volume_is_had_without_torch() -> None:
    script = "import sys, flareseg; flareseg.Volume, flareseg.Report, flareseg.Geometry; print('torch' in sys.modules)"
    assert of_a_fresh_process(script) == "False\n"


@pytest.mark.parametrize("name", flareseg.__all__)
def test_every_public_name_is_there_and_documented(name: str) -> None:
    found = getattr(flareseg, name)
    assert found.__doc__, "has no docstring"
    assert found is getattr(import_module(found.__module__), found.__name__)


def test_names_that_are_not_yet_imported_are_listed() -> None:
    listed = of_a_fresh_process("import flareseg; print(*dir(flareseg))").split()
    assert set(flareseg.__all__) <= set(listed)


def test_an_unknown_name_is_refused_as_python_does() -> None:
    with pytest.raises(AttributeError, match="module 'flareseg' has no attribute 'segmnt'"):
        flareseg.segmnt  # noqa: B018  # the attribute access is what is tested


def test_type_checkers_see_the_same_names() -> None:
    """They read the imports in the file, where Python imports by name when asked."""
    tree = ast.parse(Path(flareseg.__file__).read_text(encoding="utf-8"))
    seen = {
        alias.asname or alias.name: getattr(import_module(node.module or ""), alias.name)
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("flareseg.")
        for alias in node.names
    }
    assert seen == {name: getattr(flareseg, name) for name in flareseg.__all__}


def test_the_package_says_that_it_has_type_hints() -> None:
    assert (Path(flareseg.__file__).parent / "py.typed").is_file()


def test_the_page_describes_every_name() -> None:
    names = re.findall(r"^\| `(\w+)` \| [^`]", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    errors = {cls.__name__ for cls in ERRORS.values()} | {"FlareError"}
    assert sorted(names) == sorted(set(flareseg.__all__) - errors)


def test_the_page_describes_every_error() -> None:
    rows = re.findall(r"^\| `(\w+)` \| `(\w+)` \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert dict(rows) == {kind: cls.__name__ for kind, cls in ERRORS.items()}

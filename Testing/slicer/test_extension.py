"""The extension's description: three files that agree, complete lists, and the catalog's rules."""

from __future__ import annotations

import ast
import json
import re
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import grimp
import pytest
import yaml
from FlareSegmentationLib.jobs.dependencies import DICOM_PACKAGE, TORCH, TORCH_VERSION
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
MODULE = ROOT / "FlareSegmentation"
NAME = "FlareSegmentation"
RAW = "https://raw.githubusercontent.com/flaresegmentation/SlicerFlareSegmentation/main/"
CATALOG_KEYS = {  # of schema 1.0.2, which allows no others
    "$schema",
    "build_dependencies",
    "build_subdirectory",
    "category",
    "dicom_support_rule",
    "enabled",
    "scm_revision",
    "scm_type",
    "scm_url",
    "tier",
}
S4EXT_KEYS = {
    *("scm", "scmurl", "scmrevision", "depends", "recommends", "build_subdirectory", "homepage", "contributors"),
    *("category", "iconurl", "status", "tier", "description", "screenshoturls", "enabled", "dicom_support_rule"),
    "keywords",
}
IMPORT_AND_SEGMENT = """
import importlib, sys
sys.path.insert(0, sys.argv[1])
from standins.install import install
install()
sys.path.insert(0, sys.argv[2])
for name in sys.argv[3:]:
    module = importlib.import_module(name)
    assert module.__file__.startswith(sys.argv[2]), module.__file__
from flareseg.inference.cascade import Cascade
from flareseg.phantom import make_phantom
scan = make_phantom(shape=(80, 128, 128), spacing=(4.0, 3.0, 3.0)).volume
print(*sorted(set(Cascade.load("cpu").segment(scan).labels.ravel().tolist())))
"""
SLICERS_OWN = {"slicer", "qt", "ctk", "vtk", "numpy", "scipy", "SimpleITK", "flareseg", "FlareSegmentationLib"}


def cmake_variables() -> dict[str, str]:
    text = (ROOT / "CMakeLists.txt").read_text(encoding="utf-8")
    return dict(re.findall(r'set\((EXTENSION_\w+) "([^"]*)"\)', text))


def cmake_list(name: str) -> list[str]:
    text = (MODULE / "CMakeLists.txt").read_text(encoding="utf-8")
    match = re.search(rf"set\({name}\n(.*?)\s*\)", text, re.DOTALL)
    assert match
    return match.group(1).split()


def needed_scripts() -> set[str]:
    """What the module, its library and the three programs import, also inside functions, and the packages around it."""
    graph = grimp.build_graph("flareseg", "FlareSegmentationLib", exclude_type_checking_imports=True, cache_dir=None)
    needed = {name for name in graph.modules if name.startswith("FlareSegmentationLib")}
    needed |= {f"flareseg.{program}.__main__" for program in ("worker", "phantom", "dicom_export")}
    needed |= {name for name in graph.modules if name in imported_names(MODULE / f"{NAME}.py")}
    for name in tuple(needed):
        needed |= graph.find_upstream_modules(name)
    packages = {name.rsplit(".", n)[0] for name in needed for n in range(1, name.count(".") + 1)}
    return {f"{NAME}.py"} | {script_of(name) for name in needed | packages}


def imported_names(path: Path) -> set[str]:
    """Full names of the modules that a file imports from."""
    nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    return {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module}


def script_of(module: str) -> str:
    path = module.replace(".", "/")
    return f"{path}/__init__.py" if (MODULE / path).is_dir() else f"{path}.py"


def module_name(script: str) -> str:
    return script.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def s4ext() -> dict[str, str]:
    lines = (ROOT / f"{NAME}.s4ext").read_text(encoding="utf-8").splitlines()
    return dict((line + " ").split(" ", 1) for line in lines if line and not line.startswith("#"))


def catalog() -> dict[str, object]:
    entry: dict[str, object] = json.loads((ROOT / f"{NAME}.json").read_text(encoding="utf-8"))
    return entry


def files(folder: str, pattern: str) -> set[str]:
    found = (MODULE / folder).rglob(pattern)
    hidden = re.compile(r"(^|/)(__pycache__|\.[^/]+)(/|$)")
    names = {path.relative_to(MODULE).as_posix() for path in found if path.is_file()}
    return {name for name in names if not hidden.search(name)}


class TestLists:
    def test_every_script_that_slicer_needs_is_installed_and_no_other(self):
        assert sorted(cmake_list("MODULE_PYTHON_SCRIPTS")) == sorted(needed_scripts())

    @pytest.mark.parametrize("package", ["cli", "evaluation", "training"])
    def test_what_only_the_command_line_needs_is_not_installed(self, package):
        everything = cmake_list("MODULE_PYTHON_SCRIPTS") + cmake_list("MODULE_PYTHON_RESOURCES")
        assert not [path for path in everything if path.startswith(f"flareseg/{package}/")]

    def test_every_resource_is_installed_and_every_installed_resource_exists(self):
        scripts = cmake_list("MODULE_PYTHON_SCRIPTS")
        installed = {str(Path(path).parent) for path in scripts} - {"."}
        beside_scripts = {path for path in files(".", "*") if str(Path(path).parent) in installed}
        data = {path for path in beside_scripts if not path.endswith((".py", "/py.typed"))}
        assert sorted(cmake_list("MODULE_PYTHON_RESOURCES")) == sorted(files("Resources", "*") | data)

    def test_what_is_installed_imports_and_segments_without_the_rest(self, tmp_path):
        """A copy of the installed files alone, in a process of its own: no module lacks one that is not installed."""
        scripts = cmake_list("MODULE_PYTHON_SCRIPTS")
        for path in scripts + cmake_list("MODULE_PYTHON_RESOURCES"):
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(MODULE / path, tmp_path / path)
        names = [module_name(path) for path in scripts if not path.endswith("__main__.py")]  # which would run
        command = [sys.executable, "-c", IMPORT_AND_SEGMENT, str(Path(__file__).parent), str(tmp_path), *names]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert done.stdout.split() == ["0", "1", "2", "3", "4"]

    def test_weights_are_among_the_resources(self):
        listed = cmake_list("MODULE_PYTHON_RESOURCES")
        for name in ("manifest.json", "roi_unet.safetensors", "dense_vnet.safetensors"):
            assert f"Resources/Models/{name}" in listed

    def test_module_is_built_and_its_own_tests_are_registered(self):
        text = (MODULE / "CMakeLists.txt").read_text(encoding="utf-8")
        assert f"set(MODULE_NAME {NAME})" in text
        assert "WITH_GENERIC_TESTS" in text
        assert "slicer_add_python_unittest(SCRIPT ${MODULE_NAME}.py)" in text
        assert f"add_subdirectory({NAME})" in (ROOT / "CMakeLists.txt").read_text(encoding="utf-8")


class TestAgreement:
    @pytest.mark.parametrize(
        ("field", "variable"),
        [
            ("homepage", "EXTENSION_HOMEPAGE"),
            ("category", "EXTENSION_CATEGORY"),
            ("contributors", "EXTENSION_CONTRIBUTORS"),
            ("description", "EXTENSION_DESCRIPTION"),
            ("iconurl", "EXTENSION_ICONURL"),
            ("screenshoturls", "EXTENSION_SCREENSHOTURLS"),
            ("depends", "EXTENSION_DEPENDS"),
        ],
    )
    def test_s4ext_and_cmake(self, field, variable):
        assert s4ext()[field].strip() == cmake_variables()[variable]

    def test_s4ext_and_catalog_entry(self):
        description, entry = s4ext(), catalog()
        assert description["scmurl"].strip() == entry["scm_url"]
        assert description["scmrevision"].strip() == entry["scm_revision"]
        assert description["scm"].strip() == entry["scm_type"]
        assert description["category"].strip() == entry["category"]
        assert description["depends"].split() == entry["build_dependencies"]
        assert description["build_subdirectory"].strip() == entry["build_subdirectory"]
        assert description["dicom_support_rule"].strip() == entry["dicom_support_rule"] == "Modality == 'CT'"
        assert bool(int(description["enabled"])) == entry["enabled"]
        assert int(description["tier"]) == entry["tier"]

    def test_homepage_is_the_repository(self):
        assert f"{cmake_variables()['EXTENSION_HOMEPAGE']}.git" == catalog()["scm_url"]


class TestRequirements:
    @pytest.mark.parametrize(
        "name", ["safetensors", "connected-components-3d", "psutil", "nvidia-ml-py", "slicerio", "torch", "highdicom"]
    )
    def test_slicer_asks_for_the_versions_that_the_engine_needs(self, name):
        asked = (MODULE / "Resources" / "requirements.txt").read_text(encoding="utf-8")
        asked += f"{TORCH}{TORCH_VERSION}\n{DICOM_PACKAGE}"
        (version,) = re.findall(rf"^{name}(>=[\d.]+)", asked, re.MULTILINE)
        assert f'"{name}{version}"' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")


class TestCatalogRules:
    def test_s4ext_has_each_field_once_on_one_line(self):
        lines = (ROOT / f"{NAME}.s4ext").read_text(encoding="utf-8").splitlines()
        keys = [line.split(" ")[0] for line in lines if line and not line.startswith("#")]
        assert sorted(keys) == sorted(S4EXT_KEYS)

    def test_catalog_entry_has_the_schemas_keys_and_no_others(self):
        entry = catalog()
        assert {"$schema", "category", "scm_url"} <= set(entry) <= CATALOG_KEYS
        assert "v1.0.2.json" in str(entry["$schema"])

    def test_names(self):
        repository = str(catalog()["scm_url"]).rsplit("/", 1)[-1]
        assert repository.startswith("Slicer")
        assert not NAME.startswith("Slicer")
        assert f"project({NAME})" in (ROOT / "CMakeLists.txt").read_text(encoding="utf-8")

    def test_licence_is_in_the_root(self):
        assert "Apache License" in (ROOT / "LICENSE").read_text(encoding="utf-8")

    @pytest.mark.parametrize("variable", ["EXTENSION_ICONURL", "EXTENSION_SCREENSHOTURLS"])
    def test_icon_and_screenshots_are_images_of_this_repository(self, variable):
        for url in cmake_variables()[variable].split():
            assert url.startswith(RAW)
            with Image.open(ROOT / url.removeprefix(RAW)) as image:
                assert image.format in ("PNG", "JPEG")

    @pytest.mark.parametrize("path", sorted(path.name for path in (ROOT / "Resources" / "Screenshots").iterdir()))
    def test_screenshots_are_small(self, path):
        picture = ROOT / "Resources" / "Screenshots" / path
        with Image.open(picture) as image:
            assert image.width <= 1600
        assert picture.stat().st_size < 350e3

    def test_terms_of_the_weights_and_a_contact_are_in_the_description(self):
        variables = cmake_variables()
        assert "research use only" in variables["EXTENSION_DESCRIPTION"]
        assert "non-commercial" in variables["EXTENSION_DESCRIPTION"]
        assert f"{variables['EXTENSION_HOMEPAGE']}/issues" in variables["EXTENSION_CONTRIBUTORS"]

    def test_publications_are_cited_and_acknowledged(self):
        citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
        names = [author.get("family-names") for work in citation["references"] for author in work["authors"]]
        assert [name for name in names if name] == ["He", "Luo", "Gibson", "Ma"]
        module = (MODULE / f"{NAME}.py").read_text(encoding="utf-8")
        for doi in ("10.1109/TMI.2018.2806309", "10.1016/j.media.2022.102616"):
            assert doi in [work.get("doi") for work in citation["references"]]
            assert f"https://doi.org/{doi}" in module

    def test_contributing_names_the_topic_by_which_the_catalog_finds_the_repository(self):
        assert "`3d-slicer-extension`" in (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")

    @pytest.mark.parametrize("icon", [ROOT / f"Resources/{NAME}.png", MODULE / f"Resources/Icons/{NAME}.png"])
    def test_icons_are_128_pixels(self, icon):
        assert png_size(icon) == (128, 128)

    def test_repository_stays_small(self):
        tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
        if tracked.returncode:
            pytest.skip("not a git checkout")
        sizes = [(ROOT / name).stat().st_size for name in tracked.stdout.split("\0") if (ROOT / name).is_file()]
        assert sum(sizes) < 50e6

    @pytest.mark.parametrize("path", sorted(files(".", "*.py") - files("flareseg", "*.py")))
    def test_slicer_side_imports_only_what_slicer_has(self, path):
        assert file_scope_imports(MODULE / path) <= SLICERS_OWN | set(sys.stdlib_module_names)


class TestWalls:
    def test_engine_imports_neither_slicer_nor_qt(self):
        for path in files("flareseg", "*.py"):
            assert not all_imports(MODULE / path) & {"slicer", "qt", "ctk", "vtk", "PySide6", "PythonQt"}, path

    def test_slicer_side_never_imports_torch(self):
        for path in files("FlareSegmentationLib", "*.py") | {f"{NAME}.py"}:
            assert "torch" not in all_imports(MODULE / path), path

    def test_loading_the_module_loads_nothing_heavy(self):
        """What Slicer does at each start: import the module's file. Everything it drags in must be light."""
        code = (
            "import sys; sys.path.insert(0, sys.argv[1])\n"
            "from standins.install import install; install()\n"
            "before = set(sys.modules)\n"
            "import FlareSegmentation\n"
            "print(*sorted({name.split('.')[0] for name in set(sys.modules) - before}))"
        )
        command = [sys.executable, "-c", code, str(Path(__file__).parent)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        heavy = set(done.stdout.split()) - SLICERS_OWN - set(sys.stdlib_module_names) - {NAME}
        assert not heavy
        assert "torch" not in done.stdout


def file_scope_imports(path: Path) -> set[str]:
    return imports(ast.parse(path.read_text(encoding="utf-8")).body)


def all_imports(path: Path) -> set[str]:
    return imports(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))


def imports(nodes: object) -> set[str]:
    """Top-level names of the modules that are imported, without relative imports."""
    names: set[str] = set()
    for node in nodes:  # type: ignore[attr-defined]
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names.add(node.module.split(".")[0])
    return names


def png_size(path: Path) -> tuple[int, int]:
    data = path.read_bytes()
    assert data.startswith(b"\x89PNG\r\n\x1a\n"), path
    width, height = struct.unpack(">II", data[16:24])
    return width, height

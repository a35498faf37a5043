"""What is installed on the first click, and how."""

from __future__ import annotations

import re
import subprocess
from importlib.metadata import version
from types import ModuleType, SimpleNamespace

import pytest
import slicer
from flareseg.core.errors import PackagesError
from FlareSegmentationLib.jobs.dependencies import REQUIREMENTS, Dependencies
from standins import packaging_module


class Packaging(ModuleType):
    """slicer.packaging that notes what it is asked to install; ``lacks`` are names of packages that are not there."""

    def __init__(self, lacks=(), failure=None):
        super().__init__("slicer.packaging")
        self.lacks, self.failure = set(lacks), failure
        self.installed, self.constraints = [], ""

    load_requirements = staticmethod(packaging_module.load_requirements)

    def pip_check(self, requirement):
        return re.split("[<>=]", str(requirement))[0] not in self.lacks

    def pip_ensure(self, requirements, constraints=None, requester=None, prompt_install=True):
        self.constraints = constraints.read_text()
        if self.failure:
            raise self.failure
        self.installed += [re.split("[<>=]", str(requirement))[0] for requirement in requirements]
        self.lacks -= set(self.installed)


def torchUtils(packaging, answer):
    """The PyTorch extension's module; ``answer`` is what installTorch returns or raises."""

    class PyTorchUtilsLogic:
        def installTorch(self, askConfirmation=False, forceComputationBackend=None, torchVersionRequirement=None):
            assert askConfirmation
            if isinstance(answer, Exception):
                raise answer
            if answer:
                packaging.lacks.discard("torch")
            return answer

    return lambda: SimpleNamespace(PyTorchUtilsLogic=PyTorchUtilsLogic)


def dependencies(packaging, pyTorchUtils=None):
    return Dependencies(lambda: packaging, pyTorchUtils or missing)


def missing():
    raise ModuleNotFoundError("No module named 'PyTorchUtils'")


def test_nothing_is_asked_when_everything_is_there():
    packaging = Packaging()
    dependencies(packaging).ensure()
    assert packaging.installed == []
    assert dependencies(packaging).notice() == ""


def test_this_computer_has_everything_by_slicers_own_rules():
    assert Dependencies(lambda: packaging_module, missing).areThere()


def test_requirements_go_through_slicers_installer():
    packaging = Packaging(lacks=["psutil"])
    dependencies(packaging).ensure()
    assert packaging.installed == [
        "safetensors",
        "connected-components-3d",
        "psutil",
        "nvidia-ml-py",
        "slicerio",
        "pynrrd",
    ]


def test_what_writes_dicom_is_installed_when_it_is_first_needed():
    packaging = Packaging(lacks=["highdicom"])
    assert dependencies(packaging).areThere()
    dependencies(packaging).ensureDicom()
    assert packaging.installed == ["highdicom"]
    assert f"pydicom=={version('pydicom')}\n" in packaging.constraints


def test_slicers_own_packages_are_pinned_and_never_asked_for():
    packaging = Packaging(lacks=["psutil"])
    dependencies(packaging).ensure()
    for package in ("numpy", "scipy", "SimpleITK"):
        assert f"{package}=={version(package)}\n" in packaging.constraints
    names = {requirement.name.lower() for requirement in packaging_module.load_requirements(REQUIREMENTS)}
    assert not names & {"numpy", "scipy", "simpleitk", "torch"}


def test_torch_comes_through_the_pytorch_extension():
    packaging = Packaging(lacks=["torch"])
    needed = dependencies(packaging, torchUtils(packaging, answer=SimpleNamespace()))
    needed.ensure()
    assert needed.areThere()
    assert "torch" not in packaging.installed


def test_missing_pytorch_extension_is_told_with_all_that_is_missing_and_the_way_to_get_it():
    with pytest.raises(PackagesError, match="PyTorch extension is not installed") as caught:
        dependencies(Packaging(lacks=["torch", "psutil"])).ensure()
    assert caught.value.message.endswith("Missing: torch>=2.4, psutil>=5.9.")
    assert "Extensions Manager" in caught.value.hint


@pytest.mark.parametrize(
    ("answer", "why"), [(None, "declined"), (subprocess.CalledProcessError(1, "pip"), "exit status 1")]
)
def test_torch_that_was_not_installed_is_told(answer, why):
    packaging = Packaging(lacks=["torch"])
    with pytest.raises(PackagesError, match=why) as caught:
        dependencies(packaging, torchUtils(packaging, answer)).ensure()
    assert "PyTorch Utils" in caught.value.hint


@pytest.mark.parametrize("failure", [RuntimeError("User declined"), subprocess.CalledProcessError(1, "pip")])
def test_declined_or_failed_installation_is_told(failure):
    with pytest.raises(PackagesError, match="were not installed"):
        dependencies(Packaging(lacks=["psutil"], failure=failure)).ensure()


def test_what_slicer_left_out_without_a_word_is_told(tmp_path):
    """In testing mode pip_ensure returns as if all were well."""
    (tmp_path / "requirements.txt").write_text("a-package-that-does-not-exist>=3\n")
    needed = Dependencies(lambda: packaging_module, missing, tmp_path / "requirements.txt")
    with pytest.raises(PackagesError, match="still missing: a-package-that-does-not-exist>=3"):
        needed.ensure()


@pytest.mark.parametrize("packaging", [None, ModuleType("slicer.packaging")], ids=["absent", "without its functions"])
def test_a_slicer_without_an_installer_is_told_which_one_has_it(packaging):
    def find():
        return packaging if packaging else missing()

    needed = Dependencies(find, missing)
    assert not needed.areThere()
    assert not needed.canInstall()
    with pytest.raises(PackagesError, match="has no package installer") as caught:
        needed.ensure()
    assert caught.value.hint == "Install Slicer 5.12.3 or later, stable or preview."
    assert slicer.app.applicationVersion in needed.notice()


class TestNotice:
    """What the panel says before the first click."""

    def test_names_what_a_click_will_ask_to_install(self):
        packaging = Packaging(lacks=["torch", "slicerio"])
        needed = dependencies(packaging, torchUtils(packaging, answer=SimpleNamespace()))
        assert needed.notice() == "The first click asks to install: torch>=2.4, slicerio>=1.1."

    def test_promises_no_installation_where_the_extension_is_missing(self):
        notice = dependencies(Packaging(lacks=["torch"])).notice()
        assert "asks to install" not in notice
        assert "Install the extension PyTorch from the Extensions Manager" in notice


class TestStandInIsAsStrictAsSlicer:
    def test_another_type_of_requirement_is_refused(self):
        with pytest.raises(TypeError, match="Expected str, Requirement, or list, got tuple"):
            packaging_module.pip_check(("numpy",))

    def test_outside_testing_mode_a_declined_question_is_an_error(self, monkeypatch):
        monkeypatch.setattr(slicer.app, "testingEnabled", lambda: False)
        monkeypatch.setattr(slicer.util, "confirmOkCancelDisplay", lambda text: False)
        with pytest.raises(RuntimeError, match="User declined package installation"):
            packaging_module.pip_ensure("a-package-that-does-not-exist")

"""What is installed on the first click, and how."""

from __future__ import annotations

import subprocess
from importlib.metadata import version
from types import SimpleNamespace

import pytest
from flareseg.core.errors import FlareError
from FlareSegmentationLib.jobs.dependencies import REQUIREMENTS, Dependencies
from standins import packaging_module


class Packaging(SimpleNamespace):
    """slicer.packaging that notes what it is asked; ``hasTorch`` and ``failure`` say how it answers."""

    def __init__(self, hasTorch=True, failure=None):
        super().__init__(hasTorch=hasTorch, failure=failure, installed=[], constraints="")

    load_requirements = staticmethod(packaging_module.load_requirements)

    def pip_check(self, requirement):
        return self.hasTorch

    def pip_ensure(self, requirements, constraints=None, requester=None, prompt_install=True):
        self.installed += [requirement.name for requirement in requirements]
        self.constraints = constraints.read_text()
        if self.failure:
            raise self.failure


def torchUtils(answer):
    """The PyTorch extension's module; ``answer`` is what installTorch returns or raises."""

    class PyTorchUtilsLogic:
        def installTorch(self, askConfirmation=False, forceComputationBackend=None, torchVersionRequirement=None):
            assert askConfirmation
            if isinstance(answer, Exception):
                raise answer
            return answer

    return lambda: SimpleNamespace(PyTorchUtilsLogic=PyTorchUtilsLogic)


def missing():
    raise ModuleNotFoundError("No module named 'PyTorchUtils'")


def test_nothing_is_asked_when_everything_is_there():
    Dependencies(packaging_module, missing).ensure()


def test_requirements_go_through_slicers_installer():
    packaging = Packaging()
    Dependencies(packaging, missing).ensure()
    assert packaging.installed == [
        "safetensors",
        "connected-components-3d",
        "psutil",
        "nvidia-ml-py",
        "slicerio",
        "pynrrd",
    ]


def test_slicers_own_packages_are_pinned_and_never_asked_for():
    packaging = Packaging()
    Dependencies(packaging, missing).ensure()
    for package in ("numpy", "scipy", "SimpleITK"):
        assert f"{package}=={version(package)}\n" in packaging.constraints
    names = {requirement.name.lower() for requirement in packaging_module.load_requirements(REQUIREMENTS)}
    assert not names & {"numpy", "scipy", "simpleitk", "torch"}


def test_torch_comes_through_the_pytorch_extension():
    packaging = Packaging(hasTorch=False)
    Dependencies(packaging, torchUtils(answer=SimpleNamespace())).ensure()
    assert "torch" not in packaging.installed


def test_missing_pytorch_extension_is_told_with_the_way_to_get_it():
    with pytest.raises(FlareError, match="PyTorch extension is not installed") as caught:
        Dependencies(Packaging(hasTorch=False), missing).ensure()
    assert "Extensions Manager" in caught.value.hint


@pytest.mark.parametrize(
    ("answer", "why"), [(None, "declined"), (subprocess.CalledProcessError(1, "pip"), "exit status 1")]
)
def test_torch_that_was_not_installed_is_told(answer, why):
    with pytest.raises(FlareError, match=why) as caught:
        Dependencies(Packaging(hasTorch=False), torchUtils(answer)).ensure()
    assert "PyTorch Utils" in caught.value.hint


@pytest.mark.parametrize("failure", [RuntimeError("User declined"), subprocess.CalledProcessError(1, "pip")])
def test_declined_or_failed_installation_is_told(failure):
    with pytest.raises(FlareError, match="were not installed"):
        Dependencies(Packaging(failure=failure), missing).ensure()

"""The fixtures of Testing/conftest.py that test_gpu.py uses; that file itself needs SimpleITK."""

import pytest
from flareseg.inference.cascade import Cascade
from flareseg.phantom import Phantom, make_phantom


@pytest.fixture(scope="session")
def phantom() -> Phantom:
    return make_phantom(shape=(80, 128, 128), spacing=(4.0, 3.0, 3.0))


@pytest.fixture(scope="session")
def cascade() -> Cascade:
    return Cascade.load("cpu")

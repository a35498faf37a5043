"""Weights are loaded only if they are the ones that the manifest names."""

import hashlib
import json
import shutil
from pathlib import Path

import pytest
import safetensors.torch
import torch
from flareseg.cascade import Cascade
from flareseg.errors import FlareError
from flareseg.networks import RoiUNet
from flareseg.weights import load_network, read_manifest, shipped_folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(shipped_folder(), tmp_path / "weights"))


def replace_file(folder: Path, name: str, content: bytes) -> None:
    """Put another file in place of a network's and give the manifest its sha256."""
    manifest = json.loads((folder / "manifest.json").read_text())
    entry = manifest["weights"][name]
    (folder / entry["file"]).write_bytes(content)
    entry["sha256"] = hashlib.sha256(content).hexdigest()
    (folder / "manifest.json").write_text(json.dumps(manifest))


def test_the_shipped_weights_are_those_of_the_manifest() -> None:
    for name, entry in read_manifest(shipped_folder())["weights"].items():
        content = (shipped_folder() / entry["file"]).read_bytes()
        assert hashlib.sha256(content).hexdigest() == entry["sha256"], name


def test_the_manifest_states_provenance_and_licence() -> None:
    manifest = read_manifest(shipped_folder())
    assert "research use" in manifest["licence"]
    assert manifest["provenance"]["data"]


def test_loading_says_which_weights_were_loaded() -> None:
    facts = load_network("organs", 5).facts
    assert (facts.name, len(facts.sha256)) == ("dense_vnet.safetensors", 64)


def test_a_changed_byte_is_noticed(folder: Path) -> None:
    path = folder / "dense_vnet.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    assert_refused(folder, "damaged")


def test_a_missing_file_is_noticed(folder: Path) -> None:
    (folder / "roi_unet.safetensors").unlink()
    assert_refused(folder, "cannot be read")


def test_a_missing_manifest_is_noticed(folder: Path) -> None:
    (folder / "manifest.json").unlink()
    assert_refused(folder, "missing")


@pytest.mark.parametrize("text", ["{", "[]", '{"weights": 3}'])
def test_a_damaged_manifest_is_noticed(folder: Path, text: str) -> None:
    (folder / "manifest.json").write_text(text)
    assert_refused(folder, "damaged")


def test_a_manifest_without_the_network_is_noticed(folder: Path) -> None:
    (folder / "manifest.json").write_text('{"weights": {}}')
    assert_refused(folder, "no entry")


def test_weights_of_another_network_do_not_fit(folder: Path) -> None:
    replace_file(folder, "organs", safetensors.torch.save({"head.weight": torch.zeros(1)}))
    assert_refused(folder, "do not fit")


def test_the_manifest_says_which_network_on_which_grid(folder: Path) -> None:
    small = RoiUNet(classes=5, widths=[4, 8])
    replace_file(folder, "organs", safetensors.torch.save(small.state_dict()))
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["weights"]["organs"].update(network="RoiUNet", options={"widths": [4, 8]}, grid=[16, 24, 32])
    (folder / "manifest.json").write_text(json.dumps(manifest))
    loaded = load_network("organs", 5, folder)
    assert loaded.grid == (16, 24, 32)
    assert loaded.network(torch.zeros(1, 1, *loaded.grid)).shape == (1, 5, 16, 24, 32)


@pytest.mark.parametrize("change", [{"network": "NoSuchNet"}, {"options": {"colour": 3}}, {"grid": [96, 96]}])
def test_a_manifest_that_describes_no_network_is_damaged(folder: Path, change: dict[str, object]) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["weights"]["abdomen"].update(change)
    (folder / "manifest.json").write_text(json.dumps(manifest))
    assert_refused(folder, "damaged")


def test_a_file_that_is_no_safetensors_is_refused(folder: Path) -> None:
    replace_file(folder, "organs", b"\x80\x04no tensors but a pickle would start like this")
    assert_refused(folder, "do not fit")


def assert_refused(folder: Path, reason: str) -> None:
    with pytest.raises(FlareError, match=reason) as caught:
        Cascade.load("cpu", folder)
    assert caught.value.kind == "weights"
    assert "Install FlareSegmentation again" in caught.value.remedy

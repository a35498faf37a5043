"""Weights are loaded only if they are the ones that the manifest names."""

import hashlib
import json
import shutil
import struct
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from flareseg.core.errors import FlareError
from flareseg.inference.cascade import Cascade
from flareseg.inference.manifest import read_manifest
from flareseg.inference.networks import RoiUNet
from flareseg.inference.weights import load_network, shipped_folder


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


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"3", b'{"weights": 3}', b'{"weights": []}', b'{"weights": {"abdomen": 3}}', b'{"a": "\xe9"}'],
)
def test_a_damaged_manifest_is_noticed(folder: Path, content: bytes) -> None:
    (folder / "manifest.json").write_bytes(content)
    assert_refused(folder, "damaged")


def test_a_manifest_nested_without_end_is_damaged(folder: Path) -> None:
    (folder / "manifest.json").write_text("[" * 200_000)
    assert_refused(folder, "nested too deeply")


def test_a_manifest_without_the_network_is_noticed(folder: Path) -> None:
    (folder / "manifest.json").write_text('{"weights": {}}')
    assert_refused(folder, "no entry")


def test_weights_of_another_network_do_not_fit(folder: Path) -> None:
    replace_file(folder, "organs", safetensors.torch.save({"head.weight": torch.zeros(1)}))
    assert_refused(folder, "do not fit")


def test_weights_for_other_classes_do_not_fit(folder: Path) -> None:
    replace_file(folder, "abdomen", safetensors.torch.save(RoiUNet(classes=14).state_dict()))
    assert_refused(folder, r"do not fit the network \(head.bias is 14 instead of 2\)")


def test_weights_with_a_tensor_too_many_do_not_fit(folder: Path) -> None:
    replace_file(folder, "abdomen", safetensors.torch.save({**RoiUNet().state_dict(), "tail.bias": torch.zeros(2)}))
    assert_refused(folder, "it has no tail.bias")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e300])
def test_weights_that_are_not_finite_are_damaged(folder: Path, value: float) -> None:
    tensors = {name: tensor.double() for name, tensor in RoiUNet().state_dict().items()}
    tensors["head.bias"][1] = value
    replace_file(folder, "abdomen", safetensors.torch.save(tensors))
    assert_refused(folder, "head.bias holds NaN or infinite values")


def test_the_manifest_says_which_network_on_which_grid(folder: Path) -> None:
    small = RoiUNet(classes=5, widths=[4, 8])
    replace_file(folder, "organs", safetensors.torch.save(small.state_dict()))
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["weights"]["organs"].update(network="RoiUNet", options={"widths": [4, 8]}, grid=[16, 24, 32])
    (folder / "manifest.json").write_text(json.dumps(manifest))
    loaded = load_network("organs", 5, folder)
    assert loaded.grid == (16, 24, 32)
    assert loaded.network(torch.zeros(1, 1, *loaded.grid)).shape == (1, 5, 16, 24, 32)


@pytest.mark.parametrize("key", ["file", "sha256", "network", "grid"])
def test_an_entry_without_one_of_its_keys_is_damaged(folder: Path, key: str) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    del manifest["weights"]["abdomen"][key]
    (folder / "manifest.json").write_text(json.dumps(manifest))
    assert_refused(folder, rf"damaged: .*entry abdomen \(it has no {key}\)")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"network": "NoSuchNet"}, "unknown network NoSuchNet"),
        ({"network": ["RoiUNet"]}, "network is not valid"),
        ({"sha256": 5}, "sha256 is not valid"),
        ({"options": {"colour": 3}}, "colour"),
        ({"options": {"classes": 3}}, "classes"),
        ({"options": [3]}, "options are not a JSON object"),
        ({"options": {"widths": []}}, "option widths"),
        ({"options": {"widths": [8, -16]}}, "option widths"),
        ({"options": {"widths": [10**9, 10**9]}}, "option widths"),
        ({"options": {"widths": "8"}}, "option widths"),
        ({"options": {"widths": 8}}, "RoiUNet cannot be built"),
        ({"grid": [96, 96]}, "grid is not three whole numbers"),
        ({"grid": [96, 96, 0]}, "grid is not three whole numbers"),
        ({"grid": [96, 96, -96]}, "grid is not three whole numbers"),
        ({"grid": [96, 96, 96.5]}, "grid is not three whole numbers"),
        ({"grid": [96, 96, "96"]}, "grid is not three whole numbers"),
        ({"grid": [96, 96, float("nan")]}, "grid is not three whole numbers"),
        ({"grid": 96}, "grid is not three whole numbers"),
        ({"grid": [96, 100, 96]}, "96 x 100 x 96 voxels is not divisible by 16, as RoiUNet needs"),
        ({"grid": [16, 16, 16]}, "too small for RoiUNet"),
        ({"grid": [1600, 1600, 1600]}, "1600 x 1600 x 1600 voxels is too large"),
    ],
)
def test_a_manifest_that_describes_no_network_is_damaged(folder: Path, change: dict[str, Any], reason: str) -> None:
    change_entry(folder, "abdomen", change)
    assert_refused(folder, rf"damaged: .*{reason}")


def test_a_grid_of_the_organs_must_fit_their_network(folder: Path) -> None:
    change_entry(folder, "organs", {"grid": [96, 128, 196]})
    assert_refused(folder, "not divisible by 8, as DenseVNet needs")


@pytest.mark.parametrize("name", ["../roi_unet.safetensors", "/etc/passwd", "..", "", "a\\b", "C:b", 3])
def test_a_file_outside_the_folder_is_never_read(folder: Path, name: object) -> None:
    (folder / "roi_unet.safetensors").rename(folder.parent / "roi_unet.safetensors")
    change_entry(folder, "abdomen", {"file": name})
    assert_refused(folder, "its file is not the name of a file in the same folder")


def test_a_pickle_is_refused_as_such_and_never_loaded(folder: Path, tmp_path: Path) -> None:
    torch.save(RoiUNet().state_dict(), tmp_path / "weights.pt")
    replace_file(folder, "abdomen", (tmp_path / "weights.pt").read_bytes())
    assert_refused(folder, "PyTorch pickle, which is never loaded")


def header(text: bytes, size: int | None = None) -> bytes:
    """A safetensors file without tensors behind its header; ``size``: the length that it claims for the header."""
    return struct.pack("<Q", len(text) if size is None else size) + text


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no tensors at all",
        header(b"{}", 2**63),
        header(b"[" * 50_000),
        header(b'{"a":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}}'),
        header(b'{"a":{"dtype":"F32","shape":[1000000000000],"data_offsets":[0,4]}}') + b"\0" * 4,
        header(b'{"a":{"dtype":"X9","shape":[1],"data_offsets":[0,4]}}') + b"\0" * 4,
    ],
    ids=["empty", "text", "long header", "deep header", "no data", "huge shape", "unknown type"],
)
def test_a_file_that_is_not_safetensors_is_refused(folder: Path, content: bytes) -> None:
    replace_file(folder, "organs", content)
    assert_refused(folder, "not a complete safetensors file")


def change_entry(folder: Path, stage: str, change: dict[str, Any]) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["weights"][stage].update(change)
    (folder / "manifest.json").write_text(json.dumps(manifest))


def assert_refused(folder: Path, reason: str) -> None:
    with pytest.raises(FlareError, match=reason) as caught:
        Cascade.load("cpu", folder)
    assert caught.value.kind == "weights"
    assert "Install FlareSegmentation again" in caught.value.hint

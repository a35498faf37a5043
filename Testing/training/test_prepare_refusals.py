"""What is not fit for training is refused with the reason, and the good cases are kept."""

from __future__ import annotations

import gzip
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from flareseg.core.errors import FlareError
from flareseg.core.geometry import Geometry
from flareseg.core.volume import Volume
from flareseg.io.writing import write_labels, write_scan
from flareseg.phantom import Phantom
from flareseg.training.prepare import ImportResult, ImportState, Layout, find, import_cases
from flareseg.training.prepare.data_map import DataMap, read_data_map
from flareseg.training.prepare.found import ImportedAnatomy, Provenance
from flareseg.training.store import Kind, Store
from flareseg.training.tissues import Tissue
from training.conftest import Prepare

LABELS, IMAGE = "TrainingMask/train_000.nii.gz", "TrainingImg/train_000_0000.nii.gz"


def refused(outcomes: list[ImportResult]) -> str:
    """The one reason, of the first case; the second was taken."""
    assert [outcome.state for outcome in outcomes] == [ImportState.REFUSED, ImportState.ADDED]
    return outcomes[0].notes[0]


def shifted(grid: Geometry, mm: float) -> Geometry:
    x, y, z = grid.origin
    return Geometry(grid.shape, grid.spacing, grid.direction, (x + mm, y, z))


def test_a_ct_without_labels(flare21: Path, prepare: Prepare) -> None:
    (flare21 / LABELS).unlink()
    assert "This CT has no label map" in refused(prepare(flare21)[1])


def test_labels_without_a_ct(flare21: Path, prepare: Prepare) -> None:
    (flare21 / IMAGE).unlink()
    assert "These labels have no CT" in refused(prepare(flare21)[1])


def test_an_empty_label_map(flare21: Path, prepare: Prepare, grid: Geometry) -> None:
    write_labels(flare21 / LABELS, np.zeros(grid.shape, np.uint8), grid)
    assert "label map is empty" in refused(prepare(flare21)[1])


def test_labels_on_another_grid(flare21: Path, prepare: Prepare, patients: list[Phantom], grid: Geometry) -> None:
    write_labels(flare21 / LABELS, patients[0].labels, shifted(grid, 5))
    assert "do not lie on the grid of the CT" in refused(prepare(flare21)[1])


def test_a_value_of_unknown_meaning(flare21: Path, prepare: Prepare, patients: list[Phantom], grid: Geometry) -> None:
    labels = patients[0].labels.copy()
    labels[5, 5, 5] = 9
    write_labels(flare21 / LABELS, labels, grid)
    assert "hold the value 9, for which no tissue is given (known are 0, 1, 2, 3, 4)" in refused(prepare(flare21)[1])


def test_labels_that_are_not_whole_numbers(flare21: Path, prepare: Prepare, grid: Geometry) -> None:
    write_scan(flare21 / LABELS, Volume(np.full(grid.shape, 0.5, np.float32), grid))
    assert "not whole numbers" in refused(prepare(flare21)[1])


def test_whole_numbers_in_a_float_file_are_labels(
    flare21: Path, prepare: Prepare, patients: list[Phantom], grid: Geometry
) -> None:
    write_scan(flare21 / LABELS, Volume(patients[0].labels.astype(np.float32), grid))
    assert [outcome.state for outcome in prepare(flare21)[1]] == [ImportState.ADDED] * 2


def test_a_ct_that_is_not_in_hu(flare21: Path, prepare: Prepare, patients: list[Phantom], grid: Geometry) -> None:
    voxels = (patients[0].volume.voxels.astype(np.float32) + 1024) / 4000
    write_scan(flare21 / IMAGE, Volume(voxels, grid))
    assert "not Hounsfield units" in refused(prepare(flare21)[1])


def test_swapped_sides(flare21: Path, prepare: Prepare, patients: list[Phantom], grid: Geometry) -> None:
    write_scan(flare21 / IMAGE, Volume(patients[0].volume.voxels[..., ::-1].copy(), grid))
    write_labels(flare21 / LABELS, patients[0].labels[..., ::-1].copy(), grid)
    assert "liver lies left of the spleen: left and right are swapped" in refused(prepare(flare21)[1])


@pytest.mark.parametrize("file", [LABELS, IMAGE])
def test_a_file_that_is_cut_short(file: str, flare21: Path, prepare: Prepare) -> None:
    content = gzip.decompress((flare21 / file).read_bytes())
    (flare21 / file).write_bytes(gzip.compress(content[: len(content) // 2]))
    assert "cut short" in refused(prepare(flare21)[1])


def test_two_cases_of_one_name(flare21: Path, prepare: Prepare, patients: list[Phantom], grid: Geometry) -> None:
    write_labels(flare21 / "TrainingMask" / "train_000.nrrd", patients[0].labels, grid)
    outcomes = prepare(flare21)[1]
    assert [outcome.state for outcome in outcomes] == [ImportState.ADDED, ImportState.REFUSED, ImportState.ADDED]
    assert "same name" in outcomes[1].notes[0]


def test_a_name_that_another_data_set_has_taken(flare21: Path, prepare: Prepare) -> None:
    prepare(flare21)
    _, outcomes = prepare(flare21, DataMap(source="Another"))
    assert [outcome.state for outcome in outcomes] == [ImportState.REFUSED] * 2
    assert 'scan from "FLARE21"' in outcomes[0].notes[0] and "--name-prefix" in outcomes[0].notes[0]


def test_an_organ_map_is_not_a_body(flare21: Path, prepare: Prepare) -> None:
    _, outcomes = prepare(flare21, kind=Kind.BODY)
    assert all("no bones: it holds organs, but is not a body" in outcome.notes[0] for outcome in outcomes)


def test_unusual_volumes_are_taken_and_named(
    flare21: Path, prepare: Prepare, patients: list[Phantom], grid: Geometry
) -> None:
    labels = np.where(patients[0].labels == 3, 0, patients[0].labels).astype(np.uint8)
    labels[labels == 1] = np.where(np.arange(np.count_nonzero(labels == 1)) % 8 == 0, 1, 0)
    write_labels(flare21 / LABELS, labels, grid)
    _, outcomes = prepare(flare21, mm=7.0)
    assert outcomes[0].state is ImportState.ADDED
    assert "no spleen" in outcomes[0].notes
    assert any(note.startswith("liver: ") and note.endswith("mL is unusual") for note in outcomes[0].notes)


def test_a_damaged_array_is_refused_and_the_others_are_kept(tmp_path: Path, prepare: Prepare) -> None:
    organs = prepare("phantom:1", kind=Kind.ORGANS)[0].load("phantom_organs_0000").tissues
    bad = organs.copy()
    bad[bad == Tissue.LIVER] = 77
    np.savez(tmp_path / "bank.npz", bad=bad, flat=organs[0], good=organs)
    _, outcomes = prepare(tmp_path / "bank.npz", DataMap(spacing_mm=6))
    assert [outcome.state for outcome in outcomes] == [ImportState.REFUSED, ImportState.REFUSED, ImportState.ADDED]
    assert "value 77" in outcomes[0].notes[0] and "2 axes" in outcomes[1].notes[0]


def test_pickled_objects_are_never_loaded(tmp_path: Path, prepare: Prepare) -> None:
    np.savez(tmp_path / "bank.npz", evil=np.array([{"a": 1}], dtype=object))
    _, outcomes = prepare(tmp_path / "bank.npz", DataMap(spacing_mm=6))
    assert outcomes[0].state is ImportState.REFUSED and "cannot be read" in outcomes[0].notes[0]


@pytest.mark.parametrize(
    ("yaml_text", "named"),
    [
        ("colour: red", "colour: Extra inputs are not permitted.*The keys are source, licence"),
        ("values: {1: lever}", '"lever" is not a tissue; the tissues are air, fat, .*kidneys'),
        ("values: {-1: liver}", "-1 is not between"),
        ("untrusted: {a*: [kidney]}", '"kidney" is not a tissue'),
        ("labels: organs.nii.gz", "must hold {name} once"),
        ("labels: /data/{name}.nii.gz", "must lie below the source: no absolute path"),
        ("labels: ../{name}.nii.gz", "must lie below the source"),
        ("images: 'a/../../{name}.nii.gz'", "must lie below the source"),
        ("labels: 'C:/data/{name}.nii.gz'", "must lie below the source"),
        ("labels: 'labels\\{name}.nii.gz'", "/ between folders"),
        ("spacing_mm: 0", "spacing_mm"),
        ("spacing_mm: .inf", "spacing_mm"),
        ("spacing_mm: .nan", "spacing_mm"),
        ("", "Invalid data map"),
        ("[1, 2]", "Invalid data map"),
        ("just a text", "Invalid data map"),
        ("source: [a]", "source: Input should be a valid string"),
        ("values: {1.5: liver}", "values.1.5"),
        ("values: [liver]", "values: Input should be a valid dictionary"),
        ("values: {70000: liver}", "70000 is not between 0 and 65535"),
        ("a: [", "is not valid YAML"),
        ("source: 2020-99-99", "is not valid YAML"),
        ("source: !!bool maybe", "is not valid YAML"),
        ("source: !!python/object:os.system {}", "is not valid YAML"),
        ("[" * 20_000, "is not valid YAML"),
        ("source: &a [*a]", "Invalid data map"),
    ],
)
def test_a_map_that_is_not_understood(yaml_text: str, named: str, tmp_path: Path) -> None:
    (tmp_path / "map.yaml").write_text(yaml_text)
    with pytest.raises(FlareError, match=named) as caught:
        read_data_map(str(tmp_path / "map.yaml"))
    assert caught.value.kind == "bad_config"


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"source: caf\xe9", b"\x00\x01\x02"])
def test_a_map_that_is_not_text_is_refused_with_a_message(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "map.yaml").write_bytes(content)
    with pytest.raises(FlareError, match=r"map\.yaml is not valid YAML"):
        read_data_map(str(tmp_path / "map.yaml"))


def test_a_byte_order_mark_in_a_map_does_no_harm(tmp_path: Path) -> None:
    (tmp_path / "map.yaml").write_text("source: Ours", encoding="utf-8-sig")
    assert read_data_map(str(tmp_path / "map.yaml")).source == "Ours"


def test_an_unknown_map_lists_those_that_ship() -> None:
    with pytest.raises(FlareError, match="backbones, flare22, targets"):
        read_data_map("nothing")


def test_nnunet_labels_of_unknown_meaning_stop_the_import(nnunet: Path, prepare: Prepare) -> None:
    (nnunet / "dataset.json").write_text(json.dumps({"labels": {"background": 0, "liver": 1, "tumour": 2}}))
    with pytest.raises(FlareError, match=r"unknown meaning: 2 \(tumour\)"):
        prepare(nnunet)


def nnunet_with(folder: Path, dataset_json: bytes) -> Path:
    """nnU-Net's folders without a case, and a description."""
    for name in ("imagesTr", "labelsTr"):
        (folder / name).mkdir()
    (folder / "dataset.json").write_bytes(dataset_json)
    return folder


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (["background", "liver"], 'has no "labels" that map'),
        ("liver", 'has no "labels" that map'),
        (None, 'has no "labels" that map'),
        ({"1": None}, "the label value null, which is not a whole number"),
        ({"liver": None}, "the label value null, which is not a whole number"),
        ({"liver": 1.5}, "the label value 1.5, which is not a whole number"),
        ({"liver": True}, "the label value true, which is not a whole number"),
        ({"liver": "one"}, 'the label value "one", which is not a whole number'),
        ({"liver": {"value": 1}}, "which is not a whole number"),
        ({"liver": [[1]]}, "which is not a whole number"),
        ({"-1": "liver"}, 'the label value "liver", which is not a whole number'),
        ({"\u00b2": "liver"}, 'the label value "liver", which is not a whole number'),
        ({"liver": "9" * 5000}, "which is not a whole number"),
        ({"liver": -1}, "the label value -1, which is not between 0 and 65535"),
        ({"liver": 10**9}, "the label value 1000000000, which is not between"),
        ({"liver": 1, "spleen": 1}, "the value 1 two meanings: liver and spleen"),
        ({"liver": [1, 2], "spleen": [2, 3]}, "the value 2 two meanings: liver and spleen"),
        ({"1": "2"}, r"unknown meaning: 2 \(1\)"),
        ({"background": 0, "ignore": 5}, r"unknown meaning: 5 \(ignore\)"),
    ],
)
def test_nnunet_labels_that_are_not_values_stop_the_import(labels: object, message: str, tmp_path: Path) -> None:
    described = json.dumps({"name": "Abdomen", "labels": labels})
    with pytest.raises(FlareError, match=message):
        find(str(nnunet_with(tmp_path, described.encode())), Layout.AUTO, DataMap())


@pytest.mark.parametrize(
    "content",
    [b"", b"labels: {1: liver}", b"[]", b"3", b"{}", b"\xff\xfe{\x00", b'{"name": "caf\xe9"}', b"[" * 100_000],
)
def test_an_nnunet_description_that_is_not_a_json_object_stops_the_import(content: bytes, tmp_path: Path) -> None:
    with pytest.raises(FlareError, match=r"dataset\.json is not valid"):
        find(str(nnunet_with(tmp_path, content)), Layout.AUTO, DataMap())


def test_nnunet_without_its_description_is_refused_with_the_way_out(nnunet: Path, prepare: Prepare) -> None:
    (nnunet / "dataset.json").unlink()
    with pytest.raises(FlareError, match="--layout flare"):
        prepare(nnunet)
    assert [outcome.state for outcome in prepare(nnunet, layout=Layout.FLARE)[1]] == [ImportState.ADDED] * 2


@pytest.mark.parametrize(
    ("source", "layout", "message"),
    [
        ("empty", Layout.AUTO, "layout of .* is not known"),
        ("missing", Layout.FLARE, "File or folder not found"),
        ("empty", Layout.FLARE, "has no folders TrainingImg and TrainingMask or imagesTr and labelsTr"),
        ("empty", Layout.TOTALSEGMENTATOR, "holds no cases"),
        ("empty", Layout.MAPPED, "where the labels are"),
        ("file.npz", Layout.AUTO, "The voxel size of file.npz is not known"),
        ("phantom:x", Layout.AUTO, "is not a number of phantoms"),
        ("phantom:-1", Layout.AUTO, "is not a number of phantoms"),
        ("phantom:999999999999", Layout.AUTO, "is not a number of phantoms from 1 to 100000"),
        ("n" * 300, Layout.FLARE, "cannot be read: File name too long"),
    ],
)
def test_a_source_without_cases(source: str, layout: Layout, message: str, tmp_path: Path, prepare: Prepare) -> None:
    (tmp_path / "empty").mkdir()
    np.savez(tmp_path / "file.npz", a=np.zeros(1))
    place = source if source.startswith("phantom") else tmp_path / source
    with pytest.raises(FlareError, match=message):
        prepare(place, layout=layout)


def test_a_file_that_is_not_a_bank(tmp_path: Path, prepare: Prepare) -> None:
    (tmp_path / "bank.npz").write_bytes(b"no zip at all")
    with pytest.raises(FlareError, match=r"is not an \.npz bank, or is damaged"):
        prepare(tmp_path / "bank.npz", DataMap(spacing_mm=1.5))


@pytest.mark.parametrize("mm", [0.0, -1.0, 1e-6, 1e9, float("nan"), float("inf")])
def test_a_voxel_size_that_makes_no_sense(mm: float) -> None:
    with pytest.raises(FlareError, match=r"is invalid. Give 0\.1 to 20 mm"):
        find("phantom:1", Layout.AUTO, DataMap(), mm=mm)


def test_organs_smaller_than_the_voxels_are_refused(flare21: Path, prepare: Prepare, grid: Geometry) -> None:
    labels = np.zeros(grid.shape, np.uint8)
    labels[5, 5, 5] = 1
    write_labels(flare21 / LABELS, labels, grid)
    assert "label map is empty" in refused(prepare(flare21, kind=Kind.ORGANS, mm=20.0)[1])


def test_a_single_array_is_not_a_bank(tmp_path: Path, prepare: Prepare) -> None:
    np.save(tmp_path / "bank.npy", np.zeros((4, 4, 4), np.uint8))
    (tmp_path / "bank.npy").rename(tmp_path / "bank.npz")
    with pytest.raises(FlareError, match=r"is not an \.npz bank, or is damaged"):
        prepare(tmp_path / "bank.npz", DataMap(spacing_mm=1.5))


def test_what_is_not_an_array_of_numbers_in_a_bank_is_refused(tmp_path: Path, prepare: Prepare) -> None:
    organs = prepare("phantom:1", kind=Kind.ORGANS)[0].load("phantom_organs_0000").tissues
    np.savez(tmp_path / "bank.npz", good=organs, text=np.full((4, 4, 4), "liver"))
    with zipfile.ZipFile(tmp_path / "bank.npz", "a") as archive:
        archive.writestr("readme.txt", "no array")
    _, outcomes = prepare(tmp_path / "bank.npz", DataMap(spacing_mm=6))
    assert {outcome.name: outcome.state for outcome in outcomes} == {
        "good": ImportState.ADDED,
        "text": ImportState.REFUSED,
        "readme.txt": ImportState.REFUSED,
    }
    assert "not numbers" in outcomes[1].notes[0] and "it is not an array" in outcomes[2].notes[0]


@pytest.mark.parametrize("name", ["store.json", "prepared.json"])
@pytest.mark.parametrize("content", ["", "[]", "3", "{", "[" * 100_000])
def test_a_damaged_store_is_a_message(name: str, content: str, tmp_path: Path, prepare: Prepare) -> None:
    Store.create(tmp_path / "store")
    (tmp_path / "store" / name).write_text(content)
    with pytest.raises(FlareError, match="is damaged"):
        prepare("phantom:1", kind=Kind.ORGANS)


def test_a_store_never_names_a_file_outside_it(tmp_path: Path, prepare: Prepare) -> None:
    prepare("phantom:1", kind=Kind.ORGANS)
    index = tmp_path / "store" / "store.json"
    index.write_text(index.read_text().replace("phantom_organs_0000", "../../other"))
    with pytest.raises(FlareError, match=r'"\.\./\.\./other" is not a valid case name'):
        prepare("phantom:1", kind=Kind.ORGANS)


class FailingCase:
    """A case whose reading fails in a way that no check foresees."""

    provenance = Provenance("failing", "Ours", "CC0")

    def content(self) -> Iterator[bytes]:
        yield b"the same each time"

    def read(self) -> ImportedAnatomy:
        raise ZeroDivisionError("division by zero")


def test_an_unforeseen_failure_refuses_its_case_and_the_others_go_on(tmp_path: Path) -> None:
    found = find("phantom:1", Layout.AUTO, DataMap(), Kind.ORGANS, 6.0)
    outcomes = list(import_cases([FailingCase(), *found.cases], Store.create(tmp_path), found.form))
    assert "failed unexpectedly (ZeroDivisionError: division by zero; test_prepare_refusals.py" in refused(outcomes)

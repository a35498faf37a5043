"""Data sets of every layout become cases of a store, oriented, resampled, with tissues and provenance."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
import yaml
from flareseg.core.errors import FlareError
from flareseg.core.geometry import Geometry, Orientation
from flareseg.core.organs import ORGANS
from flareseg.core.volume import Volume
from flareseg.io.outputs import make_folder
from flareseg.io.writing import write_labels, write_scan
from flareseg.phantom import Phantom
from flareseg.training.prepare import ImportState
from flareseg.training.prepare.checks import organ_ml
from flareseg.training.prepare.data_map import DataMap, read_data_map
from flareseg.training.prepare.names import tissue_name
from flareseg.training.store import Kind, Store
from flareseg.training.tissues import Tissue, label_table
from training.conftest import MM, Prepare

# The structures of TotalSegmentator, version 2; {} stands for left and right.
SIDED = re.findall(
    r"\S+",
    """
    kidney_{} adrenal_gland_{} lung_upper_lobe_{} lung_lower_lobe_{} kidney_cyst_{} subclavian_artery_{}
    common_carotid_artery_{} brachiocephalic_vein_{} iliac_artery_{} iliac_vena_{} humerus_{} scapula_{} clavicula_{}
    femur_{} hip_{} gluteus_maximus_{} gluteus_medius_{} gluteus_minimus_{} autochthon_{} iliopsoas_{}
""",
)
SINGLE = re.findall(
    r"\S+",
    """
    spleen gallbladder liver stomach pancreas lung_middle_lobe_right esophagus trachea thyroid_gland small_bowel
    duodenum colon urinary_bladder prostate sacrum vertebrae_S1 heart aorta pulmonary_vein brachiocephalic_trunk
    atrial_appendage_left superior_vena_cava inferior_vena_cava portal_vein_and_splenic_vein spinal_cord brain skull
    sternum costal_cartilages
""",
)
STRUCTURES = [
    *SINGLE,
    *(name.format(side) for name in SIDED for side in ("left", "right")),
    *(f"rib_{side}_{n}" for side in ("left", "right") for n in range(1, 13)),
    *(f"vertebrae_{part}{n}" for part, most in (("L", 5), ("T", 12), ("C", 7)) for n in range(1, most + 1)),
]


def column(tissues: np.ndarray, tissue: Tissue) -> float:
    """The middle of a tissue along i, which runs to the left."""
    return float(np.nonzero(tissues == tissue)[2].mean())


def ml_of_organs(store: Store, name: str) -> list[float]:
    facts = store.load(name).facts
    return [organ_ml(facts.volumes_ml, organ.label) for organ in ORGANS]


def test_flare21s_download_becomes_scans(flare21: Path, prepare: Prepare, patients: list[Phantom]) -> None:
    store, outcomes = prepare(flare21)
    assert [(outcome.name, outcome.state) for outcome in outcomes] == [
        ("train_000", ImportState.ADDED),
        ("train_001", ImportState.ADDED),
    ]
    case = store.load("train_000")
    assert (case.facts.kind, case.facts.source, case.facts.licence) == (Kind.SCAN, "FLARE21", "not stated")
    assert case.facts.spacing == pytest.approx((MM, MM, MM))
    assert case.hu is not None and case.hu.dtype == np.int16 and case.hu.shape == case.tissues.shape
    ground_truth, voxels = patients[0].labels, patients[0].volume.voxels
    assert case.hu[case.tissues == Tissue.LIVER].mean() == pytest.approx(voxels[ground_truth == 1].mean(), abs=8)


def test_volumes_survive_the_resampling(flare21: Path, prepare: Prepare, patients: list[Phantom]) -> None:
    store, _ = prepare(flare21)
    before = [np.count_nonzero(patients[0].labels == o.label) * patients[0].volume.geometry.voxel_ml for o in ORGANS]
    assert ml_of_organs(store, "train_000") == pytest.approx(before, rel=0.06)


def test_a_label_of_both_kidneys_is_told_apart_by_side(flare21: Path, prepare: Prepare) -> None:
    tissues = prepare(flare21)[0].load("train_000").tissues
    assert column(tissues, Tissue.RIGHT_KIDNEY) + 10 < column(tissues, Tissue.LEFT_KIDNEY)


def test_nnunet_tells_its_labels_source_and_licence(nnunet: Path, prepare: Prepare) -> None:
    facts = prepare(nnunet)[0].load("case_000").facts
    assert (facts.source, facts.licence, facts.untrusted) == ("Abdomen", "CC BY 4.0", [])
    assert {"liver", "right_kidney", "left_kidney", "spleen", "pancreas"} == set(facts.volumes_ml)


@pytest.mark.parametrize(
    "labels",
    [
        {"background": 0, "Liver": 1, "kidneys": 2, "spleen": 3, "pancreas": 4},
        {"background": 0, "liver": 1, "kidney": [2], "spleen": 3, "pancreas": [3, 4], "tumour": 4},
    ],
    ids=["names", "regions"],
)
def test_nnunet_version_2_means_the_same(labels: dict[str, object], nnunet: Path, prepare: Prepare) -> None:
    first = prepare(nnunet)[0].load("case_000").tissues
    (nnunet / "dataset.json").write_text(json.dumps({"channel_names": {"0": "CT"}, "labels": labels}))
    again = prepare(nnunet, DataMap(prefix="v2_", source="Abdomen"))[0].load("v2_case_000").tissues
    np.testing.assert_array_equal(first, again)


@pytest.mark.parametrize(
    "labels",
    [
        {"0": "background", "1": "liver", "kidney": 2, "spleen": "3", "pancreas": [4]},
        {"background": 0, "organs and liver": [1, 2], "kidney": 2, "spleen": 3, "pancreas": 4},
    ],
    ids=["versions mixed", "a smaller region holds"],
)
def test_unusual_labels_of_nnunet_mean_the_same(labels: dict[str, object], nnunet: Path, prepare: Prepare) -> None:
    first = prepare(nnunet)[0].load("case_000").tissues
    content = json.dumps({"name": ["no", "text"], "labels": labels})
    (nnunet / "dataset.json").write_text(content, encoding="utf-8-sig")
    store, _ = prepare(nnunet, DataMap(prefix="other_"))
    np.testing.assert_array_equal(first, store.load("other_case_000").tissues)
    assert store.load("other_case_000").facts.source == "Task100_Abdomen"


def test_an_organ_that_was_not_labelled_is_not_learned(nnunet: Path, prepare: Prepare, patients: list[Phantom]) -> None:
    for number, patient in enumerate(patients):
        labels = np.where(patient.labels == 4, 0, patient.labels).astype(np.uint8)
        write_labels(nnunet / "labelsTr" / f"case_{number:03d}.nii.gz", labels, patient.volume.geometry)
    names = {"background": 0, "liver": 1, "kidney": 2, "spleen": 3}
    (nnunet / "dataset.json").write_text(json.dumps({"labels": names}))
    store, outcomes = prepare(nnunet)
    assert store.load("case_000").facts.untrusted == ["pancreas"]
    assert "no pancreas" in outcomes[0].notes


@pytest.mark.parametrize("letters", ["LPS", "RAS", "PIR"])
def test_the_orientation_of_a_file_does_not_matter(
    letters: str, tmp_path: Path, prepare: Prepare, patients: list[Phantom]
) -> None:
    volume, labels = patients[0].volume, patients[0].labels
    order, flips = {
        "LPS": ((0, 1, 2), (False, False, False)),
        "RAS": ((0, 1, 2), (False, True, True)),
        "PIR": ((2, 0, 1), (True, True, False)),
    }[letters]
    turn = Orientation(order, flips)
    turned = Volume(np.ascontiguousarray(turn.view(volume.voxels)), turn.geometry(volume.geometry))
    assert Orientation.of(turned.geometry).name == letters
    folder = tmp_path / letters
    for name in ("TrainingImg", "TrainingMask"):
        make_folder(folder / name)
    write_scan(folder / "TrainingImg" / f"{letters}_0000.nii.gz", turned)
    write_labels(
        folder / "TrainingMask" / f"{letters}.nii.gz", np.ascontiguousarray(turn.view(labels)), turned.geometry
    )
    case = prepare(folder)[0].load(letters)
    table = np.bincount(label_table()[case.tissues].ravel(), minlength=5)[1:] * MM**3 / 1000
    ground_truth = np.bincount(labels.ravel(), minlength=5)[1:] * volume.geometry.voxel_ml
    np.testing.assert_allclose(table, ground_truth, rtol=0.06)
    assert column(case.tissues, Tissue.LIVER) < column(case.tissues, Tissue.SPLEEN)


def test_totalsegmentators_masks_become_tissues(
    tmp_path: Path, prepare: Prepare, patients: list[Phantom], grid: Geometry
) -> None:
    case = tmp_path / "dataset" / "s0001"
    make_folder(case / "segmentations")
    write_scan(case / "ct.nii.gz", patients[0].volume)
    labels, middle = patients[0].labels, grid.shape[2] / 2
    left = np.arange(grid.shape[2]) >= middle
    masks = {"liver": labels == 1, "spleen": labels == 3, "pancreas": labels == 4, "eyelid": labels < 0}
    masks |= {"kidney_left": (labels == 2) & left, "kidney_right": (labels == 2) & ~left}
    for name, mask in masks.items():
        write_labels(case / "segmentations" / f"{name}.nii.gz", mask.astype(np.uint8), grid)
    store, outcomes = prepare(tmp_path / "dataset", DataMap(licence="CC BY 4.0"))
    assert [outcome.state for outcome in outcomes] == [ImportState.ADDED]
    facts = store.load("s0001").facts
    assert (facts.kind, facts.source, facts.licence) == (Kind.SCAN, "dataset", "CC BY 4.0")
    assert set(facts.volumes_ml) == {"liver", "right_kidney", "left_kidney", "spleen", "pancreas"}


def test_all_117_structures_of_totalsegmentator_have_a_tissue() -> None:
    assert len(set(STRUCTURES)) == 117
    assert not [name for name in STRUCTURES if tissue_name(name) is None]


@pytest.mark.parametrize(
    ("structure", "tissue"),
    [
        ("kidney_left", "left_kidney"),
        ("Right Kidney", "right_kidney"),
        ("kidneys", "kidneys"),
        ("kidney_cyst_left", "soft"),
        ("portal_vein_and_splenic_vein", "vein"),
        ("inferior vena cava (ivc)", "vein"),
        ("gall_bladder", "gallbladder"),
        ("urinary_bladder", "bladder"),
        ("brachiocephalic_trunk", "artery"),
        ("costal_cartilages", "cartilage"),
        ("rib_left_7", "bone"),
        ("background", "air"),
        ("hippocampus", None),
        ("tumour", None),
    ],
)
def test_names_of_structures(structure: str, tissue: str | None) -> None:
    assert tissue_name(structure) == tissue


def mapped(folder: Path, patients: list[Phantom]) -> Path:
    """Label maps with values of their own in a folder for each patient."""
    table = np.array([0, 11, 22, 33, 44], np.uint16)
    for number, patient in enumerate(patients):
        make_folder(folder / f"p{number}")
        write_scan(folder / f"p{number}" / "ct.nii.gz", patient.volume)
        labels = Volume(table[patient.labels], patient.volume.geometry)
        write_scan(folder / f"p{number}" / "organs.nrrd", labels)
    return folder


VALUES = {11: "liver", 22: "kidneys", 33: "spleen", 44: "pancreas"}


def test_any_label_map_is_read_with_a_yaml(tmp_path: Path, prepare: Prepare, patients: list[Phantom]) -> None:
    described = {
        "labels": "{name}/organs.nrrd",
        "values": VALUES,
        "source": "Ours",
        "licence": "CC0",
        "licences": {"p1": "CC BY 4.0"},
        "untrusted": {"p1": ["kidneys"]},
        "prefix": "ours_",
    }
    (tmp_path / "map.yaml").write_text(yaml.safe_dump(described))
    store, _ = prepare(mapped(tmp_path / "data", patients), read_data_map(str(tmp_path / "map.yaml")))
    facts = {case.name: case for case in store}
    assert list(facts) == ["ours_p0", "ours_p1"]
    assert [(case.kind, case.source) for case in store] == [(Kind.ORGANS, "Ours")] * 2
    assert (facts["ours_p0"].licence, facts["ours_p1"].licence) == ("CC0", "CC BY 4.0")
    assert (facts["ours_p0"].untrusted, facts["ours_p1"].untrusted) == ([], ["left_kidney", "right_kidney"])


def test_a_map_with_images_makes_scans(tmp_path: Path, prepare: Prepare, patients: list[Phantom]) -> None:
    data_map = DataMap(labels="{name}/organs.nrrd", images="{name}/ct.nii.gz", values=VALUES)
    store, _ = prepare(mapped(tmp_path / "data", patients), data_map)
    assert [case.kind for case in store] == [Kind.SCAN] * 2


def test_characters_of_a_pattern_in_paths_and_names_are_plain_characters(
    tmp_path: Path, prepare: Prepare, patients: list[Phantom]
) -> None:
    folder = mapped(tmp_path / "data [1]", patients) / "p0"
    folder.rename(folder.with_name("p[0]*"))
    data_map = DataMap(labels="./{name}/organs.nrrd", values=VALUES, licence="CC0", licences={"p[0]*": "CC BY 4.0"})
    store, _ = prepare(tmp_path / "data [1]", data_map)
    assert {case.name: case.licence for case in store} == {"p1": "CC0", "p_0_": "CC BY 4.0"}


def test_a_path_in_a_map_is_not_a_pattern(tmp_path: Path, prepare: Prepare, patients: list[Phantom]) -> None:
    mapped(tmp_path / "data", patients)
    with pytest.raises(FlareError, match="holds no cases"):
        prepare(tmp_path / "data", DataMap(labels="{name}/organ?.nrrd", values=VALUES))


def test_labels_of_64_bits_are_read(flare21: Path, prepare: Prepare, patients: list[Phantom]) -> None:
    path = flare21 / "TrainingMask" / "train_000.nii.gz"
    path.unlink()
    labels = Volume(patients[0].labels.astype(np.uint64), patients[0].volume.geometry)
    write_scan(path.with_name("train_000.nrrd"), labels)
    assert [outcome.state for outcome in prepare(flare21)[1]] == [ImportState.ADDED] * 2


def test_organ_maps_are_cropped_to_what_is_labelled(flare21: Path, prepare: Prepare) -> None:
    case = prepare(flare21, kind=Kind.ORGANS)[0].load("train_000")
    assert case.hu is None
    ends = [np.flatnonzero(case.tissues.any(axis=tuple({0, 1, 2} - {axis}))) for axis in range(3)]
    assert all(found[0] <= 1 and found[-1] >= n - 2 for found, n in zip(ends, case.tissues.shape))


def test_a_bank_of_arrays_is_taken_as_it_is(tmp_path: Path, prepare: Prepare) -> None:
    organs = prepare("phantom:2", kind=Kind.ORGANS)[0].load("phantom_organs_0000").tissues
    np.savez_compressed(tmp_path / "bank.npz", one=organs, **{"two!kid": organs})
    store, _ = prepare(tmp_path / "bank.npz", DataMap(spacing_mm=MM, source="Bank"))
    np.testing.assert_array_equal(store.load("one").tissues, organs)
    assert store.load("two").facts.untrusted == ["left_kidney", "right_kidney"]


def test_a_bank_of_bodies_keeps_its_parts(tmp_path: Path, prepare: Prepare) -> None:
    body = prepare("phantom:1", kind=Kind.BODY)[0].load("phantom_body_0000")
    assert body.filled is not None and body.outside is not None
    np.savez(tmp_path / "bank.npz", man_lab=body.tissues, man_fill=body.filled, man_D=body.outside)
    case = prepare(tmp_path / "bank.npz", DataMap(spacing_mm=MM, bare=["m*"]))[0].load("man")
    assert (case.facts.kind, case.facts.bare) == (Kind.BODY, True)
    np.testing.assert_array_equal(case.filled, body.filled)
    np.testing.assert_array_equal(case.outside, body.outside)


@pytest.mark.parametrize("kind", list(Kind))
def test_phantoms_are_cases_of_every_kind(kind: Kind, prepare: Prepare) -> None:
    store, outcomes = prepare("phantom:2", kind=kind)
    assert [outcome.name for outcome in outcomes] == [f"phantom_{kind.value}_{seed:04d}" for seed in range(2)]
    assert [(case.kind, case.licence, case.bare) for case in store] == [(kind, "Apache-2.0", False)] * 2
    volumes = ml_of_organs(store, outcomes[0].name)
    assert all(low < ml < high for ml, (low, high) in zip(volumes, (organ.plausible_ml for organ in ORGANS)))


def test_a_phantoms_gut_belongs_to_stomach_bowel_and_gallbladder(prepare: Prepare) -> None:
    volumes = prepare("phantom:1", kind=Kind.ORGANS, mm=3.0)[0].load("phantom_organs_0000").facts.volumes_ml
    assert 150 < volumes["stomach"] < 600
    assert 300 < volumes["colon"] < 1500
    assert 200 < volumes["small_bowel"] < 1500
    assert 15 < volumes["gallbladder"] < 80

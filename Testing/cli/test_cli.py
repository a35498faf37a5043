"""The command line: outputs, exit codes, and what it prints."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import warnings
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import SimpleITK as sitk
import torch
from flareseg import __version__
from flareseg.cli.app import app
from flareseg.core.geometry import Geometry
from flareseg.core.organs import ORGANS
from flareseg.core.report import OrganFacts, Report
from flareseg.core.volume import Volume
from flareseg.display.preview import write_preview
from flareseg.inference.manifest import MANIFEST
from flareseg.inference.networks import NETWORKS
from flareseg.inference.weights import shipped_folder
from flareseg.phantom import Phantom
from images import ct_like, write_image
from PIL import Image
from typer.testing import CliRunner, Result


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def voxels(path: Path) -> np.ndarray:
    return sitk.GetArrayFromImage(sitk.ReadImage(str(path)))


def test_one_scan_gives_labels_report_and_preview(phantom_file: Path, tmp_path: Path) -> None:
    result = run(
        *("segment", phantom_file, "-o", tmp_path / "organs.nii.gz"),
        *("--report", tmp_path / "report.json", "--preview", tmp_path / "preview.png"),
    )
    assert result.exit_code == 0
    labels = voxels(tmp_path / "organs.nii.gz")
    assert labels.shape == voxels(phantom_file).shape
    assert set(np.unique(labels)) == {0, 1, 2, 3, 4}
    report = Report.from_json(json.loads((tmp_path / "report.json").read_text()))
    assert [organ.voxels for organ in report.organs] == [np.count_nonzero(labels == n) for n in (1, 2, 3, 4)]
    assert {path.name for path in tmp_path.iterdir()} == {"organs.nii.gz", "report.json", "preview.png"}


def test_the_preview_shows_every_organs_outline_in_its_colour(phantom_file: Path, tmp_path: Path) -> None:
    run("segment", phantom_file, "-o", tmp_path / "organs.nii.gz", "--preview", tmp_path / "preview.png")
    pixels = np.array(Image.open(tmp_path / "preview.png"))[:500]  # without the legend
    for organ in ORGANS:
        assert np.count_nonzero((pixels == organ.colour).all(axis=2)) > 50, organ.name


def test_the_table_shows_volumes_dice_stages_and_memory(
    phantom_file: Path, phantom_ground_truth: Path, tmp_path: Path
) -> None:
    result = run("segment", phantom_file, "-o", tmp_path / "o.nrrd", "--table", "--ground-truth", phantom_ground_truth)
    for expected in ("Liver", "mL", "Dice", "Find abdomen", "Seconds", "RAM peak", "float"):
        assert expected in result.stdout


def test_nothing_is_printed_when_piped_and_all_is_well(phantom_file: Path, tmp_path: Path) -> None:
    result = run("segment", phantom_file, "-o", tmp_path / "organs.nii.gz")
    assert (result.exit_code, result.output) == (0, "")


def test_a_folder_of_scans_is_segmented_scan_by_scan(phantom_file: Path, tmp_path: Path) -> None:
    scans = tmp_path / "scans"
    scans.mkdir()
    shutil.copy(phantom_file, scans / "a.nii.gz")
    shutil.copy(phantom_file, scans / "b.nii.gz")
    result = run("segment", scans, "-o", tmp_path / "out", "--report", tmp_path / "reports")
    assert result.exit_code == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a-organs.nii.gz", "b-organs.nii.gz"]
    assert sorted(path.name for path in (tmp_path / "reports").iterdir()) == ["a.json", "b.json"]


def test_a_bad_scan_among_good_ones_does_not_stop_them(phantom_file: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.nii.gz"
    bad.write_text("no scan")
    result = run("segment", bad, phantom_file, "-o", tmp_path / "out")
    assert result.exit_code == 2
    assert "bad.nii.gz" in result.stderr
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["ct-organs.nii.gz"]


def test_a_dicom_folder_is_one_scan(phantom_dicom: Path, phantom_file: Path, tmp_path: Path) -> None:
    for scan in (phantom_dicom, phantom_file):
        assert run("segment", scan, "-o", tmp_path / "out").exit_code == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["ct-organs.nii.gz", "series-organs.nii.gz"]
    labels = [voxels(path) for path in sorted((tmp_path / "out").iterdir())]
    np.testing.assert_array_equal(*labels)


def test_only_the_organs_that_are_asked_for_are_written(phantom_file: Path, tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    result = run(
        "segment", phantom_file, "-o", tmp_path / "o.nii.gz", "--organs", "Liver, pancreas", "--report", report
    )
    assert result.exit_code == 0
    assert set(np.unique(voxels(tmp_path / "o.nii.gz"))) <= {0, 1, 4}
    assert [organ["name"] for organ in json.loads(report.read_text())["organs"]] == ["Liver", "Pancreas"]


def test_an_unknown_organ_is_refused_before_the_work(phantom_file: Path, tmp_path: Path) -> None:
    result = run("segment", phantom_file, "-o", tmp_path / "o.nii.gz", "--organs", "liver,heart")
    assert result.exit_code == 2
    assert 'Unknown organ: "heart".' in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_an_roi_limits_where_organs_are_sought(phantom_file: Path, tmp_path: Path) -> None:
    run("segment", phantom_file, "-o", tmp_path / "all.nii.gz", "--report", tmp_path / "all.json")
    r0, r1, a0, a1, s0, s1 = json.loads((tmp_path / "all.json").read_text())["roi"]
    lower = f"{r0},{r1},{a0},{a1},{s0},{(s0 + s1) / 2}"
    run("segment", phantom_file, "-o", tmp_path / "low.nii.gz", f"--roi={lower}", "--report", tmp_path / "low.json")
    assert json.loads((tmp_path / "low.json").read_text())["roi_source"] == "caller"
    assert voxels(tmp_path / "low.nii.gz").any(axis=(1, 2)).nonzero()[0].max() < (
        voxels(tmp_path / "all.nii.gz").any(axis=(1, 2)).nonzero()[0].max()
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--roi", "1,2,3"], "is not six numbers"),
        (["--roi=50,-50,0,100,0,100"], "is not a box"),
        (["--device", "tpu"], 'Unknown device: "tpu"'),
        (["--report", "report.txt"], "no known suffix"),
        (["--ground-truth", "none.nii.gz"], "File or folder not found: none.nii.gz"),
    ],
)
def test_bad_usage_is_a_message_and_exit_code_2(
    options: list[str], message: str, phantom_file: Path, tmp_path: Path
) -> None:
    result = run("segment", phantom_file, "-o", tmp_path / "organs.nii.gz", *options)
    assert result.exit_code == 2
    assert message in result.stderr


def test_an_unknown_label_map_suffix_is_refused(phantom_file: Path, tmp_path: Path) -> None:
    result = run("segment", phantom_file, "-o", tmp_path / "organs.jpg")
    assert (result.exit_code, "no known suffix" in result.stderr) == (2, True)


def test_the_scan_itself_is_never_overwritten(tmp_path: Path) -> None:
    scan = write_image(tmp_path / "scan.nii.gz", ct_like())
    result = run("segment", scan, "-o", scan)
    assert (result.exit_code, "would be overwritten" in result.stderr) == (2, True)


def test_neither_the_ground_truth_nor_another_scan_is_ever_overwritten(tmp_path: Path) -> None:
    scan, other = (write_image(tmp_path / name, ct_like()) for name in ("a.nii.gz", "a-organs.nii.gz"))
    before = other.read_bytes()
    assert "would be overwritten" in run("segment", scan, "-o", other, "--ground-truth", other).stderr
    assert "would be overwritten" in run("segment", scan, other, "-o", tmp_path).stderr
    assert other.read_bytes() == before


def test_results_of_an_earlier_run_are_not_scans(phantom_file: Path, tmp_path: Path) -> None:
    shutil.copy(phantom_file, tmp_path / "a.nii.gz")
    (tmp_path / "._a.nii.gz").write_bytes(b"what another system leaves behind")
    for _ in range(2):
        assert run("segment", tmp_path, "-o", tmp_path).exit_code == 0
    assert sorted(p.name for p in tmp_path.iterdir()) == ["._a.nii.gz", "a-organs.nii.gz", "a.nii.gz"]


def test_a_ground_truth_that_lies_elsewhere_is_refused(phantom_file: Path, tmp_path: Path) -> None:
    ground_truth = sitk.Cast(sitk.ReadImage(str(phantom_file)) > 0, sitk.sitkUInt8)
    ground_truth.SetOrigin((500, 0, 0))
    sitk.WriteImage(ground_truth, str(tmp_path / "truth.nii.gz"))
    result = run("segment", phantom_file, "-o", tmp_path / "out.nii.gz", "--ground-truth", tmp_path / "truth.nii.gz")
    assert (result.exit_code, "does not lie on the scan's grid" in result.stderr) == (2, True)
    assert not (tmp_path / "out.nii.gz").exists()


def test_a_ground_truth_in_another_orientation_is_compared_where_it_lies(
    phantom_file: Path, phantom_ground_truth: Path, tmp_path: Path
) -> None:
    turned = sitk.DICOMOrient(sitk.ReadImage(str(phantom_ground_truth)), "RAS")
    sitk.WriteImage(turned, str(tmp_path / "truth.nii.gz"))
    options = ("--ground-truth", tmp_path / "truth.nii.gz", "--report", tmp_path / "r.json", "--split-kidneys")
    assert run("segment", phantom_file, "-o", tmp_path / "out.nii.gz", *options).exit_code == 0
    dice = {organ["name"]: organ["dice"] for organ in json.loads((tmp_path / "r.json").read_text())["organs"]}
    assert min(dice[name] for name in ("Liver", "Right kidney", "Left kidney", "Spleen")) > 0.85


@pytest.mark.parametrize("name", ["scan [bold]x.nii.gz", "q[-b].nii.gz"])
def test_names_with_brackets_are_told_as_they_are(name: str, tmp_path: Path) -> None:
    result = run("segment", tmp_path / name, "-o", tmp_path / "out.nii.gz")
    assert (result.exit_code, name in result.stderr) == (2, True)


def test_a_name_that_is_too_long_is_a_message(tmp_path: Path) -> None:
    result = run("segment", tmp_path / ("x" * 300 + ".nii.gz"), "-o", tmp_path / "out.nii.gz")
    assert (result.exit_code, "cannot be read" in result.stderr) == (2, True)


class Failing(torch.nn.Module):
    """A network without weights that has a fault."""

    def __init__(self, classes: int) -> None:
        super().__init__()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        raise ZeroDivisionError("division by zero")


def test_an_unexpected_failure_is_not_taken_for_nothing_found(
    phantom_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(NETWORKS, "Failing", Failing)
    folder, content = Path(shutil.copytree(shipped_folder(), tmp_path / "weights")), safetensors.torch.save({})
    manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    entry = {"file": "none.safetensors", "sha256": sha256(content).hexdigest(), "network": "Failing"}
    manifest["weights"]["organs"].update(entry)
    (folder / "none.safetensors").write_bytes(content)
    (folder / MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")
    result = run("segment", phantom_file, "-o", tmp_path / "out.nii.gz", "--weights", folder)
    assert result.exit_code == 3
    assert "Failed unexpectedly (ZeroDivisionError: division by zero)" in result.stderr
    assert "Traceback" in result.stderr
    assert not (tmp_path / "out.nii.gz").exists()


def test_a_reader_that_has_gone_does_not_spoil_a_result(phantom_file: Path, tmp_path: Path) -> None:
    command = f'"{sys.executable}" -m flareseg segment "{phantom_file}" -o "{tmp_path}/o.nii.gz" --table'
    done = subprocess.run(["bash", "-c", f"set -o pipefail; {command} | true"], capture_output=True, check=False)
    assert (done.returncode, b"Traceback" in done.stderr) == (0, False)


@pytest.mark.parametrize("slices", [80, 8])
def test_the_preview_fits_on_a_screen_whatever_the_scans_shape(slices: int, phantom: Phantom, tmp_path: Path) -> None:
    volume = phantom.volume
    cut = Volume(volume.voxels[:slices], replace(volume.geometry, shape=(slices, 128, 128)))
    rows = [OrganFacts(organ.label, organ.name, 1, 1.0) for organ in ORGANS]
    write_preview(tmp_path / "preview.png", cut, phantom.labels[:slices], rows)
    picture = Image.open(tmp_path / "preview.png")
    assert 600 < picture.width <= 1800
    assert 300 < picture.height <= 600


def test_the_preview_of_voxels_that_are_not_numbers_shows_air(phantom: Phantom, tmp_path: Path) -> None:
    voxels = phantom.volume.voxels.astype(np.float32)
    voxels[:, :20] = np.nan
    rows = [OrganFacts(organ.label, organ.name, 1, 1.0) for organ in ORGANS]
    for name, value in (("nan.png", np.nan), ("air.png", -1024)):
        voxels[:, :20] = value
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            write_preview(tmp_path / name, Volume(voxels, phantom.volume.geometry), phantom.labels, rows)
    assert (tmp_path / "nan.png").read_bytes() == (tmp_path / "air.png").read_bytes()


@pytest.mark.parametrize("shape", [(200, 4, 4), (4, 200, 4), (4, 4, 200), (1, 40, 40)])
def test_the_preview_of_a_narrow_scan_has_room_for_its_legend(shape: tuple[int, int, int], tmp_path: Path) -> None:
    geometry = Geometry(shape, (1.0, 1.0, 1.0), ((0, 0, 1), (0, 1, 0), (1, 0, 0)), (0.0, 0.0, 0.0))
    rows = [OrganFacts(organ.label, organ.name, 1, 1.0) for organ in ORGANS]
    write_preview(tmp_path / "p.png", Volume(np.zeros(shape), geometry), np.zeros(shape, np.uint8), rows)
    assert 800 <= Image.open(tmp_path / "p.png").width <= 1800


def test_a_result_of_an_earlier_run_is_named_when_the_scan_fails(tmp_path: Path) -> None:
    (tmp_path / "out.nii.gz").write_bytes(b"earlier")
    (tmp_path / "bad.nii.gz").write_bytes(b"no scan")
    result = run("segment", tmp_path / "bad.nii.gz", "-o", tmp_path / "out.nii.gz")
    assert result.exit_code == 2
    assert f"{tmp_path / 'out.nii.gz'} is still the result of an earlier run." in result.stderr
    assert (tmp_path / "out.nii.gz").read_bytes() == b"earlier"


def test_what_a_folder_holds_besides_scans_is_said(
    phantom_file: Path, phantom_ground_truth: Path, tmp_path: Path
) -> None:
    shutil.copy(phantom_file, tmp_path / "ct.nii.gz")
    shutil.copy(phantom_ground_truth, tmp_path / "labels.nii.gz")
    result = run("segment", tmp_path, "-o", tmp_path / "out")
    assert (result.exit_code, "labels.nii.gz was left out: it is a segmentation." in result.stderr) == (0, True)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["ct-organs.nii.gz"]


def test_two_scans_of_one_name_do_not_overwrite_each_other(tmp_path: Path) -> None:
    scans = [write_image(tmp_path / folder / "scan.nii.gz", ct_like()) for folder in ("a", "b")]
    result = run("segment", *scans, "-o", tmp_path / "out")
    assert (result.exit_code, "would both write scan-organs.nii.gz" in result.stderr) == (2, True)


def test_several_scans_need_a_folder(tmp_path: Path) -> None:
    scans = [write_image(tmp_path / name, ct_like()) for name in ("a.nii.gz", "b.nii.gz")]
    result = run("segment", *scans, "-o", tmp_path / "out.nii.gz")
    assert (result.exit_code, "several scans" in result.stderr) == (2, True)


def test_a_phantom_is_the_same_for_the_same_seed(tmp_path: Path) -> None:
    for folder, seed in (("a", "1"), ("b", "1"), ("c", "2")):
        options = ("--seed", seed, "--size", "64,64,40", "--spacing", "6,6,8")
        assert run("phantom", tmp_path / folder, *options).exit_code == 0
    first, again, other = (voxels(tmp_path / folder / "ct.nii.gz") for folder in "abc")
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("size", ["12", "a,b,c", "0,64,64"])
def test_a_phantom_of_no_size_is_refused(size: str, tmp_path: Path) -> None:
    result = run("phantom", tmp_path / "phantom", "--size", size)
    assert result.exit_code == 2
    assert "Traceback" not in result.output


def test_an_unknown_clean_up_is_refused_before_anything_is_loaded(phantom_file: Path, tmp_path: Path) -> None:
    result = run("segment", phantom_file, "--output", tmp_path / "organs.nii.gz", "--clean-up", "hard")
    assert result.exit_code == 2
    assert 'Unknown clean-up: "hard". Use one of off, normal, strong.' in result.stderr


def test_unknown_borders_are_refused_before_anything_is_loaded(phantom_file: Path, tmp_path: Path) -> None:
    result = run("segment", phantom_file, "--output", tmp_path / "organs.nii.gz", "--borders", "sharp")
    assert result.exit_code == 2
    assert 'Unknown borders: "sharp". Use one of plain, guided.' in result.stderr


def test_plain_borders_and_no_gate_are_what_the_report_says(phantom_file: Path, tmp_path: Path) -> None:
    report, options = tmp_path / "report.json", ("--borders", "plain", "--no-hu-gate")
    result = run("segment", phantom_file, "-o", tmp_path / "organs.nii.gz", "--report", report, *options)
    assert result.exit_code == 0
    found = json.loads(report.read_text(encoding="utf-8"))
    assert (found["borders"], found["hu_gate"]) == ("plain", False)


def test_info_names_device_memory_and_weights() -> None:
    result = run("info", "--device", "cpu")
    assert result.exit_code == 0
    for expected in (__version__, "Chosen by you.", "GB free", "dense_vnet.safetensors", "roi_unet.safetensors"):
        assert expected in result.stdout


def test_the_version_is_told_without_loading_torch() -> None:
    code = "import sys, flareseg.cli.app; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
    assert run("--version").stdout.strip() == f"flareseg {__version__}"

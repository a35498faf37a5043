"""The HTML report: complete, self-contained, and its pictures show what they say."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pytest
from cubes import SHAPE, cube, label_file, organs
from evaluation_commands import run
from flareseg.core.organs import ORGANS
from images import write_image
from PIL import Image

SPECIAL = "a <b>&'#? 1"
RED, BLUE = (255, 59, 48), (59, 139, 255)


class Page(HTMLParser):
    """What a page refers to, and the text it shows."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.targets: list[str] = []
        self.text = ""
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.targets += [value for key, value in attrs if key in ("href", "src", "srcset") and value]

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three cases: a name with special characters and a spleen too many; as it should be; without a prediction."""
    folder = tmp_path_factory.mktemp("study")
    without_spleen = np.where(organs() == 3, 0, organs()).astype(np.uint8)
    for case, ground_truth in ((SPECIAL, without_spleen), ("right", organs()), ("lost", organs())):
        label_file(folder / "ground_truths" / f"{case}.nii.gz", ground_truth)
    for case in (SPECIAL, "right"):
        label_file(folder / "predictions" / f"{case}.nii.gz", organs())
    done = run("evaluate", folder / "predictions", folder / "ground_truths", "-o", folder / "out")
    assert done.exit_code == 1
    return folder / "out"


def pages(output: Path) -> list[Path]:
    return [output / "report" / "index.html", *sorted((output / "report" / "cases").iterdir())]


def near(picture: Path, colour: tuple[int, int, int]) -> int:
    """Pixels of about a colour's hue: its largest channel stands out as in the colour."""
    pixels = np.array(Image.open(picture).convert("RGB")).astype(int)[: 3 * 110]  # the slices, without the distances
    strongest = int(np.argmax(colour))
    others = np.delete(pixels, strongest, axis=2).max(axis=2)
    return int(np.count_nonzero(pixels[..., strongest] - others > 40))


def test_there_is_an_overview_and_a_page_for_each_case(output: Path) -> None:
    assert [path.name for path in pages(output)] == ["index.html", f"{SPECIAL}.html", "lost.html", "right.html"]


def test_every_link_and_picture_of_every_page_is_there(output: Path) -> None:
    for page in pages(output):
        for target in Page(page).targets:
            assert target.startswith("#") or (page.parent / unquote(target)).is_file(), (page.name, target)


def test_nothing_is_fetched_from_a_network(output: Path) -> None:
    for page in pages(output):
        assert "//" not in page.read_text(encoding="utf-8").replace("<!DOCTYPE html>", "")


def test_names_are_text_and_no_markup(output: Path) -> None:
    for page in pages(output):
        assert "<b>&'" not in page.read_text(encoding="utf-8")
    assert SPECIAL in Page(output / "report" / "index.html").text


def test_the_overview_lists_the_worst_case_first_and_what_went_wrong(output: Path) -> None:
    text = Page(output / "report" / "index.html").text
    assert "lost: The prediction is missing. The case scores 0." in text
    listed = text[text.rindex("Cases") :]
    assert listed.index("lost") < listed.index(SPECIAL) < listed.index("right")


def test_an_organ_that_only_the_prediction_shows_is_said_to_be_so(output: Path) -> None:
    assert "Only the prediction shows this organ" in Page(output / "report" / "cases" / f"{SPECIAL}.html").text


def test_every_organ_of_a_case_has_its_picture(output: Path) -> None:
    drawn = {path.name for path in (output / "report" / "pictures").glob("right-*.png")}
    assert drawn == {f"right-{organ.name.lower()}.png" for organ in ORGANS}


@pytest.mark.parametrize(("moved", "colour"), [("prediction", RED), ("ground_truth", BLUE)])
def test_what_is_too_much_is_red_and_what_is_missed_is_blue(
    moved: str, colour: tuple[int, int, int], tmp_path: Path
) -> None:
    small, large = (np.zeros(SHAPE, np.uint8) for _ in range(2))
    small[cube((8, 8, 8), 6)] = 4
    large[cube((8, 8, 8), 12)] = 4
    files = {name: label_file(tmp_path / f"{name}.nii.gz", small) for name in ("prediction", "ground_truth")}
    label_file(files[moved], large)
    scan = write_image(tmp_path / "ct.nii.gz", np.full(SHAPE, 40, np.int16), (1.0, 1.0, 1.0))
    run("evaluate", files["prediction"], files["ground_truth"], "-o", tmp_path / "out", "--scans", scan)
    picture = tmp_path / "out" / "report" / "pictures" / "prediction-pancreas.png"
    other = BLUE if colour is RED else RED
    assert near(picture, colour) > 5000
    assert near(picture, other) < 500


def test_a_scan_on_another_grid_is_left_out_of_the_pictures_with_a_note(tmp_path: Path) -> None:
    files = [label_file(tmp_path / name, organs()) for name in ("x.nii.gz", "truth.nii.gz")]
    scan = write_image(tmp_path / "ct.nii.gz", np.zeros((4, 5, 6), np.int16))
    done = run("evaluate", *files, "-o", tmp_path / "out", "--scans", scan)
    assert done.exit_code == 0
    assert "ct.nii.gz does not lie on the ground truth's grid" in done.stderr
    assert "The pictures show no CT." in Page(tmp_path / "out" / "report" / "cases" / "x.html").text


def test_cases_of_very_long_names_have_pages_of_their_own(tmp_path: Path) -> None:
    for case in ("é" * 120 + "1", "é" * 120 + "2"):
        for folder in ("predictions", "ground_truths"):
            label_file(tmp_path / folder / f"{case}.nii.gz", (organs() == 1).astype(np.uint8))
    done = run("evaluate", tmp_path / "predictions", tmp_path / "ground_truths", "-o", tmp_path / "out")
    assert done.exit_code == 0, done.output
    _, *cases = pages(tmp_path / "out")
    assert len(cases) == 2
    for page in pages(tmp_path / "out"):
        for target in Page(page).targets:
            assert target.startswith("#") or (page.parent / unquote(target)).is_file(), (page.name, target)


def test_the_report_can_be_written_again(tmp_path: Path) -> None:
    files = [label_file(tmp_path / name, organs()) for name in ("x.nii.gz", "truth.nii.gz")]
    for _ in range(2):
        assert run("evaluate", *files, "-o", tmp_path / "out").exit_code == 0
    assert not [path for path in (tmp_path / "out").rglob("*") if ".tmp" in path.name]

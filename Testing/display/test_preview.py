"""The preview: which side is which, what is up, which slices are shown, in which grey and which colours.

The scan measures 200 x 260 x 300 mm (k, j, i), so that a millimetre is two pixels: axial 600 x 520, coronal 600 x 400,
sagittal 520 x 400, side by side with gaps of 6 and the lower ones in the middle of the height.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from flareseg.core.geometry import Geometry
from flareseg.core.report import OrganFacts
from flareseg.core.volume import Volume
from flareseg.display.preview import write_preview
from PIL import Image, ImageDraw, ImageFont

SHAPE, SPACING = (20, 52, 75), (10.0, 5.0, 4.0)
UP, BACK, LEFT = (0, 0, 1), (0, 1, 0), (1, 0, 0)
CANONICAL = Geometry(SHAPE, SPACING, (UP, BACK, LEFT), (0.0, 0.0, 0.0))
AIR = -1000
LIVER, SPLEEN = 1, 3
PANELS = {"axial": (0, 0, 600, 520), "coronal": (606, 60, 1206, 460), "sagittal": (1212, 60, 1732, 460)}
ORGANS_FOUND = [
    OrganFacts(1, "Liver", 1, 1489.4),
    OrganFacts(2, "Kidneys", 1, 317.6),
    OrganFacts(3, "Spleen", 0, 0.0),
    OrganFacts(4, "Pancreas", 1, 70.9),
]
ORANGE, TEAL, VIOLET, YELLOW = (221, 130, 101), (40, 145, 170), (150, 95, 226), (250, 233, 111)


def drawn(path: Path, voxels: np.ndarray, labels: np.ndarray, geometry: Geometry = CANONICAL) -> Image.Image:
    write_preview(path / "preview.png", Volume(voxels, geometry), labels, ORGANS_FOUND)
    return Image.open(path / "preview.png")


def air() -> tuple[np.ndarray, np.ndarray]:
    return np.full(SHAPE, AIR, np.int16), np.zeros(SHAPE, np.uint8)


def a_liver() -> tuple[np.ndarray, np.ndarray]:
    """A block that is high up, in front and on the right: 120-180 mm up, 30-80 mm back, 40-80 mm to the left."""
    voxels, labels = air()
    labels[12:18, 6:16, 10:20] = LIVER
    voxels[12:18, 6:16, 10:20] = 40
    return voxels, labels


def panel(picture: Image.Image, name: str) -> np.ndarray:
    return np.array(picture.crop(PANELS[name]))


def outline(panel: np.ndarray, colour: tuple[int, int, int]) -> tuple[int, int, int, int]:
    """First and last row, first and last column of a colour."""
    rows, columns = np.nonzero((panel == colour).all(axis=2))
    return int(rows.min()), int(rows.max()), int(columns.min()), int(columns.max())


@pytest.mark.parametrize(
    ("view", "expected"),
    [
        ("axial", (60, 160, 80, 160)),  # front is above, right is on the left
        ("coronal", (40, 160, 80, 160)),  # the head is above
        ("sagittal", (40, 160, 60, 160)),  # front is on the left
    ],
)
def test_an_organ_is_drawn_where_it_lies(view: str, expected: tuple[int, ...], tmp_path: Path) -> None:
    picture = drawn(tmp_path, *a_liver())
    assert picture.size == (1732, 520 + 44)
    assert outline(panel(picture, view), ORANGE) == pytest.approx(expected, abs=4)


@pytest.mark.parametrize("view", PANELS)
def test_the_outline_lies_around_its_own_voxels(view: str, tmp_path: Path) -> None:
    pixels = panel(drawn(tmp_path, *a_liver()), view)
    top, bottom, left, right = outline(pixels, ORANGE)
    assert pixels[(top + bottom) // 2, (left + right) // 2].tolist() == [127, 127, 127]  # 40 HU, middle grey


@pytest.mark.parametrize(
    ("view", "letters"), [("axial", "RLAP"), ("coronal", "RLSI"), ("sagittal", "APSI")], ids=lambda value: value
)
def test_each_side_carries_the_letter_of_what_lies_there(view: str, letters: str, tmp_path: Path) -> None:
    """Left, right, top and bottom; that of the patient's right is R."""
    picture = drawn(tmp_path, *air())
    left, _, right, _ = PANELS[view]
    middle = (left + right) // 2
    corners = {
        "lm": (left + 8, 260, left, 240, left + 30, 280),
        "rm": (right - 8, 260, right - 30, 240, right, 280),
        "ma": (middle, 8, middle - 15, 0, middle + 15, 30),
        "md": (middle, 512, middle - 15, 490, middle + 15, 520),
    }
    assert [
        letter_in(picture.crop(box), (x - box[0], y - box[1]), anchor) for anchor, (x, y, *box) in corners.items()
    ] == list(letters)


def letter_in(picture: Image.Image, place: tuple[int, int], anchor: str) -> str:
    """The letters that look like what is drawn at a place of a piece of the picture."""
    style = {"anchor": anchor, "stroke_width": 2, "stroke_fill": (0, 0, 0), "font": ImageFont.load_default(18)}
    found = ""
    for letter in "RLAPSI":
        page = Image.new("RGB", picture.size)
        ImageDraw.Draw(page).text(place, letter, (235, 235, 235), **style)
        found += letter if page.tobytes() == picture.tobytes() else ""
    return found


def stored_otherwise(voxels: np.ndarray, axes: tuple[int, int, int], flips: tuple[int, int, int]) -> np.ndarray:
    return np.ascontiguousarray(voxels.transpose(axes)[tuple(slice(None, None, step) for step in flips)])


@pytest.mark.parametrize(
    ("axes", "flips", "geometry"),
    [
        (
            (0, 1, 2),
            (-1, 1, 1),
            Geometry(SHAPE, SPACING, ((0, 0, -1), BACK, LEFT), (0.0, 0.0, 190.0)),
        ),
        (
            (0, 1, 2),
            (1, -1, -1),
            Geometry(SHAPE, SPACING, (UP, (0, -1, 0), (-1, 0, 0)), (296.0, 255.0, 0.0)),
        ),
        (
            (2, 0, 1),
            (1, -1, 1),
            Geometry((75, 20, 52), (4.0, 10.0, 5.0), (LEFT, (0, 0, -1), BACK), (0.0, 0.0, 190.0)),
        ),
    ],
    ids=["from the head", "as RAS", "sagittal slices"],
)
def test_the_picture_is_the_same_however_the_scan_is_stored(
    axes: tuple[int, int, int], flips: tuple[int, int, int], geometry: Geometry, tmp_path: Path
) -> None:
    voxels, labels = a_liver()
    straight = drawn(tmp_path, voxels, labels).tobytes()
    turned = drawn(tmp_path, stored_otherwise(voxels, axes, flips), stored_otherwise(labels, axes, flips), geometry)
    assert turned.tobytes() == straight


@pytest.mark.parametrize(("hu", "grey"), [(-160, 0), (-60, 63), (40, 127), (140, 191), (240, 255), (1000, 255)])
def test_grey_runs_from_minus_160_to_240_hu(hu: int, grey: int, tmp_path: Path) -> None:
    voxels, labels = air()
    voxels[:] = hu
    assert panel(drawn(tmp_path, voxels, labels), "axial")[400, 400].tolist() == [grey] * 3


@pytest.mark.parametrize(("axis", "view", "place"), [(0, "axial", 13), (1, "coronal", 37), (2, "sagittal", 61)])
def test_a_view_shows_the_slice_with_the_largest_area(axis: int, view: str, place: int, tmp_path: Path) -> None:
    """Every slice has a grey of its own; the liver is widest in one that is not in the middle."""
    voxels, labels = air()
    lines = [np.arange(n) for n in SHAPE]
    voxels[:] = -160 + 4 * np.expand_dims(lines[axis], tuple({0, 1, 2} - {axis}))
    labels[8:16, 20:40, 30:65] = LIVER
    np.moveaxis(labels, axis, 0)[place] = LIVER
    shown = panel(drawn(tmp_path, voxels, labels), view)[200, 200].tolist()
    assert shown == [int(4 * place / 400 * 255)] * 3


def test_a_slice_with_two_organs_is_preferred_to_one_with_more_of_the_larger(tmp_path: Path) -> None:
    voxels, labels = air()
    voxels[:] = -160 + 20 * np.arange(20)[:, None, None]
    labels[4, 10:40, 10:50] = LIVER
    labels[15, 10:40, 10:30], labels[15, 10:20, 60:70] = LIVER, SPLEEN
    assert panel(drawn(tmp_path, voxels, labels), "axial")[400, 200].tolist() == [191] * 3  # 140 HU, slice 15


def test_each_organ_has_a_colour_of_its_own(tmp_path: Path) -> None:
    voxels, labels = air()
    colours = [ORANGE, TEAL, VIOLET, YELLOW, (120, 235, 235)]
    for label in (1, 2, 3, 4, 5):
        labels[5:15, 5:25, 14 * label - 8 : 14 * label] = label
    axial = panel(drawn(tmp_path, voxels, labels), "axial")
    columns = [outline(axial, colour)[2:] for colour in colours]
    assert columns == [pytest.approx((112 * n + 48, 112 * n + 112), abs=4) for n in range(5)]


def test_the_legend_names_every_organ_with_its_colour_and_volume(tmp_path: Path) -> None:
    picture = drawn(tmp_path, *a_liver())
    expected = Image.new("RGB", (1732, 44), (18, 18, 20))
    draw = ImageDraw.Draw(expected)
    rows = [
        ("Liver  1489 mL", ORANGE),
        ("Kidneys  318 mL", TEAL),
        ("Spleen  0 mL", VIOLET),
        ("Pancreas  71 mL", YELLOW),
    ]
    for n, (text, colour) in enumerate(rows):
        draw.rounded_rectangle((433 * n + 12, 14, 433 * n + 28, 30), 3, colour)
        draw.text((433 * n + 36, 12), text, (235, 235, 235), ImageFont.load_default(16))
    assert picture.crop((0, 520, 1732, 564)).tobytes() == expected.tobytes()

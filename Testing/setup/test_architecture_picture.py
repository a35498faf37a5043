"""docs/pictures/architecture.svg shows the imports of the code, and no arrow in it goes up."""

from __future__ import annotations

import re
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PICTURE = ROOT / "docs" / "pictures" / "architecture.svg"
sys.path.insert(0, str(ROOT / "scripts"))

import architecture  # noqa: E402

Drawn = list[tuple[str, str, float, float]]


def drawn(svg: str) -> Drawn:
    """Each arrow: from which package to which, and the heights (from the top) of its two ends."""
    paths = [path for path in ElementTree.fromstring(svg).iter() if path.get("class") == "arrow"]
    ends = [re.findall(r"-?\d+,(-?\d+)", path.get("d", "")) for path in paths]
    return [(str(p.get("data-from")), str(p.get("data-to")), float(y[0]), float(y[-1])) for p, y in zip(paths, ends)]


def test_the_picture_fits_the_code() -> None:
    made = architecture.drawing(architecture.package_imports())
    assert PICTURE.read_text(encoding="utf-8") == made, "run `make architecture`"


def test_every_package_has_its_text_in_the_picture() -> None:
    assert architecture.TEXTS.keys() == architecture.package_imports().keys()


def test_no_arrow_goes_up() -> None:
    arrows = drawn(PICTURE.read_text(encoding="utf-8"))
    assert len(arrows) > 10
    assert [arrow for arrow in arrows if arrow[2] >= arrow[3]] == []


def test_the_arrows_lead_to_all_that_a_package_imports() -> None:
    """An arrow is left out only where others lead from its package to the same place."""
    imports = architecture.package_imports()
    arrows = {(source, target) for source, target, *_ in drawn(PICTURE.read_text(encoding="utf-8"))}

    def reached(name: str) -> set[str]:
        below = {target for source, target in arrows if source == name}
        return below.union(*map(reached, below))

    assert all(imported <= reached(name) for name, imported in imports.items())
    assert all(target in imports[source] for source, target in arrows)


def test_arrows_that_follow_from_others_are_left_out() -> None:
    imports = {"cli": {"io", "core"}, "io": {"core"}, "core": set()}
    assert architecture.arrows(imports) == [("cli", "io"), ("io", "core")]
    assert architecture.rows(imports) == [["core"], ["io"], ["cli"]]


def test_a_circle_is_refused_with_its_packages() -> None:
    with pytest.raises(ValueError, match=r"in a circle: \['cli', 'io'\]"):
        architecture.rows({"cli": {"io"}, "io": {"cli"}, "core": set()})

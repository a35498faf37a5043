"""Draw which package imports which: ``make architecture`` makes docs/pictures/architecture.svg from the code.

Packages stand in rows: each row imports only rows below it. An arrow that follows from two others is left out (if
cli imports training and training imports core, cli may import core), so that the order can be seen.
"""

from __future__ import annotations

import sys
from itertools import permutations
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

import grimp

Imports = dict[str, set[str]]
Point = tuple[float, float]

TARGET = Path(__file__).resolve().parents[1] / "docs" / "pictures" / "architecture.svg"
LIBRARY = "FlareSegmentationLib"
ENGINE = "flareseg"
TEXTS = {
    "flareseg.cli": "the command line",
    "flareseg.archive": "a tree of scans, by Dask",
    "flareseg.training": "label maps and CTs to weights",
    "flareseg.evaluation": "scores by the FLARE21 protocol",
    "flareseg.worker": "the background process",
    "flareseg.phantom": "synthetic CT with its labels",
    "flareseg.display": "pictures of a result",
    "flareseg.inference": "volume to labels and report",
    "flareseg.dicom_export": "DICOM objects of a result",
    "flareseg.io": "scans and label maps in files",
    "flareseg.core": "volumes, organs, errors, report",
    "FlareSegmentationLib.panel": "what a user sees and clicks",
    "FlareSegmentationLib.jobs": "work in the background",
    "FlareSegmentationLib.nodes": "MRML nodes in and out",
    "FlareSegmentationLib": "options, settings, signals",
}
ROW, BOX_WIDTH, BOX_HEIGHT, GAP, MARGIN = 118, 208, 58, 40, 24
COLOURS = {LIBRARY: ("#eef4fb", "#3d6fa5"), ENGINE: ("#f1f7ee", "#4d8043")}


def package_imports() -> Imports:
    """What each package imports, as grimp reads it from the code.

    Returns:
        For each package its imported packages. Modules that lie in ``FlareSegmentationLib`` itself count as one
        package. ``flareseg`` itself is left out: it holds the version and the public names, imported lazily.
    """
    graph = grimp.build_graph(ENGINE, LIBRARY, cache_dir=None)
    packages = {module: _package(graph, module) for module in graph.modules}
    found: Imports = {package: set() for package in packages.values() if package != ENGINE}
    for module, source in packages.items():
        targets = {packages[imported] for imported in graph.find_modules_directly_imported_by(module)}
        if source != ENGINE:
            found[source] |= targets - {source, ENGINE}
    return found


def _package(graph: grimp.ImportGraph, module: str) -> str:
    """The box that a module belongs to: "flareseg.io.reading" in "flareseg.io", "flareseg.__main__" in "flareseg"."""
    first_two = ".".join(module.split(".")[:2])
    return first_two if graph.find_children(first_two) else module.split(".")[0]


def rows(imports: Imports) -> list[list[str]]:
    """The packages by how many imports it is at most down to the end of a chain; row 0 imports none.

    Raises:
        ValueError: Packages import each other in a circle.
    """
    heights: dict[str, int] = {}
    while len(heights) < len(imports):
        ready = [name for name in imports if name not in heights and imports[name] <= heights.keys()]
        if not ready:
            raise ValueError(f"These packages import each other in a circle: {sorted(imports.keys() - heights.keys())}")
        heights |= {name: 1 + max((heights[below] for below in imports[name]), default=-1) for name in ready}
    return [sorted(n for n in imports if heights[n] == height) for height in range(max(heights.values()) + 1)]


def arrows(imports: Imports) -> list[tuple[str, str]]:
    """The imports that do not follow from others (the transitive reduction), sorted."""

    def reached(name: str) -> set[str]:
        return imports[name].union(*(reached(below) for below in imports[name]))

    return sorted(
        (source, target)
        for source, targets in imports.items()
        for target in targets
        if not any(target in reached(other) for other in targets)
    )


def places(imports: Imports) -> dict[str, Point]:
    """Centre and top edge of each box, in the order within rows that makes the arrows shortest and hides the fewest."""
    layout = rows(imports)
    for _ in range(4):
        for n, row in enumerate(layout):
            orders = [[*layout[:n], list(order), *layout[n + 1 :]] for order in permutations(row)]
            layout = min(orders, key=lambda order: _badness(_placed(order), arrows(imports)))
    return _placed(layout)


def _placed(layout: list[list[str]]) -> dict[str, Point]:
    step, middle = BOX_WIDTH + GAP, max(map(len, layout)) * (BOX_WIDTH + GAP) / 2
    return {
        name: (MARGIN - GAP / 2 + middle + (column - (len(row) - 1) / 2) * step, MARGIN + (len(layout) - 1 - n) * ROW)
        for n, row in enumerate(layout)
        for column, name in enumerate(row)
    }


def _badness(placed: dict[str, Point], drawn: list[tuple[str, str]]) -> float:
    """The squares of how far arrows go sideways, and a fine for each box that an arrow goes behind."""
    sideways = sum((placed[source][0] - placed[target][0]) ** 2 for source, target in drawn)
    return sideways + sum(500_000 for arrow in drawn for name in placed if _is_behind(placed, arrow, name))


def _is_behind(placed: dict[str, Point], arrow: tuple[str, str], name: str) -> bool:
    (x0, y0), (x1, y1), (x, y) = placed[arrow[0]], placed[arrow[1]], placed[name]
    return y0 < y < y1 and abs(x0 + (x1 - x0) * (y - y0) / (y1 - y0) - x) < BOX_WIDTH / 2 + GAP / 2


def drawing(imports: Imports) -> str:
    """The picture as SVG text."""
    placed = places(imports)
    width = max(x for x, _ in placed.values()) + BOX_WIDTH / 2 + MARGIN
    height = max(y for _, y in placed.values()) + BOX_HEIGHT + MARGIN
    parts = [_arrow(placed, source, target) for source, target in arrows(imports)]
    parts += [_box(name, *placed[name], sorted(imports[name])) for name in sorted(placed)]
    return HEAD.format(width=f"{width:.0f}", height=f"{height:.0f}") + "\n".join(parts) + "\n</svg>\n"


def _arrow(placed: dict[str, Point], source: str, target: str) -> str:
    (x0, top), (x1, end) = placed[source], placed[target]
    start, lean = top + BOX_HEIGHT, (x1 - x0) / 12  # arrows of one box leave and arrive beside each other
    x0, x1, bend = x0 + lean, x1 - lean, (end - start) / 2
    curve = f"M{x0:.0f},{start:.0f} C{x0:.0f},{start + bend:.0f} {x1:.0f},{end - bend:.0f} {x1:.0f},{end:.0f}"
    return f'<path class="arrow" data-from={quoteattr(source)} data-to={quoteattr(target)} d="{curve}"/>'


def _box(name: str, x: float, y: float, imported: list[str]) -> str:
    fill, line = COLOURS[name.split(".")[0]]
    rectangle = f'x="{x - BOX_WIDTH / 2:.0f}" y="{y:.0f}" width="{BOX_WIDTH}" height="{BOX_HEIGHT}" rx="7"'
    return (
        f"<g><title>{escape(name)} imports {escape(', '.join(imported) or 'no other package')}</title>"
        f'<rect {rectangle} fill="{fill}" stroke="{line}"/>'
        f'<text class="name" x="{x:.0f}" y="{y + 25:.0f}">{escape(name.split(".")[-1])}</text>'
        f'<text x="{x:.0f}" y="{y + 44:.0f}">{escape(TEXTS[name])}</text></g>'
    )


HEAD = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="Helvetica, sans-serif">
<title>Which package imports which: FlareSegmentationLib (blue) and flareseg (green)</title>
<style>
text {{ font-size: 12.5px; fill: #444; text-anchor: middle }}
.name {{ font-size: 16px; font-weight: bold; fill: #222 }}
.arrow {{ fill: none; stroke: #8a8f98; stroke-width: 1.5; marker-end: url(#head) }}
</style>
<marker id="head" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" orient="auto">
<path d="M0,1 L8,4 L0,7 z" fill="#8a8f98"/></marker>
<rect width="{width}" height="{height}" rx="10" fill="#ffffff"/>
"""

if __name__ == "__main__":
    TARGET.write_text(drawing(package_imports()), encoding="utf-8")
    sys.stdout.write(f"{TARGET}\n")

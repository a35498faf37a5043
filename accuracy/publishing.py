"""Writing of the figures into README, model card and manifest."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path

from flareseg.core.errors import DataError
from flareseg.inference.calibration import Calibration
from flareseg.inference.manifest import MANIFEST, read_manifest
from flareseg.io.outputs import write_text

from accuracy.diagram import draw
from accuracy.results import RESULTS, Accuracy, write_figures
from accuracy.tables import agreement_line, calibration_table, comparison_table, confidence_table, readme_table

ROOT = Path(__file__).resolve().parents[1]
PICTURE = "pictures/reliability.png"


def blocks(results: Accuracy) -> dict[tuple[str, str], str]:
    """The text of each marked block, by page and by the block's name."""
    return {
        ("README.md", "accuracy"): readme_table(results),
        ("docs/model-card.md", "accuracy"): comparison_table(results),
        ("docs/model-card.md", "confidence"): _confidence(results),
    }


def publish(results: Accuracy, root: Path = ROOT) -> list[Path]:
    """Rewrite the marked blocks of the pages under ``root``, the diagram and the figures. Raises FlareError."""
    written = [root / "docs" / PICTURE, root / "docs" / RESULTS]
    for (page, name), text in blocks(results).items():
        path = root / page
        write_text(path, with_block(path.read_text(encoding="utf-8"), name, text))
        written.append(path)
    draw(written[0], results)
    write_figures(written[1], results)
    return sorted(set(written))


def with_block(text: str, name: str, content: str) -> str:
    """``text`` with ``content`` between its marks of a name. Raises DataError for a text without them."""
    begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    pattern = re.compile(f"({re.escape(begin)}\n).*?({re.escape(end)})", re.DOTALL)
    if not pattern.search(text):
        raise DataError(f"A page has no block between {begin} and {end}.", "Put both lines back.")
    return pattern.sub(lambda found: f"{found[1]}\n{content}\n{found[2]}", text)


def write_calibration(folder: Path, calibrations: Mapping[str, Calibration], fitted_on: str) -> None:
    """Put the calibration of the organ network into the manifest of its weights, without other changes to its text.

    Raises FlareError.
    """
    entry = read_manifest(folder)["weights"]["organs"]
    content = {
        "sha256": entry["sha256"],
        "fitted_on": fitted_on,
        "organs": {name: [each.offset, each.slope] for name, each in calibrations.items()},
    }
    text = (folder / MANIFEST).read_text(encoding="utf-8")
    line = f'"calibration": {json.dumps(content)}'
    if "calibration" in entry:
        pattern = re.compile(r'"calibration": \{[^{}]*\{[^{}]*\}[^{}]*\}')
        changed = pattern.sub(lambda _: line, text, count=1)
    else:
        mark = f'"sha256": "{entry["sha256"]}",'
        changed = text.replace(mark, f"{mark}\n      {line},", 1)
    if json.loads(changed)["weights"]["organs"].get("calibration") != content:
        raise DataError(f"The calibration cannot be put into {folder / MANIFEST}.", f"Put it there by hand: {line}")
    write_text(folder / MANIFEST, changed)


def _confidence(results: Accuracy) -> str:
    parts = [confidence_table(results.cts)]
    if results.calibration:
        parts += [
            f"Fitted on {results.fitted_on}. Over bins of equal size of these patients, each left out of its own fit "
            "together with all others of its label map, confidence and Dice are apart by at most "
            f"{agreement_line(results.calibration)}:\n",
            calibration_table(results.calibration),
            f"![Reliability diagram: stated confidence against Dice for each organ]({PICTURE})\n",
        ]
    return "\n".join(parts)

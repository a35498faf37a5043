"""Writing of the figures into README, model card and manifest."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path

from flareseg.core.errors import DataError
from flareseg.core.organs import ORGAN_NAMES
from flareseg.inference.calibration import Calibration
from flareseg.inference.manifest import MANIFEST, read_manifest
from flareseg.io.outputs import atomic_write, write_text
from PIL import Image

from accuracy.diagram import draw
from accuracy.results import RESULTS, Accuracy, CaseFigures, write_figures
from accuracy.tables import (
    agreement_line,
    calibration_table,
    comparison_table,
    confidence_table,
    readme_table,
    scores_of,
    title_of,
)

ROOT = Path(__file__).resolve().parents[1]
RELIABILITY = "pictures/reliability.png"
_COLOURS = 128  # of a picture of a case: a third of its size on disk


def blocks(results: Accuracy) -> dict[tuple[str, str], str]:
    """The text of each marked block, by page and by the block's name."""
    return {
        ("README.md", "accuracy"): readme_table(results),
        ("docs/model-card.md", "accuracy"): comparison_table(results),
        ("docs/model-card.md", "confidence"): _confidence(results),
        ("docs/model-card.md", "failures"): _failures(results),
    }


def publish(results: Accuracy, scores: Path, root: Path = ROOT) -> list[Path]:
    """Rewrite the marked blocks of the pages under ``root``, their pictures and the figures.

    ``scores``: the folder that ``score`` wrote, with its reports. Raises FlareError.
    """
    written = [root / "docs" / RELIABILITY, root / "docs" / RESULTS]
    _copy_failures(results, scores, root)
    for (page, name), text in blocks(results).items():
        path = root / page
        write_text(path, with_block(path.read_text(encoding="utf-8"), name, text))
        written.append(path)
    draw(written[0], results)
    write_figures(written[1], results)
    return sorted(set(written))


def worst_cts(results: Accuracy) -> dict[str, CaseFigures]:
    """The CT on which each organ has its lowest Dice, by the organ's name."""
    worst = {}
    for n, name in enumerate(ORGAN_NAMES):
        scored = [(dice, case) for case in results.cts if (dice := case.organs[n].dice) is not None]
        if scored:
            worst[name] = min(scored, key=lambda pair: pair[0])[1]
    return worst


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


def _copy_failures(results: Accuracy, scores: Path, root: Path) -> None:
    for organ, case in worst_cts(results).items():
        source = scores / "cts" / "report" / "pictures" / f"{case.name}-{organ}.png"
        if not source.is_file():
            raise DataError(f"{source} does not exist.", "Run python -m accuracy score with its pictures.")
        with atomic_write(root / "docs" / _failure(organ), ".png") as beside:
            Image.open(source).convert("RGB").quantize(_COLOURS).save(beside, optimize=True)


def _failures(results: Accuracy) -> str:
    parts = []
    for n, (organ, case) in enumerate(worst_cts(results).items()):
        title = f"{organ.capitalize()}, {title_of(case)}"
        parts += [f"{title}: DSC/NSD {scores_of(case.organs[n])} %\n", f"![{title}]({_failure(organ)})\n"]
    return "\n".join(parts)


def _failure(organ: str) -> str:
    return f"pictures/failures-{organ}.png"


def _confidence(results: Accuracy) -> str:
    parts = [confidence_table(results)]
    if results.calibration:
        parts += [
            f"Fitted on {results.fitted_on}. Over bins of equal size of these patients, each left out of its own fit "
            "together with all others of its label map, confidence and Dice are apart by at most "
            f"{agreement_line(results.calibration)}:\n",
            calibration_table(results.calibration),
            f"![Reliability diagram: stated confidence against Dice for each organ]({RELIABILITY})\n",
        ]
    return "\n".join(parts)

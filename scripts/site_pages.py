"""Assembly of the documentation site's pages: ``python scripts/site_pages.py build/pages``.

They lie there as in the repository, so that a link that works on GitHub works on the site: the README as its first
page, docs/, other pages of the root, pictures. The page on the command is made from the command itself.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
COPIED = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "CITATION.cff", "LICENSE", "docs", "Resources")


def main(target: Path) -> None:
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    for name in COPIED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, target / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, target / name)
    (target / "docs" / "command.md").write_text(command_page(), encoding="utf-8")


def command_page() -> str:
    """All commands of ``flareseg`` with their options."""
    words = [sys.executable, "-m", "typer", "flareseg.cli.app", "utils", "docs", "--name", "flareseg"]
    page = subprocess.run(words, stdout=subprocess.PIPE, text=True, encoding="utf-8", check=True).stdout
    return page.replace("# `flareseg`", "# The command `flareseg`", 1)


if __name__ == "__main__":
    main(Path(sys.argv[1]))

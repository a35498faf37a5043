"""HTML pages that are readable without a network: their common look, for the templates of a package."""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, FileSystemLoader

from flareseg import __version__
from flareseg.core.organs import ORGANS


def page_environment(templates: Path) -> Environment:
    """The environment of the templates in a folder, which may extend page.html.j2."""
    loader = FileSystemLoader([templates, Path(__file__).with_name("templates")])
    environment = Environment(loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.globals |= {"version": __version__, "organs": ORGANS}
    return environment

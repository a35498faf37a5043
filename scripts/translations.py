"""Write the template of translations from the code: ``python scripts/translations.py`` (`make translations`).

Collects the texts that Slicer translates: calls of ``_()``, ``N_()`` and ``translate()`` in the Slicer side, and the
texts of the .ui files. Qt's own lupdate does not know ``_()``. Contexts are those of ``slicer.i18n.getContext``: the
name of the file after that of its package. A pull request to Slicer/SlicerLanguageTranslations begins with this file.
"""

from __future__ import annotations

import ast
import sys
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
MODULE = ROOT / "FlareSegmentation"
TEMPLATE = ROOT / "Resources" / "Translations" / "FlareSegmentation_en-US.ts"
MARKS = ("_", "N_")

Message = tuple[str, str]
"""Context and text."""


def main(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(template(), encoding="utf-8")


def template() -> str:
    """The texts of the module as a Qt Linguist file, without line numbers, which every change would move."""
    root = ET.Element("TS", version="2.1", language="en_US", sourcelanguage="en_US")
    contexts: dict[str, ET.Element] = {}
    for context, text in sorted(set(messages())):
        if context not in contexts:
            contexts[context] = ET.SubElement(root, "context")
            ET.SubElement(contexts[context], "name").text = context
        message = ET.SubElement(contexts[context], "message")
        ET.SubElement(message, "source").text = text
        ET.SubElement(message, "translation", type="unfinished")
    ET.indent(root, "    ")
    return f'<?xml version="1.0" encoding="utf-8"?>\n<!DOCTYPE TS>\n{ET.tostring(root, encoding="unicode")}\n'


def messages() -> Iterator[Message]:
    for path in [MODULE / "FlareSegmentation.py", *MODULE.glob("FlareSegmentationLib/**/*.py")]:
        yield from of_python(path)
    for path in MODULE.glob("Resources/UI/*.ui"):
        yield from of_ui(path)


def of_python(path: Path) -> Iterator[Message]:
    """Raises ValueError for a marked text that is computed: nothing can translate it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
            continue
        if node.func.id in MARKS and not isinstance(node.args[0], ast.Name):
            yield context_of(path), literal(node.args[0], path)
        elif node.func.id == "translate":
            yield literal(node.args[0], path), literal(node.args[1], path)


def literal(node: ast.expr, path: Path) -> str:
    if not isinstance(node, ast.Constant) or not isinstance(node.value, str):
        raise ValueError(f"{path}, line {node.lineno}: the text to translate is computed")
    return node.value


def context_of(path: Path) -> str:
    return f"{path.parent.name}.{path.stem}" if (path.parent / "__init__.py").is_file() else path.stem


def of_ui(path: Path) -> Iterator[Message]:
    """Texts of the form; its class is their context. Those marked ``notr`` are names of nodes and parameters."""
    form = ET.parse(path).getroot()
    context = form.findtext("class", "")
    for parent in form.iter():
        if parent.get("notr") != "true":
            yield from ((context, text.text) for text in parent.findall("string") if text.text and is_shown(text))


def is_shown(text: ET.Element) -> bool:
    return text.get("notr") != "true"


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else TEMPLATE)

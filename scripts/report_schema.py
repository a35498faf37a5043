#!/usr/bin/env python
"""Write docs/report.schema.json from the dataclasses of flareseg.core.report: python scripts/report_schema.py"""

from __future__ import annotations

import json
from pathlib import Path

from flareseg.core.report import Report
from pydantic import ConfigDict, TypeAdapter
from pydantic.json_schema import GenerateJsonSchema

SCHEMA = Path(__file__).resolve().parents[1] / "docs" / "report.schema.json"
CONFIG = ConfigDict(
    use_attribute_docstrings=True, extra="forbid", strict=True, json_schema_serialization_defaults_required=True
)
# of a list, because the configuration reaches the dataclasses in it, but not one that is given directly
REPORTS = TypeAdapter(list[Report], config=CONFIG)


class WithoutTitles(GenerateJsonSchema):
    """Fields without titles, which would repeat their names."""

    def field_title_should_be_set(self, schema: object) -> bool:
        return False


def schema() -> dict[str, object]:
    """The JSON schema of a report (draft 2020-12); each description is the docstring of its class or field."""
    definitions = REPORTS.json_schema(mode="serialization", schema_generator=WithoutTitles)["$defs"]
    report = definitions.pop("Report")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **report, "$defs": definitions}


if __name__ == "__main__":
    SCHEMA.write_text(json.dumps(schema(), indent=2) + "\n", encoding="utf-8")

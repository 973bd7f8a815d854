"""
Validate documents against their JSON Schemas.

Two libraries do it.  One is compiled and says within microseconds whether a document is
as it should be; the other takes a hundred times as long, and says best what is wrong.
So the second is imported, and asked, only where something is.
"""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, cast

import jsonschema_rs

from tornproof_conformance.specification.places import specification_directory

LONGEST_REASON = 200
"""Characters of a complaint that are passed on; it may quote half the document."""


def complaint(document: Any, schema: str | Path) -> str:
    """
    Say in a line what keeps a document from being what a schema says; empty if nothing does.

    The schema is a name in `spec/schema`, or a path.
    """
    path = schema if isinstance(schema, Path) else specification_directory() / "schema" / schema
    if _validator(path).is_valid(document):
        return ""
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import best_match

    found = best_match(Draft202012Validator(_schema(path)).iter_errors(document))
    reason = (
        " ".join(f"{found.json_path}: {found.message}".split()) if found else "not as described"
    )
    return reason if len(reason) <= LONGEST_REASON else f"{reason[:LONGEST_REASON]}…"


@cache
def _schema(path: Path) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", json.loads(path.read_text(encoding="utf-8")))


@cache
def _validator(path: Path) -> jsonschema_rs.Validator:
    return jsonschema_rs.validator_for(dict(_schema(path)))

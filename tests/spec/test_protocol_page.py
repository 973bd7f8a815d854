"""The chapter on the protocol shows the operations of the schema."""

import json

from tests.spec.generate_tables import PAGE, SCHEMA, filled


def test_the_tables_are_those_of_the_schema() -> None:
    """`python -m tests.spec.generate_tables` would change nothing."""
    definitions = json.loads(SCHEMA.read_text(encoding="utf-8"))["$defs"]
    page = PAGE.read_text(encoding="utf-8")

    assert filled(page, definitions) == page


def test_every_operation_is_shown() -> None:
    """A new operation of the schema has a row somewhere in the chapter."""
    definitions = json.loads(SCHEMA.read_text(encoding="utf-8"))["$defs"]
    page = PAGE.read_text(encoding="utf-8")
    names = [
        name
        for name, each in definitions.items()
        if {"args", "ok"} <= {*each.get("properties", {})}
    ]

    assert [name for name in names if f"| `{name}` |" not in page] == []

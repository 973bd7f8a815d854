"""
Write the tables of `spec/protocol.md` from the schema and from the table of claims.

    python -m tests.spec.generate_tables

replaces what stands between `<!-- operations: journal reader -->` and `<!-- end -->` by a table
of the operations whose names begin with `journal.` or `reader.`, and what follows
`<!-- unobservable -->` by a list of what the protocol cannot observe.  A test compares.
"""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tornproof_conformance.specification.claims import UNOBSERVABLE

SPECIFICATION = Path(__file__).resolve().parents[2] / "spec"
PAGE = SPECIFICATION / "protocol.md"
SCHEMA = SPECIFICATION / "schema" / "protocol.schema.json"

_SECTION = re.compile(
    r"(?P<begin><!-- (?P<kind>operations|unobservable)(: (?P<groups>[a-z_ ]+))? -->\n)"
    r".*?(?P<end><!-- end -->\n)",
    re.DOTALL,
)


def filled(page: str, definitions: Mapping[str, Any]) -> str:
    """Return the text of a page with its tables as the schema and the claims have them."""

    def fill(section: re.Match[str]) -> str:
        if section["kind"] == "operations":
            lines = operations(definitions, section["groups"].split())
        else:
            lines = unobservable()
        table = "\n".join(lines)
        return f"{section['begin']}\n{table}\n\n{section['end']}"

    return _SECTION.sub(fill, page)


def operations(definitions: Mapping[str, Any], groups: list[str]) -> Iterator[str]:
    """Yield the rows of a table of operations: name, arguments, members of `ok`, description."""
    yield "| op | args | ok | what it asks |"
    yield "|---|---|---|---|"
    for name, definition in definitions.items():
        parts = definition.get("properties", {})
        if name.partition(".")[0] in groups and "ok" in parts:
            arguments, members = _members(parts["args"]), _members(parts["ok"])
            yield f"| `{name}` | {arguments} | {members} | {definition['description']} |"


def unobservable() -> Iterator[str]:
    """Yield an entry for each reason, with the requirements to which it applies."""
    for reason in dict.fromkeys(UNOBSERVABLE.values()):
        names = ", ".join(name for name, said in UNOBSERVABLE.items() if said == reason)
        yield f"- {names}: {reason}."


def _members(form: Mapping[str, Any]) -> str:
    """List the members of an object; one with a question mark may be left out."""
    required = form.get("required", ())
    names = (name if name in required else f"{name}?" for name in form.get("properties", {}))
    return ", ".join(f"`{name}`" for name in names)


def main() -> None:
    """Write the page."""
    definitions = json.loads(SCHEMA.read_text(encoding="utf-8"))["$defs"]
    PAGE.write_text(filled(PAGE.read_text(encoding="utf-8"), definitions), encoding="utf-8")


if __name__ == "__main__":
    main()

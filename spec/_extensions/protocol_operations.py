"""
Tabulate the operations of the adapter protocol from its schema.

    ```{protocol-operations} journal reader
    ```

The arguments name groups of operations: what stands before the dot, or the whole
name of one that has none.  A member with a question mark may be left out.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

SCHEMA = "schema/protocol.schema.json"

Row: TypeAlias = tuple[str, tuple[str, ...], tuple[str, ...], str]
"""Name, arguments, members of `ok`, and description of an operation."""


class ProtocolOperations(SphinxDirective):
    """The directive `protocol-operations`."""

    required_arguments = 1
    final_argument_whitespace = True

    def run(self) -> list[nodes.Node]:
        """Read the schema and make a table of the operations asked for."""
        _, path = self.env.relfn2path(f"/{SCHEMA}")
        self.env.note_dependency(path)
        with open(path, encoding="utf-8") as file:  # noqa: PTH123
            definitions = json.load(file)["$defs"]
        rows = list(operations(definitions, self.arguments[0].split()))
        if not rows:
            raise self.error(f"no operation of {self.arguments[0]!r} in {SCHEMA}")
        return [_table(rows)]


def operations(definitions: Mapping[str, Any], groups: list[str]) -> Iterator[Row]:
    """Yield name, arguments, members of `ok` and description of each operation."""
    for name, definition in definitions.items():
        if name.partition(".")[0] in groups and "ok" in definition.get("properties", {}):
            parts = definition["properties"]
            yield name, _members(parts["args"]), _members(parts["ok"]), definition["description"]


def _members(form: Mapping[str, Any]) -> tuple[str, ...]:
    required = form.get("required", ())
    return tuple(name if name in required else f"{name}?" for name in form.get("properties", {}))


def _names(names: Sequence[str]) -> Iterator[nodes.Node]:
    """Show each name as a word of its own, so that a line may end between two."""
    for number, name in enumerate(names):
        if number:
            yield nodes.Text(", ")
        yield nodes.literal("", name)


def _table(rows: list[Row]) -> nodes.table:
    group = nodes.tgroup(cols=4)
    group += [nodes.colspec(colwidth=width) for width in (20, 22, 22, 36)]
    head, body = nodes.thead(), nodes.tbody()
    head += _row(*(nodes.paragraph("", word) for word in ("op", "args", "ok", "what it asks")))
    for name, arguments, ok, description in rows:
        cells = [nodes.paragraph("", "", *_names(text)) for text in ((name,), arguments, ok)]
        body += _row(*cells, nodes.paragraph("", description))
    group += [head, body]
    table = nodes.table(classes=["protocol"])
    table += group
    return table


def _row(*cells: nodes.Node) -> nodes.row:
    row = nodes.row()
    row += [nodes.entry("", cell) for cell in cells]
    return row


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directive."""
    app.add_directive("protocol-operations", ProtocolOperations)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}

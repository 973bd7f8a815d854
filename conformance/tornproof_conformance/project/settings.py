"""
`tornproof.toml`: what `tornproof check` does in a project without arguments.

    command = "durability/adapter"
    budget = 60
    claims = ["journal/core"]

    [reports]
    html = "build/tornproof.html"

The same may stand in `pyproject.toml`, under `[tool.tornproof]`.  Paths are those of the
working directory, in which the file is.  `spec/schema/project.schema.json` has every key.
"""

import re
import shlex
import tomllib
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from attrs import field, frozen
from tornproof.errors import Invalid
from tornproof_models.documents.files import read_file
from tornproof_models.documents.words import printable, shown

from tornproof_conformance.adapter.speaking.messages import claims
from tornproof_conformance.specification.schemas import complaint

NAME, ALTERNATIVE = "tornproof.toml", "pyproject.toml"


@frozen
class Settings:
    """What a project has settled; nothing that is not written there."""

    source: str = ""
    """The file, for messages; empty if there is none."""

    command: tuple[str, ...] = ()
    build: str = ""
    claims: tuple[str, ...] = ()
    """Those on which the project insists."""

    options: Mapping[str, Any] = field(factory=dict)
    """Defaults of the options of `tornproof check`, by the names of its parameters."""


def read_settings(directory: Path) -> Settings:
    """
    Read the settings of a project; empty ones if it has none.

    Raises `Invalid` with the file and the line if they are not as the schema has them.
    """
    path = directory / NAME
    if path.is_file():
        text = _text(path)
        return _settings(_document(text, path), text, path, "")
    path = directory / ALTERNATIVE
    if path.is_file():
        text = _text(path)
        if "tornproof" in text and (
            found := _document(text, path).get("tool", {}).get("tornproof")
        ):
            return _settings(found, text, path, "tool.tornproof")
    return Settings()


def _text(path: Path) -> str:
    try:
        return read_file(path, "settings").decode()
    except UnicodeDecodeError as error:
        raise Invalid(
            f"{shown(path)} is not UTF-8: {error.reason}, at byte {error.start}"
        ) from None


def _document(text: str, path: Path) -> Mapping[str, Any]:
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # of TOML, or 4,301 digits
        line = re.search(r"\(at line (\d+)", str(error))
        place = f"{shown(path)}:{line[1]}" if line else shown(path)
        raise Invalid(f"{place} is not TOML: {printable(str(error))}") from None


def _settings(document: Any, text: str, path: Path, table: str) -> Settings:
    """Take the settings that stand in a table of a document; at its top if `table` is empty."""

    def refuse(key: str, reason: str, inner: str = "") -> Invalid:
        full = ".".join(filter(None, (table, inner)))
        return Invalid(f"{shown(path)}:{line_of(text, key, full)}: {reason}")

    if not isinstance(document, dict):
        raise Invalid(f"{shown(path)}: {table} is no table")
    known = set(_PARAMETERS) | {"command", "build", "claims", "reports"}
    for key in document:
        if key not in known:
            near = get_close_matches(key, known, n=1)
            hint = (
                f": did you mean {near[0]}?" if near else f"; there are {', '.join(sorted(known))}"
            )
            raise refuse(key, f"there is no setting {shown(key)}{hint}")
        if reason := complaint({key: document[key]}, "project.schema.json"):
            inner = re.match(rf"\$\.{key}\.(\w+)", reason)
            raise refuse(inner[1], reason, key) if inner else refuse(key, printable(reason))
    for claim in document.get("claims", ()):
        if claim not in claims():
            near = get_close_matches(claim, claims(), n=1)
            hint = f": did you mean {near[0]}?" if near else "; `tornproof list claims` lists them"
            raise refuse("claims", f"there is no claim {shown(claim)}{hint}")
    try:
        command = tuple(shlex.split(document.get("command", "")))
    except ValueError as error:
        raise refuse("command", f"the command cannot be split: {error}") from None
    options = {_PARAMETERS[key]: value for key, value in document.items() if key in _PARAMETERS}
    return Settings(
        shown(path),
        command,
        document.get("build", ""),
        tuple(document.get("claims", ())),
        options | document.get("reports", {}),
    )


_PARAMETERS: Mapping[str, str] = {
    "budget": "seconds",
    "timeout": "timeout",
    "seed": "seed",
    "jobs": "jobs",
    "crash_models": "crash_models",
    "known": "known",
    "reproducers": "reproducers",
}
"""The parameter of `tornproof check` that each setting stands for."""


def line_of(text: str, key: str, table: str = "", number: int = 1) -> int:
    """
    Return the line, from 1, that sets a key; that of its table if it is written otherwise.

    `table` is the heading under which it stands, and `number` says which of several tables of
    that name, as in a list of tables.
    """
    current, seen, heading = "", 0, 1
    assigned = re.compile(rf"\s*[\"']?{re.escape(key)}[\"']?\s*[=.]")
    for at, line in enumerate(text.splitlines(), start=1):
        if found := re.match(r"\s*\[{1,2}\s*([^\]]+?)\s*\]", line):
            current = found[1].replace('"', "").replace(" ", "")
            seen += current == table
            is_meant = current == table and seen == number
            heading = at if is_meant or current == f"{table}.{key}".lstrip(".") else heading
        elif current == table and (not table or seen == number) and assigned.match(line):
            return at
    return heading

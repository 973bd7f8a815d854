"""
Read the requirements from the chapters of the specification.

The requirements are written once, in `spec/*.md`, for people.  A requirement is
one paragraph that begins with its number and level, a paragraph that says why,
and often one that says what other systems do:

    **REC-2** (MUST) The cut is durable before the first append after it.

    *Why.* A record behind a cut that comes undone is lost.

    *Elsewhere.* …

Everything that shows a requirement's text, the runner, the reports and the
command line, takes it from here, so that text and verdict cannot drift apart.
A chapter that breaks the form is an error, and the error names the line.

Which tests look at a requirement is read from the tests themselves: the
decorator `@requirement("REC-2")` is found in their source, without running it.
"""

import ast
import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from enum import StrEnum
from functools import cache
from itertools import takewhile
from pathlib import Path
from types import MappingProxyType

from attrs import frozen
from tornproof.errors import TornproofError

from tornproof_conformance.specification.places import specification_directory

FAMILIES: Mapping[str, str] = MappingProxyType(
    {
        "FRM": "Frame",
        "JRN": "Journal",
        "REC": "Recovery",
        "SEG": "Segments",
        "CUR": "Cursors",
        "RDR": "Reader",
        "GRP": "Group commit",
        "AUD": "Audit index",
        "EVT": "Events",
        "CHN": "Chain",
        "DRN": "Drainer",
        "QUE": "Job queues",
        "WRK": "Workloads",
        "SYS": "System",
        "ADP": "Adapter",
    }
)
"""The families of requirements, in the order in which to read them."""


class SpecificationError(TornproofError):
    """A chapter of the specification breaks the form; the message names the line."""


class UnknownRequirement(SpecificationError):
    """No chapter states a requirement of that number."""


class Level(StrEnum):
    """How much a requirement asks."""

    MUST = "MUST"
    """Whoever claims the claim holds it."""

    SHOULD = "SHOULD"
    """Holding it is better; a breach is reported and does not fail."""

    EXTENSION = "EXTENSION"
    """Holds for implementations that claim it by name."""


@frozen
class Requirement:
    """One numbered sentence of the specification."""

    id: str
    level: Level
    sentence: str
    reason: str
    helps: str | None
    """What usually helps where it is violated."""

    elsewhere: str | None
    chapter: str
    """Name of the file without its suffix, such as `recovery`."""
    line: int
    """Line of the file on which the requirement begins, from 1."""

    @property
    def family(self) -> str:
        """The letters before the number."""
        return self.id.partition("-")[0]

    @property
    def number(self) -> int:
        """The number within the family."""
        return int(self.id.partition("-")[2])


@cache
def requirements(directory: Path | None = None) -> Mapping[str, Requirement]:
    """
    Read every requirement, by id, in the order of families and numbers.

    Raises `SpecificationError` for a chapter that breaks the form: an id stated
    twice or of no known family, an unknown level, a missing reason.
    """
    found: dict[str, Requirement] = {}
    for path in sorted((directory or specification_directory()).glob("*.md")):
        for stated in parse_chapter(path.stem, path.read_text(encoding="utf-8")):
            if stated.id in found:
                first = found[stated.id]
                raise SpecificationError(
                    f"{_place(stated)}: {stated.id} is already stated at {_place(first)}: "
                    "an id belongs to one sentence for ever; take the next free number"
                )
            found[stated.id] = stated
    order = list(FAMILIES)
    ranked = sorted(found.values(), key=lambda each: (order.index(each.family), each.number))
    return MappingProxyType({each.id: each for each in ranked})


def requirement(identifier: str) -> Requirement:
    """Look one requirement up, or raise `UnknownRequirement` with what may have been meant."""
    known = requirements()
    try:
        return known[identifier]
    except KeyError:
        near = get_close_matches(identifier.upper(), known, n=3)
        hint = f"did you mean {' or '.join(near)}?" if near else "`tornproof list` shows them all"
        raise UnknownRequirement(f"no requirement {identifier!r} in spec/*.md: {hint}") from None


# Chapters

_BEGINS = re.compile(r"\*\*[A-Z]+-\d+\*\*")
_STATED = re.compile(r"\*\*(?P<id>(?P<family>[A-Z]+)-[1-9]\d*)\*\* \((?P<level>\w+)\) (?P<text>.+)")
_WHY, _HELPS, _ELSEWHERE = "*Why.* ", "*What helps.* ", "*Elsewhere.* "


def parse_chapter(chapter: str, text: str) -> Iterator[Requirement]:
    """Yield the requirements that a chapter states, in order."""
    paragraphs = list(_paragraphs(text))
    for index, (line, paragraph) in enumerate(paragraphs):
        if not _BEGINS.match(paragraph):
            continue
        place = f"spec/{chapter}.md:{line}"

        # sentence
        match = _STATED.match(paragraph)
        if match is None:
            raise SpecificationError(
                f"{place}: {paragraph[:40]!r} is not of the form '**REC-2** (MUST) Sentence.'"
            )
        if match["family"] not in FAMILIES:
            raise SpecificationError(
                f"{place}: {match['id']} is of no known family: {', '.join(FAMILIES)}"
            )
        if match["level"] not in Level.__members__:
            raise SpecificationError(
                f"{place}: level {match['level']} of {match['id']} is none of {', '.join(Level)}"
            )

        # reason, what helps, and what others do
        following = [each for _, each in paragraphs[index + 1 : index + 4]]
        if not following or not following[0].startswith(_WHY):
            raise SpecificationError(
                f"{place}: {match['id']} has no reason: let a paragraph follow that begins '*Why.*'"
            )
        beside = list(takewhile(lambda each: each.startswith((_HELPS, _ELSEWHERE)), following[1:]))
        yield Requirement(
            id=match["id"],
            level=Level(match["level"]),
            sentence=match["text"],
            reason=following[0].removeprefix(_WHY),
            helps=_part(_HELPS, beside),
            elsewhere=_part(_ELSEWHERE, beside),
            chapter=chapter,
            line=line,
        )


def _part(label: str, paragraphs: list[str]) -> str | None:
    found = (each.removeprefix(label) for each in paragraphs if each.startswith(label))
    return next(found, None)


def _paragraphs(text: str) -> Iterator[tuple[int, str]]:
    """Yield the paragraphs outside fences, each on one line, with the line it begins on."""
    fence, start, lines = "", 0, list[str]()
    for number, line in enumerate([*text.splitlines(), ""], start=1):
        mark = re.match(r" {0,3}(`{3,}|~{3,}|:{3,})", line)
        if fence:
            fence = "" if mark and line.strip() == fence else fence
        elif mark or not line.strip():
            fence = mark[1] if mark else ""
            if lines:
                yield start, " ".join(lines)
            lines = []
        else:
            start = start if lines else number
            lines.append(line.strip())


def _place(stated: Requirement) -> str:
    return f"spec/{stated.chapter}.md:{stated.line}"


# Tests


def tests_of(identifier: str) -> tuple[str, ...]:
    """
    Name the tests that carry `@requirement` with this id, as `path::name`.

    Only a checkout has tests; without one the answer is empty.
    """
    checkout = Path(__file__).resolve().parents[3]
    marked = (
        name
        for path in _test_files(checkout)
        if identifier in _source(path)  # most files say nothing of it, and parsing takes a while
        for name, identifiers in _marked_in(path, checkout)
        if identifier in identifiers
    )
    return tuple(dict.fromkeys(marked))


def marked_tests(checkout: Path) -> Mapping[str, tuple[str, ...]]:
    """Map each id to the tests below `checkout` that carry it, in the order of their source."""
    found: dict[str, list[str]] = {}
    for path in _test_files(checkout):
        for name, identifiers in _marked_in(path, checkout):
            for identifier in identifiers:
                found.setdefault(identifier, []).append(name)
    return {identifier: tuple(dict.fromkeys(names)) for identifier, names in found.items()}


@cache
def _test_files(checkout: Path) -> tuple[Path, ...]:
    return tuple(sorted((checkout / "tests").rglob("test_*.py")))


@cache
def _source(path: Path) -> str:
    return path.read_text(encoding="utf-8")


@cache
def _marked_in(path: Path, checkout: Path) -> tuple[tuple[str, list[str]], ...]:
    """Return each marked test of a file with the ids it carries itself."""
    tree = ast.parse(_source(path), filename=str(path))
    return tuple(_marks(tree.body, path.relative_to(checkout).as_posix()))


def _marks(body: list[ast.stmt], prefix: str) -> Iterator[tuple[str, list[str]]]:
    """Yield each marked test below `prefix` with the ids it carries itself."""
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            name = f"{prefix}::{node.name}"
            yield name, [each for mark in node.decorator_list for each in _identifiers(mark)]
            if isinstance(node, ast.ClassDef):
                yield from _marks(node.body, name)
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            # pytestmark = requirement("…") marks all around it; Name = requirement("…")(…) a class
            target = node.targets[0].id
            name = prefix if target == "pytestmark" else f"{prefix}::{target}"
            yield name, [each for part in ast.walk(node.value) for each in _identifiers(part)]


def _identifiers(node: ast.AST) -> list[str]:
    """Read the ids out of `requirement("…", …)` or `pytest.mark.requirement("…", …)`."""
    if not isinstance(node, ast.Call):
        return []
    called = node.func
    name = called.id if isinstance(called, ast.Name) else getattr(called, "attr", None)
    if name != "requirement":
        return []
    return [
        argument.value
        for argument in node.args
        if isinstance(argument, ast.Constant) and isinstance(argument.value, str)
    ]

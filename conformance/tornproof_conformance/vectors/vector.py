"""
Read the test vectors.

Vectors need no runner and outlive it.  An implementer in any language can put
the files of a case into an empty directory, open it, and compare; or store the
audits of a case, ask its question, and compare.  They stand in
`spec/vectors/*.json`, each file described by the schema that it names; the
checksum of every case stands in `spec/vectors/CHECKSUMS`, because a case that
has been published never changes.
"""

import json
from base64 import b64decode
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from attrs import frozen
from tornproof_models.documents.words import shown

from tornproof_conformance.specification import requirements
from tornproof_conformance.specification.places import specification_directory
from tornproof_conformance.specification.requirements import Level, SpecificationError
from tornproof_conformance.specification.schemas import complaint

SCHEMAS = tuple(
    f"../schema/{name}.schema.json" for name in ("vector", "audit-vector", "byte-vector")
)
"""What a file of vectors may name as its schema; no other file is opened for it."""


@frozen
class Recovers:
    """Recovery succeeds, and a scan yields exactly these records."""

    records: tuple[tuple[int, bytes], ...]
    """Offsets and payloads, in order."""

    discarded_bytes: int
    unchanged: tuple[str, ...]
    """Files that are there afterwards with the same bytes."""

    absent: tuple[str, ...]
    """Files that are gone afterwards."""


@frozen
class Refused:
    """Recovery fails with this code, and every file keeps its bytes."""

    code: str


@frozen
class ImageVector:
    """A directory as a crash left it, and what recovery must make of it."""

    id: str
    """Such as `rec/garbage-tail`; never given to another case."""

    requirements: tuple[str, ...]
    level: Level
    comment: str
    """The fact, in one sentence."""

    flags: tuple[str, ...]
    """Names of the bugs that the case looks for."""

    source: str
    """A published bug, or this project."""

    max_payload: int | None
    """Maximum payload in bytes to open the journal with; the default if none."""

    files: Mapping[str, bytes]
    expect: Recovers | Refused


@cache
def cases(directory: Path | None = None) -> tuple[Mapping[str, Any], ...]:
    """
    Load every case as it stands in its file, in the order of files and cases.

    Raises `SpecificationError` for a file that breaks the schema it names, an id
    given twice, or a requirement that no chapter states.
    """
    root = directory or specification_directory()
    found: dict[str, Mapping[str, Any]] = {}
    for path in sorted((root / "vectors").glob("*.json")):
        for case in _checked(path)["cases"]:
            if case["id"] in found:
                raise SpecificationError(f"{path}: {case['id']} is given to two cases")
            for identifier in case["requirements"]:
                requirements.requirement(identifier)
            found[case["id"]] = case
    return tuple(found.values())


@cache
def image_vectors(directory: Path | None = None) -> tuple[ImageVector, ...]:
    """Load the vectors that are images of a journal; raises what `cases` raises."""
    return tuple(image_vector(case) for case in cases(directory) if case["kind"] == "image")


def vectors_of(identifier: str) -> tuple[str, ...]:
    """Name the vectors that exercise a requirement."""
    return tuple(case["id"] for case in cases() if identifier in case["requirements"])


def _checked(path: Path) -> Mapping[str, Any]:
    """Read a file of vectors that keeps to the schema it names."""
    document: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    if reason := schema_complaint(document):
        raise SpecificationError(f"{path}: {reason}")
    return document


def schema_complaint(document: Mapping[str, Any]) -> str:
    """Say where a file of vectors breaks the schema that it names, which is one of this suite's."""
    name = document.get("$schema", SCHEMAS[0])
    if name not in SCHEMAS:
        return f"$schema is {shown(name)}; {' or '.join(SCHEMAS)} was expected"
    return complaint(document, name.rpartition("/")[2])


def image_vector(case: Mapping[str, Any]) -> ImageVector:
    """Read a case of kind `image` that keeps to the schema."""
    return ImageVector(
        id=case["id"],
        requirements=tuple(case["requirements"]),
        level=Level(case["level"]),
        comment=case["comment"],
        flags=tuple(case["flags"]),
        source=case["source"],
        max_payload=case.get("max_payload"),
        files={name: b64decode(data) for name, data in case["files"].items()},
        expect=_expectation(case["expect"]),
    )


def _expectation(expect: Mapping[str, Any]) -> Recovers | Refused:
    if "error" in expect:
        return Refused(expect["error"])
    return Recovers(
        records=tuple(
            (int(record["offset"]), b64decode(record["payload"])) for record in expect["records"]
        ),
        discarded_bytes=expect["discarded_bytes"],
        unchanged=tuple(expect.get("unchanged", ())),
        absent=tuple(expect.get("absent", ())),
    )

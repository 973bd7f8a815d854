"""
The frozen vectors: bytes on disk, and what recovery must yield.

Vectors need no runner and outlive it.  An implementer in any language can put
the files of a case into an empty directory, open it, and compare.  They stand
in `spec/vectors/*.json`, described by `spec/schema/vector.schema.json`; the
checksum of every case stands in `spec/vectors/CHECKSUMS`, because a case that
has been published never changes.
"""

import json
from base64 import b64decode
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from attrs import frozen
from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

from tornproof_conformance import specification
from tornproof_conformance.specification import Level, SpecificationError


@frozen
class Recovered:
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
    expect: Recovered | Refused


@cache
def image_vectors(directory: Path | None = None) -> tuple[ImageVector, ...]:
    """
    Load every vector, in the order of files and cases.

    Raises `SpecificationError` for a file that breaks the schema, an id given
    twice, or a requirement that no chapter states.
    """
    root = directory or specification.specification_directory()
    schema = json.loads((root / "schema" / "vector.schema.json").read_text(encoding="utf-8"))
    vectors: dict[str, ImageVector] = {}
    for path in sorted((root / "vectors").glob("*.json")):
        for vector in _load(path, schema):
            if vector.id in vectors:
                raise SpecificationError(f"{path}: {vector.id} is given to two cases")
            for identifier in vector.requirements:
                specification.requirement(identifier)
            vectors[vector.id] = vector
    return tuple(vectors.values())


def vectors_of(identifier: str) -> tuple[str, ...]:
    """Name the vectors that exercise a requirement."""
    return tuple(vector.id for vector in image_vectors() if identifier in vector.requirements)


def _load(path: Path, schema: Mapping[str, Any]) -> Iterator[ImageVector]:
    document = json.loads(path.read_text(encoding="utf-8"))
    if error := best_match(Draft202012Validator(schema).iter_errors(document)):
        raise SpecificationError(f"{path}: {error.json_path}: {error.message}")
    for case in document["cases"]:
        yield ImageVector(
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


def _expectation(expect: Mapping[str, Any]) -> Recovered | Refused:
    if "error" in expect:
        return Refused(expect["error"])
    return Recovered(
        records=tuple(
            (int(record["offset"]), b64decode(record["payload"])) for record in expect["records"]
        ),
        discarded_bytes=expect["discarded_bytes"],
        unchanged=tuple(expect.get("unchanged", ())),
        absent=tuple(expect.get("absent", ())),
    )

"""
Add test vectors to files, and check that published ones are unchanged.

Vectors are frozen.  `append_case` adds one to a file and its checksum to the
`CHECKSUMS` beside it, and changes nothing that is there; `lint` says what is
wrong with a directory of vectors.
"""

import json
from base64 import b64decode, b64encode
from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeAlias

from tornproof.errors import Invalid
from tornproof_models.documents.files import read_file, read_json
from tornproof_models.documents.words import shown

from tornproof_conformance.specification.requirements import UnknownRequirement, requirement
from tornproof_conformance.vectors.second_reading import MAXIMUM, read_directory
from tornproof_conformance.vectors.vector import Recovers, Refused, schema_complaint

Case: TypeAlias = dict[str, Any]
"""A vector as it stands in its file."""

CHECKSUMS = "CHECKSUMS"
EXACT_INTEGERS = 1 << 53
"""Up to here a JSON number is exact everywhere; above, offsets are strings of digits."""


def encode_expectation(expect: Recovers | Refused) -> dict[str, Any]:
    """Write what recovery must yield, as a case says it."""
    if isinstance(expect, Refused):
        return {"error": expect.code}
    encoded: dict[str, Any] = {
        "records": [
            {
                "offset": offset if offset <= EXACT_INTEGERS else str(offset),
                "payload": b64encode(payload).decode(),
            }
            for offset, payload in expect.records
        ],
        "discarded_bytes": expect.discarded_bytes,
    }
    if expect.unchanged:
        encoded["unchanged"] = list(expect.unchanged)
    if expect.absent:
        encoded["absent"] = list(expect.absent)
    return encoded


def checksum(case: Mapping[str, Any]) -> str:
    """Hash a case, whatever its layout in the file."""
    canonical = json.dumps(case, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return sha256(canonical.encode()).hexdigest()


def append_case(case: Case, path: Path) -> None:
    """
    Add a case to a file of vectors, which is made if it is not there.

    Raises `Invalid`, and changes nothing, if the file or its directory is not in
    order, if the id or the image is there already, or if the case breaks the schema.
    """
    if complaints := list(lint(path.parent)) if path.parent.exists() else []:
        raise Invalid(f"{path.parent} is not in order: {complaints[0]}")
    document = _read(path) if path.exists() else _new_document(path)
    for known in _cases(path.parent):
        if known["id"] == case["id"]:
            raise Invalid(f"{case['id']} is given to a case already: ids are never reused")
        if known.get("files") == case["files"]:
            raise Invalid(f"the image is that of {known['id']} already")
    document["cases"].append(case)
    if complaint := schema_complaint(document):
        raise Invalid(f"{case['id']} would break the schema: {complaint}")
    sums = {**_published(path.parent), case["id"]: checksum(case)}
    text = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        (path.parent / CHECKSUMS).write_text(
            "".join(f"{sums[each]}  {each}\n" for each in sorted(sums)), encoding="utf-8"
        )
    except OSError as error:
        raise Invalid(f"cannot write {path}: {error.strerror}") from None


def _new_document(path: Path) -> dict[str, Any]:
    return {
        "$schema": "../schema/vector.schema.json",
        "vectors": 1,
        "subject": path.stem,
        "description": "What searching has found.",
        "cases": [],
    }


# Whether all is in order


def lint(directory: Path) -> Iterator[str]:
    """
    Yield what is wrong with the vectors of a directory.

    Each file keeps to its schema; each id is given once and each requirement stated;
    each case has the checksum under which it was published, and none is gone; and
    what an image must come to is what an independent reading of its frames says.
    """
    published = _published(directory)
    seen: set[str] = set()
    for path in sorted(directory.glob("*.json")):
        try:
            document = _read(path)
        except Invalid as error:
            yield str(error)
            continue
        if complaint := schema_complaint(document):
            yield f"{path}: {complaint}"
            continue
        for case in document["cases"]:
            yield from (f"{path}: {each}" for each in _case_complaints(case, seen, published))
            seen.add(case["id"])
    for identifier in sorted(published.keys() - seen):
        yield f"{directory / CHECKSUMS}: {identifier} was published and is gone"


def _case_complaints(
    case: Mapping[str, Any], seen: set[str], published: Mapping[str, str]
) -> Iterator[str]:
    name = case["id"]
    if name in seen:
        yield f"{name} is given to two cases"
    for identifier in case["requirements"]:
        try:
            requirement(identifier)
        except UnknownRequirement as error:
            yield f"{name}: {error}"
    if name not in published:
        yield f"{name} has no checksum"
    elif published[name] != checksum(case):
        yield f"{name} is not what was published: give a new case a new id"
    if case["kind"] == "image":
        yield from _reading_complaints(case)


def _reading_complaints(case: Mapping[str, Any]) -> Iterator[str]:
    files = {name: b64decode(data) for name, data in case["files"].items()}
    expect = encode_expectation(read_directory(files, case.get("max_payload", MAXIMUM)))
    for field in ("error", "records", "discarded_bytes"):
        if case["expect"].get(field) != expect.get(field):
            yield f"{case['id']}: the frames say otherwise about its {field}"


def _read(path: Path) -> dict[str, Any]:
    document = read_json(path, "vectors")
    if not isinstance(document, dict):
        raise Invalid(f"{shown(path)} is not a file of vectors")
    return document


def _cases(directory: Path) -> Iterator[Mapping[str, Any]]:
    for path in sorted(directory.glob("*.json")):
        yield from _read(path)["cases"]


def _published(directory: Path) -> dict[str, str]:
    path = directory / CHECKSUMS
    if not path.exists():
        return {}
    lines = read_file(path, "vectors").decode("utf-8", "backslashreplace").split("\n")
    return {name: digest for digest, _, name in (line.partition("  ") for line in lines if line)}

"""
Make the frozen vectors without the reference.

The bytes come from `framing`, the expectations from what a case says of itself.

    python -m tests.spec.generate_vectors

writes `spec/vectors/`.  A published case is never changed: if one comes out
different, nothing is written.
"""

import hashlib
import json
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.spec.framing import frames, name

VECTORS = Path(__file__).resolve().parents[2] / "spec" / "vectors"

FOUND = "found.json"
"""What `tornproof vectors promote` has added; nobody made it up, so it is kept as it is."""

Case = dict[str, Any]


def image(identifier: str, asks: str, comment: str, flags: str, **more: Any) -> Case:
    """Describe a case; `asks` and `flags` are lists, written as words."""
    source = more.pop("source", "tornproof")
    files = {each: b64encode(data).decode() for each, data in more.pop("files").items()}
    expect = more.pop("expect")
    return {
        "id": identifier,
        "kind": "image",
        "requirements": asks.split(),
        "level": "MUST",
        "comment": comment,
        "flags": flags.split(),
        "source": source,
        **more,
        "files": files,
        "expect": expect,
    }


def kept(*payloads: bytes, base: int = 0, cut: int = 0, **more: Any) -> Case:
    """Expect these records from `base` on, and so many bytes cut behind them."""
    records = []
    for payload in payloads:
        offset = base if base <= 2**53 else str(base)
        records.append({"offset": offset, "payload": b64encode(payload).decode()})
        base += 40 + len(payload)
    return {"records": records, "discarded_bytes": cut, **more}


def one(
    identifier: str, asks: str, comment: str, flags: str, *payloads: bytes, **more: Any
) -> Case:
    """Describe a journal of one segment: whole records, then a tail that is cut."""
    tail = more.pop("tail", b"")
    files = {name(0): frames(*payloads) + tail}
    expect = kept(*payloads, cut=len(tail))
    return image(identifier, asks, comment, flags, files=files, expect=expect, **more)


def checksum(case: Case) -> str:
    """Hash a case, whatever its layout in the file."""
    canonical = json.dumps(case, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def generated() -> Iterator[tuple[str, str]]:
    """Yield each file of `spec/vectors/` with its text."""
    from tests.spec.audit_vector_answers import ANSWERS
    from tests.spec.audit_vector_bytes import BYTES
    from tests.spec.byte_vector_cases import BYTES as OTHERS
    from tests.spec.vector_cases import SUBJECTS

    described = [(subject, "vector", *about) for subject, about in SUBJECTS.items()]
    described.append(("audit", "audit-vector", "Keys, records and answers.", BYTES + ANSWERS))
    described.append(("bytes", "byte-vector", "Values, and the bytes that they become.", OTHERS))
    checksums: dict[str, str] = {}
    for subject, schema, description, cases in described:
        head = {"$schema": f"../schema/{schema}.schema.json", "vectors": 1, "subject": subject}
        document = {**head, "description": description, "cases": cases}
        checksums |= {case["id"]: checksum(case) for case in cases}
        yield f"{subject}.json", json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    if (VECTORS / FOUND).exists():
        found = (VECTORS / FOUND).read_text(encoding="utf-8")
        checksums |= {case["id"]: checksum(case) for case in json.loads(found)["cases"]}
        yield FOUND, found
    yield "CHECKSUMS", "".join(f"{checksums[each]}  {each}\n" for each in sorted(checksums))


def main() -> None:
    """Write the vectors, unless a published case would change."""
    texts = dict(generated())
    published = VECTORS / "CHECKSUMS"
    old = set(published.read_text().splitlines()) if published.exists() else set[str]()
    if changed := old - set(texts["CHECKSUMS"].splitlines()):
        names = ", ".join(sorted(line.split()[1] for line in changed))
        raise SystemExit(f"published cases never change, give the new ones new ids: {names}")
    for each, text in texts.items():
        (VECTORS / each).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()

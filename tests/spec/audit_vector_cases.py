"""
The words in which the cases of `spec/vectors/audit.json` are written.

The cases themselves are in `audit_vector_bytes` and `audit_vector_answers`.
"""

from collections.abc import Mapping
from typing import Any

from tests.spec.audit_records import keys, nearest32, record

Case = dict[str, Any]
Audit = Mapping[str, Any]

LAST = 2**64 - 1
COLONS = 0x3A3A3A3A3A3A3A3A

ONE, TWO, COLON, ZERO = b"1" * 32, b"2" * 32, b":" * 32, bytes(32)
SEMICOLON = b":" * 31 + b";"
EVERY_LOW, EVERY_HIGH = bytes(range(32)), bytes(range(224, 256))

UNSAID = dict.fromkeys(("subject", "predicate", "lifecycle", "epoch", "lens"))


def audit(name: str | bytes, agent: bytes | None, timestamp: int, **more: Any) -> Audit:
    """Make an audit; its id is its name, repeated."""
    letters = name.encode() if isinstance(name, str) else name
    return {
        "query_id": (letters * 32)[:32],
        "agent_id": agent,
        "timestamp": timestamp,
        "params": UNSAID,
        "result_hash": None,
        "result_confidence": 0.5,
        "contributing_assertions": [],
        **more,
    }


A, B, C, D = (
    audit("a", ONE, 1000),
    audit("b", ONE, 2000),
    audit("c", ONE, 3000),
    audit("d", TWO, 2500),
)
FIVE = [audit(str(number), ONE, 1000 + 100 * number) for number in range(5)]
NOBODY = audit("n", None, 1500)
FIRST, FINAL = audit("f", ONE, 0), audit("z", ONE, LAST)
TIES = [audit(name, ONE, 1000) for name in "cadb"]
FULL = audit(
    "q",
    ONE,
    LAST,
    params={
        "subject": "Überblick",
        "predicate": "",
        "lifecycle": "under_review",
        "epoch": 2**63,
        "lens": "latest",
    },
    result_hash=b"\xee" * 32,
    result_confidence=nearest32(0.1),
    contributing_assertions=[
        {
            "assertion_hash": EVERY_LOW,
            "weight": 0.25,
            "source_hash": EVERY_HIGH,
            "lifecycle": "someday",
        },
        {
            "assertion_hash": ZERO,
            "weight": nearest32(3.4e38),
            "source_hash": COLON,
            "lifecycle": "approved",
        },
    ],
)

STAGES = audit(
    "s",
    ONE,
    1000,
    params={**UNSAID, "lifecycle": "Approved"},
    contributing_assertions=[
        {"assertion_hash": ZERO, "weight": 0.5, "source_hash": ZERO, "lifecycle": name}
        for name in (" approved ", "APPROVED", "under review")
    ],
)


# What a case looks like in the file


def plain(value: Any) -> Any:
    """Turn bytes into hexadecimal digits, and integers above 2^53 into decimal ones."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, Mapping):
        return {name: plain(each) for name, each in value.items()}
    if isinstance(value, list):
        return [plain(each) for each in value]
    if isinstance(value, int) and value > 2**53:
        return str(value)
    return value


def case(kind: str, identifier: str, asks: str, comment: str, flags: str, **more: Any) -> Case:
    """Describe a case; `asks` and `flags` are lists, written as words."""
    source = more.pop("source", "tornproof")
    level = more.pop("level", "MUST")
    return {
        "id": f"aud/{identifier}",
        "kind": kind,
        "requirements": asks.split(),
        "level": level,
        "comment": comment,
        "flags": flags.split(),
        "source": source,
        **plain(more),
    }


def layout(identifier: str, asks: str, comment: str, flags: str, *audits: Audit) -> Case:
    """Expect exactly these keys after these puts."""
    expect = {"keys": keys(*audits)}
    return case("layout", identifier, asks, comment, flags, audits=list(audits), expect=expect)


def form(identifier: str, comment: str, flags: str, content: Audit) -> Case:
    """Expect exactly these bytes of a record."""
    expect = {"record": record(content)}
    return case("record", identifier, "AUD-3 AUD-16", comment, flags, audit=content, expect=expect)


def no_form(identifier: str, comment: str, flags: str, spoilt: bytes, code: str) -> Case:
    """Expect a record to be refused."""
    expect = {"error": code}
    return case("no-record", identifier, "AUD-16", comment, flags, record=spoilt, expect=expect)


def query(
    identifier: str, asks: str, comment: str, flags: str, stored: list[Audit], **more: Any
) -> Case:
    """Expect an answer after these puts."""
    source = more.pop("source", "tornproof")
    answer = more.pop("answer")
    operation = more.pop("op")
    if operation == "by_agent":
        more = {"agent_id": more.pop("agent_id"), "from": more.pop("earliest", 0), **more}
    asked = {"op": f"audit.{operation}", "args": more}
    return case(
        "query",
        identifier,
        asks,
        comment,
        flags,
        source=source,
        audits=stored,
        query=asked,
        expect=answer,
    )


def names(*found: Audit) -> Case:
    """Expect these audits, in this order."""
    return {"audits": [each["query_id"] for each in found]}


def puts(identifier: str, asks: str, comment: str, flags: str, *steps: tuple[Audit, str]) -> Case:
    """Expect each put to be acknowledged or refused, and the audits that were to be there."""
    listed = [{"audit": each, "expect": outcome} for each, outcome in steps]
    return case("puts", identifier, asks, comment, flags, steps=listed)

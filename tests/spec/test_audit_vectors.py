"""The frozen vectors of the audit index agree with the reference and the twin, and convict."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from tornproof.audit import audit_from_fields, audit_to_fields, decode, encode
from tornproof.errors import Conflict, TornproofError
from tornproof.kv import MemoryKeyValueStore
from tornproof_conformance.pytest_support.plugin import requirement
from tornproof_conformance.vectors.vector import cases, vectors_of
from tornproof_models.machines.audit_machine import ReferenceStore, StoreFactory
from tornproof_models.miniatures.audit_miniatures import MINIATURES
from tornproof_models.miniatures.small_audit import SmallAuditStore

from tests.spec.audit_records import cbor
from tests.spec.generate_vectors import VECTORS

Case = Mapping[str, Any]

AUDIT_CASES = [case for case in cases() if case["id"].startswith("aud/")]
BYTES = {"query_id", "agent_id", "result_hash", "assertion_hash", "source_hash"}
INTEGERS = {"timestamp", "epoch", "from", "to", "limit"}


def parsed(value: Any, name: str = "") -> Any:
    """Turn the hexadecimal and decimal digits of a case back into bytes and integers."""
    if isinstance(value, Mapping):
        return {each: parsed(content, each) for each, content in value.items()}
    if isinstance(value, list):
        return [parsed(each) for each in value]
    if isinstance(value, str) and name in BYTES:
        return bytes.fromhex(value)
    if isinstance(value, str) and name in INTEGERS:
        return int(value)
    return value


def of_kind(*kinds: str) -> list[Any]:
    """Turn the cases of these kinds into parameters, marked and named."""
    return [
        pytest.param(case, id=case["id"], marks=requirement(*case["requirements"]))
        for case in AUDIT_CASES
        if case["kind"] in kinds
    ]


def answer(factory: StoreFactory, case: Case) -> Any:
    """Do what a case says, and give the answer in the form in which it is expected."""
    store = factory(MemoryKeyValueStore())
    match case["kind"]:
        case "layout":
            for audit in parsed(case["audits"]):
                store.put(audit)
            return {"keys": list(map(bytes.hex, store.keys()))}
        case "query":
            for audit in parsed(case["audits"]):
                store.put(audit)
            return asked(store, case["query"]["op"], parsed(case["query"]["args"]))
        case _:
            return [outcome(store, parsed(step["audit"])) for step in case["steps"]]


def asked(store: Any, operation: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """Ask one question."""
    match operation:
        case "audit.by_agent":
            found = store.by_agent(
                arguments["agent_id"],
                arguments["from"],
                arguments.get("to"),
                limit=arguments["limit"],
            )
        case "audit.recent":
            found = store.recent(arguments["limit"])
        case "audit.has":
            return {"has": store.has(arguments["agent_id"])}
        case _:
            return {"audit": store.get(arguments["query_id"])}
    return {"audits": [audit["query_id"].hex() for audit in found]}


def outcome(store: Any, audit: Any) -> str:
    """Put, and say how it went."""
    try:
        store.put(audit)
    except Conflict:
        return "conflict"
    return "ok"


def expected(case: Case) -> Any:
    """Return what a case expects."""
    if case["kind"] == "puts":
        return [step["expect"] for step in case["steps"]]
    return parsed(case["expect"]) if "audit" in case["expect"] else case["expect"]


@pytest.mark.parametrize("case", of_kind("layout", "query", "puts"))
@pytest.mark.parametrize("store", [ReferenceStore, SmallAuditStore])
def test_stores_agree(case: Case, store: StoreFactory) -> None:
    """The reference and the twin give the answers of the vectors."""
    assert answer(store, case) == expected(case)


@pytest.mark.parametrize("case", of_kind("record"))
def test_records_agree(case: Case) -> None:
    """The reference and the twin write these bytes, and the reference reads them."""
    fields, record = parsed(case["audit"]), bytes.fromhex(case["expect"]["record"])

    assert encode(audit_from_fields(fields)) == record
    assert audit_to_fields(decode(record)) == fields
    assert SmallAuditStore(MemoryKeyValueStore()).encode(fields) == record


@pytest.mark.parametrize("case", of_kind("no-record"))
def test_no_records_are_refused(case: Case) -> None:
    """The reference refuses these bytes with the code of the vector."""
    with pytest.raises(TornproofError) as refused:
        decode(bytes.fromhex(case["record"]))

    assert refused.value.code == case["expect"]["error"]


@pytest.mark.parametrize(
    "name",
    sorted(
        MINIATURES.keys()
        # what these do wrong shows only in a crash, in the cost, before the answer, among many
        # audits, beside another process, or up to the time 0
        - {
            "one-page",
            "looks-before-it-writes",
            "takes-what-it-is-given",
            "record-without-index",
            "index-without-record",
            "acknowledged-before-commit",
            "recent-by-full-scan",
            "negative-limit-counts",
            "zero-is-no-bound",
        }
    ),
)
def test_the_vectors_alone_convict(name: str) -> None:
    """Without a machine, each miniature that needs no crash fails a case about what it breaks."""
    violated: set[str] = set()
    for case in AUDIT_CASES:
        try:
            if case["kind"] == "record":
                record = MINIATURES[name](MemoryKeyValueStore()).encode(parsed(case["audit"]))
                wrong = record.hex() != case["expect"]["record"]
            else:
                wrong = case["kind"] != "no-record" and (
                    answer(MINIATURES[name], case) != expected(case)
                )
        except TornproofError:
            wrong = True
        if wrong:
            violated.update(case["requirements"])

    assert violated & MINIATURES[name].breaks


def test_every_requirement_that_answers_can_show_has_a_vector() -> None:
    """Crashes and durability need a machine; the rest is here."""
    without = [f"AUD-{number}" for number in range(1, 17) if not vectors_of(f"AUD-{number}")]

    assert without == ["AUD-10", "AUD-13"]


def test_the_file_says_what_is_in_it() -> None:
    """Bytes are hexadecimal digits and ids are unique."""
    document = json.loads((VECTORS / "audit.json").read_text(encoding="utf-8"))

    assert document["$schema"] == "../schema/audit-vector.schema.json"
    assert len({case["id"] for case in document["cases"]}) == len(AUDIT_CASES) == 52


@pytest.mark.parametrize(
    ("value", "encoded"),
    [
        (0, "00"),
        (23, "17"),
        (24, "1818"),
        (1000, "1903e8"),
        (1000000, "1a000f4240"),
        (1000000000000, "1b000000e8d4a51000"),
        (18446744073709551615, "1bffffffffffffffff"),
        (-1000, "3903e7"),
        (0.0, "f90000"),
        (-0.0, "f98000"),
        (1.0, "f93c00"),
        (1.1, "fb3ff199999999999a"),
        (1.5, "f93e00"),
        (65504.0, "f97bff"),
        (100000.0, "fa47c35000"),
        (3.4028234663852886e38, "fa7f7fffff"),
        (1.0e300, "fb7e37e43c8800759c"),
        (5.960464477539063e-8, "f90001"),
        (0.00006103515625, "f90400"),
        (float("inf"), "f97c00"),
        (None, "f6"),
        (b"", "40"),
        (b"\x01\x02\x03\x04", "4401020304"),
        ("IETF", "6449455446"),
        ("ü", "62c3bc"),
        ([], "80"),
        ([1, [2, 3], [4, 5]], "8301820203820405"),
        ({"a": 1, "b": [2, 3]}, "a26161016162820203"),
        ({"bb": 1, "a": 2}, "a261610262626201"),
    ],
)
def test_the_independent_encoder_is_right(value: Any, encoded: str) -> None:
    """It gives the examples of RFC 8949, appendix A (and sorts keys, as 4.2.1 asks)."""
    assert cbor(value).hex() == encoded

"""An audit is checked when it is made, and has one form as bytes."""

import math
import struct
from typing import Any

import cbor2
import pytest
from attrs import evolve
from hypothesis import example, given
from hypothesis import strategies as st
from tornproof.audit import (
    Contribution,
    Lifecycle,
    QueryAudit,
    QueryParameters,
    audit_from_fields,
    audit_to_fields,
    decode,
    encode,
)
from tornproof.errors import Corrupt, Invalid, NewerVersion, TornproofError
from tornproof_conformance.pytest_support.plugin import requirement
from tornproof_models.contract.audit_index import Audit

PLAIN = QueryAudit(query_id=b"q" * 32, timestamp=1000, result_confidence=0.5)

FULL = QueryAudit(
    query_id=b"q" * 32,
    agent_id=b"a" * 32,
    timestamp=2**64 - 1,
    params=QueryParameters(
        subject="rain", predicate="falls", lifecycle="approved", epoch=2**63, lens="Überblick"
    ),
    result_hash=b"r" * 32,
    result_confidence=0.9,
    contributing_assertions=[
        Contribution(
            assertion_hash=b"1" * 32, weight=0.25, source_hash=b"2" * 32, lifecycle="someday"
        )
    ],
)


# What a field may hold


@requirement("AUD-15")
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("query_id", b"q" * 31),
        ("query_id", None),
        ("agent_id", b"a" * 33),
        ("agent_id", b""),
        ("result_hash", "r" * 32),
        ("timestamp", -1),
        ("timestamp", 2**64),
        pytest.param("timestamp", 10**5000, id="timestamp-huge"),
        ("timestamp", 1.0),
        ("timestamp", True),
        ("result_confidence", math.nan),
        ("result_confidence", math.inf),
        ("result_confidence", -math.inf),
        ("result_confidence", 1e39),
        pytest.param("result_confidence", 10**400, id="result_confidence-huge"),
        ("result_confidence", "0.5"),
        ("result_confidence", False),
        ("params", {}),
        ("contributing_assertions", ["assertion"]),
        ("contributing_assertions", 7),
    ],
)
def test_a_value_that_does_not_fit_its_field_is_refused(field: str, value: Any) -> None:
    """The error is typed and names the field."""
    with pytest.raises(Invalid, match=field):
        evolve(PLAIN, **{field: value})


@requirement("AUD-15")
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("subject", 7),
        ("predicate", "\ud800"),
        ("lifecycle", ""),
        ("lifecycle", 7),
        ("lens", b"lens"),
        ("epoch", -1),
        ("epoch", 2**64),
    ],
)
def test_a_parameter_that_does_not_fit_is_refused(field: str, value: Any) -> None:
    """The error is typed and names the field."""
    with pytest.raises(Invalid, match=field):
        QueryParameters(**{field: value})


@pytest.mark.parametrize(
    ("field", "value"), [("weight", math.nan), ("assertion_hash", b""), ("lifecycle", "")]
)
def test_a_contribution_that_does_not_fit_is_refused(field: str, value: Any) -> None:
    """The error is typed and names the field."""
    with pytest.raises(Invalid, match=field):
        evolve(FULL.contributing_assertions[0], **{field: value})


@requirement("AUD-3")
@given(st.floats(-3e38, 3e38))
@example(0.1)
@example(2**-149)
@example(3.4028234663852886e38)
def test_confidence_is_rounded_to_32_bits_when_the_audit_is_made(confidence: float) -> None:
    """What is read off an audit is the nearest 32-bit float, before and after it is stored."""
    (nearest,) = struct.unpack(">f", struct.pack(">f", confidence))

    audit = evolve(PLAIN, result_confidence=confidence)

    assert audit.result_confidence == nearest
    assert decode(encode(audit)).result_confidence == nearest


@requirement("AUD-16")
def test_negative_zero_is_zero() -> None:
    """Equal audits have equal bytes, so there is one zero."""
    audit = evolve(PLAIN, result_confidence=-0.0)

    assert math.copysign(1, audit.result_confidence) == 1
    assert encode(audit) == encode(evolve(PLAIN, result_confidence=0))


def test_a_known_lifecycle_is_recognised_and_an_unknown_one_kept() -> None:
    """Names that a newer writer uses stay readable."""
    known, unknown = QueryParameters(lifecycle="approved"), QueryParameters(lifecycle="Someday")

    assert known.lifecycle is Lifecycle.APPROVED
    assert unknown.lifecycle == "Someday"
    assert decode(encode(FULL)).contributing_assertions[0].lifecycle == "someday"


# Bytes

HASHES = st.binary(min_size=32, max_size=32)
NUMBERS = st.floats(width=32, allow_nan=False, allow_infinity=False).map(lambda value: value + 0.0)
UNSIGNED = st.integers(0, 2**64 - 1)
LIFECYCLES = st.sampled_from(["approved", "someday"]) | st.text(min_size=1, max_size=5)
FIELDS = st.fixed_dictionaries(
    {
        "query_id": HASHES,
        "agent_id": st.none() | HASHES,
        "timestamp": UNSIGNED,
        "params": st.fixed_dictionaries(
            {
                "subject": st.none() | st.text(max_size=5),
                "predicate": st.none() | st.text(max_size=5),
                "lifecycle": st.none() | LIFECYCLES,
                "epoch": st.none() | UNSIGNED,
                "lens": st.none() | st.text(max_size=5),
            }
        ),
        "result_hash": st.none() | HASHES,
        "result_confidence": NUMBERS,
        "contributing_assertions": st.lists(
            st.fixed_dictionaries(
                {
                    "assertion_hash": HASHES,
                    "weight": NUMBERS,
                    "source_hash": HASHES,
                    "lifecycle": LIFECYCLES,
                }
            ),
            max_size=2,
        ),
    }
)
"""Any audit, as plain fields."""


@requirement("AUD-3", "AUD-16")
@given(FIELDS)
def test_what_is_encoded_is_decoded(fields: Audit) -> None:
    """An audit comes back equal, and encodes to the same bytes again."""
    audit = audit_from_fields(fields)

    again = decode(encode(audit))

    assert again == audit
    assert encode(again) == encode(audit)
    assert audit_to_fields(again) == fields


@requirement("AUD-16")
@pytest.mark.parametrize("audit", [PLAIN, FULL], ids=["plain", "full"])
def test_every_other_form_is_refused(audit: QueryAudit) -> None:
    """Cut short, prolonged or changed in any bit, a record is damage or another audit."""
    record = encode(audit)
    spoilt = [record[:length] for length in range(len(record))]
    spoilt += [record + b"\x00", record + record]
    for position in range(len(record)):
        for bit in range(8):
            changed = bytearray(record)
            changed[position] ^= 1 << bit
            spoilt.append(bytes(changed))

    for each in spoilt:
        try:
            found = decode(each)
        except (Corrupt, NewerVersion):
            continue
        assert found != audit
        assert encode(found) == each


@requirement("AUD-16")
@given(st.binary(max_size=200))
@example(bytes.fromhex("5bffffffffffffffff"))  # a length of 2^64 - 1
@example(b"\x81" * 100_000)  # nested beyond reason
@example(bytes.fromhex("d81c81d81d00"))  # a list that holds itself
@example(bytes.fromhex("c074323031332d30332d32315432303a30343a30305a"))  # a date
@example(bytes.fromhex("a1f6f6"))  # a map with a key that is no text
@example(bytes.fromhex("bf61619fffff"))  # indefinite lengths
def test_bytes_that_are_no_audit_are_refused(record: bytes) -> None:
    """Whatever the bytes are, the error is typed."""
    with pytest.raises(Corrupt):
        decode(record)


def spoilt(**changes: Any) -> bytes:
    """Encode the fields of an audit, some of them changed, and those set to `...` left out."""
    fields = {"version": 1, **audit_to_fields(PLAIN), **changes}
    kept = {name: value for name, value in fields.items() if value is not ...}
    return cbor2.dumps(kept, canonical=True)


@requirement("AUD-16")
@pytest.mark.parametrize(
    ("record", "message"),
    [
        (spoilt(query_id=...), "lacks query_id"),
        (spoilt(agent_id=...), "not in the one form"),
        (spoilt(colour="red"), "has no field 'colour'"),
        (spoilt(query_id=bytes(31)), "query_id must be 32 bytes, not 31"),
        (spoilt(timestamp=-1), "timestamp -1"),
        (spoilt(timestamp="1000"), "timestamp must be an integer"),
        (spoilt(result_confidence=math.nan), "must be finite"),
        (spoilt(result_confidence=-0.0), "not in the one form"),
        (spoilt(result_confidence=0.1), "not in the one form"),  # 64 bits where 32 suffice
        (spoilt(result_confidence=1), "not in the one form"),  # an integer
        (spoilt(params=None), "params must be a map"),
        (spoilt(params={}), "not in the one form"),
        (spoilt(params={"epoch": 2**64}), "epoch"),
        (spoilt(contributing_assertions={}), "contributing_assertions must be a list"),
        (spoilt(contributing_assertions=[7]), "contributing_assertions must be a map"),
        (spoilt(version=...), "version"),
        (spoilt(version=0), "version"),
        (spoilt(version="1"), "version"),
        (cbor2.dumps([1, 2]), "not a CBOR map but list"),
        (cbor2.dumps({"version": 1, **audit_to_fields(PLAIN)}), "not in the one form"),
    ],
)
def test_says_what_is_wrong_with_a_record(record: bytes, message: str) -> None:
    """The error says which field, and how it is wrong."""
    with pytest.raises(Corrupt, match=message):
        decode(record)


@requirement("AUD-16")
def test_a_later_version_is_told_from_damage() -> None:
    """Who is too old for a record should upgrade, and not restore a backup."""
    with pytest.raises(NewerVersion, match=r"version 2.*upgrade"):
        decode(spoilt(version=2, colour="red"))


def test_errors_are_of_this_package() -> None:
    """One `except` catches every refusal."""
    assert issubclass(NewerVersion, TornproofError)
    assert (Corrupt.code, NewerVersion.code, Invalid.code) == ("corrupt", "invalid", "invalid")

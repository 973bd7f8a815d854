"""
The audits that machines put: few ids, near neighbours, and the numbers at the edges.

Bugs in keys show where bytes collide, so ids share all but their last byte, are
full of colons or zeros, and timestamps lie on both sides of 2^8, 2^63 and 2^64.
Few of each are enough, and make repetitions and ties likely.
"""

from hypothesis import strategies as st

from tornproof_models.contract.audit import MAX_TIMESTAMP, Audit

IDENTIFIERS = [
    bytes(32),
    bytes(31) + b"\x01",
    b":" * 32,
    b":" * 31 + b";",
    b"\xff" * 32,
    b"\xff" * 31 + b"\xfe",
    b"\x01" * 32,
    bytes(range(0x30, 0x50)),
]

QUERY_IDS = st.sampled_from(IDENTIFIERS)
AGENT_IDS = st.sampled_from(IDENTIFIERS[:4])

EDGES = [MAX_TIMESTAMP, MAX_TIMESTAMP - 1, 2**63, 0x3A3A3A3A3A3A3A3A, 256, 255, 0]

TIMESTAMPS = st.sampled_from(EDGES) | st.integers(0, MAX_TIMESTAMP)

LIMITS = st.sampled_from([100, 3, 2, 1, 0])

NUMBERS = st.one_of(
    st.sampled_from([0.0, 1.0, 0.5]),
    st.floats(width=32, allow_nan=False, allow_infinity=False).map(lambda value: value + 0.0),
)
"""Finite 32-bit floats, without a negative zero."""

LIFECYCLES = st.sampled_from(["approved", "proposed", "under_review", "someday"])

HASHES = st.binary(min_size=32, max_size=32)

CONTRIBUTIONS = st.fixed_dictionaries(
    {
        "assertion_hash": HASHES,
        "weight": NUMBERS,
        "source_hash": HASHES,
        "lifecycle": LIFECYCLES,
    }
)

PARAMETERS = st.fixed_dictionaries(
    {
        "subject": st.none() | st.text(max_size=5),
        "predicate": st.none() | st.just("is"),
        "lifecycle": st.none() | LIFECYCLES,
        "epoch": st.none() | TIMESTAMPS,
        "lens": st.none() | st.just("latest"),
    }
)


def audits(
    query_ids: st.SearchStrategy[bytes] = QUERY_IDS,
    agent_ids: st.SearchStrategy[bytes] = AGENT_IDS,
    timestamps: st.SearchStrategy[int] = TIMESTAMPS,
) -> st.SearchStrategy[Audit]:
    """Draw audits as plain fields."""
    return st.fixed_dictionaries(
        {
            "query_id": query_ids,
            "agent_id": st.none() | agent_ids,
            "timestamp": timestamps,
            "params": PARAMETERS,
            "result_hash": st.none() | HASHES,
            "result_confidence": NUMBERS,
            "contributing_assertions": st.lists(CONTRIBUTIONS, max_size=2),
        }
    )


def turned_round(audit: Audit) -> Audit:
    """Return the same audit with its fields in the opposite order."""
    return dict(reversed(list(audit.items())))


def contradiction(audit: Audit) -> Audit:
    """Return another audit of the same id."""
    return {**audit, "result_confidence": 0.25 if audit["result_confidence"] != 0.25 else 0.75}

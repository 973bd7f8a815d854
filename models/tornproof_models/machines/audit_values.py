"""
Audit records for random programs: few ids, neighbours, and boundary values.

Bugs in keys show where bytes collide, so ids share all but their last byte, are
full of colons or zeros, and timestamps lie on both sides of 2^8, 2^63 and 2^64.
Few of each are enough, and make repetitions and ties likely.
"""

from hypothesis import strategies as st

from tornproof_models.contract.audit_index import MAX_TIMESTAMP, Audit

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

QUERY_IDS = st.sampled_from(IDENTIFIERS) | st.binary(min_size=1, max_size=1).map(
    lambda byte: byte * 32
)
AGENT_IDS = st.sampled_from(IDENTIFIERS[:4])

EDGES = [MAX_TIMESTAMP, MAX_TIMESTAMP - 1, 2**63, 0x3A3A3A3A3A3A3A3A, 256, 255, 0]

TIMESTAMPS = st.sampled_from(EDGES) | st.integers(0, MAX_TIMESTAMP)

LIMITS = st.sampled_from([100, 3, 2, 1, 0])

NOTHING_SAID: Audit = dict.fromkeys(("subject", "predicate", "lifecycle", "epoch", "lens"))

DETAILS = st.sampled_from(
    [
        {
            "params": NOTHING_SAID,
            "result_hash": None,
            "result_confidence": 0.5,
            "contributing_assertions": [],
        },
        {
            "params": {**NOTHING_SAID, "subject": "rain", "lifecycle": "Some day", "epoch": 2**63},
            "result_hash": b"r" * 32,
            "result_confidence": 0.10000000149011612,  # the nearest to 0.1 in 32 bits
            "contributing_assertions": [
                {
                    "assertion_hash": bytes(32),
                    "weight": 3.4028234663852886e38,  # the largest there is
                    "source_hash": b":" * 32,
                    "lifecycle": "approved",
                }
            ],
        },
    ]
)
"""What no key depends on; two are enough to tell a record from another."""


def audits() -> st.SearchStrategy[Audit]:
    """Draw audits as plain fields."""
    return st.builds(
        lambda query_id, agent_id, timestamp, details: {
            "query_id": query_id,
            "agent_id": agent_id,
            "timestamp": timestamp,
            **details,
        },
        QUERY_IDS,
        st.sampled_from([*IDENTIFIERS[:4], None]),
        TIMESTAMPS,
        DETAILS,
    )


def turned_round(audit: Audit) -> Audit:
    """Return the same audit with its fields in the opposite order."""
    return dict(reversed(list(audit.items())))


def contradiction(audit: Audit) -> Audit:
    """Return another audit of the same id."""
    return {**audit, "result_confidence": 0.25 if audit["result_confidence"] != 0.25 else 0.75}

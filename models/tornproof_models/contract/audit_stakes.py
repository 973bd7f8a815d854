"""
Name the requirements that one question to an audit index could have shown violated.

A verdict of *holds* rests on how often a requirement was at stake: where no index was asked for
an audit of an interrupted put, nothing has been seen of what an interruption leaves.  Each
function is given what is known before the answer is judged.
"""

from collections.abc import Collection

from tornproof_models.contract.audit_index import (
    JUDGES_ANSWERS,
    JUDGES_KEYS,
    MAX_TIMESTAMP,
    Audit,
    Audits,
    by_agent,
)

JUDGES = JUDGES_ANSWERS | JUDGES_KEYS
"""The requirements whose premises are known."""


JUDGES_POWER_LOSS = frozenset({"AUD-10", "AUD-13"})
"""Those whose premises a loss of power can meet."""


def of_power_loss(known: Audits) -> frozenset[str]:
    """Name what an index has at stake that is opened after a loss of power."""
    return _named({"AUD-10": bool(known.interrupted), "AUD-13": bool(known.stored)})


def of_put(known: Audits, audit: Audit) -> frozenset[str]:
    """Name what a put of a known id has at stake: that it conflicts, or is once more the same."""
    return _named({"AUD-11": audit["query_id"] in known.stored})


def of_get(known: Audits, query_id: bytes, survivors: Collection[bytes]) -> frozenset[str]:
    """Name what a get has at stake; `survivors` were stored when a process ended."""
    is_stored = query_id in known.stored
    return _named(
        {
            "AUD-3": is_stored,
            "AUD-4": not is_stored,
            "AUD-10": any(each["query_id"] == query_id for each in known.interrupted),
            "AUD-13": is_stored and query_id in survivors,
        }
    )


def of_agent(
    known: Audits, agent_id: bytes, earliest: int, latest: int | None, limit: int
) -> frozenset[str]:
    """Name what a query by agent has at stake: its order, its ends, and what it leaves out."""
    stored = known.stored.values()
    expected = by_agent(stored, agent_id, earliest, latest, limit)
    others = [each["agent_id"] for each in stored if each["agent_id"] != agent_id]
    return _named(
        {
            "AUD-5": len(expected) > 1,
            "AUD-6": latest is None and any(e["timestamp"] == MAX_TIMESTAMP for e in expected),
            "AUD-9": None in others,
            "AUD-14": any(each is not None for each in others),
            "AUD-15": limit == 0 or (latest is not None and earliest > latest),
        }
    )


def of_recent(known: Audits, limit: int) -> frozenset[str]:
    """Name what a query for the most recent audits has at stake."""
    return _named({"AUD-7": len(known.stored) > 1 and limit > 0, "AUD-15": limit == 0})


def of_has(known: Audits) -> frozenset[str]:
    """Name what the question has at stake whether an agent has audits."""
    return _named({"AUD-8": bool(known.stored)})


def of_keys(known: Audits) -> frozenset[str]:
    """Name what a list of the keys has at stake."""
    return _named({"AUD-1": bool(known.stored), "AUD-2": len(known.stored) > 1})


def _named(met: dict[str, bool]) -> frozenset[str]:
    return frozenset(requirement for requirement, is_met in met.items() if is_met)

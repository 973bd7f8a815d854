"""
The contract of an audit index that is built from a journal.

It is a fold: the records of the journal, in order, applied to nothing.  Where
the index says it stands, it must be exactly what the records up to there make
of it, not more and not less (SYS-1); and it stands where the journal ends, or
in front of the first record that cannot be applied (SYS-2).
"""

from collections.abc import Callable, Iterable, Sequence

from attrs import frozen

from tornproof_models.contract.audit_index import Audit, layout, short
from tornproof_models.contract.journal import Violation

JUDGES = frozenset({"SYS-1", "SYS-2"})
"""The requirements that `judge` names."""


@frozen
class Applied:
    """A record of the journal: where it ends, and the audit in it, if it is one."""

    end: int
    """Offset just past the record."""

    audit: Audit | None


def fold(records: Iterable[Applied]) -> tuple[dict[bytes, Audit], int]:
    """
    Apply records up to the first that is no audit or contradicts an earlier one.

    Returns the audits by id, and the offset just past the last record applied.
    """
    audits: dict[bytes, Audit] = {}
    position = 0
    for record in records:
        if record.audit is None:
            break
        known = audits.setdefault(record.audit["query_id"], record.audit)
        if known != record.audit:
            break
        position = record.end
    return audits, position


def judge_index(
    records: Sequence[Applied],
    position: int,
    keys: Sequence[bytes],
    get: Callable[[bytes], Audit | None],
) -> list[Violation]:
    """Compare an index with what the records up to its position make of it."""
    _, last = fold(records)
    if position > last:
        message = f"the index stands at {position}, past the record at {last} that stops it"
        return [Violation("SYS-2", message)]
    if position not in {0, *(record.end for record in records)}:
        return [Violation("SYS-1", f"the index stands at {position}, inside a record")]
    audits, _ = fold(record for record in records if record.end <= position)
    expected = layout(audits.values(), by_time=any(key.startswith(b"\x00AUDT:") for key in keys))
    if list(keys) != expected:
        wrong = (sorted(set(keys) ^ set(expected)) or list(keys))[0]
        state = "has" if wrong in keys else "lacks"
        message = f"the index at {position} {state} an entry of audit {short(wrong[-32:])}"
        return [Violation("SYS-1", message)]
    for query_id, audit in audits.items():
        if get(query_id) != audit:
            message = f"the index at {position} has another audit {short(query_id)}"
            return [Violation("SYS-1", message)]
    return []


def judge_caught_up(records: Sequence[Applied], position: int) -> list[Violation]:
    """Judge where an index stands when its indexer has returned or refused to go on."""
    _, last = fold(records)
    if position != last:
        return [Violation("SYS-2", f"the index stands at {position} and should be at {last}")]
    return []

"""The machines pass the reference and the twins, and convict every miniature."""

from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test
from tornproof.kv import MemoryKeyValueStore
from tornproof_conformance.pytest_support.plugin import requirement
from tornproof_models.machines.audit_machine import ReferenceStore, StoreFactory, audit_machine
from tornproof_models.machines.indexer_machine import IndexerFactory, audit_indexer_machine
from tornproof_models.machines.sqlite_process import Died, SqliteProcess
from tornproof_models.machines.violated import Violated
from tornproof_models.miniatures.audit_miniatures import INDEXERS, MINIATURES
from tornproof_models.miniatures.audit_writes import RecordWithoutIndex
from tornproof_models.miniatures.small_audit import SmallAuditStore, SmallIndexer

AUD = [f"AUD-{number}" for number in (1, *range(2, 12), 13, 14, 15)]


def run(machine: type[RuleBasedStateMachine], examples: int) -> None:
    """Run a machine on so many programs, the same ones every time."""
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=40,
            derandomize=True,
            database=None,
            deadline=None,
            report_multiple_bugs=False,
            phases=[Phase.generate],  # what is found is judged by its kind, not by its size
            suppress_health_check=list(HealthCheck),
        ),
    )


def convicted(machine: type[RuleBasedStateMachine], examples: int = 300) -> str:
    """Name the requirement that a machine finds violated."""
    with pytest.raises(Violated) as found:
        run(machine, examples)
    return str(found.value.violations[0].requirement)


def keys_read_by_recent(store_under_test: StoreFactory) -> int:
    """Count the keys that the ten most recent of three hundred audits cost."""
    read = 0

    class Counting(MemoryKeyValueStore):
        def keys(self, start: bytes, end: bytes, *, reverse: bool = False) -> Any:
            nonlocal read
            for key in super().keys(start, end, reverse=reverse):
                read += 1
                yield key

    store = store_under_test(Counting())
    for number in range(300):
        store.put(plain(number))
    read = 0
    assert len(store.recent(10)) == 10
    return read


def plain(number: int) -> dict[str, Any]:
    """Make a plain audit."""
    return {
        "query_id": number.to_bytes(32, "big"),
        "agent_id": b"a" * 32,
        "timestamp": number,
        "params": dict.fromkeys(("subject", "predicate", "lifecycle", "epoch", "lens")),
        "result_hash": None,
        "result_confidence": 0.5,
        "contributing_assertions": [],
    }


@requirement(*AUD)
@pytest.mark.parametrize("store", [ReferenceStore, SmallAuditStore])
def test_a_right_store_is_acquitted(store: StoreFactory) -> None:
    """Neither the reference nor the twin violates anything."""
    run(audit_machine(store), examples=60)


@requirement("SYS-1", "SYS-2")
@pytest.mark.parametrize("indexer", [None, SmallIndexer], ids=["reference", "twin"])
def test_a_right_indexer_is_acquitted(indexer: IndexerFactory | None) -> None:
    """Neither the reference nor the twin violates anything."""
    run(audit_indexer_machine(indexer) if indexer else audit_indexer_machine(), examples=40)


@requirement(*AUD)
@pytest.mark.parametrize(
    "name",
    # the machine puts nothing but audits, few of them, alone, and does not count what it costs
    sorted(
        MINIATURES.keys()
        - {
            "recent-by-full-scan",
            "takes-what-it-is-given",
            "one-page",
            "looks-before-it-writes",
        }
    ),
)
def test_a_wrong_store_is_convicted(name: str) -> None:
    """
    Each miniature is found to violate what it breaks.

    Keys are looked at only where they are what is wrong, and the process dies
    only where a death is what it takes: what is left has to be found by asking.
    """
    miniature = MINIATURES[name]
    machine = audit_machine(
        miniature,
        keys="AUD-1" in miniature.breaks,
        deaths="AUD-10" in miniature.breaks,
    )

    assert convicted(machine) in miniature.breaks


@requirement("SYS-1", "SYS-2")
@pytest.mark.parametrize("name", sorted(INDEXERS.keys() - {"takes-any-journal"}))
def test_a_wrong_indexer_is_convicted(name: str) -> None:
    """Each miniature is found to violate what it breaks."""
    assert convicted(audit_indexer_machine(INDEXERS[name])) in INDEXERS[name].breaks


@requirement("AUD-12")
def test_the_cost_of_the_recent_is_counted() -> None:
    """A full scan gives the right answer and reads every key; the others read a few."""
    assert keys_read_by_recent(ReferenceStore) <= 20
    assert keys_read_by_recent(SmallAuditStore) <= 20
    assert keys_read_by_recent(MINIATURES["recent-by-full-scan"]) >= 300


@requirement("AUD-10")
def test_half_an_audit_lies_between_two_writes() -> None:
    """Hole H13: exactly the deaths between the two writes leave a record without its index."""
    halves = []
    for statements in range(12):
        process = SqliteProcess()
        try:
            with process.dying_after(statements):
                RecordWithoutIndex(process.store).put(plain(1))
        except Died:
            pass
        store = SmallAuditStore(process.store)
        if store.get(plain(1)["query_id"]) is not None and not store.has(b"a" * 32):
            halves.append(statements)
        process.close()

    # BEGIN, look, REPLACE, COMMIT; then BEGIN, REPLACE, REPLACE, COMMIT
    assert halves == [4, 5, 6, 7]


@pytest.mark.parametrize("name", sorted({**MINIATURES, **INDEXERS}))
def test_a_miniature_says_what_it_breaks_and_where_that_was_seen(name: str) -> None:
    """The docstring names the mistake and its source."""
    miniature: Any = {**MINIATURES, **INDEXERS}[name]

    assert miniature.breaks
    assert "Source: " in (miniature.__doc__ or "")


def test_every_requirement_is_broken_by_somebody() -> None:
    """There is no requirement that no miniature breaks."""
    broken = frozenset[str]().union(
        *(miniature.breaks for miniature in MINIATURES.values()),
        *(indexer.breaks for indexer in INDEXERS.values()),
    )

    judged = {*(f"AUD-{number}" for number in range(1, 17)), "AUD-18"}
    assert broken == judged | {"SYS-1", "SYS-2", "SYS-3"}

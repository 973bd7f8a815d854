"""
A scenario about two processes that append to one chain.

Whoever reads the head and inserts behind it in one transaction that locks at its
beginning cannot lose a race: the other one waits.  Whoever reads first and locks
later can, and will, if the other is quick.  Nobody sees the statements of another
process, but everybody sees the lost races.
"""

from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Any, Protocol, cast, runtime_checkable

from tornproof_models.contract.hash_chain import COLUMNS, judge_rows
from tornproof_models.contract.journal import Violation
from tornproof_models.crash.subject import Subject

from tornproof_conformance.scenarios.chain_verification import has_chain, rows_of
from tornproof_conformance.scenarios.scenario import scenario
from tornproof_conformance.subjects.queues import HasChain

EVENTS = 3
PRESSURE = ((1, 0.03), (8, 0.02))
"""How often the other one appends, and for how many seconds it keeps the lock."""


@runtime_checkable
class Contending(Protocol):
    """A chain whose drainer can be made to append while somebody else does."""

    def submit(self, agent_id: str) -> None:
        """Submit an event, which does not land yet."""
        ...

    def land(self, *, cycles: int, hold_seconds: float) -> int:
        """Let it land while another process appends; returns how many rows that has appended."""
        ...

    def races(self) -> int | None:
        """Tell how many insertions were tried again; none if nobody counts."""
        ...

    def dead_letters(self) -> Sequence[Any]:
        """List the dead letters."""
        ...


def is_in_another_process(subject: Subject) -> bool:
    """Tell whether a chain is an adapter's, in a database that others can write to."""
    return has_chain(subject) and hasattr(subject, "command")


def names_a_database(subject: Subject) -> bool:
    """Tell whether a subject is an adapter that names a database."""
    return bool(getattr(subject, "named_columns", None))


@scenario("ADP-10", claim="chain/v1", where=names_a_database)
def a_named_database_has_the_table(subject: Subject) -> Iterator[Violation]:
    """The table of events in the database that an adapter names has the columns of the chapter."""
    named: frozenset[str] = subject.named_columns  # type: ignore[attr-defined]
    if missing := [column for column in COLUMNS if column not in named]:
        message = f"signed_events in the database that drainer.open names lacks {missing}"
        yield Violation("ADP-10", f"{message}; it has {sorted(named)}")


@scenario("CHN-8", "CHN-1", claim="chain/v1", where=is_in_another_process)
def a_race_for_the_head_cannot_be_lost(subject: Subject) -> Iterator[Violation]:
    """While another process appends, every event lands, and no insertion meets a taken number."""
    for cycles, hold_seconds in PRESSURE:
        with closing(cast("HasChain", subject).open_chain()) as chain:
            assert isinstance(chain, Contending)
            for number in range(EVENTS):
                chain.submit(f"agent {number}")
            expected = EVENTS + chain.land(cycles=cycles, hold_seconds=hold_seconds)
            letters = chain.dead_letters()
            if letters:
                message = f"events were dead-lettered while another process appended: {letters}"
                yield Violation("CHN-8", message)
            elif retries := chain.races():
                yield Violation("CHN-8", f"{retries} insertions met a number that was taken")
            rows = rows_of(chain.connection)
            if len(rows) + len(letters) != expected:
                yield Violation("CHN-8", f"of {expected} rows, {len(rows)} are in the chain")
            yield from judge_rows(rows)

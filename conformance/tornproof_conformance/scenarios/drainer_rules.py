"""
Scenarios about what a drainer decides: which failure means what, and what is counted.

They are played for queues in this process, into whose statements a failure can be
put.  Each rule has its bound tried on both sides: one less, the bound, one more.
"""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol, runtime_checkable

from tornproof_models.contract.delivery import FEWEST_RACES, LANDS_TWICE, Mode, Outcome
from tornproof_models.contract.journal import Violation
from tornproof_models.crash.subject import Subject
from tornproof_models.database_faults import Kind, Strike
from tornproof_models.queues import delivery_run
from tornproof_models.queues.delivery_program import Arm, Move, Program, Sibling, Submit, event_of
from tornproof_models.queues.delivery_run import ids_of

from tornproof_conformance.scenarios.queue_delivery import (
    DURABLE,
    VOLATILE,
    has_queue,
    keeps_hashes,
    land,
    opened,
    running_program,
)
from tornproof_conformance.scenarios.scenario import scenario

RACES = 5
"""Retries that one event has (DRN-4)."""

PANICS = 2
"""Panics in a row that a queue in this process is opened to survive (DRN-8)."""

REJECTED = Strike(Kind.NO_SUCH_COLUMN, point="insert")

TRANSIENT_CODES = (
    *(sqlite3.SQLITE_PERM, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_NOMEM),
    *(sqlite3.SQLITE_READONLY, sqlite3.SQLITE_INTERRUPT, sqlite3.SQLITE_IOERR),
    *(sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_FULL, sqlite3.SQLITE_CANTOPEN),
    *(sqlite3.SQLITE_PROTOCOL, sqlite3.SQLITE_NOTADB),
    *(sqlite3.SQLITE_BUSY_SNAPSHOT, sqlite3.SQLITE_LOCKED_SHAREDCACHE),
    *(sqlite3.SQLITE_READONLY_DBMOVED, sqlite3.SQLITE_IOERR_FSYNC, sqlite3.SQLITE_IOERR_WRITE),
    *(sqlite3.SQLITE_IOERR_SHORT_READ, sqlite3.SQLITE_CORRUPT_INDEX, sqlite3.SQLITE_CANTOPEN_ISDIR),
)
PERMANENT_CODES = (
    *(sqlite3.SQLITE_ERROR, sqlite3.SQLITE_INTERNAL, sqlite3.SQLITE_ABORT, sqlite3.SQLITE_NOTFOUND),
    *(sqlite3.SQLITE_SCHEMA, sqlite3.SQLITE_TOOBIG, sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_AUTH),
    *(sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY),
    *(sqlite3.SQLITE_CONSTRAINT_CHECK, sqlite3.SQLITE_CONSTRAINT_NOTNULL),
    *(sqlite3.SQLITE_CONSTRAINT_TRIGGER, sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY),
    *(sqlite3.SQLITE_CONSTRAINT_ROWID, sqlite3.SQLITE_ABORT_ROLLBACK, 99, 0x1F00 | 99),
)
"""DRN-6's table, with extended codes of each kind, and numbers that SQLite does not have yet."""


@runtime_checkable
class CountsRetries(Protocol):
    """A queue that says how many insertions it has tried again."""

    def count_retries(self) -> int:
        """Count those that followed a lost race."""
        ...


@runtime_checkable
class ClosesInTime(Protocol):
    """A queue whose close takes a time."""

    def close_within(self, seconds: float) -> Sequence[str]:
        """Close, give up what has not landed by then, and name it."""
        ...


def counts_retries(subject: Subject) -> bool:
    """Tell whether a subject has a queue that counts its retries."""
    if not has_queue(subject):
        return False
    with opened(subject) as queue:
        return isinstance(queue, CountsRetries)


def closes_in_time(subject: Subject) -> bool:
    """Tell whether a subject has a queue that can be closed before everything has landed."""
    if not has_queue(subject):
        return False
    with opened(subject) as queue:
        return isinstance(queue, ClosesInTime)


# Submitting


@scenario("DRN-2", claim=DURABLE, where=has_queue)
def submit_neither_raises_nor_asks_the_database(subject: Subject) -> Iterator[Violation]:
    """A submit answers at once, whatever the event and whoever locks the database."""
    with opened(subject) as queue:
        queue.database.anchor.execute("BEGIN IMMEDIATE")
        visited = len(queue.database.plan.visited)
        for words, event, admitted in (
            ("an ordinary event", event_of(1), True),
            ("an agent that is no text", {**event_of(2), "agent_id": "\ud800"}, False),
            ("a time that is none", {**event_of(3), "timestamp": "yesterday"}, False),
        ):
            try:
                outcome = queue.submit(event)
            except Exception as error:
                yield Violation("DRN-2", f"a submit of {words} raises {type(error).__name__}")
                continue
            if (outcome is Outcome.ADMITTED) != admitted:
                yield Violation("DRN-2", f"a submit of {words} is {outcome.value}")
        if len(queue.database.plan.visited) != visited:
            yield Violation("DRN-2", "a submit runs statements in the database")
        queue.database.anchor.execute("ROLLBACK")


# One event, one place


@scenario("DRN-1", "DRN-17", claim=DURABLE, where=keeps_hashes)
def two_events_under_one_id_are_two(subject: Subject) -> Iterator[Violation]:
    """A second event under a used id is refused or stored too; the same event twice is one."""
    one: Mapping[str, object] = event_of(1)
    other = {**one, "agent_id": "somebody else"}
    for words, between in (("that has landed", True), ("that waits", False)):
        with opened(subject) as queue:
            queue.submit(one)
            if between:
                land(queue)
            queue.submit(one)
            admitted = queue.submit(other) is Outcome.ADMITTED
            land(queue)
            found = queue.database.look(
                "SELECT payload FROM signed_events UNION ALL SELECT payload FROM signed_events_dlq"
            )
            agents = sorted(b"somebody else" in payload for (payload,) in found)
            if agents != [False, True][: 1 + admitted]:
                message = f"an event was submitted twice, and another under the id of one {words}"
                what = "admitted" if admitted else "refused"
                yield Violation(
                    "DRN-1",
                    f"{message}, which was {what}: {agents.count(False)} rows have the first and "
                    f"{agents.count(True)} the other",
                    LANDS_TWICE if agents.count(False) > 1 else "",
                )
            queue.submit(one)
            land(queue)
            state = queue.look().state
            if state.spool is not None and state.position != len(state.spool):
                message = f"{len(state.spool)} events have landed, one of them was there already"
                yield Violation("DRN-17", f"{message}, and the position covers {state.position}")


@scenario("DRN-15", claim=DURABLE, where=has_queue)
def one_letter_that_stays_does_not_keep_the_others(subject: Subject) -> Iterator[Violation]:
    """A replay moves each letter that can land, with its bytes, and leaves the others."""
    with opened(subject) as queue:
        queue.submit(event_of(1))
        land(queue)
        queue.submit({**event_of(1), "agent_id": "somebody else"})
        land(queue)
        for number in (2, 3):
            queue.database.plan.strikes.append(REJECTED)
            queue.submit(event_of(number))
            land(queue)
        before = {each.event_id: each.payload for each in queue.look().state.dead_letters}
        for _ in range(2):
            queue.replay()
            state = queue.look().state
            chain, letters = ids_of(state)
            if sorted(chain) != ["e1", "e2", "e3"] or letters not in (("e1",), ()):
                yield Violation(
                    "DRN-15",
                    "of three dead letters one has the id of another event in the chain; after a "
                    f"replay the chain has {list(chain)} and the dead letters are {list(letters)}",
                )
                return
            kept = {each.event_id: each.payload for each in state.chain}
            if any(kept[name] != before.get(name) for name in ("e2", "e3")):
                yield Violation("DRN-15", "a replayed event has other bytes than its dead letter")


# Counting


def _races(times: int) -> Program:
    return (Arm(Strike(Kind.RACE, point="insert", times=times)),) if times else ()


@scenario("DRN-4", "DRN-5", claim=DURABLE, where=counts_retries)
def every_retry_is_counted(subject: Subject) -> Iterator[Violation]:
    """Each event is retried at most five times after lost races, and each retry is counted."""
    survived = 0
    for lost in range(RACES + 2):
        program = (*_races(lost), Submit(), Move(30))
        with running_program(subject, Mode.DURABLE, program) as running:
            queue, state = running.subject, running.subject.look().state
            assert isinstance(queue, CountsRetries)
            chained = "e1" in ids_of(state)[0]
            if chained and lost > RACES:
                yield Violation("DRN-4", f"an event that has lost {lost} races is in the chain")
            if not chained and lost < FEWEST_RACES:
                yield Violation("DRN-4", f"after {lost} lost races, an event is not in the chain")
            survived = lost if chained else survived
            if queue.count_retries() != survived:
                message = f"after {lost} lost races, retries are {queue.count_retries()}"
                yield Violation("DRN-4", message)
    races = _races(survived)
    program = (*races, Submit(), Move(30), *races, Submit(), Move(30), Sibling())
    with running_program(subject, Mode.DURABLE, program) as running:
        queue, chain = running.subject, ids_of(running.subject.look().state)[0]
        assert isinstance(queue, CountsRetries)
        if not {"e1", "e2"} <= set(chain) or queue.count_retries() != 2 * survived:
            yield Violation(
                "DRN-4",
                f"two events lost {survived} races each: the chain has {list(chain)}, and retries "
                f"are {queue.count_retries()}",
            )


@scenario("DRN-8", claim=DURABLE, where=has_queue)
def panics_are_counted_in_a_row(subject: Subject) -> Iterator[Violation]:
    """The drainer restarts after as many panics in a row as it allows, and stops at one more."""
    for point in ("begin", "insert", "commit", "open"):
        panics = Arm(Strike(Kind.PANIC, point=point, times=PANICS))
        program: Program = (panics, Submit(), Move(30)) * 3
        with running_program(subject, Mode.DURABLE, program) as running:
            chain = list(ids_of(running.subject.look().state)[0])
            if running.subject.look().hopeless or (point != "open" and chain != ["e1", "e2", "e3"]):
                yield Violation(
                    "DRN-8",
                    f"{PANICS} panics at the {point} before each of three events, of which so many "
                    f"in a row are survived: the chain has {chain}",
                )
    for point in ("begin", "insert", "commit"):
        program = (Arm(Strike(Kind.PANIC, point=point, times=PANICS + 1)), Submit(), Move(30))
        with running_program(subject, Mode.DURABLE, program) as running:
            if not running.subject.look().hopeless:
                message = f"{PANICS + 1} panics in a row at the {point}, and it has not given up"
                yield Violation("DRN-8", message)
            if running.subject.submit(event_of(9)) is not Outcome.REFUSED:
                yield Violation("DRN-8", "a drainer that has given up admits an event")


@scenario("DRN-13", "DRN-18", claim=VOLATILE, where=closes_in_time)
def what_a_close_leaves_is_counted_as_lost(subject: Subject) -> Iterator[Violation]:
    """Without a spool, events that a close could not land in time are counted as lost, once."""
    with opened(subject, Mode.VOLATILE) as queue:
        assert isinstance(queue, ClosesInTime)
        queue.submit(event_of(1))
        land(queue)
        queue.database.plan.strikes.append(Strike(Kind.BUSY, point="begin", times=500))
        for number in (2, 3):
            queue.submit(event_of(number))
        for _ in range(2):
            queue.close_within(0.5)
            counters = queue.look().state.counters
            if counters is None or (counters.lost, counters.chained, counters.pending) != (2, 1, 0):
                message = f"closed with one event landed and two that could not: {counters}"
                yield Violation("DRN-18", message)


# Codes


@scenario("DRN-6", claim=DURABLE, where=has_queue)
def every_code_means_what_the_table_says(subject: Subject) -> Iterator[Violation]:
    """Each code of SQLite, extended or not, is handled as the table of DRN-6 says."""
    for code in TRANSIENT_CODES:
        with opened(subject) as queue:
            queue.database.plan.strikes.append(_coded(code, "insert", 500))
            queue.submit(event_of(1))
            for _ in range(12):
                queue.move()
            landed = ids_of(queue.look().state)
            queue.disarm()
            land(queue)
            if landed != ((), ()) or ids_of(queue.look().state) != (("e1",), ()):
                words = f"while the insertion fails with {code}, which every event would meet, "
                after = ids_of(queue.look().state)
                yield Violation("DRN-6", f"{words}e1 is in {landed}; afterwards in {after}")
    with opened(subject) as queue:
        code = sqlite3.SQLITE_CONSTRAINT_UNIQUE
        queue.database.plan.strikes.append(_coded(code, "insert", 1))
        queue.submit(event_of(1))
        land(queue)
        if ids_of(queue.look().state) != (("e1",), ()):
            words = f"the insertion of e1 fails once with {code}, a lost race: "
            yield Violation("DRN-6", f"{words}chain and dead letters: {_places(queue)}")
    for code in PERMANENT_CODES:
        with opened(subject) as queue:
            queue.database.plan.strikes.append(_coded(code, "insert", 1))
            for number in (1, 2):
                queue.submit(event_of(number))
                land(queue)
            if ids_of(queue.look().state) != (("e2",), ("e1",)):
                words = f"the insertion of e1 fails with {code}, which is its own fault: "
                yield Violation("DRN-6", f"{words}chain and dead letters: {_places(queue)}")


@scenario("DRN-10", claim=DURABLE, where=has_queue)
def whatever_the_dead_letters_say_the_event_stays(subject: Subject) -> Iterator[Violation]:
    """If inserting a dead letter fails with any code, the event is kept, and later ones wait."""
    for code in (*TRANSIENT_CODES, *PERMANENT_CODES):
        with opened(subject) as queue:
            queue.database.plan.strikes += [REJECTED, _coded(code, "dead letter", 500)]
            for number in (1, 2):
                queue.submit(event_of(number))
                for _ in range(12):
                    queue.move()
            before = ids_of(queue.look().state)
            queue.disarm()
            land(queue)
            if before != ((), ()) or ids_of(queue.look().state) != (("e2",), ("e1",)):
                words = f"while its dead letter fails with {code}, chain and dead letters are "
                yield Violation("DRN-10", f"{words}{before}, and afterwards {_places(queue)}")


def _coded(code: int, point: str, times: int) -> Strike:
    return Strike(Kind.CODE, point=point, times=times, code=code)


def _places(queue: delivery_run.Subject) -> tuple[tuple[str, ...], tuple[str, ...]]:
    return ids_of(queue.look().state)

"""
Scenarios about events between a submit and the chain or the dead letters.

They are played for subjects that have a deferred queue.  What can be found by
letting everything fail is left to the check `drainer`; here stand the rules that
show in one situation, and those whose breach the contract would report under
another name.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from typing import Any, Protocol, cast, runtime_checkable

from attrs import evolve
from tornproof_models.contract.delivery import SHOWS_ANOTHER, Mode, Outcome
from tornproof_models.contract.journal import Violation
from tornproof_models.crash.subject import Subject
from tornproof_models.database_faults import Kind, Strike, When
from tornproof_models.queues import delivery_run
from tornproof_models.queues.delivery_program import (
    Arm,
    Kill,
    Move,
    Program,
    Submit,
    Watch,
    event_of,
)
from tornproof_models.queues.delivery_run import MAX_MOVES, Run, run

from tornproof_conformance.scenarios.scenario import error_code, scenario
from tornproof_conformance.subjects.queues import HasQueue, HasThreads

DURABLE, VOLATILE = Mode.DURABLE.value, Mode.VOLATILE.value

KILLED: Program = (Submit(), Submit(), Kill())
"""SIGKILL right behind the answer (DRN-3)."""

RESTARTED: Program = (Submit(), Submit(), Kill(), Submit(), Move(30))
"""Something is left for the next process, and something comes in (DRN-16)."""

UNDISTURBED: Program = (Submit(), Submit(), Move(9))
UNFLUSHED: Program = (Submit(), Move(9), Watch(), Submit(), Kill(), Submit())
"""Without a spool, a crash takes the second event and no other (DRN-18)."""

REJECTED = Arm(Strike(Kind.NO_SUCH_COLUMN, point="insert"))


def has_queue(subject: Subject) -> bool:
    """Tell whether a subject has a deferred queue in this process, to be moved and struck."""
    return isinstance(subject, HasQueue) and not hasattr(subject, "command")


def keeps_hashes(subject: Subject) -> bool:
    """Tell whether a subject has a queue whose chain shows the columns of B8."""
    if not isinstance(subject, HasQueue) or not getattr(subject, "shows_its_database", True):
        return False
    with opened(subject, Mode.DURABLE) as queue:
        columns = {row[1] for row in queue.database.look("PRAGMA table_info(signed_events)")}
    return {"payload", "payload_hash"} <= columns


@runtime_checkable
class CountsDeadLetters(Protocol):
    """A queue that says how many dead letters there are."""

    def count_dead_letters(self) -> int:
        """Count them now, or raise."""
        ...


def counts_dead_letters(subject: Subject) -> bool:
    """Tell whether a subject has a queue that counts its dead letters."""
    if not has_queue(subject):
        return False
    with opened(subject) as queue:
        return isinstance(queue, CountsDeadLetters)


@contextmanager
def opened(subject: Subject, claim: Mode = Mode.DURABLE) -> Iterator[delivery_run.Subject]:
    """Open a queue, and let go of it at the end."""
    queue = cast("HasQueue", subject).open_queue(claim)
    queue.open()
    try:
        yield queue
    finally:
        queue.database.close()


@contextmanager
def running_program(subject: Subject, claim: Mode, program: Program) -> Iterator[Run]:
    """Take the steps of a program, and leave it where it is then."""
    queue = cast("HasQueue", subject).open_queue(claim)
    try:
        running = Run(queue, claim)
        running.open()
        for step in program:
            running.take(step)
        yield running
    finally:
        queue.database.close()


def _breaches(
    subject: Subject, requirement: str, *programs: Program, claim: Mode = Mode.DURABLE
) -> Iterator[Violation]:
    """
    Run programs in which a loss or a double can have one reason only, and report it as that.

    Whatever else the contract says of them is no such reason, and keeps its own name.
    """
    for program in programs:
        queue = cast("HasQueue", subject).open_queue(claim)
        try:
            for found in run(program, queue, claim).violations[:1]:
                message = f"{'; '.join(map(str, program))}: {found.message}"
                if found.requirement in SHOWS_ANOTHER:
                    yield Violation(requirement, message, found.cause)
                else:
                    yield evolve(found, message=message)
        finally:
            queue.database.close()


def land(queue: delivery_run.Subject) -> None:
    """Let the drainer move until it rests."""
    for _ in range(MAX_MOVES):
        if not queue.move():
            return


# Events


@scenario("EVT-1", claim=DURABLE, where=keeps_hashes)
def only_a_decision_that_blocks_makes_an_event(subject: Subject) -> Iterator[Violation]:
    """Events that allow or warn are not admitted; events that block or escalate land."""
    with opened(subject) as queue:
        for kind in ("allow", "warn"):
            more = {} if kind == "allow" else {"rule_id": "R", "reason": "because"}
            outcome = queue.submit({**event_of(1), "decision": {"decision": kind, **more}})
            if outcome is Outcome.ADMITTED:
                yield Violation("EVT-1", f"a decision to {kind} was admitted")
        land(queue)
        if queue.look().state.chain:
            yield Violation("EVT-1", "a decision that blocks nothing is in the chain")
        decision = {"decision": "escalate", "rule_id": "R", "reason": "because"}
        outcome = queue.submit({**event_of(2), "decision": decision})
        land(queue)
        landed = [row.event_id for row in queue.look().state.chain]
        if outcome is not Outcome.ADMITTED or "e2" not in landed:
            yield Violation("EVT-1", "a decision to escalate, which blocks, makes no event")


ACTIONS: tuple[Mapping[str, Any], ...] = (
    {"kind": "bash", "command": "ls \u00e9\u20ac\U0001f600", "cwd": "/"},
    {"kind": "filesystem_write", "path": "/a", "byte_estimate": 1},
    {"kind": "custom", "custom_kind": "k", "payload": {"b": [1, 0.5, None], "a": "\u2028"}},
)
CANONICAL = (
    '{"command":"ls \u00e9\u20ac\U0001f600","cwd":"/","kind":"bash"}',
    '{"byte_estimate":1,"kind":"filesystem_write","path":"/a"}',
    '{"custom_kind":"k","kind":"custom","payload":{"a":"\u2028","b":[1,0.5,null]}}',
)
"""Their RFC 8785 forms, written by hand."""


@scenario("EVT-2", "EVT-3", "EVT-4", claim=DURABLE, where=keeps_hashes)
def an_event_has_one_form(subject: Subject) -> Iterator[Violation]:
    """The chain stores an event's canonical bytes, with rule and reason, and their hash."""
    for action, canonical in zip(ACTIONS, CANONICAL, strict=True):
        with opened(subject) as queue:
            queue.submit({**event_of(1), "action": action})
            land(queue)
            rows = queue.database.look("SELECT payload, payload_hash FROM signed_events")
            expected = (
                f'{{"action":{canonical},"agent_id":"agent","decision":{{"decision":"refuse",'
                '"reason":"because","rule_id":"R1"},"event_id":"e1",'
                '"timestamp":"2026-01-31T12:00:00.000000001Z"}'
            ).encode()
            if [payload for payload, _ in rows] != [expected]:
                yield Violation("EVT-2", f"{action} is in the chain as {rows!r}")
            elif rows[0][1] != sha256(expected).digest():
                yield Violation("EVT-3", f"the hash of {action} is {rows[0][1]!r}")


@scenario("EVT-5", "DRN-2", claim=DURABLE, where=has_queue)
def what_cannot_be_encoded_is_refused_at_submit(subject: Subject) -> Iterator[Violation]:
    """An event whose agent is no text is refused at submit, and the next event lands."""
    with opened(subject) as queue:
        outcome = queue.submit({**event_of(1), "agent_id": "\ud800"})
        if outcome is not Outcome.REFUSED:
            yield Violation("EVT-5", f"an event without canonical bytes was {outcome.value}")
        queue.submit(event_of(2))
        land(queue)
        if [row.event_id for row in queue.look().state.chain] != ["e2"]:
            yield Violation("EVT-5", "the event behind one that cannot be encoded did not land")


@scenario("EVT-6", claim=DURABLE, where=has_queue)
def an_attempt_does_not_change_the_id(subject: Subject) -> Iterator[Violation]:
    """After lost races, a restart and a replay, an event has the id of its admission."""
    race = Arm(Strike(Kind.RACE, point="insert"))
    yield from _breaches(subject, "EVT-6", (race, Submit(), Move(9), Kill(), Move(9)))


# Admission and landing


@scenario("DRN-3", claim=DURABLE, where=has_queue)
def what_is_admitted_survives(subject: Subject) -> Iterator[Violation]:
    """After a kill or a power cut right after the answer, the event lands."""
    cuts = [(Submit(), Submit(), Kill(power)) for power in range(8)]
    yield from _breaches(subject, "DRN-3", KILLED, *cuts)


@scenario("DRN-7", claim=DURABLE, where=has_queue)
def an_ambiguous_commit_is_looked_into(subject: Subject) -> Iterator[Violation]:
    """After a COMMIT that reports an error, committed or not, the event is in one place."""
    yield from _breaches(
        subject,
        "DRN-7",
        *(
            (*dead, Arm(Strike(kind, when, "commit")), Submit(), Move(9))
            for dead in ((), (REJECTED,))
            for kind in (Kind.BUSY, Kind.NO_SUCH_COLUMN)
            for when in When
        ),
    )


@scenario("DRN-10", claim=DURABLE, where=has_queue)
def what_the_dead_letters_refuse_stays(subject: Subject) -> Iterator[Violation]:
    """An event that the dead-letter table refuses is kept, and later events wait."""
    refused = Arm(Strike(Kind.NO_SUCH_COLUMN, point="dead letter", times=50))
    program = (REJECTED, refused, Submit(), Move(4), Submit(), Move(20))
    with running_program(subject, Mode.DURABLE, program) as running:
        state = running.subject.look().state
        if state.chain or state.dead_letters:
            yield Violation("DRN-10", "an event landed before an earlier one that could not land")
        running.settle()
        for found in running.violations[:1]:
            if found.requirement in SHOWS_ANOTHER:
                yield Violation("DRN-10", found.message, found.cause)
            else:
                yield found


@scenario("DRN-14", claim=DURABLE, where=counts_dead_letters)
def dead_letters_are_counted_or_it_is_an_error(subject: Subject) -> Iterator[Violation]:
    """The dead-letter count includes other processes' changes; a failed count is an error."""
    with running_program(subject, Mode.DURABLE, (REJECTED, Submit(), Move(9))) as running:
        queue = running.subject
        assert isinstance(queue, CountsDeadLetters)
        if queue.count_dead_letters() != 1:
            yield Violation("DRN-14", f"one dead letter counts as {queue.count_dead_letters()}")
        queue.database.anchor.execute("DELETE FROM signed_events_dlq")
        if queue.count_dead_letters() != 0:
            yield Violation("DRN-14", "a dead letter that was removed is still counted")
        queue.database.anchor.execute("ALTER TABLE signed_events_dlq RENAME TO elsewhere")
        code = error_code(queue.count_dead_letters)
        if code.startswith("success"):
            yield Violation("DRN-14", f"without its table, counting dead letters is a {code}")


@scenario("DRN-16", claim=DURABLE, where=has_queue)
def the_next_process_begins_with_what_was_left(subject: Subject) -> Iterator[Violation]:
    """Events submitted after a restart land after those that were in the spool."""
    with running_program(subject, Mode.DURABLE, RESTARTED) as running:
        order = [row.event_id for row in running.subject.look().state.chain]
        if order != ["e1", "e2", "e3"]:
            yield Violation("DRN-16", f"after a restart the chain is {order}")


def keeps_hashes_here(subject: Subject) -> bool:
    """Tell whether such a queue is in this process."""
    return has_queue(subject) and keeps_hashes(subject)


@scenario("DRN-18", claim=VOLATILE, where=keeps_hashes_here)
def without_a_spool_a_crash_takes_what_had_not_landed(subject: Subject) -> Iterator[Violation]:
    """Volatile mode loses only the buffer, and counts the events that a panic loses."""
    panics = Arm(Strike(Kind.PANIC, point="begin", times=9))
    yield from _breaches(
        subject,
        "DRN-18",
        UNDISTURBED,
        UNFLUSHED,
        (Submit(), Move(9), panics, Submit(), Submit(), Move(30)),
        claim=Mode.VOLATILE,
    )
    with running_program(subject, Mode.VOLATILE, (panics, Submit(), Submit(), Move(30))) as running:
        counters = running.subject.look().state.counters
        if counters is None or counters.lost != 2:
            yield Violation("DRN-18", f"a drainer that gave up on two events counts {counters}")


# Threads

ORDERS = 120
"""Orders in which threads move, each made of a seed; every fifth has the same trouble."""


def has_threads(subject: Subject) -> bool:
    """Tell whether the threads of a subject's queue can be moved one at a time."""
    return isinstance(subject, HasThreads)


@scenario("DRN-1", "DRN-11", "DRN-12", "DRN-13", claim=VOLATILE, where=has_threads)
def whichever_thread_moves_next_the_contract_holds(subject: Subject) -> Iterator[Violation]:
    """The contract holds for two producers, drain, close and drainer in many orders and faults."""
    for seed in range(ORDERS):
        if found := cast("HasThreads", subject).play_threads(seed):
            for violation in found:
                message = f"threads in the order of seed {seed}: {violation.message}"
                yield evolve(violation, message=message)
            return

"""
Scenarios about replays of dead letters, and about races that are counted for each event.

They are played for queues in this process, into whose statements a failure can be put.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Protocol, runtime_checkable

from tornproof_models.contract.delivery import Fault, Mode, Struck
from tornproof_models.contract.journal import Violation
from tornproof_models.crash.subject import Subject
from tornproof_models.database_faults import Kind, Strike
from tornproof_models.queues import delivery_run
from tornproof_models.queues.delivery_program import Arm, Move, Program, Submit, event_of
from tornproof_models.queues.delivery_run import ids_of

from tornproof_conformance.scenarios.drainer_rules import RACES, REJECTED
from tornproof_conformance.scenarios.queue_delivery import (
    DURABLE,
    has_queue,
    keeps_hashes,
    keeps_hashes_here,
    land,
    opened,
    running_program,
)
from tornproof_conformance.scenarios.scenario import scenario

LETTERS = 3


@runtime_checkable
class TellsWhatItReplays(Protocol):
    """A queue that names what a replay has moved."""

    def replay_and_tell(self) -> Sequence[str]:
        """Replay the dead letters, and name the events that were moved."""
        ...


def tells_what_it_replays(subject: Subject) -> bool:
    """Tell whether a subject has such a queue."""
    if not has_queue(subject):
        return False
    with opened(subject) as queue:
        return isinstance(queue, TellsWhatItReplays)


def _reject(queue: delivery_run.Subject, events: int) -> None:
    """Let events become dead letters, one after the other."""
    for number in range(1, events + 1):
        queue.database.plan.strikes.append(REJECTED)
        queue.submit(event_of(number))
        land(queue)


@scenario("DRN-15", "DRN-31", claim=DURABLE, where=keeps_hashes_here)
def a_replayed_event_is_what_it_was(subject: Subject) -> Iterator[Violation]:
    """Replayed rows have the ids, agents and times of their events, in the order of the letters."""
    with opened(subject) as queue:
        _reject(queue, LETTERS)
        queue.replay()
        kept = {row[1] for row in queue.database.look("PRAGMA table_info(signed_events)")}
        members = {"id": "event_id", "agent_id": "agent_id", "timestamp": "timestamp"}
        columns = [name for name in members if name in kept]
        query = f"SELECT {', '.join(columns)} FROM signed_events ORDER BY sequence"
        rows = queue.database.look(query)
        events = [event_of(number) for number in range(1, LETTERS + 1)]
        expected = [tuple(event[members[name]] for name in columns) for event in events]
        if sorted(rows) != sorted(expected):
            yield Violation("DRN-15", f"{LETTERS} dead letters were replayed, and rows are {rows}")
        elif rows != expected:
            order = ", ".join(row[0] for row in rows)
            yield Violation("DRN-31", f"dead letters were replayed in the order {order}")


@scenario("DRN-15", claim=DURABLE, where=keeps_hashes_here)
def a_letter_whose_event_has_landed_is_only_removed(subject: Subject) -> Iterator[Violation]:
    """A dead letter that comes back when its event is in the chain is removed by a replay."""
    with opened(subject) as queue:
        _reject(queue, 1)
        (letter,) = queue.database.look("SELECT * FROM signed_events_dlq")
        queue.replay()
        marks = ", ".join("?" * len(letter))
        queue.database.anchor.execute(f"INSERT INTO signed_events_dlq VALUES ({marks})", letter)
        queue.replay()
        if ids_of(queue.look().state) != (("e1",), ()):
            chain, letters = ids_of(queue.look().state)
            yield Violation(
                "DRN-15",
                "a copy of a dead letter was put back after its replay, and replayed: the chain "
                f"has {list(chain)}, and the dead letters are {list(letters)}",
            )


def hashes_its_letters(subject: Subject) -> bool:
    """Tell whether a subject has a queue whose dead letters show the columns of the chapter."""
    if not keeps_hashes(subject):
        return False
    with opened(subject) as queue:
        columns = {row[1] for row in queue.database.look("PRAGMA table_info(signed_events_dlq)")}
    return {"id", "payload", "payload_hash"} <= columns


@scenario("DRN-35", claim=DURABLE, where=hashes_its_letters)
def an_edited_letter_is_not_replayed(subject: Subject) -> Iterator[Violation]:
    """A dead letter whose bytes were changed stays, and the one behind it is replayed."""
    with opened(subject) as queue:
        somebody = queue.database.anchor
        somebody.execute(
            "CREATE TRIGGER closed BEFORE INSERT ON signed_events"
            " BEGIN SELECT RAISE(ABORT, 'closed'); END"
        )
        for number in (1, 2):
            queue.submit(event_of(number))
        land(queue)
        somebody.execute("DROP TRIGGER closed")
        changed = "CAST(replace(CAST(payload AS TEXT), 'because', 'for fun') AS BLOB)"
        somebody.execute(f"UPDATE signed_events_dlq SET payload = {changed} WHERE id = 'e1'")
        queue.replay()
        chain = [event_id for (event_id,) in queue.database.look("SELECT id FROM signed_events")]
        letters = queue.database.look("SELECT id FROM signed_events_dlq")
        message = "the reason in the bytes of dead letter e1 was changed, and after a replay"
        if "e1" in chain:
            yield Violation("DRN-35", f"{message} it is in the chain")
        elif letters != [("e1",)]:
            words = f"the chain has {chain}, and the dead letters are {letters}"
            yield Violation("DRN-35", f"{message} {words}")


@scenario("DRN-15", claim=DURABLE, where=tells_what_it_replays)
def two_replays_at_once_move_each_letter_once(subject: Subject) -> Iterator[Violation]:
    """If two operators replay at the same time, each event is moved, and named, by one of them."""
    with opened(subject) as queue:
        assert isinstance(queue, TellsWhatItReplays)
        _reject(queue, LETTERS)
        told: list[str] = []
        queue.database.plan.sibling = lambda: told.extend(queue.replay_and_tell())
        # a race at the beginning of a transaction lets the other one go first
        queue.database.plan.strikes.append(Strike(Kind.RACE, point="begin"))
        told.extend(queue.replay_and_tell())
        expected = [f"e{number}" for number in range(1, LETTERS + 1)]
        if sorted(told) != expected or ids_of(queue.look().state)[1]:
            message = f"two replays of {LETTERS} dead letters at the same time have moved"
            yield Violation("DRN-15", f"{message} {', '.join(sorted(told))}")


# Races


def _races(times: int, nth: int = 1) -> Arm:
    return Arm(Strike(Kind.UNIQUE, point="insert", nth=nth, times=times))


@scenario("DRN-4", claim=DURABLE, where=has_queue)
def races_are_counted_for_each_event(subject: Subject) -> Iterator[Violation]:
    """The races that one event has lost take no retry from another, and a panic gives none back."""
    budget = max(lost for lost in range(RACES + 1) if _survives(subject, lost))
    shared: Program = (Submit(), Submit(), _races(1, nth=2), _races(budget, nth=2), Move(60))
    panic = Arm(Strike(Kind.PANIC, point="insert"))
    panicked: Program = (_races(RACES - 1), panic, _races(RACES), Submit(), Move(60))
    for words, program in (("in one batch", shared), ("around a panic", panicked)):
        with running_program(subject, Mode.DURABLE, program) as running:
            letters = ids_of(running.subject.look().state)[1]
            struck = [fact for fact in running.history if isinstance(fact, Struck)]
            lost = Counter(fact.event_id for fact in struck if fact.fault is Fault.RACE)
        for name, races in lost.items():
            if name in letters and races <= budget:
                message = f"{words}, {name} lost {races} races and is a dead letter; alone an"
                yield Violation("DRN-4", f"{message} event survives {budget}")
            if races > RACES + 2:  # with the attempt that the panic ended
                yield Violation("DRN-4", f"{words}, {name} was tried again after {races} races")


def _survives(subject: Subject, races: int) -> bool:
    armed = (_races(races),) if races else ()
    with running_program(subject, Mode.DURABLE, (*armed, Submit(), Move(30))) as running:
        return "e1" in ids_of(running.subject.look().state)[0]

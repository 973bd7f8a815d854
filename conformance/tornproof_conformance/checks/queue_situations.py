"""
Put a drainer behind an adapter into fixed situations: restarts, refusals, closing.

They are the ones into which a queue in this process is put, where those need no
simulated disk, and others that take a fault at a point of the adapter's own.  What
is right afterwards is the contract's to say.  A breach is reported under the name
of what the situation is about.
"""

import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from functools import partial

from attrs import frozen
from tornproof_models.contract.delivery import Mode, Outcome
from tornproof_models.contract.journal import Violation
from tornproof_models.crash.subject import Subject
from tornproof_models.queues.delivery_program import event_of
from tornproof_models.queues.delivery_run import ids_of

from tornproof_conformance.adapter.adapter_subject import AdapterSubject
from tornproof_conformance.adapter.arming import (
    Arming,
    Faults,
    ambiguous_commits,
    at_each_point,
    at_the_first_point,
    errors_at_two_points,
)
from tornproof_conformance.adapter.speaking.diagnosis import ProcessFailed
from tornproof_conformance.adapter.speaking.messages import Refusal
from tornproof_conformance.cases.case import ExerciseCase, try_case
from tornproof_conformance.cases.exercises import exercise
from tornproof_conformance.checks import Budget, Check, Covered, Findings
from tornproof_conformance.checks.deliveries import DRAIN_MS, Delivery, delivery_faults
from tornproof_conformance.scenarios.queue_delivery import KILLED, RESTARTED, UNDISTURBED, UNFLUSHED
from tornproof_conformance.stream.run_events import Progress

TOO_LARGE = (16 << 20) + 1
"""Bytes: more than a record of the spool may have, where nothing else was agreed on (FRM-8)."""

BLOCKED_MS = 60
"""How long to wait for a drainer that cannot get on; nothing is judged by it."""

BOTH = tuple(Mode)
DURABLE = (Mode.DURABLE,)
VOLATILE = (Mode.VOLATILE,)


@frozen
class QueueSituation:
    """A situation, the requirement it is about, and the faults that it takes."""

    requirement: str
    modes: tuple[Mode, ...]
    play: Callable[[Delivery, Faults], None]
    arm: Callable[[Faults], Iterator[Faults]] | None = None
    """Chooses the faults, from all that make sense; none if it needs none."""

    once: bool = False
    """Whether the first of these claims that is claimed is enough."""

    @property
    def name(self) -> str:
        """What it is called in a reproducer."""
        return self.play.__name__.replace("_", "-")

    def programs(self, faults: Faults) -> Iterator[Faults]:
        """Yield the faults with which to play it, one set at a time."""
        if self.arm is None:
            yield ()
        else:
            yield from self.arm(faults)


# Situations


def what_is_admitted_survives(delivery: Delivery, _: Faults) -> None:
    """Submit, kill the process behind the answer, and see what the next one lands."""
    delivery.play(KILLED)
    delivery.settle()


def the_next_process_begins_with_what_was_left(delivery: Delivery, _: Faults) -> None:
    """What comes in after a restart lands behind what was left."""
    delivery.play(RESTARTED)
    delivery.settle()
    order = [row.event_id for row in delivery.look().chain]
    if order != ["e1", "e2", "e3"]:
        delivery.report("DRN-16", f"after a restart the chain is {order}")


def an_ambiguous_commit_is_looked_into(delivery: Delivery, faults: Faults) -> None:
    """A commit is reported as failed and has happened, for a row or for a dead letter."""
    _go_wrong(delivery, faults)
    delivery.settle()


def what_the_dead_letters_refuse_stays(delivery: Delivery, faults: Faults) -> None:
    """Neither the chain nor the dead letters take an event: it waits, and so do those behind."""
    _go_wrong(delivery, faults, timeout_ms=BLOCKED_MS)
    delivery.settle()


def a_panic_without_end_is_given_up(delivery: Delivery, faults: Faults) -> None:
    """The drainer gives up and says so; in the next process everything lands."""
    _go_wrong(delivery, faults)
    if not _has_given_up(delivery):
        return  # the point is not one that stops it
    began = time.monotonic()
    if delivery.drain() or time.monotonic() - began >= DRAIN_MS / 1000:
        delivery.report("DRN-8", "the drainer has given up, and a drain waits or succeeds")
    delivery.restart()
    delivery.settle()


def a_closed_queue_has_landed_everything(delivery: Delivery, _: Faults) -> None:
    """A queue is closed while the one through which events came is still there."""
    delivery.play(UNDISTURBED[:2])
    if not _close(delivery, DRAIN_MS):
        delivery.report("DRN-11", "nothing went wrong, and a close did not land what was admitted")
        return
    if delivery.submit() is Outcome.ADMITTED:
        delivery.report("DRN-11", "a closed queue has admitted an event")
    delivery.restart()
    chain, letters = ids_of(delivery.look())
    landed = {*chain, *letters}
    if missing := {"e1", "e2"} - landed:
        delivery.report("DRN-11", f"closed and drained, it said, and {min(missing)} is nowhere")
    delivery.settle()


def a_close_that_cannot_flush_ends(delivery: Delivery, faults: Faults) -> None:
    """The database is busy and stays so: a close ends, and what is left is for the next one."""
    delivery.play(UNDISTURBED[:2])
    for fault in faults:
        delivery.arm(fault)
    _close(delivery, BLOCKED_MS)
    delivery.restart()
    delivery.settle()


def dead_letters_are_counted_or_it_is_an_error(delivery: Delivery, faults: Faults) -> None:
    """The count follows what others do, and failing to count is never a count of 0."""
    _go_wrong(delivery, faults, timeout_ms=BLOCKED_MS)
    delivery.disarm()
    delivery.drain()
    letters = len(delivery.look().dead_letters)
    _expect_count(delivery, letters, f"there are {letters} dead letters")
    if delivery.database is None or "DRN-14" in hidden_in(delivery.subject):
        return
    with closing(sqlite3.connect(delivery.database, isolation_level=None)) as somebody:
        somebody.execute("DELETE FROM signed_events_dlq")
        _expect_count(delivery, 0, "all dead letters were removed")
        somebody.execute("ALTER TABLE signed_events_dlq RENAME TO elsewhere")
        with suppress(Refusal):
            count = delivery.ask("drainer.metrics")["dlq_size"]
            delivery.report("DRN-14", f"without their table, the dead letters are {count}")


def without_a_spool_a_crash_takes_what_had_not_landed(delivery: Delivery, _: Faults) -> None:
    """A crash takes the buffer and nothing else."""
    delivery.play(UNFLUSHED)
    delivery.settle()


def what_a_panic_takes_is_counted(delivery: Delivery, faults: Faults) -> None:
    """A drainer without a spool that gives up counts what has not landed as lost."""
    _go_wrong(delivery, faults)
    if not _has_given_up(delivery):
        return
    state = delivery.look()
    assert state.counters is not None
    chain, letters = ids_of(state)
    unlanded = {"e1", "e2"} - {*chain, *letters}
    if state.counters.lost < len(unlanded):
        message = f"{len(unlanded)} events were not landed by a drainer that gave up: "
        delivery.report("DRN-18", f"{message}{state.counters}")


def an_id_is_minted_once(delivery: Delivery, _: Faults) -> None:
    """An event that comes without an id lands under the one that its admission named."""
    event = {name: value for name, value in event_of(1).items() if name != "event_id"}
    minted = delivery.ask("drainer.submit", **event).get("event_id")
    delivery.restart()
    delivery.drain()
    chain, letters = ids_of(delivery.look())
    if minted is not None and [*chain, *letters] != [minted]:
        delivery.report("EVT-6", f"{minted} was admitted, and {[*chain, *letters]} is there")


def what_is_too_large_is_refused_at_submit(delivery: Delivery, _: Faults) -> None:
    """An event larger than a record may be is refused at once, or lands; the next one lands."""
    large, next_one = {**event_of(1), "agent_id": "x" * TOO_LARGE}, event_of(2)
    expected = {"e2"}
    with suppress(Refusal):
        if delivery.ask("drainer.submit", **large)["admitted"]:
            expected.add("e1")
    delivery.ask("drainer.submit", **next_one)
    delivery.drain()
    chain, letters = ids_of(delivery.look())
    if missing := expected - {*chain, *letters}:
        message = f"of an event of {TOO_LARGE:,} bytes and one of usual size, "
        delivery.report("EVT-5", f"{message}{min(missing)} was admitted and is nowhere")


def _go_wrong(delivery: Delivery, faults: Faults, *, timeout_ms: int = DRAIN_MS) -> None:
    """Submit two events, arm, and let the drainer try."""
    delivery.play(UNDISTURBED[:2])
    for fault in faults:
        delivery.arm(fault)
    delivery.drain(timeout_ms)


def _has_given_up(delivery: Delivery) -> bool:
    """Tell whether a drainer is in its terminal state, in which it admits nothing."""
    return delivery.submit() is not Outcome.ADMITTED


def _close(delivery: Delivery, timeout_ms: int) -> bool:
    """Close the queue; says whether everything has landed."""
    try:
        return bool(delivery.ask("drainer.close", timeout_ms=timeout_ms).get("drained", True))
    except Refusal:
        return False


def _expect_count(delivery: Delivery, expected: int, words: str) -> None:
    count = delivery.ask("drainer.metrics").get("dlq_size")
    if count is not None and count != expected:
        delivery.report("DRN-14", f"{words}, and dlq_size is {count}")


SITUATIONS: Mapping[str, QueueSituation] = {
    situation.name: situation
    for situation in (
        QueueSituation("DRN-3", DURABLE, what_is_admitted_survives),
        QueueSituation("DRN-16", DURABLE, the_next_process_begins_with_what_was_left),
        QueueSituation("EVT-5", DURABLE, what_is_too_large_is_refused_at_submit),
        QueueSituation("EVT-6", DURABLE, an_id_is_minted_once),
        QueueSituation("DRN-11", BOTH, a_closed_queue_has_landed_everything),
        QueueSituation(
            "DRN-11", DURABLE, a_close_that_cannot_flush_ends, at_the_first_point("busy")
        ),
        QueueSituation("DRN-18", VOLATILE, without_a_spool_a_crash_takes_what_had_not_landed),
        QueueSituation(
            "DRN-7", BOTH, an_ambiguous_commit_is_looked_into, ambiguous_commits, once=True
        ),
        QueueSituation(
            "DRN-14", BOTH, dead_letters_are_counted_or_it_is_an_error, at_each_point("error")
        ),
        QueueSituation(
            "DRN-8", DURABLE, a_panic_without_end_is_given_up, at_the_first_point("panic")
        ),
        QueueSituation("DRN-18", VOLATILE, what_a_panic_takes_is_counted, at_each_point("panic")),
        QueueSituation(
            "DRN-10", BOTH, what_the_dead_letters_refuse_stays, errors_at_two_points, once=True
        ),
    )
}
"""Every situation by name, the quick first."""


def hidden_in(subject: AdapterSubject) -> frozenset[str]:
    """Name the requirements for which an adapter does not say what it need not say."""
    event = {name: value for name, value in event_of(1).items() if name != "event_id"}
    try:
        delivery = Delivery(subject, subject.best_drainer)
        counted = "dlq_size" in delivery.ask("drainer.metrics")
        named = "event_id" in delivery.ask("drainer.submit", **event)
        delivery.close()
    except (Refusal, ProcessFailed):
        counted = named = False
    said = {"DRN-14": counted, "EVT-6": named}
    return frozenset(requirement for requirement, is_said in said.items() if not is_said)


@exercise("queue-situation")
def put_into_situation(subject: AdapterSubject, arguments: Sequence[str]) -> Iterator[Violation]:
    """Put a drainer into a situation, in a mode, with faults; yields what is violated."""
    name, mode, *faults = arguments
    situation = SITUATIONS[name]
    found: list[Violation] = []
    try:
        delivery = Delivery(
            subject, Mode(mode), reported_as=situation.requirement, violations=found
        )
        situation.play(delivery, [Arming.parse(words) for words in faults])
        delivery.disarm()
        delivery.close()
    except (ProcessFailed, Refusal, sqlite3.Error) as failed:
        found.append(Violation(situation.requirement, f"{name}: {failed}"))
    yield from found


def queue_situations_check(chosen: Sequence[QueueSituation]) -> Check:
    """Make the check of these situations."""
    return Check(
        "queue-situations",
        "restarts, refusals and endings of a drainer",
        frozenset(each.requirement for each in chosen),
        partial(_queue_situations, chosen),
        partial(_unplayable, chosen),
    )


def _queue_situations(chosen: Sequence[QueueSituation], subject: Subject, _: Budget) -> Findings:
    faults = delivery_faults(subject)
    programs = [
        (situation.name, mode, *map(str, armed))
        for situation, mode in _playable(chosen, subject)
        for armed in situation.programs(faults)
    ]
    for number, program in enumerate(programs):
        yield Progress("queue-situations", number, len(programs), program[0])
        yield from try_case(ExerciseCase("queue-situation", program), subject)
    played = len({name for name, *_ in programs})
    words = f"{played} situations of a drainer, {len(programs)} times"
    return Covered(words, {"queue_situations": len(programs)}, ("process-kill",))


def _playable(
    chosen: Sequence[QueueSituation], subject: Subject
) -> Iterator[tuple[QueueSituation, str]]:
    """Choose the situations of the claims that a subject claims."""
    assert isinstance(subject, AdapterSubject)
    for situation in chosen:
        claimed = [each.value for each in situation.modes if each.value in subject.claims]
        for mode in claimed[:1] if situation.once else claimed:
            yield situation, mode


def _unplayable(chosen: Sequence[QueueSituation], subject: Subject) -> frozenset[str]:
    """Name what cannot be seen of an adapter, for want of a mode, of points or of words."""
    assert isinstance(subject, AdapterSubject)
    faults = delivery_faults(subject)
    played = {
        each.requirement for each, _ in _playable(chosen, subject) if list(each.programs(faults))
    }
    return frozenset(each.requirement for each in chosen) - (played - hidden_in(subject))


QUEUE_SITUATIONS = queue_situations_check(tuple(SITUATIONS.values()))

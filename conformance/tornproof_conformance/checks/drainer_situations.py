"""
The situations into which a drainer behind an adapter is put, one function each.

`queue_situations` says which requirement each is about, and which faults it takes.
"""

import sqlite3
from contextlib import closing, suppress

from tornproof_models.contract.delivery import (
    LOST_WITH_A_PROCESS,
    MAX_RACES,
    Fault,
    Outcome,
    Struck,
    judge_races,
)
from tornproof_models.queues.delivery_program import event_of
from tornproof_models.queues.delivery_run import ids_of

from tornproof_conformance.adapter.adapter_subject import AdapterSubject
from tornproof_conformance.adapter.arming import Faults
from tornproof_conformance.adapter.resting import HELD_UP
from tornproof_conformance.adapter.speaking.diagnosis import ProcessFailed
from tornproof_conformance.adapter.speaking.messages import Refusal
from tornproof_conformance.adapter.speaking.patience import OutOfPatience
from tornproof_conformance.checks.delivering import DRAIN_MS, SIBLING, Delivery
from tornproof_conformance.scenarios.queue_delivery import KILLED, RESTARTED, UNDISTURBED, UNFLUSHED

TOO_LARGE = (16 << 20) + 1
"""Bytes: more than a record of the spool may have, where nothing else was agreed on (FRM-8)."""

BLOCKED_MS = 60
"""How long to wait for a drainer that cannot get on; nothing is judged by it."""


def what_is_admitted_survives(delivery: Delivery, _: Faults) -> None:
    """Submit, kill the process behind the answer, and see what the next one lands."""
    delivery.play(KILLED)
    delivery.settle()


def the_next_process_begins_with_what_was_left(delivery: Delivery, _: Faults) -> None:
    """What comes in after a restart lands behind what was left."""
    delivery.play(RESTARTED)
    delivery.settle()
    order = [row.event_id for row in delivery.look().chain]
    if order != sorted(order):
        delivery.report("DRN-16", f"after a restart the chain is {order}")


def an_ambiguous_commit_is_looked_into(delivery: Delivery, faults: Faults) -> None:
    """A commit is reported as failed and has happened, for a row or for a dead letter."""
    _go_wrong(delivery, faults)
    delivery.settle()


def what_the_dead_letters_refuse_stays(delivery: Delivery, faults: Faults) -> None:
    """Neither the chain nor the dead letters take an event: it waits, and so do those behind."""
    _go_wrong(delivery, faults, timeout_ms=BLOCKED_MS)
    state = delivery.look()
    delivery.met["what-the-dead-letters-refuse-stays"] += not (state.chain or state.dead_letters)
    delivery.settle()


def a_panic_without_end_is_given_up(delivery: Delivery, faults: Faults) -> None:
    """The drainer gives up and says so; in the next process everything lands."""
    _go_wrong(delivery, faults)
    if not delivery.has_given_up():
        return  # the point is not one that stops it
    delivery.met["a-panic-without-end-is-given-up"] += 1
    if delivery.drain() or not delivery.is_at_once:
        delivery.report("DRN-8", "the drainer has given up, and a drain waits or succeeds")
    delivery.restart()
    delivery.settle()


def a_closed_queue_has_landed_everything(delivery: Delivery, _: Faults) -> None:
    """A queue is closed while the one through which events came is still there."""
    delivery.play(UNDISTURBED[:2])
    is_flushed = _close(delivery, DRAIN_MS)
    if is_flushed is None:
        return
    if not is_flushed:
        if delivery.held_up > HELD_UP:
            raise OutOfPatience("the machine was too busy to say anything of a close")
        delivery.report("ADP-9", "nothing failed, and a close did not land what was admitted")
        return
    landed = _tables(delivery)
    is_admitted = delivery.submit() is Outcome.ADMITTED
    delivery.restart()
    if landed is None:
        landed = _shown(delivery)
    if missing := {"e1", "e2"} - landed:
        message = f"close said that nothing was left, and {min(missing)} has not landed"
        delivery.report("DRN-29", message)
    if is_admitted:
        delivery.report("ADP-6", "a closed queue has admitted an event")
        return  # which may be nowhere
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
    """The dead-letter count includes other processes' changes; a failed count is an error."""
    _go_wrong(delivery, faults, timeout_ms=BLOCKED_MS)
    delivery.disarm()
    delivery.drain()
    letters = len(delivery.look().dead_letters)
    delivery.met["dead-letters-are-counted-or-it-is-an-error"] += letters > 0
    _expect_count(delivery, letters, f"there are {letters} dead letters")
    if delivery.database is None or "dlq_size" not in shown_by(delivery.subject):
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


def a_race_is_not_retried_for_ever(delivery: Delivery, faults: Faults) -> None:
    """Another writer always takes the number first: five retries at most, then a dead letter."""
    delivery.submit()
    for fault in faults:
        delivery.arm(fault)
    delivery.drain()
    delivery.disarm()
    chain, letters = ids_of(delivery.look())
    races = sum(each.startswith(SIBLING) for each in chain)
    delivery.history += [Struck(Fault.RACE, "e1")] * races
    delivery.met["a-race-is-not-retried-for-ever"] += races >= MAX_RACES or "e1" in letters
    retries = delivery.ask("drainer.metrics").get("race_retries")
    for violation in judge_races(races, retries, is_dead="e1" in letters):
        delivery.report(violation.requirement, violation.message)
    delivery.settle()


def what_a_panic_takes_is_counted(delivery: Delivery, faults: Faults) -> None:
    """A drainer without a spool that gives up counts what has not landed as lost."""
    _go_wrong(delivery, faults)
    if not delivery.has_given_up():
        return
    delivery.met["what-a-panic-takes-is-counted"] += 1
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
    delivery.come_to_rest()
    chain, letters = ids_of(delivery.look())
    if minted is None:
        return
    if not (chain or letters):
        message = f"{minted} was admitted, and the next process knows nothing of it"
        delivery.report("DRN-1", message, LOST_WITH_A_PROCESS)
    elif [*chain, *letters] != [minted]:
        delivery.report("EVT-6", f"{minted} was admitted, and {[*chain, *letters]} is there")


def what_is_too_large_is_refused_at_submit(delivery: Delivery, _: Faults) -> None:
    """An event larger than a record may be is refused at once, or lands; the next one lands."""
    large, next_one = {**event_of(1), "agent_id": "x" * TOO_LARGE}, event_of(2)
    expected = {"e2"}
    with suppress(Refusal):
        if delivery.ask("drainer.submit", **large)["admitted"]:
            expected.add("e1")
    delivery.ask("drainer.submit", **next_one)
    delivery.come_to_rest()  # a large event takes its time
    chain, letters = ids_of(delivery.look())
    if missing := expected - {*chain, *letters}:
        message = f"of an event of {TOO_LARGE:,} bytes and one of usual size, "
        delivery.report("EVT-5", f"{message}{min(missing)} was admitted and has not landed")


def what_no_column_holds_is_refused_at_submit(delivery: Delivery, _: Faults) -> None:
    """An event whose agent has U+0000 is refused at once, or lands; the next one lands."""
    strange, next_one = {**event_of(1), "agent_id": "agent\0"}, event_of(2)
    expected = {"e2"}
    with suppress(Refusal):
        if delivery.ask("drainer.submit", **strange)["admitted"]:
            expected.add("e1")
    delivery.ask("drainer.submit", **next_one)
    delivery.come_to_rest()
    chain, letters = ids_of(delivery.look())
    if missing := expected - {*chain, *letters}:
        message = "of an event whose agent has the character U+0000 and a usual one, "
        delivery.report("EVT-5", f"{message}{min(missing)} was admitted and has not landed")


def _go_wrong(delivery: Delivery, faults: Faults, *, timeout_ms: int = DRAIN_MS) -> None:
    """Submit two events, arm, and let the drainer try."""
    delivery.play(UNDISTURBED[:2])
    for fault in faults:
        delivery.arm(fault)
    delivery.drain(timeout_ms)


def _tables(delivery: Delivery) -> set[str] | None:
    """Read what has landed, before a next process can undo it; none without tables to read."""
    if delivery.database is None:
        return None
    query = "SELECT id FROM signed_events UNION ALL SELECT id FROM signed_events_dlq"
    with closing(sqlite3.connect(delivery.database)) as somebody:
        return {event_id for (event_id,) in somebody.execute(query)}


def _shown(delivery: Delivery) -> set[str]:
    chain, letters = ids_of(delivery.look())
    return {*chain, *letters}


def _close(delivery: Delivery, timeout_ms: int) -> bool | None:
    """Close the queue; says whether everything has landed, and nothing if it does not return."""
    try:
        return delivery.flush(timeout_ms)
    except Refusal:
        return False


def _expect_count(delivery: Delivery, expected: int, words: str) -> None:
    count = delivery.ask("drainer.metrics").get("dlq_size")
    if count is not None and count != expected:
        delivery.report("DRN-14", f"{words}, and dlq_size is {count}")


def shown_by(subject: AdapterSubject) -> frozenset[str]:
    """Name the optional members of replies that an adapter gives."""
    event = {name: value for name, value in event_of(1).items() if name != "event_id"}
    try:
        delivery = Delivery(subject, subject.best_drainer)
        members = {*delivery.ask("drainer.metrics"), *delivery.ask("drainer.submit", **event)}
        delivery.close()
    except (Refusal, ProcessFailed):
        return frozenset()
    return frozenset(members)

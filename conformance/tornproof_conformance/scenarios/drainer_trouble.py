"""
Scenarios about a drainer that has trouble: how long it waits, what it counts, what it lets go of.

They are played for queues in this process, into whose statements a failure can be
put.  Beside single failures, which the check `drainer` tries at every statement, they
have failures in a row, of several kinds, and those of one event among several.
"""

from collections.abc import Iterator, Sequence
from itertools import product
from typing import NoReturn, Protocol, runtime_checkable

from tornproof_models.contract.delivery import Outcome
from tornproof_models.contract.journal import Violation
from tornproof_models.crash.subject import Subject
from tornproof_models.database_faults import Kind, Strike
from tornproof_models.queues.delivery_program import event_of
from tornproof_models.queues.delivery_run import ids_of

from tornproof_conformance.scenarios.drainer_rules import PANICS, REJECTED
from tornproof_conformance.scenarios.queue_delivery import (
    DURABLE,
    has_queue,
    keeps_hashes_here,
    land,
    opened,
)
from tornproof_conformance.scenarios.scenario import scenario

LONGEST_WAIT = 1.0
"""Seconds (DRN-32)."""

LATE, SELDOM = 10, 0.1
"""From this failure in a row on, so many seconds lie between two attempts (DRN-34)."""

FAILURES = 40
"""In a row: a wait that doubles without a bound is one of centuries by then."""


@runtime_checkable
class TellsItsWaits(Protocol):
    """A queue that says how long it would have waited between its moves."""

    waits: Sequence[float]
    """Seconds, in order; only those that were not 0."""


@runtime_checkable
class CountsFailures(Protocol):
    """A queue that counts attempts that failed."""

    def count_failures(self) -> tuple[int, int, int]:
        """Count those to append to the chain, those to append a dead letter, and panics."""
        ...


def tells_its_waits(subject: Subject) -> bool:
    """Tell whether a subject has such a queue."""
    return _has(subject, TellsItsWaits)


def counts_failures(subject: Subject) -> bool:
    """Tell whether a subject has such a queue."""
    return _has(subject, CountsFailures)


def _has(subject: Subject, kind: type) -> bool:
    if not has_queue(subject):
        return False
    with opened(subject) as queue:
        return isinstance(queue, kind)


class Unreadable(dict[str, int]):
    """A JSON object of somebody's own, which fails when it is read."""

    def _fail(self) -> NoReturn:
        raise RuntimeError("this object cannot be read now")

    __iter__ = keys = items = values = _fail


@scenario("DRN-2", "EVT-5", claim=DURABLE, where=has_queue)
def an_event_that_fails_when_read_is_refused(subject: Subject) -> Iterator[Violation]:
    """An event whose payload raises an error of its own when it is read is refused at submit."""
    with opened(subject) as queue:
        action = {"kind": "custom", "custom_kind": "k", "payload": Unreadable(a=1)}
        try:
            outcome = queue.submit({**event_of(1), "action": action})
        except RuntimeError as error:
            message = f"a submit of an event that fails when it is read raises: {error}"
            yield Violation("DRN-2", message)
            return
        if outcome is Outcome.ADMITTED:
            yield Violation("EVT-5", "an event that fails when it is read was admitted")
        queue.submit(event_of(2))
        land(queue)
        if (places := ids_of(queue.look().state)) != (("e2",), ()):
            yield Violation("DRN-2", f"behind one that fails when it is read, e2 is in {places}")


# Panics

UNDONE_NEVER: tuple[tuple[str, tuple[Strike, ...]], ...] = (
    ("a panic at the insertion", (Strike(Kind.PANIC, point="insert"),)),
    ("a panic at the commit", (Strike(Kind.PANIC, point="commit"),)),
    *(
        (f"{kind.value} at the insertion, and a rollback that fails", (first, rollback))
        for kind in (Kind.BUSY, Kind.UNIQUE, Kind.NO_SUCH_COLUMN)
        for first in (Strike(kind, point="insert"),)
        for rollback in (Strike(Kind.IO_ERROR, point="rollback"),)
    ),
    (
        "a dead letter that is refused, and a rollback that fails",
        (
            REJECTED,
            Strike(Kind.BUSY, point="dead letter"),
            Strike(Kind.IO_ERROR, point="rollback", nth=2),
        ),
    ),
)
"""Ways to leave a connection in the middle of a transaction."""


@scenario("DRN-8", "DRN-6", claim=DURABLE, where=has_queue)
def a_transaction_that_stays_open_stops_nobody(subject: Subject) -> Iterator[Violation]:
    """If a transaction cannot be undone, its connection goes, and all events land, in order."""
    for words, strikes in UNDONE_NEVER:
        may_be_dead = any(strike.kind is Kind.NO_SUCH_COLUMN for strike in strikes)
        with opened(subject) as queue:
            queue.database.plan.strikes += strikes
            for number in (1, 2):
                queue.submit(event_of(number))
                land(queue)
            chain, letters = ids_of(queue.look().state)
            message = f"after {words}, chain and dead letters are {list(chain)} and {list(letters)}"
            if (*letters, *chain) != ("e1", "e2"):
                yield Violation("DRN-8", message)
            elif letters and not may_be_dead:
                yield Violation("DRN-6", f"nothing is wrong with e1, and {message}")
            queue.disarm()
            queue.append_as_sibling("s1")


def _panics(point: str, times: int = 1, nth: int = 1) -> Strike:
    return Strike(Kind.PANIC, point=point, times=times, nth=nth)


BETWEEN_PANICS: tuple[tuple[str, tuple[Strike, ...]], ...] = (
    (
        "a locked database",
        (_panics("insert", PANICS + 1), Strike(Kind.BUSY, point="begin", nth=PANICS + 1)),
    ),
    (
        "a lost race",
        (_panics("insert", PANICS), Strike(Kind.UNIQUE, point="insert"), _panics("insert")),
    ),
    (
        "a busy commit",
        (_panics("begin", PANICS), Strike(Kind.BUSY, point="commit"), _panics("begin", nth=2)),
    ),
    ("a rejected event", (_panics("insert", PANICS), REJECTED, _panics("dead letter"))),
)
"""So many panics as are survived, something else, and one panic more."""


@scenario("DRN-8", claim=DURABLE, where=has_queue)
def only_an_event_that_lands_ends_a_row_of_panics(subject: Subject) -> Iterator[Violation]:
    """Panics are in a row until an event lands, whatever else fails between them."""
    for words, strikes in BETWEEN_PANICS:
        with opened(subject) as queue:
            queue.database.plan.strikes += strikes
            queue.submit(event_of(1))
            land(queue)
            seen = queue.look()
            rows = seen.state.dead_letters if REJECTED in strikes else seen.state.chain
            if not seen.hopeless and "e1" in {row.event_id for row in rows}:
                message = f"{PANICS} panics, {words} and one more panic before an event has landed"
                yield Violation("DRN-8", f"{message}: the drainer has not given up")
    with opened(subject) as queue:
        for number in (1, 2, 3):
            queue.database.plan.strikes += [_panics("insert", PANICS), REJECTED]
            queue.submit(event_of(number))
            land(queue)
        if ids_of(queue.look().state)[1] != ("e1", "e2", "e3"):
            message = f"each of three events became a dead letter after {PANICS} panics"
            yield Violation("DRN-8", f"{message}: {ids_of(queue.look().state)}")


# One among several


@scenario("DRN-1", "DRN-9", claim=DURABLE, where=keeps_hashes_here)
def of_several_only_those_that_are_rejected_are_dead(subject: Subject) -> Iterator[Violation]:
    """Of events that wait together, the rejected ones are dead letters, and the others chained."""
    for rejected in product((False, True), repeat=3):
        bad = [f"e{number}" for number, is_bad in enumerate(rejected, start=1) if is_bad]
        good = [f"e{number}" for number, is_bad in enumerate(rejected, start=1) if not is_bad]
        names = ", ".join(f"'{name}'" for name in bad)
        with opened(subject) as queue:
            queue.database.anchor.execute(
                "CREATE TRIGGER some BEFORE INSERT ON signed_events"
                f" WHEN NEW.id IN ({names}) BEGIN SELECT RAISE(ABORT, 'not this one'); END"
            )
            for number in (1, 2, 3):
                queue.submit(event_of(number))
            land(queue)
            chain, letters = ids_of(queue.look().state)
            if (list(chain), list(letters)) != (good, bad):
                told = f"a trigger rejects {bad or 'none'} of e1, e2 and e3, which wait together"
                same = sorted(chain) == good and sorted(letters) == bad
                message = f"{told}: the chain has {list(chain)}, the dead letters {list(letters)}"
                yield Violation("DRN-9" if same else "DRN-1", message)


@scenario("DRN-37", claim=DURABLE, where=has_queue)
def a_dead_letter_has_the_reason_of_its_event(subject: Subject) -> Iterator[Violation]:
    """A dead letter that was refused at first has the reason of one that was not."""
    with opened(subject) as queue:
        refused = Strike(Kind.FULL, point="dead letter")
        for number, strikes in ((1, (REJECTED,)), (2, (REJECTED, refused))):
            queue.database.plan.strikes += strikes
            queue.submit(event_of(number))
            land(queue)
        letters = queue.look().state.dead_letters
        if len(letters) == 2 and letters[0].reason not in letters[1].reason.replace("e2", "e1"):
            reasons = " and ".join(repr(letter.reason) for letter in letters)
            message = "two events were rejected alike, and the second dead letter was refused once"
            yield Violation("DRN-37", f"{message}: their reasons are {reasons}")


# Waiting and counting


@scenario("DRN-6", "DRN-32", "DRN-34", claim=DURABLE, where=tells_its_waits)
def a_drainer_waits_and_never_long(subject: Subject) -> Iterator[Violation]:
    """A transient error is followed by a wait of a second at most, and at last of a tenth or so."""
    for words, strikes in (
        ("the database is locked", (Strike(Kind.BUSY, point="begin", times=FAILURES),)),
        ("the database cannot be opened", (Strike(Kind.BUSY, point="open", times=FAILURES),)),
        ("dead letters fail", (REJECTED, Strike(Kind.FULL, point="dead letter", times=FAILURES))),
    ):
        with opened(subject) as queue:
            assert isinstance(queue, TellsItsWaits)
            before = len(queue.waits)
            queue.database.plan.strikes += strikes
            queue.submit(event_of(1))
            land(queue)
            waits = queue.waits[before:]
            if len(waits) < FAILURES:
                message = f"{words} {FAILURES} times in a row, and the drainer waits"
                yield Violation("DRN-6", f"{message} {len(waits)} times")
            if waits and max(waits) > LONGEST_WAIT:
                message = f"{words} {FAILURES} times in a row, and the longest wait takes"
                yield Violation("DRN-32", f"{message} {max(waits):g} seconds")
            late = waits[LATE:FAILURES]
            if late and sum(late) < SELDOM * len(late):
                message = f"{words} {FAILURES} times in a row, and from failure {LATE} on the waits"
                yield Violation("DRN-34", f"{message} take {sum(late) / len(late):g} s each")


COUNTED: tuple[tuple[str, tuple[Strike, ...], tuple[int, int, int]], ...] = (
    ("an event that lands at once", (), (0, 0, 0)),
    ("two failed appends", (Strike(Kind.BUSY, point="insert", times=2),), (2, 0, 0)),
    ("a lost race", (Strike(Kind.UNIQUE, point="insert"),), (1, 0, 0)),
    ("a panic at an append", (_panics("insert"),), (0, 0, 1)),
    ("a failed append and a dead letter", (REJECTED,), (1, 0, 0)),
    (
        "a failed append and three failed dead letters",
        (REJECTED, Strike(Kind.FULL, point="dead letter", times=3)),
        (1, 3, 0),
    ),
    (
        "a failed append and a panic at the dead letter",
        (REJECTED, _panics("dead letter")),
        (1, 0, 1),
    ),
)
"""What happens to an event, and by how much it moves the three counters."""


@scenario("DRN-33", claim=DURABLE, where=counts_failures)
def failures_are_counted_by_what_was_tried(subject: Subject) -> Iterator[Violation]:
    """Failed appends, failed dead letters and panics each have a counter."""
    with opened(subject) as queue:
        assert isinstance(queue, CountsFailures)
        expected: tuple[int, ...] = (0, 0, 0)
        for number, (words, strikes, more) in enumerate(COUNTED, start=1):
            queue.database.plan.strikes += strikes
            queue.submit(event_of(number))
            land(queue)
            expected = tuple(map(sum, zip(expected, more, strict=True)))
            counted = queue.count_failures()
            if counted != expected:
                message = f"after {words}, the counters of failed appends, failed dead letters and"
                yield Violation("DRN-33", f"{message} panics are {counted}, not {expected}")
                return

"""
Scenarios about a drainer's key, its quota, and the owner and the disk of its spool.

They are played for queues in this process that can be opened with a key and a quota;
the adapter protocol has no words for either.
"""

from collections.abc import Iterator
from contextlib import closing
from typing import Protocol, cast, runtime_checkable

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from tornproof_models.contract.delivery import Mode, Outcome
from tornproof_models.contract.hash_chain import COLUMNS, Row, dead_letter_content, judge_rows
from tornproof_models.contract.journal import Violation
from tornproof_models.crash.subject import Subject
from tornproof_models.database_faults import Kind, Strike
from tornproof_models.disk.faults import Fault as DiskFault
from tornproof_models.disk.trace import Image
from tornproof_models.queues import delivery_run
from tornproof_models.queues.delivery_program import event_of, payload_of
from tornproof_models.queues.delivery_run import ids_of

from tornproof_conformance.scenarios.queue_delivery import has_queue, land, opened
from tornproof_conformance.scenarios.scenario import error_code, scenario
from tornproof_conformance.vectors.frames import make_frame

DURABLE = Mode.DURABLE.value
QUOTA_BYTES = 700
"""A spool of two or three small events."""

LETTER = (
    "SELECT id, agent_id, event_type, payload_hash, attest_level, timestamp, failure_reason,"
    " failed_at, signature FROM signed_events_dlq"
)


class EquippedQueue(delivery_run.Subject, Protocol):
    """A queue with a key and a quota."""

    @property
    def public_key(self) -> bytes:
        """The key of its rows and dead letters."""
        ...

    def turned_away(self) -> int:
        """Say how many events did not fit into the quota, in this process and before."""
        ...

    def exchange_database(self) -> None:
        """Put another database, with the same tables, in the place of its own."""
        ...

    def files(self) -> Image:
        """Return the files of the spool."""
        ...

    def put_back(self, files: Image) -> None:
        """Replace the files of the spool by a copy of earlier ones."""
        ...


@runtime_checkable
class HasEquippedQueue(Protocol):
    """A subject whose queue can be given a key and a quota."""

    def open_equipped_queue(self, *, quota_bytes: int | None) -> EquippedQueue:
        """Make such a queue, in the durable mode."""
        ...


def has_equipped_queue(subject: Subject) -> bool:
    """Tell whether a subject has such a queue."""
    return isinstance(subject, HasEquippedQueue)


@runtime_checkable
class HasSmallQueue(Protocol):
    """A subject whose queue without a spool can be given little room."""

    def open_small_queue(self, capacity: int) -> delivery_run.Subject:
        """Make such a queue, for so many events."""
        ...


def has_small_queue(subject: Subject) -> bool:
    """Tell whether a subject has such a queue."""
    return isinstance(subject, HasSmallQueue)


@scenario("DRN-18", claim=Mode.VOLATILE.value, where=has_small_queue)
def a_full_buffer_refuses(subject: Subject) -> Iterator[Violation]:
    """Without a spool, a queue admits as many events as it has room for, and not one more."""
    queue = cast("HasSmallQueue", subject).open_small_queue(2)
    queue.open()
    with closing(queue.database):
        outcomes = [queue.submit(event_of(number)) for number in (1, 2, 3)]
        land(queue)
        outcomes.append(queue.submit(event_of(4)))
        full = [Outcome.ADMITTED, Outcome.ADMITTED, Outcome.REFUSED, Outcome.ADMITTED]
        if outcomes != full:
            words = ", ".join(each.value for each in outcomes)
            message = "a buffer for two events is given three, and one more when they have landed"
            yield Violation("DRN-18", f"{message}: {words}")


def _made(subject: Subject, quota_bytes: int | None = None) -> EquippedQueue:
    queue = cast("HasEquippedQueue", subject).open_equipped_queue(quota_bytes=quota_bytes)
    queue.open()
    return queue


@scenario("DRN-19", claim=DURABLE, where=has_equipped_queue)
def a_dead_letter_is_signed(subject: Subject) -> Iterator[Violation]:
    """A dead letter is signed with the key of the rows, over its own columns and reason."""
    queue = _made(subject)
    with closing(queue.database):
        queue.database.plan.strikes.append(Strike(Kind.NO_SUCH_COLUMN, point="insert"))
        queue.submit(event_of(1))
        land(queue)
        for *columns, signature in queue.database.look(LETTER):
            if columns[4] == "unsigned":
                yield Violation("DRN-19", "a drainer with a key leaves a dead letter unsigned")
                continue
            try:
                Ed25519PublicKey.from_public_bytes(queue.public_key).verify(
                    signature or b"", dead_letter_content(*columns)
                )
            except InvalidSignature:
                yield Violation(
                    "DRN-19", "the signature of a dead letter is not one of its columns"
                )


OPERATIONS = range(1, 7)
"""Of the disk, in a submit, and more."""


@scenario("DRN-2", "DRN-3", claim=DURABLE, where=has_queue)
def what_a_submit_says_is_so(subject: Subject) -> Iterator[Violation]:
    """After a failing disk, an admitted event lands and a refused one does not."""
    for nth in OPERATIONS:
        for fault in (DiskFault.ERROR, DiskFault.ERROR_AFTER, DiskFault.NO_SPACE):
            with opened(subject) as queue:
                queue.fail_disk(nth, fault)
                outcome = queue.submit(event_of(1))
                queue.kill(None)
                queue.open()
                land(queue)
                landed = bool(ids_of(queue.look().state)[0])
                message = f"{fault.value} at operation {nth} of the disk in a submit, which says"
                if landed and outcome is Outcome.REFUSED:
                    yield Violation("DRN-2", f"{message} that it refused the event: it has landed")
                elif not landed and outcome is Outcome.ADMITTED:
                    yield Violation("DRN-3", f"{message} that it admitted the event: it is gone")


@scenario("DRN-20", claim=DURABLE, where=has_equipped_queue)
def what_a_quota_turns_away_is_written_down(subject: Subject) -> Iterator[Violation]:
    """Above its quota a spool refuses, and the count of refusals survives a power cut."""
    queue = _made(subject, QUOTA_BYTES)
    with closing(queue.database):
        outcomes = [queue.submit(event_of(number)) for number in range(1, 9)]
        refused = outcomes.count(Outcome.REFUSED)
        if Outcome.UNKNOWN in outcomes or outcomes[0] is not Outcome.ADMITTED or not refused:
            words = ", ".join(each.value for each in outcomes)
            yield Violation("DRN-20", f"8 submits to a spool of {QUOTA_BYTES} bytes are: {words}")
        for when in ("at once", "after a power cut"):
            if queue.turned_away() < refused:
                words = f"{refused} events were turned away, and {when} there is evidence of"
                yield Violation("DRN-20", f"{words} {queue.turned_away()}")
            queue.kill(0)
            queue.open()
        land(queue)
        if queue.submit(event_of(9)) is not Outcome.ADMITTED:
            yield Violation("DRN-20", "a spool whose events have landed is still full")


@scenario("DRN-20", claim=DURABLE, where=has_equipped_queue)
def what_fits_into_a_quota_is_admitted(subject: Subject) -> Iterator[Violation]:
    """A quota is reached by an event that fits exactly, and exceeded by the next."""
    size = len(make_frame(payload_of(1)))
    for room in (2 * size - 1, 2 * size, 2 * size + 1):
        queue = _made(subject, room)
        with closing(queue.database):
            outcomes = [queue.submit(event_of(number)) for number in range(1, 4)]
            admitted = outcomes.count(Outcome.ADMITTED)
            if admitted != room // size:
                words = f"of events whose records take {size} bytes each, a quota of {room} admits"
                yield Violation("DRN-20", f"{words} {admitted}")


@scenario("DRN-20", claim=DURABLE, where=has_equipped_queue)
def what_was_not_admitted_takes_no_room(subject: Subject) -> Iterator[Violation]:
    """An event that a full disk kept out of the spool does not count against the quota."""
    size = len(make_frame(payload_of(1)))
    for nth in OPERATIONS:
        queue = _made(subject, 2 * size)
        with closing(queue.database):
            queue.fail_disk(nth, DiskFault.NO_SPACE)
            queue.submit(event_of(1))
            queue.disarm()
            outcomes = [queue.submit(event_of(number)) for number in (2, 3)]
            spooled = queue.look().state.spool
            if outcomes == [Outcome.ADMITTED, Outcome.REFUSED] and spooled == ("e2",):
                message = "a full disk has kept e1 out of a spool with room for two events"
                yield Violation("DRN-20", f"{message}, and behind e2 e3 is refused")


@scenario("CHN-3", claim=DURABLE, where=has_equipped_queue)
def signed_rows_of_one_transaction_are_linked(subject: Subject) -> Iterator[Violation]:
    """Events that wait together land in signed rows, each of which follows the one before."""
    queue = _made(subject)
    with closing(queue.database):
        for number in (1, 2, 3):
            queue.submit(event_of(number))
        land(queue)
        query = f"SELECT {', '.join(COLUMNS)} FROM signed_events ORDER BY sequence"
        rows = [Row(*columns) for columns in queue.database.look(query)]
        yield from judge_rows(rows)
        if len(rows) != 3:
            yield Violation("CHN-3", f"three events that waited together are {len(rows)} rows")


@scenario("DRN-22", claim=DURABLE, where=has_equipped_queue)
def an_older_copy_of_a_spool_takes_nothing_in_vain(subject: Subject) -> Iterator[Violation]:
    """A spool that ends before the stored position is refused, or what it admits lands."""
    queue = _made(subject)
    with closing(queue.database):
        queue.submit(event_of(1))
        older = queue.files()
        queue.submit(event_of(2))
        land(queue)
        queue.kill(None)
        queue.put_back(older)
        if not error_code(queue.open).startswith("success"):
            return
        if queue.submit(event_of(3)) is Outcome.ADMITTED:
            land(queue)
            if "e3" not in ids_of(queue.look().state)[0]:
                message = "an older copy of a spool has admitted an event"
                yield Violation("DRN-22", f"{message}, which does not land")


@scenario("DRN-36", claim=DURABLE, where=has_equipped_queue)
def an_exchanged_database_gets_no_event(subject: Subject) -> Iterator[Violation]:
    """If another database takes its place while the queue runs, no event lands in it."""
    queue = _made(subject)
    with closing(queue.database):
        queue.submit(event_of(1))
        land(queue)
        # a panic, so that the drainer connects again
        queue.database.plan.strikes.append(Strike(Kind.PANIC, point="begin"))
        queue.exchange_database()
        queue.submit(event_of(2))
        land(queue)
        tables = ("signed_events", "signed_events_dlq")
        landed = [row for table in tables for row in queue.database.look(f"SELECT id FROM {table}")]
        if landed:
            message = "another database took the place of the queue's own, and an event landed in"
            yield Violation("DRN-36", f"{message} it: {landed}")


@scenario("DRN-21", claim=DURABLE, where=has_equipped_queue)
def the_spool_of_another_database_is_refused(subject: Subject) -> Iterator[Violation]:
    """The spool of another database is refused, and no byte of it is changed."""
    queue = _made(subject)
    with closing(queue.database):
        queue.submit(event_of(1))
        queue.kill(None)
        before = queue.files()
        queue.exchange_database()
        code = error_code(queue.open)
        if code.startswith("success"):
            yield Violation("DRN-21", "a spool was opened with a database that is not its own")
        if queue.files() != before:
            yield Violation("DRN-21", "a spool was changed for a database that is not its own")
        if queue.database.look("SELECT 1 FROM signed_events"):
            yield Violation("DRN-21", "an event landed in a database that is not its spool's")

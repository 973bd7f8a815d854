"""
Scenarios about a drainer's key, its quota and the owner of its spool.

They are played for queues in this process that can be opened with a key and a quota;
the adapter protocol has no words for either.
"""

from collections.abc import Iterator
from contextlib import closing
from typing import Protocol, cast, runtime_checkable

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from tornproof_models.contract.delivery import Mode, Outcome
from tornproof_models.contract.hash_chain import dead_letter_content
from tornproof_models.contract.journal import Violation
from tornproof_models.crash.subject import Subject
from tornproof_models.database_faults import Kind, Strike
from tornproof_models.queues import delivery_run
from tornproof_models.queues.delivery_program import event_of

from tornproof_conformance.scenarios.queue_delivery import land
from tornproof_conformance.scenarios.scenario import error_code, scenario

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

    def files(self) -> object:
        """Return what is in the files of the spool, to compare."""
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

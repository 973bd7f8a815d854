"""
Drainers that are wrong on purpose, each in one step.

What stands behind each name has cost somebody an event, doubled one, or hidden
the loss: most are published bugs of task queues, or holes of the v0.7 queue.
"""

import json
import sqlite3
from collections.abc import Mapping
from typing import Any

from tornproof_models.contract.delivery import Drain, Outcome
from tornproof_models.miniatures.small_drainer import Error, Queued, SmallDrainer

# Both, neither, twice


class DeadLettersWithoutLooking(SmallDrainer):
    """Dead-letters without a residence check: an ambiguous commit puts an event in both (H3)."""

    name = "dead-letters without looking"

    def bury(self, event: Queued) -> None:
        """Do not ask whether the chain has it."""
        self.begin()
        self.insert_dead_letter(event)
        self.move_cursor()
        self.commit()
        self.on_landed("dead letters")


class TreatsAmbiguousCommitAsLanded(SmallDrainer):
    """A COMMIT that reports an error is believed to have committed (milvus-io/milvus#53597)."""

    name = "believes an ambiguous commit"

    def commit(self) -> None:
        """Ignore what it says."""
        try:
            super().commit()
        except sqlite3.Error:
            self.drop_connection()


class MintsAnIdForEachAttempt(SmallDrainer):
    """The id is made at insertion, so a retry is another event (EVT-6)."""

    name = "mints an id for each attempt"
    attempts = 0

    def land(self, event: Queued) -> None:
        """Name it anew if this is not the first attempt."""
        self.attempts += 1
        again = self.connection is None and self.attempts > 1 and self.retrying
        super().land(Queued(f"{event.id}-{self.attempts}", event.payload) if again else event)
        self.retrying = False

    retrying = False

    def on_error(self, error: sqlite3.Error) -> None:
        """Remember that this is a retry."""
        self.retrying = True
        super().on_error(error)


class LosesTheEventInFlight(SmallDrainer):
    """A panic takes the event in flight with it (celery/celery#1628)."""

    name = "loses the event in flight on a panic"

    def on_panic(self) -> None:
        """Go on with the next event."""
        super().on_panic()
        self.position += 1


class LosesTheBuffer(SmallDrainer):
    """A panic takes everything that waits with it (H1)."""

    name = "loses the buffer on a panic"

    def on_panic(self) -> None:
        """Go on with whatever comes later."""
        super().on_panic()
        self.position = len(self.spool)


class DropsWhenDeadLettersRefuse(SmallDrainer):
    """An event that the dead-letter queue refuses too is dropped (H4)."""

    name = "drops what the dead-letter queue refuses"

    def on_dead_letter_refused(self) -> None:
        """Go on with the next event."""
        self.lost += 1
        self.position += 1
        self.reason = ""


class RemovesBeforeLanding(SmallDrainer):
    """The event leaves the spool when it is taken, not when it has landed (nsqio/nsq#1354)."""

    name = "removes before landing"

    def begin(self) -> None:
        """Forget the spool's copy, then begin."""
        self.taken = self.spool[self.position] if self.position < len(self.spool) else None
        self.spool[self.position : self.position + 1] = []
        super().begin()

    def on_landed(self, place: str) -> None:
        """Put a copy back, so that positions stay what they are."""
        if self.taken is not None:
            self.spool.insert(self.position, self.taken)
        super().on_landed(place)

    def on_error(self, error: sqlite3.Error) -> None:
        """Put a copy back here too: only a death does not come by."""
        if self.taken is not None:
            self.spool.insert(self.position, self.taken)
        super().on_error(error)

    def on_panic(self) -> None:
        """And here."""
        if self.taken is not None:
            self.spool.insert(self.position, self.taken)
        super().on_panic()


class AcknowledgesBeforeSpooling(SmallDrainer):
    """Admission is acknowledged while the event is in memory alone (H2)."""

    name = "acknowledges before spooling"

    def open(self) -> None:
        """Begin with nothing in memory."""
        super().open()
        self.memory: list[Queued] = []

    def admit(self, queued: Queued) -> None:
        """Remember it for now."""
        self.memory.append(queued)

    def move(self) -> bool:
        """Write to the spool what came meanwhile."""
        self.spool += self.memory
        self.memory.clear()
        return super().move()


# Races and errors


class KeepsAStaleHead(SmallDrainer):
    """The head is read once and not again after a lost race."""

    name = "does not re-read the head"

    def open(self) -> None:
        """Know no head yet."""
        super().open()
        self.known: int | None = None

    def head(self) -> int:
        """Read it only if it is not known."""
        if self.known is None:
            self.known = super().head()
        return self.known

    def on_landed(self, place: str) -> None:
        """Forget the head once it has been used."""
        self.known = None
        super().on_landed(place)


class RetriesForEver(SmallDrainer):
    """Lost races are retried without a bound."""

    name = "retries for ever"
    max_races = 1_000_000


class ReadsTheMessage(SmallDrainer):
    """A lost race is told by the text of the error."""

    name = "tells a race by its message"

    def classify(self, error: sqlite3.Error) -> Error:
        """Look for words."""
        if "UNIQUE constraint failed: signed_events.sequence" in str(error):
            return Error.RACE
        kind = super().classify(error)
        return Error.PERMANENT if kind is Error.RACE else kind


class DeadLettersWhenBusy(SmallDrainer):
    """A locked database is taken for a reason to give an event up."""

    name = "dead-letters when the database is busy"

    def classify(self, error: sqlite3.Error) -> Error:
        """Treat every error but a race alike."""
        kind = super().classify(error)
        return Error.PERMANENT if kind is Error.TRANSIENT else kind


class LeavesAGap(SmallDrainer):
    """The next number is kept in memory, and a rollback does not give it back."""

    name = "leaves a gap after a rollback"

    def open(self) -> None:
        """Know no number yet."""
        super().open()
        self.last: int | None = None

    def head(self) -> int:
        """Count on from the last number that was given out."""
        self.last = max(super().head(), self.last or 0)
        number, self.last = self.last, self.last + 1
        return number


class LetsOthersOvertake(SmallDrainer):
    """An event that has to wait goes to the end of the queue."""

    name = "lets others overtake a retry"

    def on_transient(self) -> None:
        """Go to the back."""
        event = self.spool.pop(self.position)
        self.spool.append(event)


# Cursor


class MovesTheCursorFirst(SmallDrainer):
    """The cursor is committed before the event is."""

    name = "moves the cursor before the commit"

    def land(self, event: Queued) -> None:
        """Commit the cursor, then land."""
        self.begin()
        self.move_cursor()
        self.commit()
        super().land(event)


class MovesTheCursorApart(SmallDrainer):
    """The cursor moves in a transaction of its own, after the event's."""

    name = "moves the cursor in its own transaction"
    apart = False

    def move_cursor(self) -> None:
        """Commit the event, begin again, and move."""
        self.commit()
        self.begin()
        super().move_cursor()


class CommitsWithoutSyncing(SmallDrainer):
    """The database runs with synchronous=NORMAL: a power cut undoes commits (H11)."""

    name = "commits without syncing"
    synchronous = "NORMAL"


# Dead letters


class DeadLettersWithoutBytes(SmallDrainer):
    """The dead-letter queue keeps a name and no payload, so nothing can be replayed (H10)."""

    name = "dead-letters without the bytes"

    def insert_dead_letter(self, event: Queued) -> None:
        """Keep the id and the reason."""
        super().insert_dead_letter(Queued(event.id, b""))


class DeadLettersWithoutReason(SmallDrainer):
    """Nobody can tell why an event is a dead letter."""

    name = "dead-letters without a reason"

    def insert_dead_letter(self, event: Queued) -> None:
        """Keep the bytes alone."""
        self.execute(
            "INSERT INTO signed_events_dlq (id, payload, reason) VALUES (?, ?, '')",
            event.id,
            event.payload,
        )


class ReplaysTwice(SmallDrainer):
    """A replay appends and leaves the dead letter where it is."""

    name = "replays twice"

    def remove_dead_letter(self, dlq_id: int) -> None:
        """Leave it."""


class ReplaysInTwoTransactions(SmallDrainer):
    """A replay appends in one transaction and removes in another."""

    name = "replays in two transactions"

    def replay_one(self, dlq_id: int, event: Queued) -> None:
        """Append, commit, remove."""
        self.insert(event)
        self.commit()
        self.begin()
        self.remove_dead_letter(dlq_id)


class ReplaysWithANewTimestamp(SmallDrainer):
    """A replay encodes the event again, with the time of the replay."""

    name = "replays with a new timestamp"

    def replay_one(self, dlq_id: int, event: Queued) -> None:
        """Write another time into it."""
        value = json.loads(event.payload) | {"timestamp": "2027-01-01T00:00:00.000000000Z"}
        super().replay_one(dlq_id, self.encode(value))


# Waiting and ending


class DrainsTooEarly(SmallDrainer):
    """A drain is over when the drainer has taken the last event, landed or not."""

    name = "reports drained too early"

    def drain(self) -> Drain:
        """Make one attempt at each."""
        hopeless = self.failed
        for _ in range(len(self.spool) - self.position):
            self.move()
        return Drain(drained=True, pending=(), hopeless=hopeless, at_once=True)


class DrainsInVain(SmallDrainer):
    """A drain waits for its whole timeout on a drainer that has given up (H5)."""

    name = "drains in vain"

    def drain(self) -> Drain:
        """Wait, whatever has become of the drainer."""
        drain = super().drain()
        return Drain(drain.drained, drain.pending, drain.hopeless, at_once=False)


class LosesTheTailOnClose(SmallDrainer):
    """Closing throws away what has not been taken yet."""

    name = "loses the tail on close"

    def close(self) -> bool:
        """Finish the event in flight, and clean up."""
        self.move()
        del self.spool[self.position :]
        self.closed = True
        return True


class WaitsForProducers(SmallDrainer):
    """Closing waits for every producer to let go of its handle (H6)."""

    name = "waits for producers on close"

    def close(self) -> bool:
        """Return only if nobody holds a handle."""
        return self.holders == 0 and super().close()


class CountsTwice(SmallDrainer):
    """A dead letter is counted as one, and as lost as well (H7)."""

    name = "counts a dead letter twice"

    def on_landed(self, place: str) -> None:
        """Count, and count again."""
        super().on_landed(place)
        if place != "chain":
            self.chained += 1


class EncodesInTheDrainer(SmallDrainer):
    """What cannot be encoded is admitted, and kills the drainer later (H14)."""

    name = "encodes in the drainer"

    def submit(self, event: Mapping[str, Any]) -> Outcome:
        """Admit whatever it is."""
        self.submitted += 1
        text = json.dumps(event, sort_keys=True, separators=(",", ":"))
        self.admit(Queued(event["event_id"], text.encode()))
        return Outcome.ADMITTED

    def land(self, event: Queued) -> None:
        """Find out here."""
        try:
            self.encode(json.loads(event.payload))
        except UnicodeEncodeError:
            self.failed = True
            return
        super().land(event)


MINIATURES: tuple[type[SmallDrainer], ...] = tuple(
    value
    for value in list(globals().values())
    if isinstance(value, type) and issubclass(value, SmallDrainer) and value is not SmallDrainer
)
"""All of them, in the order in which they stand here."""

"""
Drainers that land an event twice, nowhere, or in the wrong place.

Each has one bug that lost or doubled events: most are published bugs of task queues, or holes
of the v0.7 queue.
"""

import sqlite3

from tornproof_models.miniatures.small_drainer import Error, Queued, SmallDrainer

# Both, neither, twice


class DeadLettersWithoutLooking(SmallDrainer):
    """
    Dead-letters without a residence check: an ambiguous commit puts an event in both.

    Source: hole H3 of the v0.7 queue; JasperFx/wolverine#497.
    """

    name = "dead-letters-without-looking"
    breaks = frozenset({"DRN-1", "DRN-7", "DRN-13"})

    def bury(self, event: Queued) -> None:
        """Do not ask whether the chain has it."""
        self.begin()
        self.insert_dead_letter(event)
        self.move_cursor()
        self.commit()
        self.on_landed("dead letters")


class TreatsAmbiguousCommitAsLanded(SmallDrainer):
    """
    A COMMIT that reports an error is believed to have committed.

    Source: milvus-io/milvus#53597; cockroachdb/cockroach#10248.
    """

    name = "believes-an-ambiguous-commit"
    breaks = frozenset({"DRN-1", "DRN-7", "DRN-12", "DRN-13", "DRN-17"})

    def commit(self) -> None:
        """Ignore what it says."""
        try:
            super().commit()
        except sqlite3.Error:
            self.drop_connection()


class MintsAnIdForEachAttempt(SmallDrainer):
    """
    The id is made at insertion, so a retry is another event.

    Source: idempotency keys exist because of it (EVT-6).
    """

    name = "mints-an-id-for-each-attempt"
    breaks = frozenset({"DRN-1", "DRN-12", "DRN-17", "EVT-6"})
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
    """
    A panic takes the event in flight with it.

    Source: celery/celery#1628; rq/rq#2236.
    """

    name = "loses-the-event-in-flight-on-a-panic"
    breaks = frozenset({"DRN-1", "DRN-8", "DRN-12", "DRN-13", "DRN-17"})

    def on_panic(self) -> None:
        """Go on with the next event."""
        super().on_panic()
        self.position += 1


class LosesTheBuffer(SmallDrainer):
    """
    A panic takes everything that waits with it.

    Source: hole H1 of the v0.7 queue.
    """

    name = "loses-the-buffer-on-a-panic"
    breaks = frozenset({"DRN-1", "DRN-8", "DRN-12", "DRN-13", "DRN-17"})

    def on_panic(self) -> None:
        """Go on with whatever comes later."""
        super().on_panic()
        self.position = len(self.spool)


class DropsWhenDeadLettersRefuse(SmallDrainer):
    """
    An event that the dead-letter queue refuses too is dropped.

    Source: hole H4 of the v0.7 queue.
    """

    name = "drops-what-the-dead-letter-queue-refuses"
    breaks = frozenset({"DRN-1", "DRN-10", "DRN-13"})

    def on_dead_letter_refused(self) -> None:
        """Go on with the next event."""
        self.lost += 1
        self.position += 1
        self.reason = ""


class RemovesBeforeLanding(SmallDrainer):
    """
    The event leaves the spool when it is taken, not when it has landed.

    Source: nsqio/nsq#1354; celery/celery#14.
    """

    name = "removes-before-landing"
    breaks = frozenset({"DRN-1", "DRN-12", "DRN-13"})

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
    """
    Admission is acknowledged while the event is in memory alone.

    Source: hole H2 of the v0.7 queue.
    """

    name = "acknowledges-before-spooling"
    breaks = frozenset({"DRN-1", "DRN-3", "DRN-16"})

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
    """
    The head is read once and not again after a lost race.

    Source: case B15 of the v0.7 queue, which reads it again.
    """

    name = "does-not-re-read-the-head"
    breaks = frozenset({"DRN-4", "DRN-6"})

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
    """
    Lost races are retried without a bound.

    Source: case B15 of the v0.7 queue, which stops after five.
    """

    name = "retries-for-ever"
    breaks = frozenset({"DRN-4"})
    max_races = 1_000_000


class ReadsTheMessage(SmallDrainer):
    """
    A lost race is told by the text of the error.

    Source: case B16 of the v0.7 queue, which goes by the code.
    """

    name = "tells-a-race-by-its-message"
    breaks = frozenset({"DRN-6"})

    def classify(self, error: sqlite3.Error) -> Error:
        """Look for words."""
        if "UNIQUE constraint failed: signed_events.sequence" in str(error):
            return Error.RACE
        kind = super().classify(error)
        return Error.PERMANENT if kind is Error.RACE else kind


class DeadLettersWhenBusy(SmallDrainer):
    """
    A locked database is taken for a reason to give an event up.

    Source: marmot-protocol/mdk#1179.
    """

    name = "dead-letters-when-the-database-is-busy"
    breaks = frozenset({"DRN-6"})

    def classify(self, error: sqlite3.Error) -> Error:
        """Treat every error but a race alike."""
        kind = super().classify(error)
        return Error.PERMANENT if kind is Error.TRANSIENT else kind


class LeavesAGap(SmallDrainer):
    """
    The next number is kept in memory, and a rollback does not give it back.

    Source: sequences of databases do it by design.
    """

    name = "leaves-a-gap-after-a-rollback"
    breaks = frozenset({"CHN-1"})

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
    """
    An event that has to wait goes to the end of the queue.

    Source: zulip/zulip-mobile#3272.
    """

    name = "lets-others-overtake-a-retry"
    breaks = frozenset({"DRN-9"})

    def on_transient(self) -> None:
        """Go to the back."""
        event = self.spool.pop(self.position)
        self.spool.append(event)


# Cursor


class MovesTheCursorFirst(SmallDrainer):
    """
    The cursor is committed before the event is.

    Source: celery/celery#14.
    """

    name = "moves-the-cursor-before-the-commit"
    breaks = frozenset({"DRN-1", "DRN-12", "DRN-17"})

    def land(self, event: Queued) -> None:
        """Commit the cursor, then land."""
        self.begin()
        self.move_cursor()
        self.commit()
        super().land(event)


class MovesTheCursorApart(SmallDrainer):
    """
    The cursor moves in a transaction of its own, after the event's.

    Source: apache/kafka, before its transactions (KIP-98).
    """

    name = "moves-the-cursor-in-its-own-transaction"
    breaks = frozenset({"DRN-17"})
    apart = False

    def move_cursor(self) -> None:
        """Commit the event, begin again, and move."""
        self.commit()
        self.begin()
        super().move_cursor()


class CommitsWithoutSyncing(SmallDrainer):
    """
    The database runs with synchronous=NORMAL: a power cut undoes commits.

    Source: hole H11 of the v0.7 queue.
    """

    name = "commits-without-syncing"
    breaks = frozenset({"DRN-17"})
    synchronous = "NORMAL"

"""
Drainers that decide or count wrongly, with one bug each.

The fault sweep finds drainers that lose or double events.  Most programs of the sweep do not
show these bugs: each is at one bound, for one error code, or in what the drainer reports.
Scenarios find them.
"""

import sqlite3
from collections.abc import Mapping
from typing import Any

from tornproof_models.contract.delivery import Drain, Outcome
from tornproof_models.database_faults import Panic
from tornproof_models.miniatures.drainer_events import EVENTS
from tornproof_models.miniatures.drainer_letters import LETTERS
from tornproof_models.miniatures.drainer_trouble import TROUBLE
from tornproof_models.miniatures.small_drainer import TRANSIENT, Error, Queued, SmallDrainer


class LooksForTheIdAlone(SmallDrainer):
    """
    Takes another event under the same id for the one that has landed.

    Two events under one id → the second was admitted and is nowhere.
    Source: of this project; the reference's own residence check without its hash.
    """

    name = "looks-for-the-id-alone"
    breaks = frozenset({"DRN-1"})

    def residence(self, event: Queued) -> str | None:
        """Ask for the id."""
        for table, place in (("signed_events", "chain"), ("signed_events_dlq", "dead letters")):
            if self.execute(f"SELECT 1 FROM {table} WHERE id = ?", event.id).fetchone():
                return place
        return None


class RaisesAtSubmit(SmallDrainer):
    """
    Lets what cannot be encoded raise where it is submitted.

    A path that is no text → the hook ends with an exception, inside its transaction.
    Source: hole H14 of the v0.7 queue, moved to its caller.
    """

    name = "raises-at-submit"
    breaks = frozenset({"DRN-2", "EVT-5"})

    def submit(self, event: Mapping[str, Any]) -> Outcome:
        """Encode before anything else."""
        self.encode(event)
        return super().submit(event)


class CountsNoRetry(SmallDrainer):
    """
    Retries a lost race and says nothing.

    Source: of this project; the counter that an operator watches for contention.
    """

    name = "counts-no-retry"
    breaks = frozenset({"DRN-4"})

    def on_retry(self) -> None:
        """Go on."""


class SharesItsRetries(SmallDrainer):
    """
    Has five retries in all, and not five for each event.

    Two events lose races → the second is a dead letter for what the first has lost.
    Source: of this project; a budget that is kept beside the event instead of with it.
    """

    name = "shares-its-retries"
    breaks = frozenset({"DRN-4"})

    def on_landed(self, place: str) -> None:
        """Keep what is used up."""
        races = self.races
        super().on_landed(place)
        self.races = races


class NeverRetries(SmallDrainer):
    """
    Takes a number that somebody else has taken for the end of the event.

    One lost race → a dead letter that a retry would have chained.
    Source: of this project; a bound that was set to 0.
    """

    name = "never-retries"
    breaks = frozenset({"DRN-4", "DRN-6"})
    max_races = 0


class KnowsPlainCodesAlone(SmallDrainer):
    """
    Compares the whole result code with the kinds that are transient.

    SQLITE_BUSY_SNAPSHOT, IOERR_FSYNC → an event is a dead letter because the disk failed.
    Source: SQLite's documentation of extended result codes, which came to be on by default.
    """

    name = "knows-plain-codes-alone"
    breaks = frozenset({"DRN-6"})

    def classify(self, error: sqlite3.Error) -> Error:
        """Leave out the mask."""
        if error.sqlite_errorcode == sqlite3.SQLITE_CONSTRAINT_UNIQUE:
            return Error.RACE
        return Error.TRANSIENT if error.sqlite_errorcode in TRANSIENT else Error.PERMANENT


class TakesTheKeyForARace(SmallDrainer):
    """
    Takes any violated constraint for a lost race.

    A trigger refuses an event → it is tried five times more, and then called a race.
    Source: hole H3 of the v0.7 queue has the codes 2067 and 1555 side by side.
    """

    name = "takes-any-constraint-for-a-race"
    breaks = frozenset({"DRN-6"})

    def classify(self, error: sqlite3.Error) -> Error:
        """Look at the low byte."""
        if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_CONSTRAINT:
            return Error.RACE
        return super().classify(error)


class AddsPanicsUp(SmallDrainer):
    """
    Counts all panics of its life, and not those in a row.

    Source: of this project; Erlang's supervisors count within a period for this reason.
    """

    name = "adds-panics-up"
    breaks = frozenset({"DRN-8"})

    def on_landed(self, place: str) -> None:
        """Forget none."""
        panics = self.panics
        super().on_landed(place)
        self.panics = panics


class NeverGivesUp(SmallDrainer):
    """
    Restarts for ever.

    A panic with a lasting cause → nobody is told, and every waiter waits.
    Source: the `max_restarts` of the v0.7 queue, whose default is the largest number.
    """

    name = "never-gives-up"
    breaks = frozenset({"DRN-8"})

    def on_panic(self) -> None:
        """Begin again."""


class DropsWhatTheDeadLettersForbid(SmallDrainer):
    """
    Waits while the dead letters are busy, and drops the event if they refuse it for good.

    Source: hole H4 of the v0.7 queue, with back-off for what passes.
    """

    name = "drops-what-the-dead-letters-forbid"
    breaks = frozenset({"DRN-1", "DRN-10", "DRN-13"})

    def on_error(self, error: sqlite3.Error) -> None:
        """Skip the event if its dead letter cannot be written ever."""
        if self.reason and self.classify(error) is Error.PERMANENT:
            self.position += 1
            self.reason = ""
            self.lost += 1
        else:
            super().on_error(error)


class RemembersTheCount(SmallDrainer):
    """
    Counts the dead letters that it has written itself.

    Somebody removes or replays some → the count says what was once true.
    Source: the `dlq_landed` of the v0.7 queue, taken for the size of the table.
    """

    name = "remembers-the-count"
    breaks = frozenset({"DRN-14"})

    def count_dead_letters(self) -> int:
        """Read the counter."""
        return self.dead_lettered


class NoneIfUnknown(SmallDrainer):
    """
    Says that there are no dead letters when it cannot count them.

    Source: of this project; "no dead letters" lets an operator sleep.
    """

    name = "none-if-unknown"
    breaks = frozenset({"DRN-14"})

    def count_dead_letters(self) -> int:
        """Take an error for nothing."""
        try:
            return super().count_dead_letters()
        except sqlite3.Error:
            return 0


class StopsAtTheFirstThatStays(SmallDrainer):
    """
    Ends a replay at the first dead letter that cannot be appended.

    Source: of this project; one letter that nobody can replay keeps all behind it.
    """

    name = "stops-at-the-first-that-stays"
    breaks = frozenset({"DRN-15"})

    def replay(self) -> None:
        """Leave at an error."""
        for dlq_id, event_id, payload in self.database.look(self.letters):
            self.drop_connection()
            try:
                self.begin()
                self.replay_one(dlq_id, Queued(event_id, payload))
                self.commit()
            except (sqlite3.Error, Panic):
                self.drop_connection()
                return


class BeginsWithTheNewest(SmallDrainer):
    """
    Drains what comes in before what was left.

    Source: of this project; a spool that is listed by its modification times.
    """

    name = "begins-with-the-newest"
    breaks = frozenset({"DRN-16", "DRN-9"})

    def open(self) -> None:
        """Remember what was left."""
        super().open()
        self.left = len(self.spool) - self.position

    def admit(self, queued: Queued) -> None:
        """Put it before what was left."""
        self.spool.insert(max(len(self.spool) - self.left, self.position), queued)


class ReplaysTheNewestFirst(SmallDrainer):
    """
    Replays dead letters from the last to the first.

    Source: of this project; a mutant of the reference.
    """

    name = "replays-the-newest-first"
    breaks = frozenset({"DRN-31"})

    letters = f"{SmallDrainer.letters} ORDER BY dlq_id DESC"


class IsDrainedOnceClosed(SmallDrainer):
    """
    Says of a closed queue that everything has landed.

    A close runs out of time, and the program asks again → it ends in the belief that all is well.
    Source: of this project; a mutant of the reference.
    """

    name = "is-drained-once-closed"
    breaks = frozenset({"DRN-12"})

    def drain(self) -> Drain:
        """Have nothing to do."""
        return Drain(True, (), False, at_once=True) if self.closed else super().drain()


RULES: Mapping[str, type[SmallDrainer]] = {
    **{
        kind.name: kind
        for kind in (
            LooksForTheIdAlone,
            RaisesAtSubmit,
            CountsNoRetry,
            SharesItsRetries,
            NeverRetries,
            KnowsPlainCodesAlone,
            TakesTheKeyForARace,
            AddsPanicsUp,
            NeverGivesUp,
            DropsWhatTheDeadLettersForbid,
            RemembersTheCount,
            NoneIfUnknown,
            StopsAtTheFirstThatStays,
            ReplaysTheNewestFirst,
            BeginsWithTheNewest,
            IsDrainedOnceClosed,
        )
    },
    **LETTERS,
    **TROUBLE,
    **EVENTS,
}
"""Those that scenarios find, by name."""

"""
Drainers that handle trouble wrongly, with one bug each: waits, panics, counters of failures.

Their twin is `WatchedDrainer`, which is the small drainer with what an operator watches:
how long it waits, and how often something failed.
"""

import sqlite3
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from tornproof_models.contract.delivery import Outcome
from tornproof_models.miniatures.small_drainer import SmallDrainer

FIRST_WAIT = 0.01
LONGEST_WAIT = 1.0


class WatchedDrainer(SmallDrainer):
    """The correct twin."""

    name = "watched-drainer"

    def open(self) -> None:
        """Begin to count."""
        super().open()
        self.waits: list[float] = []
        self.failures = self.append_failures = self.dead_letter_failures = self.all_panics = 0

    def on_landed(self, place: str) -> None:
        """Begin again with a short wait."""
        super().on_landed(place)
        self.failures = 0

    def on_error(self, error: sqlite3.Error) -> None:
        """Count what was tried."""
        if self.reason:
            self.dead_letter_failures += 1
        else:
            self.append_failures += 1
        super().on_error(error)

    def on_transient(self) -> None:
        """Wait before the event is tried again."""
        self.wait()

    def on_dead_letter_refused(self) -> None:
        """Wait before the dead letter is tried again."""
        self.wait()

    def on_panic(self) -> None:
        """Count it."""
        self.all_panics += 1
        super().on_panic()

    def wait(self) -> None:
        """Wait twice as long as before, and a second at most."""
        self.waits.append(min(LONGEST_WAIT, self.doubled()))
        self.failures += 1

    def doubled(self) -> float:
        """Return a wait that doubles with every failure in a row."""
        return float(FIRST_WAIT * 2**self.failures)

    def count_failures(self) -> tuple[int, int, int]:
        """Read the counters."""
        return self.append_failures, self.dead_letter_failures, self.all_panics


class WaitsEverLonger(WatchedDrainer):
    """
    Doubles its wait with every failure, without a bound.

    A database is locked for a night → when it is free again, the events wait for days.
    Source: of this project; a mutant of the reference.
    """

    name = "waits-ever-longer"
    breaks = frozenset({"DRN-32"})

    def wait(self) -> None:
        """Forget the bound."""
        self.waits.append(self.doubled())
        self.failures += 1


class WaitsAsShortAsEver(WatchedDrainer):
    """
    Waits ten milliseconds after every failure, however many came before.

    A database is locked for a night → three million attempts, each of which takes the lock's file.
    Source: of this project; a mutant of the reference.
    """

    name = "waits-as-short-as-ever"
    breaks = frozenset({"DRN-34"})

    def doubled(self) -> float:
        """Forget how many there were."""
        return FIRST_WAIT


class RetriesAtOnce(WatchedDrainer):
    """
    Tries again at once when the database is locked.

    Another program holds the lock for a minute → the drainer takes a core for a minute.
    Source: of this project; the retry of a lost race, taken for every error.
    """

    name = "retries-at-once"
    breaks = frozenset({"DRN-6"})

    def wait(self) -> None:
        """Go on."""


class CountsAllFailuresAsAppends(WatchedDrainer):
    """
    Counts a dead letter that fails as a failed append.

    Source: of this project; a mutant of the reference.
    """

    name = "counts-all-failures-as-appends"
    breaks = frozenset({"DRN-33"})

    def count_failures(self) -> tuple[int, int, int]:
        """Add both up."""
        appends, dead_letters, panics = super().count_failures()
        return appends + dead_letters, 0, panics


class KeepsTheBrokenConnection(SmallDrainer):
    """
    Forgets a connection after a panic, and does not close it.

    A panic inside a transaction → its lock stays, and nobody can write any more.
    Source: of this project; a mutant of the reference.
    """

    name = "keeps-the-broken-connection"
    breaks = frozenset({"DRN-8"})

    def drop_connection(self) -> None:
        """Let go of the name alone."""
        self.connection = None


class ForgetsPanicsAfterAnError(SmallDrainer):
    """
    Begins to count panics anew after any other failure.

    A defect and a locked database by turns → it restarts for ever, and nobody is told.
    Source: of this project; a counter of failures in a row, taken for one of panics in a row.
    """

    name = "forgets-panics-after-an-error"
    breaks = frozenset({"DRN-8"})

    def on_error(self, error: sqlite3.Error) -> None:
        """Take an error for progress."""
        self.panics = 0
        super().on_error(error)


class RaisesWhatItDoesNotExpect(SmallDrainer):
    """
    Refuses what has no canonical bytes, and lets every other error through.

    An object that fails when it is read → the hook ends with an exception.
    Source: of this project; a mutant of the reference.
    """

    name = "raises-what-it-does-not-expect"
    breaks = frozenset({"DRN-2"})

    def submit(self, event: Mapping[str, Any]) -> Outcome:
        """Encode before anything else, and refuse what one expects."""
        with suppress(ValueError, OverflowError):
            self.encode(event)
        return super().submit(event)


class NamesTheLatestFailure(SmallDrainer):
    """
    Gives a dead letter the reason for which the dead-letter queue refused it before.

    Source: of this project; one field for two reasons.
    """

    name = "names-the-latest-failure"
    breaks = frozenset({"DRN-37"})

    def on_error(self, error: sqlite3.Error) -> None:
        """Keep the error that came last."""
        if self.reason:
            self.reason = str(error)
        super().on_error(error)


class BuriesTheNextOne(SmallDrainer):
    """
    Remembers that the last event was rejected, and buries the next one without a try.

    Source: of this project; a reason that is kept for longer than its event.
    """

    name = "buries-the-next-one"
    breaks = frozenset({"DRN-1"})

    def on_landed(self, place: str) -> None:
        """Keep the reason, once."""
        reason = self.reason
        super().on_landed(place)
        self.reason = reason


TROUBLE: Mapping[str, type[SmallDrainer]] = {
    kind.name: kind
    for kind in (
        WaitsEverLonger,
        WaitsAsShortAsEver,
        RetriesAtOnce,
        CountsAllFailuresAsAppends,
        KeepsTheBrokenConnection,
        ForgetsPanicsAfterAnError,
        RaisesWhatItDoesNotExpect,
        NamesTheLatestFailure,
        BuriesTheNextOne,
    )
}
"""Those that `drainer_trouble` of the scenarios finds, by name."""

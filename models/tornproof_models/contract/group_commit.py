"""
The contract of a group commit with the callers that submit records.

A ledger watches a batcher from outside.  It is told what happened to it and what
it wanted done, and knows nothing of how it decided: who came, in which order;
what is being written; whether the sync succeeded; who was told what.

After each step it asks two questions.  *If the power failed now*, would a
record be lost whose waiter has been told that it lasts?  And *if nothing more
came*, is there anybody whom nobody is going to tell anything?
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple, TypeAlias

from attrs import define, frozen

from tornproof_models.contract.journal import Violation

JUDGES = frozenset(f"GRP-{number}" for number in range(1, 8))
"""The requirements that a group commit can violate."""

# What happens to a batcher


@frozen
class Arrive:
    """Somebody hands a record over; numbers rise with arrival, sizes are in bytes."""

    number: int
    size: int

    def __str__(self) -> str:
        return f"record {self.number} arrives ({self.size} bytes)"


@frozen
class Pass:
    """So much time passes, in whatever unit `Bounds.max_delay` has."""

    time: int

    def __str__(self) -> str:
        return f"{self.time} of time pass"


@frozen
class Succeed:
    """The batch has been written and its sync has succeeded."""

    def __str__(self) -> str:
        return "the sync succeeds"


@frozen
class Break:
    """The sync of the batch has failed."""

    def __str__(self) -> str:
        return "the sync fails"


@frozen
class Cancel:
    """A waiter goes away."""

    number: int

    def __str__(self) -> str:
        return f"the waiter of record {self.number} cancels"


@frozen
class Close:
    """The owner closes."""

    def __str__(self) -> str:
        return "the owner closes"


Input: TypeAlias = Arrive | Pass | Succeed | Break | Cancel | Close


# What it wants done


@frozen
class Commit:
    """Write these, in this order, and sync once."""

    numbers: tuple[int, ...]


@frozen
class Resolve:
    """Tell these that their records are durable."""

    numbers: tuple[int, ...]


@frozen
class Fail:
    """Tell these that their records may not be."""

    numbers: tuple[int, ...]


@frozen
class Refuse:
    """Tell this one that its record was not taken in."""

    number: int


Effect: TypeAlias = Commit | Resolve | Fail | Refuse


# The ledger


@frozen
class Bounds:
    """How large a batch may be, in records and bytes, and how long its oldest may wait."""

    max_records: int
    max_bytes: int
    max_delay: int


class Entry(NamedTuple):
    """A record that has been handed over."""

    number: int
    size: int
    age: int = 0
    """How long it has been here, at most `max_delay`."""

    awaited: bool = True
    """Whether somebody waits who has not been told anything."""


@define
class Ledger:
    """Who has come, and what has become of them."""

    bounds: Bounds
    waiting: tuple[Entry, ...] = ()
    committing: tuple[Entry, ...] | None = None
    """The batch whose sync has not returned; none if there is no such batch."""

    covered: tuple[Entry, ...] = ()
    """Durable, and to be told so in this step."""

    struck: tuple[Entry, ...] = ()
    """In the batch whose sync failed, and to be told so in this step."""

    early: tuple[int, ...] = ()
    """Told that they are durable, and are not."""

    failed: bool = False
    closing: bool = False
    somebody_cancelled: bool = False

    def fork(self) -> "Ledger":
        """Return another ledger that goes on from here."""
        return Ledger(
            self.bounds,
            self.waiting,
            self.committing,
            early=self.early,
            failed=self.failed,
            closing=self.closing,
            somebody_cancelled=self.somebody_cancelled,
        )

    @property
    def key(self) -> tuple[object, ...]:
        """Everything that a later verdict may depend on."""
        return (
            self.waiting,
            self.committing,
            self.early,
            self.failed,
            self.closing,
            self.somebody_cancelled,
        )

    @property
    def idle(self) -> bool:
        """Whether nothing is being written."""
        return self.committing is None

    def step(self, happened: Input, wanted: Sequence[Effect]) -> list[Violation]:
        """Note what happened and what the batcher wanted done; return what was wrong with it."""
        self._happen(happened)
        found = [each for effect in wanted for each in self._want(effect)]
        found += self._refused_unless_open(happened, wanted)
        found += self._nobody_forgotten()
        self.covered = self.struck = ()
        return found

    def crash(self) -> list[Violation]:
        """Judge a loss of power at this moment, in which what was not synced is lost."""
        return [
            Violation("GRP-1", f"a crash here loses record {number}, which was told to last")
            for number in self.early
        ]

    # What happened

    def _happen(self, happened: Input) -> None:
        match happened:
            case Arrive(number, size):
                self.waiting += (Entry(number, size),)
            case Pass(time):
                limit = self.bounds.max_delay
                self.waiting = tuple(
                    entry._replace(age=min(entry.age + time, limit)) for entry in self.waiting
                )
            case Succeed():
                self.covered, self.committing = self.committing or (), None
                durable = {entry.number for entry in self.covered}
                self.early = tuple(number for number in self.early if number not in durable)
            case Break():
                self.struck, self.committing, self.failed = self.committing or (), None, True
            case Cancel(number):
                self._release(number)
                self.somebody_cancelled = True
            case Close():
                self.closing = True

    # What the batcher wanted

    def _want(self, effect: Effect) -> Iterator[Violation]:
        match effect:
            case Commit(numbers):
                yield from self._commit(numbers)
            case Resolve(numbers):
                for number in numbers:
                    yield from self._resolve(number)
            case Fail(numbers):
                for number in numbers:
                    if not self.failed:
                        message = f"record {number} is failed although no sync has failed"
                        yield Violation("GRP-3", message)
                    self._release(number)
            case Refuse(number):
                if not self.failed and not self.closing:
                    message = f"record {number} is refused although nothing failed or closed"
                    yield Violation("GRP-7", message)
                self.waiting = tuple(entry for entry in self.waiting if entry.number != number)

    def _commit(self, numbers: tuple[int, ...]) -> Iterator[Violation]:
        # the right moment
        if self.failed:
            message = (
                "a batch is committed after a failed sync; a later sync's success proves nothing"
            )
            yield Violation("GRP-3", message)
        if self.committing is not None:
            message = "a batch is committed while another's sync has not returned"
            yield Violation("GRP-1", message)

        # the right order: nobody who waits is passed over
        due = [entry.number for entry in self.waiting if entry.awaited or entry.number in numbers]
        if list(numbers) != due[: len(numbers)]:
            requirement = "GRP-6" if self.somebody_cancelled else "GRP-4"
            message = f"the batch is {_listed(numbers)}, and those who wait are {_listed(due)}"
            yield Violation(requirement, message)

        # the right size
        batch = tuple(entry for entry in self.waiting if entry.number in numbers)
        size = sum(entry.size for entry in batch)
        if len(batch) > self.bounds.max_records:
            message = f"a batch has {len(batch)} records: more than {self.bounds.max_records}"
            yield Violation("GRP-5", message)
        if size > self.bounds.max_bytes and len(batch) > 1:
            message = f"a batch has {size} bytes: more than {self.bounds.max_bytes}"
            yield Violation("GRP-5", message)

        last = max(numbers, default=0)
        self.committing = batch
        self.waiting = tuple(
            entry
            for entry in self.waiting
            if entry not in batch and (entry.awaited or entry.number > last)
        )

    def _resolve(self, number: int) -> Iterator[Violation]:
        here = [*self.waiting, *(self.committing or ()), *self.covered, *self.struck]
        if not any(entry.number == number for entry in here):
            yield Violation("GRP-1", f"record {number} is resolved, and has no waiter")
        elif not any(entry.number == number for entry in self.covered):
            self.early += (number,)
        self._release(number)

    def _release(self, number: int) -> None:
        """Note that nobody waits for a record any more."""
        self.waiting = _without_waiter(self.waiting, number)
        self.covered = _without_waiter(self.covered, number)
        self.struck = _without_waiter(self.struck, number)
        if self.committing is not None:
            self.committing = _without_waiter(self.committing, number)

    # What it forgot

    def _refused_unless_open(
        self, happened: Input, wanted: Sequence[Effect]
    ) -> Iterator[Violation]:
        if not isinstance(happened, Arrive) or not (self.failed or self.closing):
            return
        if Refuse(happened.number) not in wanted:
            requirement = "GRP-3" if self.failed else "GRP-7"
            message = f"record {happened.number} is taken in after a failure or a close"
            yield Violation(requirement, message)

    def _nobody_forgotten(self) -> Iterator[Violation]:
        for entry in self.covered:
            if entry.awaited:
                message = f"record {entry.number} is durable, and its waiter is not told"
                yield Violation("GRP-2", message)
        for entry in self.struck:
            if entry.awaited:
                message = f"the sync of record {entry.number} failed, and its waiter is not told"
                yield Violation("GRP-3", message)
        if not self.idle:
            return
        for entry in self.waiting:
            if entry.awaited and (self.failed or self.closing or self._overdue(entry)):
                blamed = "GRP-3" if self.failed else "GRP-7" if self.closing else "GRP-5"
                requirement = "GRP-6" if self.somebody_cancelled and not self.failed else blamed
                message = f"record {entry.number} waits, and nothing is going to be done about it"
                yield Violation(requirement, message)

    def _overdue(self, entry: Entry) -> bool:
        return entry.age >= self.bounds.max_delay


def _without_waiter(entries: tuple[Entry, ...], number: int) -> tuple[Entry, ...]:
    for place, entry in enumerate(entries):
        if entry.number == number:
            return (*entries[:place], entry._replace(awaited=False), *entries[place + 1 :])
    return entries


def _listed(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, numbers)) or "nobody"

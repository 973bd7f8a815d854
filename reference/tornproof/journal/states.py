"""
The states of a writer, and its durability levels.

A writer is *open*, and *changing* while a call changes something.  If an fsync or a rollback
fails, or a call is interrupted, it is *poisoned*: close it and open the journal again.  The
diagram in `spec/` is drawn from `TRANSITIONS`.

An exception from outside, Ctrl-C or a signal handler that raises, can interrupt a call between
any two steps, also between those of an exception handler.  So the state *changing* is entered
before the first step and left after the last; a later call that finds it knows that an earlier
one was interrupted (JRN-12).
"""

from collections.abc import Mapping
from enum import StrEnum
from types import TracebackType

from attrs import define, field

from tornproof.errors import Closed, Poisoned, TornproofError
from tornproof.process import Owner


class Durability(StrEnum):
    """When an append is acknowledged (JRN-10)."""

    IMMEDIATE = "immediate"
    """After an fsync of its own: what `append` returns is durable."""

    BATCHED = "batched"
    """After an fsync that it shares, with the records of one call or of one group commit."""

    EVENTUAL = "eventual"
    """At once: durable after the next `sync`, rotation or `close`."""


class State(StrEnum):
    """The state of a writer, which decides the operations that it allows."""

    OPEN = "open"
    CHANGING = "changing"
    POISONED = "poisoned"
    CLOSED = "closed"


class Event(StrEnum):
    """What moves a writer from one state to another."""

    BEGIN = "a change begins"
    FINISH = "the change ends"
    INTERRUPTED = "the change was interrupted"
    SYNC_FAILED = "sync failed"
    ROLLBACK_FAILED = "rollback failed"
    CLOSE = "close"


TRANSITIONS: Mapping[tuple[State, Event], State] = {
    (State.OPEN, Event.BEGIN): State.CHANGING,
    (State.OPEN, Event.CLOSE): State.CLOSED,
    (State.CHANGING, Event.FINISH): State.OPEN,
    (State.CHANGING, Event.INTERRUPTED): State.POISONED,
    (State.CHANGING, Event.SYNC_FAILED): State.POISONED,
    (State.CHANGING, Event.ROLLBACK_FAILED): State.POISONED,
    (State.CHANGING, Event.CLOSE): State.CLOSED,
    (State.POISONED, Event.CLOSE): State.CLOSED,
    (State.CLOSED, Event.CLOSE): State.CLOSED,
}


@define
class Guard:
    """
    Lets a writer do what its state allows, in the process that it belongs to.

    It is a context: `with guard:` is a change.
    """

    name: str
    """What is guarded, for messages: the journal's directory."""

    state: State = State.OPEN
    reason: str = ""
    """Why it is poisoned."""

    owner: Owner = field(factory=Owner)

    def move(self, event: Event) -> None:
        """Take note of an event."""
        self.state = TRANSITIONS[self.state, event]
        self.reason = _REASONS.get(event, self.reason)

    @property
    def poisoned(self) -> bool:
        """Whether everything but closing and reading is refused."""
        return self.state in (State.POISONED, State.CHANGING)

    def require_readable(self) -> None:
        """Raise `Forked` in a forked child, `Closed` after closing."""
        self.owner.require(self.name)
        if self.state is State.CLOSED:
            raise Closed(f"{self.name} has been closed")

    def require_open(self) -> None:
        """Raise `Poisoned` unless the last change came to its end, and what reading raises."""
        if self.state is _OPEN and self.owner.is_here:
            return
        self.require_readable()
        if self.state is State.CHANGING:
            self.move(Event.INTERRUPTED)
        raise Poisoned(
            f"{self.name}: {self.reason}, so what is durable is unknown; open the journal again to "
            "recover it"
        )

    def __enter__(self) -> None:
        if self.state is not _OPEN or not self.owner.is_here:
            self.require_open()
        self.state = _BEGUN

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self.state is _BEGUN:
            if kind is None or issubclass(kind, TornproofError):
                self.state = _FINISHED  # an error of ours comes when all is in order again
        elif kind is None:
            self.require_open()  # a call within this call, from a signal handler, has ended it


_OPEN = State.OPEN
_BEGUN = TRANSITIONS[State.OPEN, Event.BEGIN]
_FINISHED = TRANSITIONS[State.CHANGING, Event.FINISH]
"""Looked up once: they are needed for every append."""

_REASONS = {
    Event.INTERRUPTED: "an earlier call was interrupted",
    Event.SYNC_FAILED: "an earlier sync or rollback failed",
    Event.ROLLBACK_FAILED: "an earlier sync or rollback failed",
}

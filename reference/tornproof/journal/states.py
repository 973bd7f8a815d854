"""
What a writer promises, and what it may still do.

A writer is open until something goes wrong with an fsync or a rollback; then it
is poisoned, and the only way out is to close it and open the journal again.  The
diagram in `spec/` is drawn from `TRANSITIONS`.
"""

from collections.abc import Mapping
from enum import StrEnum


class Durability(StrEnum):
    """When an append is acknowledged (JRN-10)."""

    IMMEDIATE = "immediate"
    """After an fsync of its own: what `append` returns is durable."""

    BATCHED = "batched"
    """After an fsync that it shares, with the records of one call or of one group commit."""

    EVENTUAL = "eventual"
    """At once: durable after the next `sync`, rotation or `close`."""


class State(StrEnum):
    """What a writer may still do."""

    OPEN = "open"
    POISONED = "poisoned"
    CLOSED = "closed"


class Event(StrEnum):
    """What moves a writer from one state to another."""

    SYNC_FAILED = "sync failed"
    ROLLBACK_FAILED = "rollback failed"
    CLOSE = "close"


TRANSITIONS: Mapping[tuple[State, Event], State] = {
    (State.OPEN, Event.SYNC_FAILED): State.POISONED,
    (State.OPEN, Event.ROLLBACK_FAILED): State.POISONED,
    (State.OPEN, Event.CLOSE): State.CLOSED,
    (State.POISONED, Event.CLOSE): State.CLOSED,
    (State.CLOSED, Event.CLOSE): State.CLOSED,
}

"""
The vocabulary of the contract: what happened, and the state afterwards.

A history is a list of facts: what was submitted and what was answered, what
others appended, which faults struck, when the process died, what was replayed.
A state is the rows of the chain, the dead letters, what the counters say, and
how far the spool is said to be drained.
"""

from enum import StrEnum
from typing import TypeAlias

from attrs import frozen


class Mode(StrEnum):
    """What an implementation promises about a crash."""

    DURABLE = "drainer/durable"
    VOLATILE = "drainer/volatile"


class Outcome(StrEnum):
    """What a submit answered."""

    ADMITTED = "admitted"
    REFUSED = "refused"
    UNKNOWN = "unknown"
    """The process died first, or said that it does not know."""


class Fault(StrEnum):
    """What went wrong, as the database or the program said it."""

    RACE = "race"
    TRANSIENT = "transient"
    PERMANENT = "permanent"
    PANIC = "panic"


# Facts


@frozen
class Submitted:
    """
    An event was submitted.

    `invoked` and `returned` are moments on any clock that counts up.  Two
    submits that overlap are in no order.
    """

    event_id: str
    payload: bytes
    outcome: Outcome
    invoked: int = 0
    returned: int | None = None


@frozen
class Appended:
    """Somebody else appended a row to the same chain."""

    event_id: str


@frozen
class Struck:
    """A fault struck, while this event was being written if that is known."""

    fault: Fault
    event_id: str | None = None


@frozen
class Replayed:
    """An operator replayed dead letters; these moved to the chain."""

    event_ids: tuple[str, ...]


@frozen
class Seen:
    """Somebody looked, and saw these in the chain and among the dead letters."""

    chain: tuple[str, ...]
    dead_letters: tuple[str, ...]


@frozen
class Died:
    """The process died, and this is what was there when the next one began."""

    chain: tuple[str, ...]
    dead_letters: tuple[str, ...]
    spooled: tuple[str, ...] = ()
    """What the next one found in its spool and has still to land."""


Fact: TypeAlias = Submitted | Appended | Struck | Replayed | Seen | Died


# State


@frozen
class ChainRow:
    """A row of the chain; `payload` is none where a chain keeps only a hash of it."""

    sequence: int | None
    event_id: str
    payload: bytes | None


@frozen
class DeadLetter:
    """A row of the dead-letter queue."""

    event_id: str
    payload: bytes | None
    reason: str


@frozen
class Counters:
    """What the process says of the events that it was given, those in its spool included."""

    submitted: int
    refused: int
    pending: int
    chained: int
    dead_lettered: int
    lost: int


@frozen
class State:
    """
    What one sees.

    `quiescent` says that nothing is left to do.  `spool` lists the ids in the
    spool, in order, of which the first `position` are said to have landed.
    """

    chain: tuple[ChainRow, ...]
    dead_letters: tuple[DeadLetter, ...]
    quiescent: bool
    counters: Counters | None = None
    spool: tuple[str, ...] | None = None
    position: int = 0


@frozen
class Drain:
    """
    What a bounded wait for the queue to empty answered.

    `pending` names what it said was left, up to `named` of them.  `hopeless`
    says that the drainer had already given up, so that waiting was no use, and
    `at_once` that the answer came without waiting.
    """

    drained: bool
    pending: tuple[str, ...]
    hopeless: bool
    at_once: bool
    named: int = 100

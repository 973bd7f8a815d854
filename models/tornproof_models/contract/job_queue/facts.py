"""
The facts of a job queue's history, as an observer outside sees them.

A history is a list of facts in the order in which they were seen.  Every call is
two facts, `Asked` and an answer, so that calls of different workers may overlap:
what overlaps is in no order.  A worker makes one call at a time and holds one job
at a time.  Times are milliseconds on the clock of whoever wrote the history down.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import TypeAlias

from attrs import frozen


class Claim(StrEnum):
    """What a queue may say of itself; one numbered sentence each."""

    CORE = "queue/core"
    AT_LEAST_ONCE = "queue/at-least-once"
    AT_MOST_ONCE = "queue/at-most-once"
    EXACTLY_ONCE = "queue/exactly-once"
    SETTLED = "queue/settled"
    EXCLUSIVE = "queue/exclusive"
    FENCED = "queue/fenced"
    LEASES = "queue/leases"
    LEASES_TENDED = "queue/leases-tended"
    RETRIES = "queue/retries"
    REASONS = "queue/reasons"
    POISON = "queue/poison"
    PROGRESS = "queue/progress"
    FIFO = "queue/fifo"
    OUTBOX = "queue/outbox"
    DEDUPLICATES = "queue/deduplicates"
    POWER = "queue/power"


REQUIREMENTS: Mapping[Claim, str] = {
    claim: f"QUE-{number}" for number, claim in enumerate(Claim, start=1)
}
"""The sentence that each claim stands for."""


@frozen
class Promise:
    """What a queue has claimed, and with what it was opened."""

    claims: frozenset[Claim]
    lease_ms: int
    """How long a worker has a job to itself, from the moment at which it gets it."""

    max_attempts: int
    """How many failures make a dead letter; 1 if the first does."""


class How(StrEnum):
    """How a worker ends its work on a job."""

    OK = "ok"
    FAIL = "fail"


# Calls


@frozen
class Enqueue:
    """
    Hand a job in.

    With `in_transaction`, a row of the caller's own business is written in the same
    transaction, which is then committed or `rolled_back`.
    """

    job: str
    in_transaction: bool = False
    rolled_back: bool = False


@frozen
class Take:
    """Ask for a job."""


@frozen
class Finish:
    """Complete the job that the worker holds, or report that it failed."""

    how: How


@frozen
class Tend:
    """Do what the documentation tells an operator to do from time to time."""


Call: TypeAlias = Enqueue | Take | Finish | Tend

# Facts


@frozen
class Asked:
    """A worker, or a producer, makes a call."""

    worker: str
    call: Call
    at_ms: int = 0


@frozen
class Done:
    """The call succeeded; the answer to a durable enqueue is its acknowledgement."""

    worker: str
    at_ms: int = 0


@frozen
class Took:
    """
    The answer to a take: a job, or none.

    `age_ms` says how old the lease was when the answer was given: some libraries
    fetch a job before anybody asks for it.
    """

    worker: str
    job: str | None
    at_ms: int = 0
    age_ms: int = 0


@frozen
class Refused:
    """The call certainly had no effect; a completion that is refused because its lease is lost."""

    worker: str


@frozen
class Unknown:
    """The call failed, and may have had its effect all the same."""

    worker: str


@frozen
class Died:
    """The worker is dead, with whatever it was doing; another of its name may begin."""

    worker: str


@frozen
class PowerLost:
    """The machine lost its power, all workers with it."""


class Rest(StrEnum):
    """Why somebody looks at a queue."""

    NOT_YET = "not yet"
    """There may be work left."""

    QUIET = "quiet"
    """All leases have run out, workers have asked again and again, and get nothing any more."""

    RESTLESS = "restless"
    """As quiet, but workers still got jobs when they were told to stop asking."""


@frozen
class Dead:
    """A dead letter, and why it is one."""

    job: str
    reason: str | None


@frozen
class Seen:
    """
    What somebody sees who looks.

    A job is named as often as it is there.  `rows` are the business rows that were
    written together with jobs; none if the queue cannot show them.
    """

    rest: Rest
    effects: tuple[str, ...]
    pending: tuple[str, ...] = ()
    running: tuple[str, ...] = ()
    dead: tuple[Dead, ...] = ()
    rows: tuple[str, ...] | None = None


Fact: TypeAlias = Asked | Done | Took | Refused | Unknown | Died | PowerLost | Seen

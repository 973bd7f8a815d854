"""
Deferred queues and chains as subjects.

A subject that has a queue offers `open_queue`, and one that has a chain
`open_chain`; what has neither is not judged on them.  The programs that a queue
goes through are those of `tornproof_models.queues.delivery_program`, and here they
are turned into JSON's types and back.
"""

import sqlite3
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from attrs import asdict
from tornproof.errors import Invalid
from tornproof_models.contract.delivery import Mode
from tornproof_models.contract.journal import Violation
from tornproof_models.crash.subject import Subject
from tornproof_models.database_faults import Kind, Strike, When
from tornproof_models.disk.faults import Fault
from tornproof_models.queues import delivery_program as steps
from tornproof_models.queues import delivery_run
from tornproof_models.queues.delivery_program import Arm, FailDisk, Program, Step
from tornproof_models.queues.fault_sweep import violations_of
from tornproof_models.queues.schedules import Exploration


@runtime_checkable
class HasQueue(Protocol):
    """A subject with a deferred queue."""

    def open_queue(self, mode: Mode) -> delivery_run.Subject:
        """Make a queue of its own, with its database and its spool."""
        ...


@runtime_checkable
class HasSchedules(Protocol):
    """A subject whose drainer can be moved step by step, and put back."""

    def walk_schedules(self, *, events: int, falls: int, faults: int) -> Exploration:
        """Walk every schedule with up to so many events, panics or deaths, and faults."""
        ...


@runtime_checkable
class HasThreads(Protocol):
    """A subject whose drainer's thread and its users can be moved one at a time."""

    def play_threads(self, seed: int) -> Sequence[Violation]:
        """Let them move in an order that follows from a seed, and judge what comes of it."""
        ...


class Broken(Protocol):
    """A break that a verification has found; its text says what it is."""

    @property
    def sequence(self) -> int | None:
        """The row at which it shows, if it is one row's."""
        ...


class ChainUnderTest(Protocol):
    """A chain in a table `signed_events`, which others may write to as well."""

    @property
    def connection(self) -> sqlite3.Connection:
        """A connection to its database, for whoever tampers."""
        ...

    def connect(self) -> sqlite3.Connection:
        """Open another one."""
        ...

    def append(self, agent_id: str, event_type: str = "type", *, signed: bool = False) -> None:
        """Append a row; a signed one with the chain's own key."""
        ...

    def head(self) -> bytes:
        """Return the hash that stands for the whole chain."""
        ...

    def verify(self, *, head: bytes | None = None, with_key: bool = False) -> Sequence[Broken]:
        """Verify it, perhaps against a saved head, and name every break."""
        ...

    def close(self) -> None:
        """Let go of it."""
        ...


@runtime_checkable
class MigratesPairwise(Protocol):
    """A subject that goes on from a chain of v0.7 or v1.0."""

    def migrate_pairwise(self, connection: sqlite3.Connection) -> None:
        """Move the old tables aside and begin a chain.  Raises where there is nothing to move."""
        ...


@runtime_checkable
class VerifiesPairwise(Protocol):
    """A subject that verifies chains of v0.7."""

    def verify_pairwise(
        self, database: Path, *, head: bytes | None = None, keys: Sequence[bytes] = ()
    ) -> tuple[Sequence[object], Sequence[str]]:
        """
        Verify the chain in a database: the breaks, and what such a verification cannot see.

        Perhaps against the hash of a row that was once the last, and with keys to trust.
        """
        ...


@runtime_checkable
class HasChain(Protocol):
    """A subject with a chain."""

    def open_chain(self) -> ChainUnderTest:
        """Make an empty chain."""
        ...


# Judging


def judge_delivery(subject: Subject, mode: Mode, program: Program) -> list[Violation]:
    """Run a program through a subject's queue.  Raises `Invalid` if it has none."""
    if not isinstance(subject, HasQueue):
        raise Invalid(f"{subject.name} has no deferred queue")
    found = violations_of(program, partial(subject.open_queue, mode), mode)
    return list(found)


def judge_schedules(subject: Subject, events: int, falls: int, faults: int) -> list[Violation]:
    """Walk the schedules of a subject's drainer.  Raises `Invalid` if it has none to walk."""
    if not isinstance(subject, HasSchedules):
        raise Invalid(f"{subject.name} has no drainer that can be moved step by step")
    seen = subject.walk_schedules(events=events, falls=falls, faults=faults)
    return [
        violation
        for counterexample in seen.counterexamples
        for violation in counterexample.violations
    ]


# JSON

_STEPS: Mapping[str, type[Step]] = {
    kind.__name__.lower(): kind
    for kind in (
        steps.Submit,
        steps.Move,
        steps.Sibling,
        steps.Kill,
        steps.Watch,
        steps.AskDrain,
        steps.Close,
        steps.Hold,
        steps.Replay,
    )
}


def encode_program(program: Program) -> list[dict[str, Any]]:
    """Turn a program into JSON's types; `decode_program` turns it back."""
    encoded = []
    for step in program:
        name = type(step).__name__.lower()
        members = asdict(step.strike) if isinstance(step, Arm) else asdict(step)
        encoded.append({"step": name, **members})
    return encoded


def decode_program(steps: Sequence[Mapping[str, Any]]) -> Program:
    """Read a program.  Raises `KeyError`, `TypeError` or `ValueError`."""
    return tuple(_decode_step(step) for step in steps)


def _decode_step(step: Mapping[str, Any]) -> Step:
    members = {name: value for name, value in step.items() if name != "step"}
    match step["step"]:
        case "arm":
            kind, when = Kind(members.pop("kind")), When(members.pop("when"))
            return Arm(Strike(kind, when, **members))
        case "faildisk":
            return FailDisk(members["nth"], Fault(members["fault"]))
        case name:
            return _STEPS[name](**members)

"""
Programs for a deferred queue: its events, and short lists of steps.

Submit, let the drainer make a move, let something go wrong, kill the process, close,
drain, replay.  An event is a number; what it says, and its canonical bytes, follow
from that, so whoever judges has them from no one who is judged.
"""

import json
from collections.abc import Mapping
from typing import Any, TypeAlias

from attrs import frozen

from tornproof_models.database_faults import Strike
from tornproof_models.disk.faults import Fault as DiskFault

# Events


def event_id(number: int) -> str:
    """Name the event of that number."""
    return f"e{number}"


def event_of(number: int) -> Mapping[str, Any]:
    """Return the event of that number, as the object that it is in JSON."""
    return {
        "action": {"command": f"command {number}", "kind": "bash"},
        "agent_id": "agent",
        "decision": {"decision": "refuse", "reason": "because", "rule_id": "R1"},
        "event_id": event_id(number),
        "timestamp": f"2026-01-31T12:00:00.{number:09d}Z",
    }


def payload_of(number: int) -> bytes:
    """
    Return its canonical bytes.

    For an object of plain ASCII texts RFC 8785 asks for no more than this.
    """
    return json.dumps(event_of(number), sort_keys=True, separators=(",", ":")).encode()


# Steps


@frozen
class Submit:
    """Submit the next event."""

    encodable: bool = True

    def __str__(self) -> str:
        return "submit an event" if self.encodable else "submit an event that cannot be encoded"


@frozen
class Move:
    """Let the drainer make a move, or several."""

    moves: int = 1

    def __str__(self) -> str:
        return "the drainer moves" if self.moves == 1 else f"the drainer moves {self.moves} times"


@frozen
class Arm:
    """Let something go wrong from here on."""

    strike: Strike

    def __str__(self) -> str:
        return f"from here on: {self.strike}"


@frozen
class FailDisk:
    """Let an operation on the spool's disk fail."""

    nth: int
    fault: DiskFault

    def __str__(self) -> str:
        return f"from here on: {self.fault.value} at disk operation {self.nth}"


@frozen
class Sibling:
    """Another process appends to the chain."""

    def __str__(self) -> str:
        return "another process appends to the chain"


@frozen
class Kill:
    """Kill the process, or cut the power, and begin a new one."""

    power: int | None = None

    def __str__(self) -> str:
        return "SIGKILL; restart" if self.power is None else "power cut; restart"


@frozen
class Watch:
    """Somebody looks at the chain and the dead letters."""

    def __str__(self) -> str:
        return "somebody looks at the chain"


@frozen
class AskDrain:
    """Wait until nothing is pending."""

    def __str__(self) -> str:
        return "drain_pending()"


@frozen
class Close:
    """Close and flush."""

    def __str__(self) -> str:
        return "close_and_flush()"


@frozen
class Hold:
    """A producer keeps a handle."""

    def __str__(self) -> str:
        return "another producer keeps a handle"


@frozen
class Replay:
    """An operator replays the dead letters."""

    def __str__(self) -> str:
        return "replay the dead letters"


Step: TypeAlias = (
    Submit | Move | Arm | FailDisk | Sibling | Kill | Watch | AskDrain | Close | Hold | Replay
)
Program: TypeAlias = tuple[Step, ...]

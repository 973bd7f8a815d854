"""
Programs: short lists of steps.

Append so many bytes, sync, rotate, reopen; and what goes wrong is a step as well: a
disk that will fail, a kill, a loss of power.  A step holds small integers and no
bytes, so a program shrinks well, prints in a line, and means the same everywhere.
"""

import random
from enum import StrEnum
from functools import lru_cache
from typing import TypeAlias

from attrs import frozen

from tornproof_models.disk.faults import Fault


class Content(StrEnum):
    """
    What a payload holds.

    A format may take zeros for the end of the file, or ones for erased flash, and a compressor
    writes a different number of bytes for each.
    """

    RANDOM = "random"
    ZEROS = "zeros"
    ONES = "ones"
    REPEATED = "repeated"
    """Four bytes over and over, which any compressor makes small."""


@frozen
class Append:
    """Append a payload of so many bytes."""

    size: int
    content: Content = Content.RANDOM

    def __str__(self) -> str:
        kind = "" if self.content is Content.RANDOM else f" {self.content.value}"
        return f"append({self.size} bytes{kind})"


@frozen
class Sync:
    """Ask for everything to be made durable."""

    def __str__(self) -> str:
        return "sync()"


@frozen
class Rotate:
    """Start a new segment."""

    def __str__(self) -> str:
        return "rotate()"


@frozen
class Reopen:
    """Close, and open again."""

    def __str__(self) -> str:
        return "close(); open()"


@frozen
class Kill:
    """Kill the process and open again; the kernel lives on."""

    def __str__(self) -> str:
        return "SIGKILL; open()"


@frozen
class Settle:
    """
    Let everything reach the disk, as it does in time.

    What follows is then judged on a store whose creation no crash can undo.
    """

    def __str__(self) -> str:
        return "everything reaches the disk"


@frozen
class Submit:
    """Hand over appends of these sizes at the same time, and wait for all answers."""

    sizes: tuple[int, ...]

    def __str__(self) -> str:
        return f"append({', '.join(map(str, self.sizes))} bytes) at the same time"


@frozen
class Batch:
    """Append payloads of these sizes in one call, which keeps all of them or none."""

    sizes: tuple[int, ...]

    def __str__(self) -> str:
        return f"append_batch({', '.join(map(str, self.sizes))} bytes)"


@frozen
class DropTail:
    """Drop so many of the last records."""

    count: int

    def __str__(self) -> str:
        return f"truncate(the last {self.count})"


@frozen
class DropHead:
    """Drop so many of the first records."""

    count: int

    def __str__(self) -> str:
        return f"truncate(the first {self.count})"


@frozen
class Interrupt:
    """
    Hand over appends of these sizes without waiting, and kill the process on the way.

    It is killed so many microseconds after so many answers, and opened again.
    """

    sizes: tuple[int, ...]
    answers: int
    microseconds: int = 0

    def __str__(self) -> str:
        later = f" and {self.microseconds} µs" if self.microseconds else ""
        sizes = ", ".join(map(str, self.sizes))
        return f"append({sizes} bytes), SIGKILL after {self.answers} answers{later}; open()"


@frozen
class Fail:
    """Let the Nth operation on the disk from here on fail."""

    nth: int
    fault: Fault

    def __str__(self) -> str:
        return f"fail(disk operation {self.nth}: {self.fault.value})"


@frozen
class KillAt:
    """
    Kill the process before or after the Nth call from here on that changes or syncs a file.

    Whatever step it is in ends there; the next one begins with opening what that leaves.
    """

    nth: int
    is_after: bool

    def __str__(self) -> str:
        return f"kill({'after' if self.is_after else 'before'} disk operation {self.nth})"


@frozen
class Crash:
    """
    Lose power after so many events of the trace, keep one of the images, and open it.

    `point` counts from the last crash and `image` numbers the choices; both are
    clamped to what there is, so that every integer means something.
    """

    crash_model: str
    point: int
    image: int

    def __str__(self) -> str:
        return f"crash({self.crash_model}, event {self.point}, image {self.image}); open()"


Step: TypeAlias = (
    Append
    | Sync
    | Rotate
    | Reopen
    | Settle
    | Kill
    | Submit
    | Batch
    | DropTail
    | DropHead
    | Interrupt
    | Fail
    | KillAt
    | Crash
)
Program: TypeAlias = tuple[Step, ...]


@lru_cache(4)
def grow_payload(size: int, seed: int, content: Content = Content.RANDOM) -> bytes:
    """
    Return a payload of `size` bytes that no other seed gives (from 4 bytes on).

    Zeros and ones have the seed in their middle, so that they begin and end with nothing else.
    """
    if content is Content.RANDOM:
        return random.Random(seed).randbytes(size)
    number = seed.to_bytes(4, "little")
    if content is Content.REPEATED:
        return (number * (size // 4 + 1))[:size]
    before = b"\x00" if content is Content.ZEROS else b"\xff"
    middle = max((size - 4) // 2, 0)
    return (before * middle + number + before * size)[:size]

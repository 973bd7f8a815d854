"""
Decide on a fault when the call that it hits is about to begin.

A fault names a call exactly: the Nth of a kind, on a file if one is given, counted from the
moment at which the fault is armed.  At the stop before the call it is decided what becomes of
it, so a program need not be rehearsed, and nothing depends on a clock:

- it does nothing and fails with an error number, or does what it should and fails;
- it is cut short before the kernel sees it, so that the kernel really writes less, and the
  next write or change of names finds no space;
- the process is killed before it, or after it;
- it returns late.
"""

from enum import Enum
from errno import EDQUOT, EIO, ENOSPC

from attrs import define, field, frozen
from tornproof_models.disk.faults import Kind


@frozen
class CallMade:
    """A call that was about to change or sync a file of the tree."""

    number: int
    """Which of the process's it was, from 1."""

    name: str
    kind: Kind
    path: str
    """The file, below the recorded directory; empty for a sync of everything."""

    length: int = 0
    """Bytes that it was asked to write, if it is a write."""

    def __str__(self) -> str:
        return f"{self.name}({self.path})"


class Effect(Enum):
    """What becomes of a call."""

    ERROR = "fails with EIO"
    ERROR_AFTER = "does what it should, and fails with EIO"
    NO_SPACE = "fails with ENOSPC"
    NO_QUOTA = "fails with EDQUOT"
    SHORT = "writes half, and there is no space after it"
    SHORT_ONCE = "writes half"
    KILL_BEFORE = "the process is killed before it"
    KILL_AFTER = "the process is killed after it"


ERRORS = {Effect.ERROR: EIO, Effect.NO_SPACE: ENOSPC, Effect.NO_QUOTA: EDQUOT}


@frozen
class CallFault:
    """What becomes of the Nth call, from 1, among those that are meant."""

    effect: Effect
    nth: int = 1
    kind: Kind | None = None
    """What sort of call is meant; any that changes or syncs a file, if none is given."""

    path: str | None = None
    """Which file is meant, below the recorded directory; all, if none is given."""

    def means(self, call: CallMade) -> bool:
        """Tell whether a call counts."""
        return (self.kind is None or call.kind is self.kind) and (
            self.path is None or call.path == self.path
        )


@frozen
class Order:
    """What the tracer is to do with a call: at most one of these."""

    error: int = 0
    """The call does nothing, and fails with this error number."""

    error_after: int = 0
    """The call does what it should, and returns this error number."""

    length: int | None = None
    """So many bytes are written at most."""

    is_last: bool | None = None
    """The process is killed: before the call (false) or after it (true)."""

    seconds: float = 0.0
    """The call returns so much later."""


@define
class Injector:
    """The fault that is armed, and the calls that were made since."""

    fault: CallFault | None = None
    calls: list[CallMade] = field(factory=list)
    """Calls since a fault was armed, or since `count`."""

    struck: list[CallMade] = field(factory=list)
    """Calls that a fault has struck, in their order; it is never emptied."""

    late: float = 0.0
    """Seconds that every sync returns late."""

    _met: int = 0
    _is_full: bool = False
    _made: int = 0

    def arm(self, fault: CallFault) -> None:
        """Let a fault strike; one that was armed before does not strike any more."""
        self.count()
        self.fault = fault

    def count(self) -> None:
        """Let nothing strike any more, and count calls from here."""
        self.disarm()
        self.calls = []

    def disarm(self) -> None:
        """Let nothing strike any more."""
        self.fault, self._met, self._is_full = None, 0, False

    def decide(self, name: str, kind: Kind, path: str, length: int) -> Order | None:
        """Take a call that is about to begin, and say what becomes of it."""
        self._made += 1
        call = CallMade(self._made, name, kind, path, length)
        self.calls.append(call)
        if self._is_full and kind is not Kind.SYNC:
            self._is_full = False
            self.struck.append(call)
            return Order(error=ENOSPC)
        fault = self.fault
        if fault is not None and fault.means(call):
            self._met += 1
            if self._met == fault.nth:
                return self._strike(fault.effect, call)
        if self.late and kind is Kind.SYNC:
            return Order(seconds=self.late)
        return None

    def _strike(self, effect: Effect, call: CallMade) -> Order | None:
        self.fault = None
        if effect in ERRORS:
            self.struck.append(call)
            return Order(error=ERRORS[effect])
        if effect is Effect.ERROR_AFTER:
            self.struck.append(call)
            return Order(error_after=EIO)
        if effect in (Effect.KILL_BEFORE, Effect.KILL_AFTER):
            self.struck.append(call)
            return Order(is_last=effect is Effect.KILL_AFTER)
        if call.length < 2:
            return None  # there is no half of it
        self.struck.append(call)
        self._is_full = effect is Effect.SHORT
        return Order(length=call.length // 2)

"""
The points of a trace at which a crash can leave new images.
"""

from collections.abc import Iterator

from tornproof_models.contract.journal import History
from tornproof_models.crash.debt import advance
from tornproof_models.disk.crash_models import CrashModel
from tornproof_models.disk.images import ImageSpace
from tornproof_models.disk.marks import Batched, Truncating
from tornproof_models.disk.registers import Registers
from tornproof_models.disk.trace import (
    PROMISE_NOTHING,
    SYNCS,
    Acked,
    Event,
    Failed,
    Flushed,
    Invoked,
    Observed,
    Printed,
    Trace,
)
from tornproof_models.disk.versions import SECTOR_BYTES


def is_crash_point(event: Event, crash_model: CrashModel) -> bool:
    """Tell whether a crash just before an event may show what no other does."""
    if crash_model.floors.everything_at_once:
        return not isinstance(event, (*SYNCS, *PROMISE_NOTHING, Invoked, Batched, Failed))
    return isinstance(event, (*SYNCS, Truncating, Acked, Flushed, Observed, Printed))


def spaces(
    trace: Trace, crash_model: CrashModel, *, sector_bytes: int = SECTOR_BYTES
) -> Iterator[tuple[int, ImageSpace]]:
    """
    Yield every crash point of a trace, its end included, with what a crash may leave there.

    Build images before asking for the next one.
    """
    registers = Registers.of(trace.initial, crash_model.floors, sector_bytes=sector_bytes)
    for point, event in enumerate(trace.events):
        if is_crash_point(event, crash_model):
            yield point, ImageSpace(registers, crash_model)
        registers.advance(event)
    yield len(trace.events), ImageSpace(registers, crash_model)


def points_of(
    trace: Trace,
    registers: Registers,
    crash_model: CrashModel,
    since: int = 0,
    before: History | None = None,
) -> Iterator[tuple[int, History]]:
    """
    Advance registers through a trace; yield wherever a crash could matter, and what is owed.

    `since` leaves out crashes before so many events, but never the one at the end.  `before` is
    what was owed when the trace began.
    """
    history = before or History()
    for number, event in enumerate(trace.events):
        if since <= number and is_crash_point(event, crash_model):
            yield number, history
        registers.advance(event)
        history = advance(history, event)
    yield len(trace.events), history

"""
The points of a trace at which a crash can leave new images.
"""

from tornproof_models.disk.crash_models import CrashModel
from tornproof_models.disk.trace import (
    PROMISE_NOTHING,
    SYNCS,
    Acked,
    Event,
    Failed,
    Flushed,
    Invoked,
    Observed,
)


def is_crash_point(event: Event, crash_model: CrashModel) -> bool:
    """Tell whether a crash just before an event may show what no other does."""
    if crash_model.floors.everything_at_once:
        return not isinstance(event, (*SYNCS, *PROMISE_NOTHING, Invoked, Failed))
    return isinstance(event, (*SYNCS, Acked, Flushed, Observed))

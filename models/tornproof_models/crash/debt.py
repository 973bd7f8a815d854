"""
What the marks of a trace make of what is owed.
"""

from tornproof_models.contract.journal import End, History
from tornproof_models.disk.marks import Batched, Truncating
from tornproof_models.disk.trace import (
    Acked,
    Event,
    Failed,
    Flushed,
    Invoked,
    Observed,
)


def advance(history: History, event: Event) -> History:
    """Let a mark change what is owed."""
    match event:
        case Invoked(call, _, payload):
            return history.invoke(call, payload)
        case Batched(first, count):
            return history.join(range(first, first + count))
        case Truncating(call, end, offset):
            return history.truncate(call, End(end), offset)
        case Acked(call, offset, durable):
            return history.acknowledge(call, offset, durable=durable)
        case Failed(call, definite):
            return history.fail(call, definite=definite)
        case Flushed(operation):
            return history.flush(operation)
        case Observed(records):
            return history.observe(records)
        case _:
            return history

"""
Failing system calls: the faults of a disk in terms of a tracer.
"""

from collections.abc import Iterator, Mapping

from tornproof_models.disk.faults import Fault, Kind

from tornproof_conformance.recorder.ptrace.injection import CallMade, Effect

EFFECTS: Mapping[Fault, Effect] = {
    Fault.ERROR: Effect.ERROR,
    Fault.ERROR_AFTER: Effect.ERROR_AFTER,
    Fault.NO_SPACE: Effect.NO_SPACE,
    Fault.NO_QUOTA: Effect.NO_QUOTA,
    Fault.SHORT_WRITE: Effect.SHORT_ONCE,
    Fault.SHORT_THEN_NO_SPACE: Effect.SHORT,
}
"""What becomes of the call that a fault strikes."""


def faults_of(call: CallMade) -> Iterator[Fault]:
    """Yield the faults that may strike a call."""
    yield Fault.ERROR
    if call.kind is not Kind.SYNC:
        yield Fault.NO_SPACE
        yield Fault.NO_QUOTA
    if call.length > 1:
        yield Fault.SHORT_THEN_NO_SPACE

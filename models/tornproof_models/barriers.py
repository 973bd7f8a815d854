"""
Find the syncs of a program that are needed: remove each in turn and crash the rest.

A sync costs milliseconds, so every one should be there for a reason.  For a
recorded trace the reason can be found: take one sync out, and crash what remains.
The workload does not run again, since a program cannot tell whether an fsync that
returned had done anything; only recovery runs, on the images.

- If an image now breaks a promise, the sync is *load-bearing*, and the image says why.
- If none does, it is *not needed within the bound*: by this trace, in these crash models.
  That is a chance to save an fsync, or a sign that another program is needed to show
  what it is for.

Each sync is tried from the mildest crash model to the harshest, so what comes out is the
weakest that suffices.  The share of load-bearing syncs is a mutation score for
durability.  No test that kills processes can give one: the page cache survives a
kill, and so does every bug that is a missing fsync.

A sync of a directory counts like any other.
"""

from collections.abc import Iterator, Sequence
from enum import StrEnum

from attrs import define, field, frozen

from tornproof_models.crash.explorer import BOUND, Explorer
from tornproof_models.crash.findings import Coverage, Finding
from tornproof_models.crash.subject import Options, Subject
from tornproof_models.disk.crash_models import CLAIMED, CRASH_MODELS
from tornproof_models.disk.marks import Truncating
from tornproof_models.disk.registers import Registers
from tornproof_models.disk.trace import (
    ROOT,
    SYNCS,
    Acked,
    Event,
    Failed,
    Flushed,
    Invoked,
    Observed,
    SyncFilesystem,
    Trace,
)


class Verdict(StrEnum):
    """What becomes of a trace without one of its syncs."""

    LOAD_BEARING = "load-bearing"
    NOT_NEEDED = "not needed within the bound"


@frozen
class Barrier:
    """A sync of a trace, and what happens without it."""

    event: int
    """Which event of the trace it is, from 0."""

    path: str
    """What it syncs, by the name that it had then; the root for a sync of everything."""

    is_directory: bool
    call: str
    """Which call waited for it, in words."""

    crash_model: str | None
    """The mildest crash model in which its absence shows; none if it never does."""

    finding: Finding | None
    """What its absence breaks, and how; crash points count events without the sync."""

    coverage: Coverage
    """What was tried without it."""

    @property
    def verdict(self) -> Verdict:
        """Whether its absence shows."""
        return Verdict.NOT_NEEDED if self.finding is None else Verdict.LOAD_BEARING


def score(barriers: Sequence[Barrier]) -> float:
    """
    Return the durability mutation score: the share of the syncs that are load-bearing.

    It is 1 where there is no sync, since nothing could be taken away unnoticed.
    """
    bearing = sum(barrier.finding is not None for barrier in barriers)
    return bearing / len(barriers) if barriers else 1.0


@define
class BarrierSearch:
    """Takes syncs out of traces of one implementation, remembering recoveries."""

    subject: Subject
    options: Options
    crash_models: Sequence[str] = CLAIMED
    """Where to look, from mild to harsh."""

    bound: int = BOUND
    _explorers: dict[str, Explorer] = field(factory=dict)

    def broken(self, trace: Trace) -> tuple[str, Finding] | None:
        """
        Return the mildest crash model in which a trace breaks with all its syncs, and how.

        Where it does, taking a sync away proves nothing: look only in milder ones.
        """
        return self._weakest(trace, 0)

    def barriers(self, trace: Trace) -> Iterator[Barrier]:
        """Yield every sync of a trace, in order, with what its absence shows."""
        registers = Registers.of(trace.initial, CRASH_MODELS["process-kill"].floors)
        for number, event in enumerate(trace.events):
            if isinstance(event, SYNCS):
                inode = ROOT if isinstance(event, SyncFilesystem) else event.inode
                before = self._coverage()
                crash_model, finding = self._weakest(without(trace, number), number) or (None, None)
                yield Barrier(
                    number,
                    registers.path_of(inode),
                    inode in registers.names,
                    call_of(trace.events, number),
                    crash_model,
                    finding,
                    _difference(self._coverage(), before),
                )
            registers.advance(event)

    def _weakest(self, trace: Trace, since: int) -> tuple[str, Finding] | None:
        for crash_model in self.crash_models:
            findings = self._explorer(crash_model).explore(trace, since=since)
            if findings:
                return crash_model, min(findings, key=lambda finding: finding.size)
        return None

    def _explorer(self, crash_model: str) -> Explorer:
        if crash_model not in self._explorers:
            self._explorers[crash_model] = Explorer(
                self.subject, self.options, CRASH_MODELS[crash_model], bound=self.bound
            )
        return self._explorers[crash_model]

    def _coverage(self) -> Coverage:
        total = Coverage()
        for explorer in self._explorers.values():
            total.add(explorer.coverage)
        return total


def without(trace: Trace, number: int) -> Trace:
    """Return a trace in which one event has not happened."""
    return Trace(trace.initial, trace.events[:number] + trace.events[number + 1 :])


def call_of(events: Sequence[Event], number: int) -> str:
    """
    Say which call an operation belongs to, as far as the marks tell.

    An append is marked at both ends.  Of the others a trace has only the return,
    so what happened before it is taken to be theirs.
    """
    waiting: dict[int, str] = {}
    for event in events[:number]:
        match event:
            case Invoked(call, operation):
                waiting[call] = f"{operation}, call {call}"
            case Truncating(call, end):
                waiting[call] = f"truncate the {end}, call {call}"
            case Acked(call) | Failed(call):
                waiting.pop(call, None)
    if waiting:
        return list(waiting.values())[-1]
    for event in events[number:]:
        match event:
            case Flushed(operation):
                return operation
            case Observed():
                return "open"
            case Invoked() | Truncating():
                return "between calls"
    return "after the last call"


def _difference(after: Coverage, before: Coverage) -> Coverage:
    return Coverage(
        after.traces - before.traces,
        after.crash_points - before.crash_points,
        after.images - before.images,
        after.judged - before.judged,
        after.recovered - before.recovered,
    )

"""
All images of a trace, each distinct one recovered once.

The explorer walks a trace.  Wherever a crash could matter, it asks the disk
model which images a crash may leave there, lets the implementation recover each,
and asks the contract whether what came back is what was owed at that moment.

*Where a crash could matter*: just before a floor rises, just before something is
promised or shown, and at the end.  Between two such points the possible images
only become more, so the later point covers the earlier; the debt does not change
between them.

*Once*: recovery is a function of the image, so images of equal content share
one recovery, whatever crash, trace or workload they come from.  What was
recovered is judged against every history under which the image can arise.

*Depth*: recovery writes, so it can be crashed as well.  Each distinct image's
recovery is traced, followed by one append, and explored in the same way.
"""

from collections.abc import Iterator
from itertools import islice

from attrs import define, evolve, field, frozen

from tornproof_models.contract.journal import PROMISED, History, Record, Violation
from tornproof_models.disk.filesystem import ModelFilesystem
from tornproof_models.disk.images import Choice, ImageSpace
from tornproof_models.disk.profiles import Profile
from tornproof_models.disk.registers import SECTOR_BYTES, Registers
from tornproof_models.disk.trace import (
    Acked,
    Event,
    Failed,
    Flushed,
    Image,
    Invoked,
    Observed,
    Sync,
    SyncDirectory,
    SyncFailed,
    Trace,
)
from tornproof_models.explore.workload import Options, Run, Target, advance

BOUND = 1 << 16
"""
Images of one crash point up to which all are judged: 65,536.

Above it come those within `DEVIATIONS` of losing nothing and of losing all, and
a sample.
"""

DEVIATIONS = 2
SAMPLE = 4096


@frozen
class Recovered:
    """What a recovery did with an image."""

    records: tuple[Record, ...] | None
    """What it showed; none if it refused."""

    error: str
    """Why it refused, or what was wrong with the append after it; else empty."""

    trace: Trace


@frozen
class Finding:
    """A violation, and the crash that shows it."""

    violation: Violation
    crash_point: int
    """How many events of the trace had happened."""

    deviations: int
    """How many things the crash lost, beyond what hangs on them."""

    image: Image
    lost: tuple[str, ...]
    """What the crash lost or damaged, in words."""

    owed: tuple[Record, ...]
    recovered: tuple[Record, ...] | None
    error: str = ""
    inner: "Finding | None" = None
    """The crash inside the recovery of `image`, if it takes a second one."""

    @property
    def size(self) -> tuple[int, int, int]:
        """How much of a story it is: crashes, deviations, events."""
        inner = self.inner.size if self.inner else (0, 0, 0)
        return 1 + inner[0], self.deviations + inner[1], self.crash_point + inner[2]


@define
class Coverage:
    """What a verdict rests on."""

    traces: int = 0
    crash_points: int = 0
    images: int = 0
    """Images that the disk model allows, counted before any was built."""

    judged: int = 0
    """Images decided: built, or equal to one that was."""

    recovered: int = 0
    """Distinct images that were really recovered."""

    def add(self, other: "Coverage") -> None:
        """Add what another exploration covered."""
        self.traces += other.traces
        self.crash_points += other.crash_points
        self.images += other.images
        self.judged += other.judged
        self.recovered += other.recovered

    @property
    def complete(self) -> bool:
        """Whether every image was judged."""
        return self.judged == self.images

    def __str__(self) -> str:
        share = "all" if self.complete else f"{self.judged:,} of"
        return f"{share} {self.images:,} images at {self.crash_points:,} crash points"


@define
class Explorer:
    """Explores traces of one implementation under one profile, remembering recoveries."""

    target: Target
    options: Options
    profile: Profile
    depth: int = 2
    bound: int = BOUND
    sector_bytes: int = SECTOR_BYTES
    coverage: Coverage = field(factory=Coverage)
    _outcomes: dict[bytes, Recovered] = field(factory=dict)
    _deep: dict[bytes, tuple[Finding, ...]] = field(factory=dict)

    def explore(self, trace: Trace, *, since: int = 0) -> list[Finding]:
        """
        Judge every image of a trace; return the smallest finding for each requirement.

        `since` leaves out crashes before so many events, where another trace has
        covered the same beginning.
        """
        self.coverage.traces += 1
        smallest: dict[str, Finding] = {}
        for finding in self._findings(trace, History(), self.depth, since):
            requirement = finding.violation.requirement
            if requirement not in smallest or finding.size < smallest[requirement].size:
                smallest[requirement] = finding
        return list(smallest.values())

    def recover(self, image: Image) -> Recovered:
        """Recover an image, or remember how that went."""
        key = image.digest
        if key not in self._outcomes:
            self.coverage.recovered += 1
            self._outcomes[key] = recover(self.target, self.options, image)
        return self._outcomes[key]

    # One trace

    def _findings(
        self, trace: Trace, history: History, depth: int, since: int = 0
    ) -> Iterator[Finding]:
        registers = Registers.of(trace.initial, self.profile.floors, sector_bytes=self.sector_bytes)
        for number, event in enumerate(trace.events):
            if number >= since and self._is_crash_point(event):
                yield from self._crash(registers, history, number, depth)
            registers.advance(event)
            history = advance(history, event)
        yield from self._crash(registers, history, len(trace.events), depth)

    def _is_crash_point(self, event: Event) -> bool:
        if self.profile.floors.everything_at_once:
            return not isinstance(event, Sync | SyncDirectory | SyncFailed | Invoked | Failed)
        return isinstance(event, Sync | SyncDirectory | Acked | Flushed | Observed)

    def _crash(
        self, registers: Registers, history: History, point: int, depth: int
    ) -> Iterator[Finding]:
        space = ImageSpace(registers, self.profile)
        self.coverage.crash_points += 1
        self.coverage.images += space.count()
        seen: set[bytes] = set()
        for choice in self._choices(space):
            self.coverage.judged += 1
            image = space.builder.build(choice)
            if image.digest in seen:
                continue
            seen.add(image.digest)
            outcome = self.recover(image)
            for violation in judge(history, outcome):
                yield Finding(
                    violation,
                    point,
                    space.deviations(choice),
                    image,
                    space.describe_losses(choice),
                    history.owed,
                    outcome.records,
                    outcome.error,
                )
            if depth > 1:
                for inner in self._explore_recovery(image, outcome, depth - 1):
                    yield Finding(
                        inner.violation,
                        point,
                        space.deviations(choice),
                        image,
                        space.describe_losses(choice),
                        inner.owed,
                        inner.recovered,
                        inner.error,
                        inner,
                    )

    def _choices(self, space: ImageSpace) -> Iterator[Choice]:
        if space.count() <= self.bound:
            yield from space.choices()
            return
        near = list(islice(space.within(DEVIATIONS), self.bound))
        yield from near
        known = set(near)
        yield from (choice for choice in set(space.sample(SAMPLE, seed=0)) if choice not in known)

    # The recovery of one image

    def _explore_recovery(
        self, image: Image, outcome: Recovered, depth: int
    ) -> tuple[Finding, ...]:
        key = image.digest
        if key not in self._deep:
            self._deep[key] = ()  # recovering an image may lead back to the same image
            if outcome.records is not None:
                # until recovery has shown something, a crash in it must change nothing
                before = History(settled=outcome.records)
                shown = _position_of_observation(outcome.trace)
                self._deep[key] = tuple(
                    evolve(finding, violation=_relabel(finding, shown))
                    for finding in self._findings(outcome.trace, before, depth)
                )
        return self._deep[key]


def judge(history: History, outcome: Recovered) -> list[Violation]:
    """Judge one recovery against what was owed when the crash struck."""
    if outcome.records is None:
        return history.judge_error(outcome.error)
    violations = history.judge(outcome.records)
    if outcome.error:
        violations.append(Violation("REC-4", outcome.error))
    return violations


def recover(target: Target, options: Options, image: Image) -> Recovered:
    """Let an implementation recover an image, append one record to it, and close."""
    filesystem = ModelFilesystem(image)
    running = Run(target, options, filesystem, calls=PROBE)
    records = running.open_unjudged()
    if isinstance(records, str):
        return Recovered(None, records, filesystem.trace)
    running.history = History(settled=records)
    running.append(PROBE_BYTES)
    running.read_back()
    error = "; ".join(violation.message for violation in running.violations)
    if len(running.appended) == len(records):
        error = "an append after recovery failed"
    running.close()
    return Recovered(records, error, filesystem.trace)


PROBE = 1 << 30
"""Number of the call that appends after recovery: no workload gets as far."""

PROBE_BYTES = 24


def _position_of_observation(trace: Trace) -> int:
    return next(n for n, event in enumerate(trace.events) if isinstance(event, Observed))


def _relabel(finding: Finding, shown: int) -> Violation:
    """Name the requirement on recovery that a crash in or after it violates."""
    violation = finding.violation
    if finding.crash_point <= shown:
        message = f"a crash inside recovery changes its outcome: {violation.message}"
        return Violation("REC-3", message)
    if violation.requirement in PROMISED.values():
        message = f"after a recovery, {violation.message}"
        return Violation("REC-4", message)
    return violation

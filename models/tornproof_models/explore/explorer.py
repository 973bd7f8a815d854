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

*By what it looks at*: images that differ only where recovery does not look are one
to it.  They are judged together, as a part of the whole, and counted.

*Depth*: recovery writes, so it can be crashed as well.  Each distinct image's
recovery is traced, followed by one append, and explored in the same way.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from typing import Protocol, TypeAlias, cast

from attrs import define, evolve, field, frozen

from tornproof_models.contract.journal import PROMISED, History, Record, Violation
from tornproof_models.disk import parts
from tornproof_models.disk.filesystem import ModelFilesystem
from tornproof_models.disk.images import Choice, ImageSpace
from tornproof_models.disk.parts import Part
from tornproof_models.disk.profiles import Profile
from tornproof_models.disk.registers import SECTOR_BYTES, Register, Registers
from tornproof_models.disk.trace import (
    SYNCS,
    Acked,
    Event,
    Failed,
    Flushed,
    Image,
    Invoked,
    Observed,
    SyncFailed,
    Trace,
)
from tornproof_models.explore.lazy import (
    Inherited,
    LazyFilesystem,
    PartialImage,
    Place,
    Undecided,
    partial_image,
    registers_in_doubt,
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

LAZY_FROM = 48
"""Images from which on deciding lazily pays; fewer are built sooner than split."""

AT_ONCE = 256
"""Images that are recovered in one go, where recovery runs elsewhere."""


@frozen
class Recovered:
    """What a recovery did with an image."""

    records: tuple[Record, ...] | None
    """What it showed; none if it refused."""

    error: str
    """Why it refused, or what was wrong with the append after it; else empty."""

    trace: Trace
    cut: bool = False
    """Whether it discarded anything."""


class RecoversElsewhere(Protocol):
    """A target in another process, which is handed images and says what became of them."""

    def recover_images(self, images: Sequence[Image], options: Options) -> Sequence[Recovered]:
        """
        Do with each image, in order, what `recover` does.

        A trace without events says that nobody watched; such a recovery is not crashed.
        """
        ...


@frozen
class Finding:
    """A violation, and the crash that shows it."""

    violation: Violation
    crash_point: int
    """How many events of the trace had happened."""

    deviations: int
    """How many things the crash lost, beyond what hangs on them."""

    difference: int
    """Bytes in which the image differs from one that lost nothing."""

    image: Image
    lost: tuple[str, ...]
    """What the crash lost or damaged, in words."""

    owed: tuple[Record, ...]
    recovered: tuple[Record, ...] | None
    error: str = ""
    inner: "Finding | None" = None
    """The crash inside the recovery of `image`, if it takes a second one."""

    @property
    def size(self) -> tuple[int, int, int, int]:
        """How much of a story it is: crashes, deviations, bytes that differ, events."""
        crashes, deviations, difference, events = self.inner.size if self.inner else (0, 0, 0, 0)
        return (
            1 + crashes,
            self.deviations + deviations,
            self.difference + difference,
            self.crash_point + events,
        )


@define
class Coverage:
    """What a verdict rests on."""

    traces: int = 0
    crash_points: int = 0
    images: int = 0
    """Images that the disk model allows, counted before any was built."""

    judged: int = 0
    """Images decided: by themselves, or as members of a part that recovery does not split."""

    recovered: int = 0
    """Recoveries that really ran to their end: one for each distinct image or part."""

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


Explored: TypeAlias = tuple[Choice, Recovered, tuple[Finding, ...]]
"""An image, or the least lossy one of a part; its recovery; what crashing that shows."""


Observer: TypeAlias = Callable[[int, ImageSpace, Part, Recovered], None]
"""Takes a crash point, its images, a part of them, and what recovery does with all in it."""


@define
class Explorer:
    """Explores traces of one implementation under one profile, remembering recoveries."""

    target: Target
    options: Options
    profile: Profile
    depth: int = 2
    bound: int = BOUND
    sector_bytes: int = SECTOR_BYTES
    lazy: bool = True
    """
    Let recovery decide what matters; else build every image.

    A recovery in another process cannot be stopped where it looks at something.
    """

    fewest_first: bool = False
    """
    Build the images with the fewest deviations first.

    Of choices that make the same image one is judged, so this one tells the least.
    """

    observer: Observer | None = None
    """Told of everything that is decided about the first of several crashes."""

    coverage: Coverage = field(factory=Coverage)
    _outcomes: dict[bytes, Recovered | Place] = field(factory=dict)
    _deep: dict[bytes, tuple[Finding, ...] | Place] = field(factory=dict)

    def __attrs_post_init__(self) -> None:
        self.lazy = self.lazy and self._elsewhere is None

    @property
    def _elsewhere(self) -> RecoversElsewhere | None:
        """Return the target as one that recovers in another process, if it does."""
        elsewhere = hasattr(self.target, "recover_images")
        return cast("RecoversElsewhere", self.target) if elsewhere else None

    def explore(
        self, trace: Trace, *, since: int = 0, before: History | None = None
    ) -> list[Finding]:
        """
        Judge every image of a trace; return the smallest finding for each requirement.

        `since` leaves out crashes before so many events, where another trace has
        covered the same beginning.  `before` is what was owed when the trace began,
        which is something if the disk was not new.
        """
        self.coverage.traces += 1
        smallest: dict[str, Finding] = {}
        for finding in self._findings(trace, before or History(), self.depth, {}, since):
            requirement = finding.violation.requirement
            if requirement not in smallest or finding.size < smallest[requirement].size:
                smallest[requirement] = finding
        return list(smallest.values())

    # One trace

    def _findings(
        self,
        trace: Trace,
        history: History,
        depth: int,
        doubts: Mapping[Register, Place],
        since: int = 0,
    ) -> Iterator[Finding]:
        """Crash a trace wherever it matters; `doubts` are those about its initial image."""
        registers = Registers.of(trace.initial, self.profile.floors, sector_bytes=self.sector_bytes)
        for number, event in enumerate(trace.events):
            if number >= since and self._is_crash_point(event):
                yield from self._crash(registers, history, number, depth, doubts)
            registers.advance(event)
            history = advance(history, event)
        yield from self._crash(registers, history, len(trace.events), depth, doubts)

    def _is_crash_point(self, event: Event) -> bool:
        return is_crash_point(event, self.profile)

    def _crash(
        self,
        registers: Registers,
        history: History,
        point: int,
        depth: int,
        doubts: Mapping[Register, Place],
    ) -> Iterator[Finding]:
        space = ImageSpace(registers, self.profile)
        self.coverage.crash_points += 1
        self.coverage.images += space.count()
        lazy = self.lazy and not self.profile.recycled_blocks
        if lazy and (doubts or space.count() >= LAZY_FROM):
            explored = self._parts(space, point, depth, doubts)
        else:
            explored = self._images(space, point, depth)
        for choice, outcome, inner_findings in explored:
            violations = judge(history, outcome)
            if not violations and not inner_findings:
                continue
            image = space.builder.build(choice)
            crash = (
                point,
                space.deviations(choice),
                image.difference(space.builder.build(space.all_kept)),
                image,
                space.describe_losses(choice),
            )
            for violation in violations:
                yield Finding(violation, *crash, history.owed, outcome.records, outcome.error)
            for inner in inner_findings:
                yield Finding(
                    inner.violation, *crash, inner.owed, inner.recovered, inner.error, inner
                )

    # All images, by what recovery looks at

    def _parts(
        self, space: ImageSpace, point: int, depth: int, doubts: Mapping[Register, Place]
    ) -> Iterator[Explored]:
        """
        Split the images until recovery does the same on all of each part.

        Raises `Undecided` for a doubt about the image with which the trace began:
        that is for whoever explores the trace before to decide.
        """
        pending = [Part()]
        while pending:
            part = pending.pop()
            partial = partial_image(space, part, doubts)
            outcome = self._recover_partial(partial)
            if isinstance(outcome, Recovered):
                inner = self._explore_recovery(partial, outcome, depth - 1)
                if isinstance(inner, tuple):
                    self.coverage.judged += parts.count(space, part)
                    if self.observer and depth == self.depth:
                        self.observer(point, space, part, outcome)
                    yield parts.representative(space, part), outcome, inner
                    continue
                place = inner
            else:
                place = outcome
            doubt = partial.doubts[place]
            if isinstance(doubt, Inherited):
                raise Undecided(doubt.place)
            pending += parts.split(space, part, doubt)

    def _recover_partial(self, partial: PartialImage) -> Recovered | Place:
        """Recover a partial image, or name the place that this takes a decision about."""
        key = partial.digest
        if key not in self._outcomes:
            disk = LazyFilesystem(partial) if partial.doubts else ModelFilesystem(partial.image)
            try:
                self._outcomes[key] = recover(self.target, self.options, disk)
                self.coverage.recovered += 1
            except Undecided as undecided:
                self._outcomes[key] = undecided.place
        return self._outcomes[key]

    def _explore_recovery(
        self, partial: PartialImage, outcome: Recovered, depth: int
    ) -> tuple[Finding, ...] | Place:
        """Crash a recovery; return what that shows, or a place to be decided first."""
        if depth < 1 or outcome.records is None or not outcome.trace.events:
            return ()
        key = partial.digest
        if key not in self._deep:
            self._deep[key] = ()  # recovering an image may lead back to the same image
            # until recovery has shown something, a crash in it must change nothing
            before = History(settled=outcome.records)
            shown = _position_of_observation(outcome.trace)
            covered = evolve(self.coverage)
            try:
                self._deep[key] = tuple(
                    evolve(finding, violation=_relabel(finding, shown, cut=outcome.cut))
                    for finding in self._findings(
                        outcome.trace, before, depth, registers_in_doubt(partial)
                    )
                )
            except Undecided as undecided:
                # what was covered so far will be covered again, in smaller parts
                recovered, self.coverage = self.coverage.recovered, covered
                self.coverage.recovered = recovered
                self._deep[key] = undecided.place
        return self._deep[key]

    # All images, one by one

    def _images(self, space: ImageSpace, point: int, depth: int) -> Iterator[Explored]:
        """Build every image, up to the bound; recover each distinct one once."""
        seen: set[bytes] = set()
        for choices in _chunks(self._choices(space), AT_ONCE):
            digests = [space.builder.digest(choice) for choice in choices]
            self._recover_all(space, dict(zip(digests, choices, strict=True)))
            for choice, digest in zip(choices, digests, strict=True):
                self.coverage.judged += 1
                outcome = self._outcomes[digest]
                assert isinstance(outcome, Recovered)  # nothing of a whole image is in doubt
                if self.observer and depth == self.depth:
                    self.observer(point, space, parts.single(space, choice), outcome)
                if digest in seen:
                    continue
                seen.add(digest)
                inner: tuple[Finding, ...] | Place = ()
                if depth > 1:
                    whole = PartialImage(space.builder.build(choice), {}, self.sector_bytes)
                    inner = self._explore_recovery(whole, outcome, depth - 1)
                assert isinstance(inner, tuple)
                yield choice, outcome, inner

    def _recover_all(self, space: ImageSpace, choices: Mapping[bytes, Choice]) -> None:
        """Recover the images of choices, given by their digests, as far as they are new."""
        new = {
            digest: space.builder.build(choice)
            for digest, choice in choices.items()
            if digest not in self._outcomes
        }
        if self._elsewhere is None:
            for image in new.values():
                self._recover_partial(PartialImage(image, {}, self.sector_bytes))
        elif new:
            outcomes = self._elsewhere.recover_images(list(new.values()), self.options)
            self._outcomes.update(zip(new, outcomes, strict=True))
            self.coverage.recovered += len(new)

    def _choices(self, space: ImageSpace) -> Iterator[Choice]:
        if space.count() <= self.bound:
            choices = space.choices()
        else:
            near = islice(space.within(DEVIATIONS), self.bound)
            choices = iter(dict.fromkeys(chain(near, space.sample(SAMPLE, seed=0))))
        yield from sorted(choices, key=space.deviations) if self.fewest_first else choices


def is_crash_point(event: Event, profile: Profile) -> bool:
    """Tell whether a crash just before an event may show what no other does."""
    if profile.floors.everything_at_once:
        return not isinstance(event, (*SYNCS, SyncFailed, Invoked, Failed))
    return isinstance(event, (*SYNCS, Acked, Flushed, Observed))


def judge(history: History, outcome: Recovered) -> list[Violation]:
    """Judge one recovery against what was owed when the crash struck."""
    if outcome.records is None:
        return history.judge_error(outcome.error)
    violations = history.judge(outcome.records)
    if outcome.error:
        violations.append(Violation("REC-4", outcome.error))
    return violations


def recover(target: Target, options: Options, filesystem: ModelFilesystem) -> Recovered:
    """Let an implementation recover a disk, append one record to it, and close."""
    running = Run(target, options, filesystem, calls=PROBE)
    records = running.open_unjudged()
    if isinstance(records, str):
        return Recovered(None, records, filesystem.trace)
    running.history = History(settled=records)
    cut = running.journal is not None and running.journal.discarded_bytes > 0
    running.append(PROBE_BYTES)
    running.read_back()
    error = "; ".join(violation.message for violation in running.violations)
    if len(running.appended) == len(records):
        error = "an append after recovery failed"
    running.close()
    return Recovered(records, error, filesystem.trace, cut)


PROBE = 1 << 30
"""Number of the call that appends after recovery: no workload gets as far."""

PROBE_BYTES = 24


def _chunks(choices: Iterable[Choice], size: int) -> Iterator[tuple[Choice, ...]]:
    remaining = iter(choices)
    while chunk := tuple(islice(remaining, size)):
        yield chunk


def _position_of_observation(trace: Trace) -> int:
    return next(n for n, event in enumerate(trace.events) if isinstance(event, Observed))


def _relabel(finding: Finding, shown: int, *, cut: bool) -> Violation:
    """Name the requirement on recovery that a crash in or after it violates."""
    violation = finding.violation
    if finding.crash_point <= shown:
        message = f"a crash inside recovery changes its outcome: {violation.message}"
        return Violation("REC-3", message)
    if cut and violation.requirement in ("REC-1", "REC-8"):
        return Violation("REC-2", f"the cut comes undone: {violation.message}")
    if violation.requirement in PROMISED.values():
        message = f"after a recovery, {violation.message}"
        return Violation("REC-4", message)
    return violation

"""
Recover every distinct image of a trace once, and judge the results.

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
to it.  They are judged together, as a part of the whole, and counted.  A part is
split only by the questions that recovery asks, and what it does with each answer is
known from then on (see `questions`).

*Depth*: recovery writes, so it can be crashed as well.  Each distinct recovery is
traced, followed by one append, and explored in the same way.  Where two recoveries
have come to the same state of the disk, with the same debt, one crash does for both.
"""

import time
from collections.abc import Hashable, Iterator, Sequence
from typing import TypeAlias

from attrs import define, evolve, field

from tornproof_models.contract.journal import History
from tornproof_models.crash.crash_judge import CrashJudge
from tornproof_models.crash.crash_points import points_of
from tornproof_models.crash.decision_tree import Conversation, Ending, Question, Recoveries
from tornproof_models.crash.enumerated import BuiltImages, Chosen
from tornproof_models.crash.findings import Coverage, Finding, relabel
from tornproof_models.crash.novelty import Novelty
from tornproof_models.crash.observer import Observer
from tornproof_models.crash.recovery import Outcome
from tornproof_models.crash.sites import Pause, Site, smallest
from tornproof_models.crash.stakes import Stakes, at_stake_in_recovery
from tornproof_models.crash.subject import Options, Subject
from tornproof_models.crash.undecided import Doubts, Undecided, answers_of, register_of, state_of
from tornproof_models.disk import image_sets
from tornproof_models.disk.crash_models import CrashModel
from tornproof_models.disk.image_builder import Choice
from tornproof_models.disk.image_sets import Part
from tornproof_models.disk.images import ImageSpace
from tornproof_models.disk.registers import Registers
from tornproof_models.disk.trace import (
    Observed,
    Trace,
)
from tornproof_models.disk.versions import SECTOR_BYTES, Register

BOUND = 1 << 16
"""
Parts of one crash point up to which all are judged, or images if each is built: 65,536.

Above it come those closest to losing nothing and to losing all, and a sample.
"""

SAMPLE = 4096

Decided: TypeAlias = tuple[Choice, Outcome, tuple[Finding, ...]]
"""An image, or the least lossy one of a part; what recovery does; what crashing that shows."""


@define
class Explorer:
    """Explores traces of one implementation under one crash model, remembering recoveries."""

    subject: Subject
    options: Options
    crash_model: CrashModel
    depth: int = 2
    bound: int = BOUND
    sample: int = SAMPLE
    until: float | None = None
    """
    When to stop building images, by the monotonic clock in seconds.

    What is left then counts as not judged.
    """

    sector_bytes: int = SECTOR_BYTES
    lazy: bool = True
    """
    Let recovery decide what matters; else build every image.

    A recovery in another process does not tell where it looks.
    """

    nearest_first: bool = False
    """
    Build the images with the fewest deviations first, also where all are built.

    Of choices that make the same image one is judged, so this one tells the least.
    """

    inner_images: int | None = None
    """Images of one crash of a recovery that are built at the most; none for no such limit."""

    novelty: Sequence[Novelty] = ()
    """Told of what distinct images come to: after a first crash, and after each further one."""

    observer: Observer | None = None
    """Told of everything; what recoveries come to is then explored for each by itself."""

    coverage: Coverage = field(factory=Coverage)
    stakes: Stakes = field(factory=Stakes)
    _recoveries: Recoveries = field(init=False)
    _built: BuiltImages = field(init=False)
    _crashes: dict[Hashable, tuple[tuple[Finding, ...], Coverage]] = field(factory=dict)
    """What a crash of a recovery shows, and how much that covered, by all it depends on."""

    _numbers: dict[bytes, int] = field(factory=dict)
    """A number for every content of a sector that was met."""

    def __attrs_post_init__(self) -> None:
        self._recoveries = Recoveries(self.subject, self.options, self.sector_bytes)
        self._built = BuiltImages(
            self.subject, self.options, self.depth > 1, self.crash_model.floors.reboots
        )
        # a block may be recycled with what nobody has looked at in it
        if self.crash_model.recycled_blocks or self._built.elsewhere:
            self.lazy = False
        self.nearest_first |= self._built.elsewhere is not None

    def explore(
        self, trace: Trace, *, since: int = 0, before: History | None = None
    ) -> list[Finding]:
        """
        Judge every image of a trace; return the smallest finding for each requirement.

        `since` leaves out crashes before so many events, where another trace has covered the same
        beginning.  `before` is what was owed when the trace began, if the disk was not new.
        """
        return smallest(self.findings(trace, since=since, before=before))

    def findings(
        self, trace: Trace, *, since: int = 0, before: History | None = None
    ) -> Iterator[Finding]:
        """Yield what `explore` finds as it is found, for who may have to stop before the end."""
        self.coverage.traces += 1
        registers = self._registers(trace)
        for point, owed in points_of(trace, registers, self.crash_model, since, before):
            for found in self._crash(registers, owed, point, self.depth, None):
                if isinstance(found, Finding):
                    yield found

    def sites(
        self, trace: Trace, *, since: int = 0, before: History | None = None
    ) -> Iterator[Site]:
        """Yield every crash point of a trace, to be searched little by little (see `explore`)."""
        self.coverage.traces += 1
        registers = self._registers(trace)
        for point, owed in points_of(trace, registers, self.crash_model, since, before):
            here = registers.at_rest()
            images = ImageSpace(here, self.crash_model).count()
            findings = self._crash(here, owed, point, self.depth, None)
            yield Site(point, images, findings, self.stakes)

    # One trace

    def _registers(self, trace: Trace) -> Registers:
        return Registers.of(trace.initial, self.crash_model.floors, sector_bytes=self.sector_bytes)

    def _crash(
        self,
        registers: Registers,
        history: History,
        point: int,
        depth: int,
        doubts: Doubts | None,
    ) -> Iterator[Finding | Pause]:
        """Judge every image of one crash, and crash its recoveries `depth - 1` times."""
        space = ImageSpace(registers, self.crash_model)
        self.coverage.crash_points += 1
        self.coverage.images += space.count()
        if self.observer:
            self.observer.crash(point, space, history)
        judge, is_met = CrashJudge(space, history, point), False
        for decided in (self._parts if self.lazy else self._images)(space, depth, doubts):
            if isinstance(decided, Pause):
                yield decided
                continue
            if not is_met:
                self.stakes.meet(history.at_stake)
                is_met = True
            yield from judge.findings(*decided)

    # All images, by what recovery looks at

    def _parts(
        self, space: ImageSpace, depth: int, doubts: Doubts | None
    ) -> Iterator[Decided | Pause]:
        """
        Split the images until recovery does the same on all of each part.

        Raises `Undecided` for a doubt about the image with which the trace began:
        that is for whoever explores the trace before to decide.
        """
        asked: tuple[Register, ...]
        sizes: dict[int, int]
        decided = 0
        for named in image_sets.by_names(space):
            tree = space.builder.tree(named.kept)
            asked, sizes = tuple(image_sets.names(space)), {}
            pending = [(named, *self._recoveries.begin(tree), asked, sizes)]
            while pending:
                part, known, answer, asked, sizes = pending.pop()
                if decided >= self.bound:
                    # too many questions; a sample says more than the first answers to them
                    if doubts is None and self.observer is None:
                        yield from self._images(space, depth, None)
                    return
                if answer not in known:
                    image = space.builder.build(image_sets.representative(space, part))
                    self._recoveries.learn(image, remember=depth > 1)
                    self.coverage.recovered += 1
                found = known[answer]
                if isinstance(found, Ending):
                    crashed = self._crash_recovery(found, space, part, depth - 1)
                    if isinstance(crashed, tuple):
                        decided += 1
                        self.coverage.parts += 1
                        self.coverage.judged += image_sets.count(space, part)
                        if self.observer:
                            self.observer.decide(asked, part, found)
                        yield image_sets.representative(space, part), found.outcome, crashed
                        continue
                    question, ending = crashed, found
                else:
                    question, ending = found, None
                place = question.place
                for value, piece in answers_of(place, space, part, tree, sizes, doubts):
                    if ending:
                        question.answers.setdefault(value, ending.told(place, value))
                    if isinstance(value, int):
                        sizes = {**sizes, place.inode: value}
                    told = (*asked, register_of(place, tree))
                    pending.append((piece, question.answers, value, told, sizes))

    def _crash_recovery(
        self, ending: Ending, space: ImageSpace, part: Part, depth: int
    ) -> tuple[Finding, ...] | Question:
        """Crash a recovery; return what that shows, or a question to be answered first."""
        if depth < 1 or ending.outcome.records is None or ending.unwatched:
            return ()
        if depth not in ending.crashed:
            conversation = ending.conversation
            if conversation is None:
                image = space.builder.build(image_sets.representative(space, part))
                conversation = self._recoveries.repeat(image, ending)
            ending.crashed[depth] = ()  # recovering an image may lead back to the same image
            covered = evolve(self.coverage)
            if self.observer:
                self.observer.begin(ending, conversation.trace)
            try:
                ending.crashed[depth] = self._explore_recovery(conversation, ending.outcome, depth)
            except Undecided as undecided:
                # what was covered so far will be covered again, in smaller parts
                self.coverage = evolve(covered, recovered=self.coverage.recovered)
                ending.crashed[depth] = Question(undecided.place)
            if self.observer:
                self.observer.end(complete=isinstance(ending.crashed[depth], tuple))
            if self.lazy:
                ending.conversation = None
        return ending.crashed[depth]

    def _explore_recovery(
        self, conversation: Conversation, outcome: Outcome, depth: int
    ) -> tuple[Finding, ...]:
        # until recovery has shown something, a crash in it must change nothing
        assert outcome.records is not None
        history, trace = History(settled=outcome.records), conversation.trace
        shown = next(n for n, event in enumerate(trace.events) if isinstance(event, Observed))
        registers = self._registers(trace)
        doubts = Doubts.about(trace.initial, conversation.answers, self.sector_bytes)
        found: list[Finding] = []
        for point, owed in points_of(trace, registers, self.crash_model, before=history):
            key = state_of(registers, doubts, self._numbers), owed, depth
            if key not in self._crashes or self.observer:
                before = evolve(self.coverage)
                crash = self._crash(registers, owed, point, depth, doubts)
                findings = tuple(each for each in crash if isinstance(each, Finding))
                covered = evolve(self.coverage, recovered=before.recovered)
                covered.add(before, -1)
                self._crashes[key] = findings, covered
            else:
                findings, covered = self._crashes[key]
                self.coverage.add(covered)
            found += (evolve(finding, crash_point=point) for finding in findings)
        self.stakes.meet(at_stake_in_recovery(trace, cut=outcome.cut))
        return tuple(
            evolve(finding, violation=relabel(finding, shown, cut=outcome.cut)) for finding in found
        )

    # All images, one by one

    def _images(
        self, space: ImageSpace, depth: int, _doubts: Doubts | None
    ) -> Iterator[Decided | Pause]:
        """Build every image, up to the bound; recover each distinct one once."""
        seen: set[int] = set()
        is_shallow, is_missing = depth == self.depth, False
        self.stakes.shallow += is_shallow  # until enough is judged
        chosen = Chosen(
            space,
            bound=self.bound,
            sample=self.sample,
            most=None if depth == self.depth else self.inner_images,
            nearest_first=self.nearest_first,
        )
        if self._is_late():
            return
        for choices in chosen.rounds():
            by_digest = {digest: choice for choice, digest in choices}
            if new := self._built.new(space, by_digest):
                yield Pause(new)
            self.coverage.recovered += self._built.recover(new)
            known = [each for each in choices if each[1] in self._built.endings]
            is_missing |= len(known) < len(choices)
            self.coverage.judged += len(known)
            self.coverage.parts += len(known)
            for choice, digest in known:
                if digest in seen and not self.observer:
                    continue
                ending, whole = self._built.endings[digest], image_sets.single(space, choice)
                crashed = self._crash_recovery(ending, space, whole, depth - 1)
                assert isinstance(crashed, tuple)  # nothing of a whole image is in doubt
                if self.observer:
                    self.observer.decide(tuple(space.histories), whole, ending)
                if digest not in seen:
                    seen.add(digest)
                    if self.novelty:
                        self.novelty[self.depth - depth].meet(ending.outcome.gist)
                    yield choice, ending.outcome, crashed
            if is_shallow and chosen.suffices and not is_missing:
                self.stakes.shallow -= 1
                is_shallow = False
            if self._is_late():
                return
            yield Pause()

    def _is_late(self) -> bool:
        return self.until is not None and time.monotonic() > self.until

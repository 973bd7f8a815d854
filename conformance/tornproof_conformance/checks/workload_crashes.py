"""
Crash a recorded workload everywhere, and let the user's commands look at what is left.

What two mild crash models allow is little: all of it comes first.  Then come the rounds of
`crash.rounds`, each in every harsher model, over all crash points.  Of what a round has in one
crash model as much is looked at as its share of the time allows, evenly spread.

An image that is met again in a milder crash model costs nothing and makes the finding milder.
"""

import time
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import Future

from attrs import define, field, frozen
from tornproof_models.contract import workload as contract
from tornproof_models.contract.journal import Violation
from tornproof_models.contract.workload import Answer
from tornproof_models.crash.crash_points import spaces
from tornproof_models.crash.findings import Finding
from tornproof_models.crash.rounds import (
    IN_ORDER,
    PER_POINT,
    ROUNDS,
    SIMPLE,
    candidates,
    losses,
    spread,
)
from tornproof_models.crash.subject import Subject
from tornproof_models.disk.crash_models import CRASH_MODELS, CrashModel
from tornproof_models.disk.image_builder import Choice
from tornproof_models.disk.images import ImageSpace
from tornproof_models.disk.trace import Image, Trace

from tornproof_conformance.cases.case import Problem, WorkloadCase
from tornproof_conformance.checks import Budget, Check, Clock, Covered, Findings, counted
from tornproof_conformance.stream.run_events import Progress
from tornproof_conformance.workload.workload_subject import WorkloadSubject

NAME = "workload"

SHARE = 0.85
"""Part of the budget's time; shrinking takes the rest."""

MILD = 2
"""So many crash models, from the mildest, order everything and are exhausted."""

SLACK = 1.5
"""How much more than its share of the time a round may take: later ones often take less."""

AHEAD = 2
"""Images that wait at each place, so that it is never idle."""

FIRST_GUESS = 0.05
"""Seconds that an image takes, before one was looked at."""


@frozen
class Candidate:
    """An image that was not looked at, and where it comes from."""

    point: int
    choice: Choice
    key: tuple[int, int]
    """Its digest, and how many lines had been printed: what a command says depends on these."""


@frozen
class Loss:
    """What a choice keeps and loses, as it is told."""

    point: int
    choice: Choice
    deviations: int
    versions: int
    """How many versions of sectors, sizes and names are lost."""

    words: tuple[str, ...]
    image: Image

    @classmethod
    def of(cls, space: ImageSpace, point: int, choice: Choice) -> "Loss":
        """Describe a choice at its crash point."""
        return cls(
            point,
            choice,
            space.deviations(choice),
            (space.everything & ~choice.kept).bit_count(),
            tuple(losses(space, choice)),
            space.builder.build(choice),
        )

    def finding(self, violation: Violation, output: str) -> Finding:
        """Return the finding that this crash shows, given what a command said."""
        return Finding(
            violation,
            self.point,
            self.deviations,
            self.versions,
            self.image,
            self.words,
            (),
            None,
            output,
        )


@frozen
class Round:
    """One round in one crash model."""

    crash_model: CrashModel
    number: int

    @property
    def is_mild(self) -> bool:
        """Whether everything is ordered in its crash model."""
        return self.crash_model.harshness < MILD

    @property
    def is_needed(self) -> bool:
        """Whether a verdict needs all of it."""
        return self.is_mild or self.number < SIMPLE


@define
class Search:
    """What was looked at, and what came of it."""

    subject: WorkloadSubject
    clock: Clock
    known: dict[tuple[int, int], Violation | None] = field(factory=dict)
    seconds: float = 0.0
    """Time spent in looking."""

    points: set[tuple[str, int]] = field(factory=set)
    """Crash models, and crash points that were met in them."""

    left: dict[Round, int] = field(factory=dict)
    """Images that each round had to offer, and that were not looked at."""

    cut: set[Round] = field(factory=set)
    """Rounds that did not come to the last crash point."""

    _ranks: dict[str, tuple[int, int, int, int]] = field(factory=dict)
    """For each symptom, how mild and simple the crash is that shows it."""

    _outputs: dict[str, str] = field(factory=dict)
    """For each symptom, what a command has said."""

    @property
    def pace(self) -> float:
        """Seconds for an image."""
        return self.seconds / len(self.known) if self.known else FIRST_GUESS

    def run(self, each: Round, until: float) -> Generator[Problem, None, None]:
        """Go once over all crash points, and look at as much as there is time for."""
        found = yield from self._list(each, until)
        most = max(int((until - time.monotonic()) / self.pace), 0)
        began = time.monotonic()
        looked = yield from self._look(each, spread(list(found.values()), most), until)
        self.seconds += time.monotonic() - began
        self.left[each] = len(found) - looked

    def is_open(self, each: Round) -> bool:
        """Tell whether a round has images that were not looked at."""
        return self.left[each] > 0 or each in self.cut

    def _list(
        self, each: Round, until: float
    ) -> Generator[Problem, None, dict[tuple[int, int], Candidate]]:
        """List the images that were not looked at; make findings milder by those that were."""
        found: dict[tuple[int, int], Candidate] = {}
        self.cut.discard(each)
        for point, space in self._spaces(each.crash_model):
            if time.monotonic() > until:
                self.cut.add(each)
                break
            printed = len(self.subject.recorded.lines_before(point))
            self.points.add((each.crash_model.name, point))
            for choice in candidates(space, each.number, None if each.is_mild else PER_POINT):
                key = space.builder.digest(choice), printed
                if key not in self.known:
                    found.setdefault(key, Candidate(point, choice, key))
                elif (violation := self.known[key]) is not None:
                    yield from self._note(violation, each, Loss.of(space, point, choice), "")
        return found

    def _look(
        self, each: Round, chosen: Sequence[Candidate], until: float
    ) -> Generator[Problem, None, int]:
        """Look at images until the time is over; return how many were looked at."""
        waiting: dict[int, list[Candidate]] = {}
        for candidate in chosen:
            waiting.setdefault(candidate.point, []).append(candidate)
        running: deque[tuple[Candidate, Loss, Future[tuple[Answer, ...]]]] = deque()
        looked = 0
        for point, space in self._spaces(each.crash_model) if waiting else ():
            for candidate in waiting.get(point, ()):
                if time.monotonic() > until:
                    break
                loss = Loss.of(space, point, candidate.choice)
                running.append((candidate, loss, self.subject.ask(space, loss.choice, point)))
                looked += 1
                if len(running) >= AHEAD * self.subject.places.jobs:
                    yield from self._take(each, *running.popleft())
        while running:
            yield from self._take(each, *running.popleft())
        return looked

    def _take(
        self, each: Round, candidate: Candidate, loss: Loss, future: "Future[tuple[Answer, ...]]"
    ) -> Iterator[Problem]:
        answers = future.result()
        violation = next(self.subject.violations(answers, candidate.key[1]), None)
        self.known[candidate.key] = violation
        if violation is not None:
            yield from self._note(violation, each, loss, answers[-1].output)

    def _note(
        self, violation: Violation, each: Round, loss: Loss, output: str
    ) -> Iterator[Problem]:
        """Yield a violation that is new, or shows in a milder or simpler crash than before."""
        symptom = contract.symptom(violation)
        rank = each.crash_model.harshness, loss.deviations, loss.versions, loss.point
        if symptom in self._ranks and self._ranks[symptom] <= rank:
            return
        self._ranks[symptom] = rank
        output = output or self._outputs.get(symptom, "")
        self._outputs[symptom] = output
        case = WorkloadCase(symptom, each.crash_model.name, loss.point, loss.choice)
        yield Problem(violation, case, loss.finding(violation, output), self.trace)

    @property
    def trace(self) -> Trace:
        """What the workload did."""
        return self.subject.recorded.trace

    def _spaces(self, crash_model: CrashModel) -> Iterator[tuple[int, ImageSpace]]:
        sector_bytes = self.subject.given.sector_bytes
        return spaces(self.trace, crash_model, sector_bytes=sector_bytes)


def rounds(crash_models: Sequence[str]) -> list[Round]:
    """Return every round in its order: first what a verdict needs."""
    models = [CRASH_MODELS[name] for name in crash_models]
    every = [
        Round(model, number)
        for number in range(len(ROUNDS))
        for model in models
        if number < IN_ORDER or model.harshness >= MILD
    ]
    return sorted(every, key=lambda each: (not each.is_mild, not each.is_needed, each.number))


def _workload(subject: Subject, budget: Budget) -> Findings:
    assert isinstance(subject, WorkloadSubject)
    search, every = Search(subject, Clock.start(budget, SHARE)), rounds(budget.crash_models)
    needed = [each for each in every if each.is_needed]
    yield from _pass(search, needed)
    while search.clock.has_time and (left := [each for each in needed if search.is_open(each)]):
        yield from _pass(search, left)
    yield from _pass(search, [each for each in every if not each.is_needed])
    return _covered(search, every, budget.crash_models)


def _pass(search: Search, every: Sequence[Round]) -> Iterator[Progress | Problem]:
    """Go over some rounds, each with its share of the time that is left."""
    clock = search.clock
    for number, each in enumerate(every):
        detail = f"{ROUNDS[each.number]}, {each.crash_model.name}: {len(search.known):,} images"
        yield clock.progress(NAME, detail, len(search.known))
        left = clock.until - time.monotonic()
        share = SLACK * left / (len(every) - number)
        yield from search.run(each, time.monotonic() + min(share, left))


def _covered(search: Search, every: Sequence[Round], crash_models: tuple[str, ...]) -> Covered:
    subject = search.subject
    cut = [each for each in search.cut if each.is_needed]
    needed = sum(search.left[each] for each in every if each.is_needed)
    other = sum(search.left[each] for each in every if not each.is_needed)
    words = (
        f"{len(search.known):,} distinct images, {1000 * search.pace:.0f} ms each, at "
        f"{len(search.points):,} crash points in "
        f"{counted(len(crash_models), 'crash model')}, of "
        f"{len(subject.recorded.trace.events):,} operations and lines"
    )
    if other:
        words += f"; {other:,} more of the rounds after {ROUNDS[SIMPLE - 1]!r} were not looked at"
    mild = " and ".join(each.crash_model.name for each in every if each.is_mild and not each.number)
    missing = f"every image of the first {SIMPLE} rounds"
    missing += f", and of {mild}" if mild else ""
    more = ", and more were not counted" if cut else ""
    missing += f" ({needed:,} were not looked at{more})"
    return Covered(
        words,
        {"crash_points": len(search.points), "images": len(search.known)},
        crash_models,
        done=len(search.known),
        planned=len(search.known) + needed,
        missing=missing if needed or cut else "",
        notes=tuple(subject.recorded.notes),
    )


def _not_asked(subject: Subject) -> frozenset[str]:
    """Leave out what no command was given for."""
    assert isinstance(subject, WorkloadSubject)
    asked = subject.given.questions
    left_out = frozenset() if asked.checks else contract.JUDGES_CHECKS
    left_out |= frozenset() if asked.state else contract.JUDGES_STATES
    return left_out if asked.recover else left_out | contract.JUDGES_RECOVERY


WORKLOAD = Check(
    NAME,
    "crashes a workload everywhere, and lets commands look at what is left",
    contract.JUDGES,
    _workload,
    _not_asked,
)

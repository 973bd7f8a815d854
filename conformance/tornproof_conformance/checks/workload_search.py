"""
Search the crashes of a recorded workload for those that commands object to.

An image is known by its digest and by what had been printed.  One that is met again in a milder
crash model costs nothing and makes its finding milder.
"""

import time
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import Future
from typing import TypeAlias

from attrs import define, evolve, field, frozen
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
from tornproof_models.disk.crash_models import CRASH_MODELS, CrashModel
from tornproof_models.disk.image_builder import Choice
from tornproof_models.disk.images import ImageSpace
from tornproof_models.disk.trace import Image, Trace

from tornproof_conformance.cases.case import Problem, WorkloadCase
from tornproof_conformance.checks import Clock
from tornproof_conformance.workload.workload_subject import WorkloadSubject

MILD = 2
"""So many crash models, from the mildest, order everything and are exhausted."""

AHEAD = 2
"""Images that wait at each place, so that it is never idle."""

FIRST_GUESS = 0.05
"""Seconds that an image takes, before one was looked at."""


Key: TypeAlias = tuple[int, int, bool]
"""
What a command depends on: an image's digest, how many lines had been printed, and whether the
machine has started again.
"""


@frozen
class Candidate:
    """An image that was not looked at, and where it comes from."""

    point: int
    choice: Choice
    key: "Key"


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
class First:
    """The first of two crashes, from which a recovery was recorded."""

    number: int
    """Which of the recoveries it is."""

    finding: Finding
    trace: Trace


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
    first: "First | None" = None
    """The crash of the workload, if it is a recovery from it that is crashed."""

    known: dict[Key, Violation | None] = field(factory=dict)
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

    def _list(self, each: Round, until: float) -> Generator[Problem, None, dict[Key, Candidate]]:
        """List the images that were not looked at; make findings milder by those that were."""
        found: dict[Key, Candidate] = {}
        self.cut.discard(each)
        for point, space in self.spaces(each.crash_model):
            if time.monotonic() > until:
                self.cut.add(each)
                break
            printed = len(self.subject.recorded.lines_before(point))
            self.points.add((each.crash_model.name, point))
            for choice in candidates(space, each.number, None if each.is_mild else PER_POINT):
                key = space.builder.digest(choice), printed, space.reboots
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
        for point, space in self.spaces(each.crash_model) if waiting else ():
            for candidate in waiting.get(point, ()):
                if time.monotonic() > until:
                    break
                loss = Loss.of(space, point, candidate.choice)
                running.append((candidate, loss, self.subject.ask(space, loss.choice, point)))
                looked += 1
                if len(running) >= AHEAD * self.subject.places.jobs:
                    yield from self._take(each, *running.popleft())
        while running:
            candidate, loss, future = running.popleft()
            if time.monotonic() > until and future.cancel():
                looked -= 1
            else:
                yield from self._take(each, candidate, loss, future)
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
        found = loss.finding(violation, output)
        if self.first is None:
            yield Problem(violation, case, found, self.trace)
        else:
            case = evolve(case, recovery=self.first.number)
            outer = evolve(self.first.finding, violation=violation, inner=found, error=output)
            yield Problem(violation, case, outer, self.first.trace)

    @property
    def trace(self) -> Trace:
        """What the workload did."""
        return self.subject.recorded.trace

    def spaces(self, crash_model: CrashModel) -> Iterator[tuple[int, ImageSpace]]:
        """Yield every crash point of a crash model."""
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

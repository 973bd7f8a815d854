"""
Reduce a program and a crash to the smallest that still show a violation.

A counterexample is found large: a long program, a crash that loses many things.
It is understood small.  Shrinking takes away whatever the violation does not
need, of the *program* (steps, then bytes, faults and crashes) and of the *image*
(deviations from one that lost nothing, then bytes that differ, then events before
the crash).  What is left is 1-minimal: without any one of its steps, or of the
things that its crash lost, the requirement holds.

It also takes away what the violation does not need of the *crash model*.  A loss that
a killed process suffers is told as one, however harsh the crash that showed it
first.

`minimise` knows nothing of journals.  It is delta debugging (Zeller and
Hildebrandt, IEEE TSE 2002): drop halves, quarters, single items, as long as
dropping any changes nothing; then replace items by simpler ones, and begin again.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from math import inf
from typing import TypeAlias, TypeVar

from attrs import define, evolve, field, frozen

from tornproof_models.contract.journal import Violation
from tornproof_models.crash.explorer import Explorer
from tornproof_models.crash.findings import Finding
from tornproof_models.crash.program import Crash, Program
from tornproof_models.crash.run import run
from tornproof_models.crash.subject import Options, Subject
from tornproof_models.disk.crash_models import CRASH_MODELS
from tornproof_models.disk.versions import SECTOR_BYTES
from tornproof_models.shrinking.steps import simpler_steps

Item = TypeVar("Item")

Shown: TypeAlias = tuple[Violation, Finding | None]
"""How a program fails, and the crash that shows it if it takes one."""

ATTEMPTS = 400
"""Programs that are tried, at most, for one counterexample."""

EAGER_IMAGES = 1 << 14
"""Images up to which each is looked at for the smallest, rather than parts of them."""


def minimise(
    items: Sequence[Item],
    still_fails: Callable[[tuple[Item, ...]], bool],
    simpler: Callable[[tuple[Item, ...], int], Iterable[Item]] = lambda _items, _position: (),
) -> tuple[Item, ...]:
    """
    Return a smallest sequence that still fails: no single item can be left out.

    `simpler` proposes replacements for the item at a position, the simplest first;
    what it proposes must lead downwards, or this does not end.  The same questions
    are asked in the same order each time.
    """
    smallest = tuple(items)
    while True:
        before = smallest
        smallest = _drop(smallest, still_fails)
        smallest = _simplify(smallest, still_fails, simpler)
        if smallest == before:
            return smallest


def _drop(
    items: tuple[Item, ...], still_fails: Callable[[tuple[Item, ...]], bool]
) -> tuple[Item, ...]:
    """Leave out ever smaller pieces, from the end: what comes last matters least."""
    size = len(items)
    while size:
        end = len(items)
        while end > 0:
            start = max(end - size, 0)
            shorter = items[:start] + items[end:]
            if still_fails(shorter):
                items = shorter
            end = start
        size //= 2
    return items


def _simplify(
    items: tuple[Item, ...],
    still_fails: Callable[[tuple[Item, ...]], bool],
    simpler: Callable[[tuple[Item, ...], int], Iterable[Item]],
) -> tuple[Item, ...]:
    for position in range(len(items)):
        for item in simpler(items, position):
            candidate = (*items[:position], item, *items[position + 1 :])
            if still_fails(candidate):
                items = candidate
                break
    return items


@frozen
class Counterexample:
    """A program that violates a requirement, and the crash model to crash it under."""

    program: Program
    options: Options
    requirement: str
    crash_model: str | None = None
    """None if the program shows it by itself: alive, or by crashes among its steps."""

    sector_bytes: int = SECTOR_BYTES

    @property
    def mildest_crash_model(self) -> str | None:
        """The mildest crash model that allows every crash in it; none if nothing crashes."""
        return mildest_crash_model(self.program, self.crash_model)


def mildest_crash_model(program: Program, crash_model: str | None) -> str | None:
    """Return the mildest crash model that allows every crash of a program, and one at its end."""
    needed = [step.crash_model for step in program if isinstance(step, Crash)]
    needed += [crash_model] if crash_model else []
    return max(needed, key=lambda name: CRASH_MODELS[name].harshness, default=None)


@frozen
class Shrunk:
    """What is left of a counterexample, and what it shows."""

    counterexample: Counterexample
    violation: Violation
    finding: Finding | None
    """The smallest crash that shows it, if it takes one after the program."""

    minimal: bool
    """Whether nothing more can be left out; else the attempts were used up."""


def shrink(
    subject: Subject, found: Counterexample, attempts: int = ATTEMPTS, *, seconds: float = inf
) -> Shrunk | None:
    """
    Shrink a counterexample; return none if the subject does not violate the requirement.

    After so many `seconds`, or `attempts`, it comes back as small as it is then.

    A crash that ends the program is left to the explorer, which finds the best one
    that there is.
    """
    search = _Search(subject, found, attempts, until=time.monotonic() + seconds)
    program, crash_model = found.program, found.crash_model
    if not search.fails(program, crash_model):
        return None

    # the program, in the mildest crash model
    crash_model = search.mildest(program, crash_model)
    program = search.minimise(program, crash_model)

    # its last crash
    while crash_model is None and program and isinstance(program[-1], Crash):
        for milder in _up_to(program[-1].crash_model):
            if search.fails(program[:-1], milder):
                crash_model = milder
                program = search.minimise(program[:-1], crash_model)
                break
        else:
            break

    # the crash model and the image
    crash_model = search.mildest(program, crash_model)
    violation, finding = search.smallest(program, crash_model)
    shown_by = crash_model if finding else None
    return Shrunk(
        evolve(found, program=program, crash_model=shown_by),
        violation,
        finding,
        search.attempts > 0,
    )


def witness(subject: Subject, found: Counterexample) -> Shown | None:
    """Show how a counterexample violates its requirement, by the smallest crash; or none."""
    search = _Search(subject, found, attempts=1)
    if not search.fails(found.program, found.crash_model):
        return None
    return search.smallest(found.program, found.crash_model)


def _up_to(crash_model: str | None) -> list[str | None]:
    """List the crash models from the mildest, which is no crash at all, to this one."""
    every: list[str | None] = [None, *CRASH_MODELS]
    return every[: every.index(crash_model) + 1]


@define
class _Search:
    """Tries programs for one requirement, remembering what was tried."""

    subject: Subject
    about: Counterexample
    attempts: int
    until: float = inf
    """When to try no more, by the monotonic clock in seconds."""

    _explorers: dict[str, Explorer] = field(factory=dict)
    _known: dict[tuple[Program, str | None], Shown | None] = field(factory=dict)

    def fails(self, program: Program, crash_model: str | None) -> bool:
        """Tell whether a program violates the requirement; no, once the attempts are used up."""
        key = program, crash_model
        if key not in self._known:
            if self.attempts < 1 or (self._known and time.monotonic() > self.until):
                return False
            self.attempts -= 1
            explorer = None
            if crash_model is not None:
                if crash_model not in self._explorers:
                    self._explorers[crash_model] = self._explorer(crash_model)
                explorer = self._explorers[crash_model]
            self._known[key] = self._try(program, explorer)
        return self._known[key] is not None

    def mildest(self, program: Program, crash_model: str | None) -> str | None:
        """Return the mildest crash model in which a program fails that fails in this one."""
        milder = _up_to(crash_model)[:-1]
        return next((each for each in milder if self.fails(program, each)), crash_model)

    def minimise(self, program: Program, crash_model: str | None) -> Program:
        """Make a program as small as it can be in a crash model."""
        return minimise(
            program,
            partial(self.fails, crash_model=crash_model),
            partial(simpler_steps, self.subject, self.about.options),
        )

    def smallest(self, program: Program, crash_model: str | None) -> Shown:
        """Return how a program fails that is known to, by the smallest crash that does it."""
        if crash_model is None:
            # as it was seen: what hangs on the moment of a kill may not come again
            seen = self._known[program, None]
            assert seen is not None
            return seen
        lazy = self._explorer(crash_model)
        shown = self._try(program, lazy) or self._known[program, crash_model]
        assert shown is not None
        if shown[1] is None or lazy.coverage.images > EAGER_IMAGES:
            return shown
        # of a part of the images, the least lossy one need not have the fewest deviations
        depth = 2 if shown[1].inner else 1
        eager = self._explorer(crash_model, depth=depth, lazy=False)
        return self._try(program, eager) or shown

    def _try(self, program: Program, explorer: Explorer | None) -> Shown | None:
        running = run(program, self.subject, self.about.options)
        for violation in running.violations:
            if violation.requirement == self.about.requirement:
                return violation, None
        if running.violations or explorer is None:
            return None
        for finding in explorer.explore(running.filesystem.trace, before=running.began):
            if finding.violation.requirement == self.about.requirement:
                return finding.violation, finding
        return None

    def _explorer(self, crash_model: str, *, depth: int = 2, lazy: bool = True) -> Explorer:
        return Explorer(
            self.subject,
            self.about.options,
            CRASH_MODELS[crash_model],
            depth=depth,
            sector_bytes=self.about.sector_bytes,
            until=None if self.until == inf else self.until,
            lazy=lazy,
            nearest_first=not lazy,
        )

"""
The smallest story that still ends badly.

A counterexample is found large: a long program, a crash that loses many things.
It is understood small.  Shrinking takes away whatever the violation does not
need, of the *program* (steps, then bytes, faults and crashes) and of the *image*
(deviations from one that lost nothing, then bytes that differ, then events before
the crash).  What is left is 1-minimal: without any one of its steps, or of the
things that its crash lost, the requirement holds.

It also takes away what the violation does not need of the *profile*.  A loss that
a killed process suffers is told as one, however harsh the crash that showed it
first.

`minimise` knows nothing of journals.  It is delta debugging (Zeller and
Hildebrandt, IEEE TSE 2002): drop halves, quarters, single items, as long as
dropping any changes nothing; then replace items by simpler ones, and begin again.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TypeAlias, TypeVar

from attrs import define, evolve, field, frozen

from tornproof_models.contract.journal import Violation
from tornproof_models.crash.explorer import Explorer
from tornproof_models.crash.findings import Finding
from tornproof_models.crash.program import Crash, Program
from tornproof_models.crash.run import run
from tornproof_models.crash.subject import Options, Target
from tornproof_models.disk.crash_models import PROFILES
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
    """A program that violates a requirement, and the profile to crash it under."""

    program: Program
    options: Options
    requirement: str
    profile: str | None = None
    """None if the program shows it by itself: alive, or by crashes among its steps."""

    sector_bytes: int = SECTOR_BYTES

    @property
    def weakest_profile(self) -> str | None:
        """The mildest profile that allows every crash in it; none if nothing crashes."""
        return weakest_profile(self.program, self.profile)


def weakest_profile(program: Program, profile: str | None) -> str | None:
    """Return the mildest profile that allows every crash of a program, and one in it at its end."""
    needed = [step.profile for step in program if isinstance(step, Crash)]
    needed += [profile] if profile else []
    return max(needed, key=lambda name: PROFILES[name].harshness, default=None)


@frozen
class Shrunk:
    """What is left of a counterexample, and what it shows."""

    counterexample: Counterexample
    violation: Violation
    finding: Finding | None
    """The smallest crash that shows it, if it takes one after the program."""

    minimal: bool
    """Whether nothing more can be left out; else the attempts were used up."""


def shrink(target: Target, found: Counterexample, attempts: int = ATTEMPTS) -> Shrunk | None:
    """
    Shrink a counterexample; return none if the target does not violate the requirement.

    A crash that ends the program is left to the explorer, which finds the best one
    that there is.
    """
    search = _Search(target, found, attempts)
    program, profile = found.program, found.profile
    if not search.fails(program, profile):
        return None

    # the program, in the mildest profile
    profile = search.mildest(program, profile)
    program = search.minimise(program, profile)

    # its last crash
    while profile is None and program and isinstance(program[-1], Crash):
        for milder in _up_to(program[-1].profile):
            if search.fails(program[:-1], milder):
                profile = milder
                program = search.minimise(program[:-1], profile)
                break
        else:
            break

    # the profile and the image
    profile = search.mildest(program, profile)
    violation, finding = search.smallest(program, profile)
    shown_by = profile if finding else None
    return Shrunk(
        evolve(found, program=program, profile=shown_by), violation, finding, search.attempts > 0
    )


def witness(target: Target, found: Counterexample) -> Shown | None:
    """Show how a counterexample violates its requirement, by the smallest crash; or none."""
    search = _Search(target, found, attempts=1)
    if not search.fails(found.program, found.profile):
        return None
    return search.smallest(found.program, found.profile)


def _up_to(profile: str | None) -> list[str | None]:
    """List the profiles from the mildest, which is no crash at all, to this one."""
    every: list[str | None] = [None, *PROFILES]
    return every[: every.index(profile) + 1]


@define
class _Search:
    """Tries programs for one requirement, remembering what was tried."""

    target: Target
    about: Counterexample
    attempts: int
    _explorers: dict[str, Explorer] = field(factory=dict)
    _known: dict[tuple[Program, str | None], Shown | None] = field(factory=dict)

    def fails(self, program: Program, profile: str | None) -> bool:
        """Tell whether a program violates the requirement; no, once the attempts are used up."""
        key = program, profile
        if key not in self._known:
            if self.attempts < 1:
                return False
            self.attempts -= 1
            explorer = None
            if profile is not None:
                if profile not in self._explorers:
                    self._explorers[profile] = self._explorer(profile)
                explorer = self._explorers[profile]
            self._known[key] = self._try(program, explorer)
        return self._known[key] is not None

    def mildest(self, program: Program, profile: str | None) -> str | None:
        """Return the mildest profile in which a program fails that fails in this one."""
        milder = _up_to(profile)[:-1]
        return next((each for each in milder if self.fails(program, each)), profile)

    def minimise(self, program: Program, profile: str | None) -> Program:
        """Make a program as small as it can be in a profile."""
        return minimise(
            program,
            partial(self.fails, profile=profile),
            partial(simpler_steps, self.target, self.about.options),
        )

    def smallest(self, program: Program, profile: str | None) -> Shown:
        """Return how a program fails that is known to, by the smallest crash that does it."""
        if profile is None:
            # as it was seen: what hangs on the moment of a kill may not come again
            seen = self._known[program, None]
            assert seen is not None
            return seen
        lazy = self._explorer(profile)
        shown = self._try(program, lazy)
        assert shown is not None
        if shown[1] is None or lazy.coverage.images > EAGER_IMAGES:
            return shown
        # of a part of the images, the least lossy one need not have the fewest deviations
        depth = 2 if shown[1].inner else 1
        eager = self._explorer(profile, depth=depth, lazy=False)
        return self._try(program, eager) or shown

    def _try(self, program: Program, explorer: Explorer | None) -> Shown | None:
        running = run(program, self.target, self.about.options)
        for violation in running.violations:
            if violation.requirement == self.about.requirement:
                return violation, None
        if running.violations or explorer is None:
            return None
        for finding in explorer.explore(running.filesystem.trace, before=running.began):
            if finding.violation.requirement == self.about.requirement:
                return finding.violation, finding
        return None

    def _explorer(self, profile: str, *, depth: int = 2, lazy: bool = True) -> Explorer:
        return Explorer(
            self.target,
            self.about.options,
            PROFILES[profile],
            depth=depth,
            sector_bytes=self.about.sector_bytes,
            lazy=lazy,
            fewest_first=not lazy,
        )

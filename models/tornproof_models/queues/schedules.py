"""
Explore all schedules of a few threads.

A world offers what may happen next, can be put back to where it was, and says
when two of its states are the same.  From there on this is counting: walk the
graph of states depth first, take every choice once in every state, and add up
the ways.  Schedules are counted by the million while states are visited by the
thousand, because most of what differs between two schedules is forgotten soon.

The walk is sound if what happens after a state depends on nothing but its key,
and ends if no state can be reached from itself; the walk checks the latter.
"""

from collections.abc import Hashable, Sequence
from typing import Generic, Protocol, TypeVar

from attrs import Factory, define, frozen

from tornproof_models.contract.journal import Violation

_BEING_WALKED = -1

Choice = TypeVar("Choice", bound=Hashable)
Saved = TypeVar("Saved")


class World(Protocol[Choice, Saved]):
    """Something that moves in steps which somebody else chooses."""

    def key(self) -> Hashable:
        """Say in which state the world is, as far as it matters."""
        ...

    def save(self) -> Saved:
        """Return what `restore` needs to come back."""
        ...

    def restore(self, saved: Saved) -> None:
        """Go back."""
        ...

    def choices(self) -> Sequence[Choice]:
        """Return what may happen next."""
        ...

    def take(self, choice: Choice) -> None:
        """Let it happen."""
        ...

    def may_end(self) -> bool:
        """Say whether a schedule may end here."""
        ...

    def violations(self) -> tuple[Violation, ...]:
        """Judge the state."""
        ...


@frozen
class Counterexample:
    """A schedule and what it violates."""

    schedule: tuple[Hashable, ...]
    violations: tuple[Violation, ...]

    def __str__(self) -> str:
        """Tell it, step by step."""
        steps = "\n".join(f"{n}. {choice}" for n, choice in enumerate(self.schedule, start=1))
        return f"{steps}\n" + "\n".join(f"{v.requirement}: {v.message}" for v in self.violations)


@define
class Exploration:
    """What a walk saw."""

    schedules: int = 0
    """Ways from the first state to an end."""

    states: int = 0
    steps: int = 0
    """Choices taken, each in a state of its own."""

    counterexamples: list[Counterexample] = Factory(list)

    def __str__(self) -> str:
        """Say how much was covered, and what was found."""
        found = f"{len(self.counterexamples)} violate the contract"
        return (
            f"{self.schedules:,} schedules, through {self.states:,} states and "
            f"{self.steps:,} steps: {found if self.counterexamples else 'all hold'}"
        )


def explore(world: World[Choice, Saved], *, stop_at: int = 1) -> Exploration:
    """
    Walk every schedule of a world from the state it is in.

    Stops early once `stop_at` counterexamples have been found.  Raises
    `RuntimeError` if a state can be reached from itself.
    """
    return _Walk(world, stop_at).run()


class _Walk(Generic[Choice, Saved]):
    """A walk on its way: the ways from each state, and the path to the present one."""

    def __init__(self, world: World[Choice, Saved], stop_at: int) -> None:
        self._world = world
        self._stop_at = stop_at
        self._ways: dict[Hashable, int] = {}
        self._path: list[Hashable] = []
        self._seen = Exploration()

    def run(self) -> Exploration:
        """Walk from the state that the world is in."""
        self._seen.schedules = self._walk(self._world.key())
        self._seen.states = len(self._ways)
        return self._seen

    def _walk(self, key: Hashable) -> int:
        """Count the ways from the state that the world is in now."""
        world = self._world
        self._ways[key] = _BEING_WALKED
        violations = world.violations()
        if violations:
            self._seen.counterexamples.append(Counterexample(tuple(self._path), violations))
        ways = 1 if world.may_end() else 0
        saved = world.save()
        for choice in world.choices():
            if len(self._seen.counterexamples) >= self._stop_at:
                break
            self._path.append(choice)
            world.restore(saved)
            world.take(choice)
            self._seen.steps += 1
            following = world.key()
            if following not in self._ways:
                self._walk(following)
            if self._ways[following] == _BEING_WALKED:
                raise RuntimeError(f"a state follows itself, after {self._path}")
            ways += self._ways[following]
            self._path.pop()
        self._ways[key] = ways
        return ways

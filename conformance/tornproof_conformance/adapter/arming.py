"""
Arm faults at the fault points that an adapter names.

The adapter says which points an event passes, and at which of them an action makes
sense; that is all that is known of it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any, TypeAlias

from attrs import frozen
from tornproof_models.contract.delivery import Fault, Mode

from tornproof_conformance.adapter.adapter_subject import AdapterSubject
from tornproof_conformance.adapter.speaking.messages import Refusal, Unsupported

VISITS = 2
"""The first so many visits to a point are struck, one at a time."""

FAULTS: Mapping[str, Fault] = {
    "panic": Fault.PANIC,
    "error": Fault.PERMANENT,
    "unique_race": Fault.RACE,
    "commit_ambiguous": Fault.TRANSIENT,
    "busy": Fault.TRANSIENT,
}
"""What the contract calls each action; a death is a fact of its own."""

ACTIONS = (*FAULTS, "die")

MANY_RACES = 12
"""Races in a row, of which a right drainer loses six; each leaves a row in the chain."""

ALWAYS = 1000
"""Visits in a row that are struck where something never stops to go wrong."""


@frozen
class Arming:
    """A fault: the action at the Nth visit to a point, and at so many in a row."""

    point: str
    nth: int
    action: str
    times: int = 1

    def __str__(self) -> str:
        often = f", {self.times} times" if self.times > 1 else ""
        return f"{self.action} at {self.point}, visit {self.nth}{often}"

    @classmethod
    def parse(cls, words: str) -> "Arming":
        """Read what `str` writes."""
        times = 1
        if words.endswith(" times"):
            words, _, number = words.removesuffix(" times").rpartition(", ")
            times = int(number)
        action, _, rest = words.partition(" at ")
        point, _, nth = rest.rpartition(", visit ")
        return cls(point, int(nth), action, times)

    @property
    def arguments(self) -> Mapping[str, Any]:
        """What `fault.arm` is told; a fault that strikes once needs no more than it ever did."""
        once = {"point": self.point, "nth": self.nth, "action": self.action}
        return once if self.times == 1 else {**once, "times": self.times}

    @property
    def fault(self) -> Fault | None:
        """What the contract calls it."""
        return FAULTS.get(self.action)


Faults: TypeAlias = Sequence[Arming]


def faults_of(subject: AdapterSubject) -> list[Arming]:
    """Ask an adapter for its points, and which actions make sense at each."""
    session = subject.take_session()
    found = []
    try:
        points = session.call("fault.points")["points"]
        for point in points:
            for action in ACTIONS:
                try:
                    session.call("fault.arm", point=point, nth=1, action=action)
                except Refusal:
                    continue
                session.call("fault.disarm")
                found += [Arming(point, nth, action) for nth in range(1, VISITS + 1)]
    except Unsupported:
        pass
    subject.give_back(session)
    return found


def programs_of(faults: Sequence[Arming], mode: Mode) -> Iterator[tuple[str, ...]]:
    """Yield no fault, each fault alone, and each pair of them."""
    yield (mode.value,)
    for fault in faults:
        yield (mode.value, str(fault))
    for first, second in combinations(faults, 2):
        if (first.point, first.nth) != (second.point, second.nth):
            yield (mode.value, str(first), str(second))


# Sets of faults for a situation


def at_each_point(action: str) -> Callable[[Faults], Iterator[Faults]]:
    """Let an action strike always, at one point after the other."""

    def arm(faults: Faults) -> Iterator[Faults]:
        for point in _points(faults, action):
            yield (Arming(point, 1, action, ALWAYS),)

    return arm


def endless_races(faults: Faults) -> Iterator[Faults]:
    """Let a race be lost always, at one point after the other, some times more than the bound."""
    for point in _points(faults, "unique_race"):
        yield (Arming(point, 1, "unique_race", MANY_RACES),)


def ambiguous_commits(faults: Faults) -> Iterator[Faults]:
    """Let a commit be ambiguous: that of a row, and that of a dead letter."""
    for commit in faults:
        if commit.action == "commit_ambiguous":
            yield (commit,)
            if commit.nth == 1:
                yield from ((Arming(at, 1, "error"), commit) for at in _points(faults, "error"))


def errors_at_two_points(faults: Faults) -> Iterator[Faults]:
    """Let two points fail for good, whichever they are: some two are chain and dead letters."""
    points = _points(faults, "error")
    for index, first in enumerate(points):
        for second in points[index:]:
            yield tuple(Arming(point, 1, "error", ALWAYS) for point in {first, second})


def _points(faults: Faults, action: str) -> list[str]:
    return list(dict.fromkeys(fault.point for fault in faults if fault.action == action))

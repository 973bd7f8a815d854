"""
Random programs of the drainer.

Hypothesis chooses the steps of a program: submits, moves of the drainer, a
sibling writer, every fault that a database and a disk have, panics, deaths and
power cuts, closing, draining, replaying.  The whole queue takes part, the real
sink and the real journal included; only its thread is replaced by the one who
chooses.
"""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from tornproof_models.contract.delivery import Mode
from tornproof_models.database_faults import Kind, Strike, When
from tornproof_models.disk.faults import Fault as DiskFault
from tornproof_models.machines.violated import Violated
from tornproof_models.queues.delivery_program import (
    Arm,
    AskDrain,
    Close,
    FailDisk,
    Hold,
    Kill,
    Move,
    Replay,
    Sibling,
    Step,
    Submit,
    Watch,
)
from tornproof_models.queues.delivery_run import Run, Subject
from tornproof_models.queues.fault_sweep import LANDS, REJECTED, SEVERAL

STATEMENTS = ("begin", "residence", "head", "insert", "dead letter", "cursor", "commit")
ENDS = ("open", "remove", "rollback")

ODDS = st.sampled_from([1, 2, 0])
"""One in three."""

OFTEN: Mapping[str, tuple[Kind, ...]] = {
    "open": (Kind.BUSY, Kind.PANIC),
    "begin": (Kind.BUSY, Kind.PANIC),
    "insert": (Kind.UNIQUE, Kind.BUSY, Kind.PANIC),
    "dead letter": (Kind.BUSY, Kind.NO_SUCH_COLUMN, Kind.PANIC),
}
"""Where failures in a row lead somewhere else than one does, and which."""

PLACES = tuple(OFTEN)
FOR_EVER = 1000
"""More often than a close has time for."""


@cache
def strikes(kinds: tuple[Kind, ...]) -> st.SearchStrategy[Strike]:
    """Strikes of the given kinds, at every point and moment that they can happen at."""
    several = st.sampled_from([1, 1, 2, SEVERAL])
    number = st.sampled_from([1, 1, 1, 2, 3])
    anywhere = st.sampled_from(STATEMENTS) | st.sampled_from(("commit", *ENDS))
    found = []
    for kind in kinds:
        match kind:
            case Kind.RACE:
                found.append(st.builds(Strike, st.just(kind), point=st.just("insert")))
            case Kind.UNIQUE:
                place = st.just("insert")
                found.append(st.builds(Strike, st.just(kind), point=place, times=several))
            case Kind.PANIC | Kind.DEATH:
                moment = st.sampled_from([When.BEFORE, When.AFTER])
                found.append(st.builds(Strike, st.just(kind), moment, anywhere, number))
            case _:
                moment = st.sampled_from(When)
                found.append(st.builds(Strike, st.just(kind), moment, anywhere, number, several))
    return st.one_of(found)


class DrainerMachine(RuleBasedStateMachine):
    """Any steps, in any order; a violation ends the program."""

    make_subject: ClassVar[Callable[[], Subject]]
    judged_as: ClassVar[Mode]
    requirements: ClassVar[frozenset[str] | None] = None
    """Whose violations count; none: all."""

    kinds: ClassVar[tuple[Kind, ...]] = tuple(each for each in Kind if each is not Kind.CODE)
    steps: ClassVar[frozenset[type[Step]]] = frozenset(
        {Submit, Move, Arm, Sibling, Kill, Watch, AskDrain, Close, Hold, Replay, FailDisk}
    )

    def __init__(self) -> None:
        super().__init__()
        self.program: list[Step] = []
        self.running = Run(type(self).make_subject(), self.judged_as)
        self.running.open()

    def _take(self, step: Step) -> None:
        self.program.append(step)
        self.running.take(step)
        self._check()

    def _check(self) -> None:
        violations = [
            each
            for each in self.running.violations
            if self.requirements is None or each.requirement in self.requirements
        ]
        if violations:
            raise Violated(violations, "; ".join(map(str, self.program)))

    @rule(moves=st.integers(1, 12))
    def move(self, moves: int) -> None:
        """The drainer moves."""
        self._take(Move(moves))

    @rule()
    def submit(self) -> None:
        """An event is submitted."""
        self._take(Submit())

    @precondition(lambda self: Submit in self.steps)
    @rule()
    def submit_unencodable(self) -> None:
        """An event is submitted that cannot be encoded."""
        self._take(Submit(encodable=False))

    @precondition(lambda self: Arm in self.steps)
    @rule(data=st.data())
    def arm(self, data: st.DataObject) -> None:
        """Something will go wrong."""
        self._take(Arm(data.draw(strikes(self.kinds))))

    @precondition(lambda self: Arm in self.steps)
    @rule(data=st.data(), events=st.integers(1, 2), odds=ODDS)
    def meet(self, data: st.DataObject, events: int, odds: int) -> None:
        """Events meet what goes wrong, some on their way to the dead letters."""
        for _ in range(events):
            self._take(Submit())
        if odds == 0 and Kind.NO_SUCH_COLUMN in self.kinds:
            self._take(REJECTED)
        self._take(Arm(data.draw(strikes(self.kinds))))
        self._take(LANDS)

    @precondition(lambda self: Arm in self.steps)
    @rule(data=st.data(), point=st.sampled_from(PLACES), events=st.integers(1, 2), odds=ODDS)
    def fail_in_a_row(self, data: st.DataObject, point: str, events: int, odds: int) -> None:
        """One statement fails so often that the drainer changes its mind, or a close gives up."""
        kinds = [each for each in OFTEN[point] if each in self.kinds]
        if not kinds:
            return
        closes = odds == 0 and Close in self.steps
        # what a volatile queue has no time to land at a close is lost, as it says
        for_ever = closes and self.judged_as is Mode.DURABLE
        times = FOR_EVER if for_ever else data.draw(st.sampled_from([2, 3, SEVERAL]))
        if point == "open" and Kill in self.steps:
            self._take(Kill())  # the next process has no sink yet
        if point == "dead letter":
            self._take(REJECTED)
        for _ in range(events):
            self._take(Submit())
        self._take(Arm(Strike(data.draw(st.sampled_from(kinds)), point=point, times=times)))
        self._take(Close() if closes else LANDS)

    @precondition(lambda self: FailDisk in self.steps)
    @rule(nth=st.integers(1, 20), fault=st.sampled_from(DiskFault))
    def fail_disk(self, nth: int, fault: DiskFault) -> None:
        """The spool's disk will fail."""
        self._take(FailDisk(nth, fault))

    @precondition(lambda self: Sibling in self.steps)
    @rule()
    def sibling(self) -> None:
        """Another process appends."""
        self._take(Sibling())

    @precondition(lambda self: Kill in self.steps)
    @rule(power=st.none() | st.integers(0, 1_000_000))
    def kill(self, power: int | None) -> None:
        """The process dies."""
        self._take(Kill(power))

    @precondition(lambda self: Watch in self.steps)
    @rule()
    def watch(self) -> None:
        """Somebody looks."""
        self._take(Watch())

    @precondition(lambda self: AskDrain in self.steps)
    @rule()
    def drain(self) -> None:
        """Somebody waits."""
        self._take(AskDrain())

    @precondition(lambda self: Close in self.steps)
    @rule(odds=ODDS)
    def close(self, odds: int) -> None:
        """The queue is closed, now and then: little happens afterwards."""
        if odds == 0:
            self._take(Close())

    @precondition(lambda self: Hold in self.steps)
    @rule()
    def hold(self) -> None:
        """A producer keeps a handle."""
        self._take(Hold())

    @precondition(lambda self: Replay in self.steps)
    @rule()
    def replay(self) -> None:
        """An operator replays."""
        self._take(Replay())

    def teardown(self) -> None:
        """Come to rest, and judge that."""
        if not self.running.violations:
            self.running.settle()
            self._check()
        self.running.subject.database.close()


def machine(subject: Callable[[], Subject], judged_as: Mode, **limits: Any) -> type[DrainerMachine]:
    """Make a machine for a subject, perhaps with fewer kinds of faults and steps."""
    members = {"make_subject": staticmethod(subject), "judged_as": judged_as, **limits}
    return type("DrainerMachine", (DrainerMachine,), members)

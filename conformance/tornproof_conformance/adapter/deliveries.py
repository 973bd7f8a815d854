"""
Exercises of the drainer: every fault at every point, alone and in pairs.

The adapter names its points and says at which of them an action makes sense; that
is all that is known of it.  Three events are submitted to a paused drainer, faults
are armed, and it drains.  If it dies, the next process goes on.  In the end
nothing is armed any more, everything comes to rest, and the contract counts.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import combinations
from typing import Any

from attrs import define, evolve, field, frozen
from tornproof_models.contract.delivery import (
    Appended,
    ChainRow,
    Counters,
    DeadLetter,
    Died,
    Drain,
    Fact,
    Fault,
    Outcome,
    Profile,
    Replayed,
    State,
    Struck,
    Submitted,
    judge,
    judge_drain,
)
from tornproof_models.contract.journal import Violation
from tornproof_models.explore.deliveries import event_id, event_of, payload_of

from tornproof_conformance.adapter.diagnosis import Exited
from tornproof_conformance.adapter.disk import DirectoryDisk
from tornproof_conformance.adapter.messages import Refusal, Unsupported, decode_ok
from tornproof_conformance.adapter.session import Session
from tornproof_conformance.adapter.target import AdapterTarget

EVENTS = 3
VISITS = 2
"""The first so many visits to a point are struck, one at a time."""

RESTS = 5
"""Drains after which a drainer that nothing disturbs should have come to rest."""

DRAIN_MS = 2000
MAX_RESTARTS = 3

FAULTS = {
    "panic": Fault.PANIC,
    "error": Fault.PERMANENT,
    "unique_race": Fault.RACE,
    "commit_ambiguous": Fault.TRANSIENT,
    "busy": Fault.TRANSIENT,
}
"""What the contract calls each action; a death is a fact of its own."""

ACTIONS = (*FAULTS, "die")


@frozen
class Arming:
    """A fault: the action at the Nth visit to a point."""

    point: str
    nth: int
    action: str

    def __str__(self) -> str:
        return f"{self.action} at {self.point}, visit {self.nth}"

    @classmethod
    def parse(cls, words: str) -> "Arming":
        """Read what `str` writes."""
        action, _, rest = words.partition(" at ")
        point, _, nth = rest.rpartition(", visit ")
        return cls(point, int(nth), action)


@define
class Delivery:
    """Three events on their way, through as many processes as it takes."""

    target: AdapterTarget
    profile: Profile
    history: list[Fact] = field(factory=list)
    violations: list[Violation] = field(factory=list)
    _session: Session = field(init=False)
    _disk: DirectoryDisk = field(init=False)
    _moment: int = 0

    def __attrs_post_init__(self) -> None:
        self._disk = self.target.new_disk()
        self._session = self.target.take_session()
        self._open()

    def submit(self, number: int) -> None:
        """Submit an event."""
        self._moment += 1
        invoked = self._moment
        try:
            admitted = self._session.call("drainer.submit", **event_of(number))["admitted"]
            outcome = Outcome.ADMITTED if admitted else Outcome.REFUSED
        except Refusal as error:
            outcome = Outcome.REFUSED if error.definite else Outcome.UNKNOWN
        except Exited:
            outcome = Outcome.UNKNOWN
            self._restart()
        self._moment += 1
        fact = Submitted(event_id(number), payload_of(number), outcome, invoked, self._moment)
        self.history.append(fact)

    def arm(self, arming: Arming) -> None:
        """Arm a fault, which may strike from now on."""
        self._session.call("fault.arm", point=arming.point, nth=arming.nth, action=arming.action)
        if arming.action in FAULTS:
            self.history.append(Struck(FAULTS[arming.action]))

    def drain(self) -> bool:
        """Wait until everything has landed, in the next process if this one dies."""
        began = time.monotonic()
        try:
            answer = self._session.call("drainer.drain", timeout_ms=DRAIN_MS)
        except Exited:
            self._restart()
            return False
        except Refusal:
            return False
        drained: bool = answer["drained"]
        pending = answer.get("pending", ())
        named = tuple(pending) if isinstance(pending, list) else ()
        at_once = time.monotonic() - began < DRAIN_MS / 1000
        state = self.look()
        if drained or named:
            told = Drain(drained, named, hopeless=False, at_once=at_once)
            self._judge(judge_drain(self.history, state, told, profile=self.profile))
        return drained

    def settle(self) -> None:
        """Disarm, come to rest, and judge what is there."""
        self._disarm()
        if not any(self.drain() for _ in range(RESTS)):
            message = f"after {RESTS} undisturbed drains there is still something pending"
            self.violations.append(Violation("DRN-12", message))
            return
        self._judge(judge(self.history, self._at_rest(), profile=self.profile))

    def replay(self) -> None:
        """Replay the dead letters and judge again."""
        before = {letter.event_id for letter in self.look().dead_letters}
        if not before:
            return
        self._session.call("drainer.replay")
        landed = {row.event_id for row in self.look().chain}
        self.history.append(Replayed(tuple(sorted(before & landed))))
        self._judge(judge(self.history, self._at_rest(), profile=self.profile))

    def verify(self) -> None:
        """Let the adapter verify its chain, which nobody has touched."""
        if "chain/v1" not in self.target.claims:
            return
        breaks = self._session.call("drainer.verify")["breaks"]
        if breaks:
            message = f"drainer.verify finds {len(breaks)} breaks, the first: {breaks[0]}"
            self.violations.append(Violation("CHN-3", message))

    def close(self) -> None:
        """Close the queue and leave the process to the next one."""
        if not self._session.process.is_released:
            self._session.call("drainer.close", timeout_ms=DRAIN_MS)
            self.target.give_back(self._session)

    def look(self) -> State:
        """Read the chain, the dead letters and the counters; note what others appended."""
        chain = tuple(
            ChainRow(row["sequence"], row["event_id"], row.get("payload"))
            for row in self._ask("drainer.chain")["rows"]
        )
        letters = tuple(
            DeadLetter(row["event_id"], row.get("payload"), row["reason"])
            for row in self._ask("drainer.dlq")["rows"]
        )
        metrics = self._ask("drainer.metrics")
        names = ("submitted", "refused", "pending", "chained", "dead_lettered", "lost")
        known = {fact.event_id for fact in self.history if isinstance(fact, Appended)}
        for row in chain:
            if row.event_id.startswith("sibling") and row.event_id not in known:
                self.history.append(Appended(row.event_id))
        return State(chain, letters, False, Counters(**{name: metrics[name] for name in names}))

    def _at_rest(self) -> State:
        return evolve(self.look(), quiescent=True)

    def _restart(self) -> None:
        """Begin the next process, and note what it finds."""
        self._session.kill()
        self._session = self.target.take_session()
        self._open()
        state = self.look()
        chain = tuple(row.event_id for row in state.chain)
        letters = tuple(letter.event_id for letter in state.dead_letters)
        waiting: tuple[str, ...] = ()
        if self.profile is Profile.DURABLE:
            admitted = [
                fact.event_id
                for fact in self.history
                if isinstance(fact, Submitted) and fact.outcome is Outcome.ADMITTED
            ]
            waiting = tuple(each for each in admitted if each not in {*chain, *letters})
        self.history.append(Died(chain, letters, waiting))

    def _open(self) -> None:
        self._session.call(
            "drainer.open",
            dir=str(self._disk.directory),
            durable=self.profile is Profile.DURABLE,
            max_restarts=MAX_RESTARTS,
            paused=True,
        )

    def _disarm(self) -> None:
        with suppress(Unsupported):
            self._session.call("fault.disarm")

    def _judge(self, found: Sequence[Any]) -> None:
        self.violations += (Violation(each.requirement, each.message) for each in found)

    def _ask(self, op: str) -> Any:
        return decode_ok(op, self._session.call(op))


def deliver(target: AdapterTarget, arguments: Sequence[str]) -> Iterator[Violation]:
    """Deliver three events in a profile, with faults armed; yields what is violated."""
    profile, *faults = arguments
    delivery = Delivery(target, Profile(profile))
    for number in range(1, EVENTS + 1):
        delivery.submit(number)
    for words in faults:
        delivery.arm(Arming.parse(words))
    if faults:
        delivery.drain()
    for step in (delivery.settle, delivery.replay, delivery.verify):
        if not delivery.violations:
            step()
    delivery.close()
    yield from delivery.violations


def faults_of(target: AdapterTarget) -> list[Arming]:
    """Ask an adapter for its points, and which actions make sense at each."""
    session = target.take_session()
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
    target.give_back(session)
    return found


def programs_of(faults: Sequence[Arming], profile: Profile) -> Iterator[tuple[str, ...]]:
    """Yield no fault, each fault alone, and each pair of them."""
    yield (profile.value,)
    for fault in faults:
        yield (profile.value, str(fault))
    for first, second in combinations(faults, 2):
        if (first.point, first.nth) != (second.point, second.nth):
            yield (profile.value, str(first), str(second))

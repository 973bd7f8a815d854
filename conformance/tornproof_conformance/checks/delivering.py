"""
Events on their way through a drainer behind an adapter.

Events are submitted, faults are armed, and the drainer drains.  If it dies, the next process
goes on.  In the end nothing is armed any more, everything comes to rest, and the contract
counts.
"""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from attrs import define, evolve, field
from tornproof_models.contract.delivery import (
    Appended,
    ChainRow,
    Counters,
    DeadLetter,
    Died,
    Drain,
    Fact,
    Fault,
    Mode,
    Outcome,
    Replayed,
    Seen,
    State,
    Struck,
    Submitted,
    judge,
    judge_drain,
)
from tornproof_models.contract.delivery.stakes import at_stake
from tornproof_models.contract.journal import Violation
from tornproof_models.queues.delivery_program import (
    Kill,
    Move,
    Program,
    Submit,
    Watch,
    event_id,
    event_of,
    payload_of,
)
from tornproof_models.queues.delivery_run import ids_of

from tornproof_conformance.adapter.adapter_subject import AdapterSubject
from tornproof_conformance.adapter.arming import Arming
from tornproof_conformance.adapter.directory_disk import DirectoryDisk
from tornproof_conformance.adapter.opened_chain import open_queue, submit
from tornproof_conformance.adapter.resting import comes_to_rest
from tornproof_conformance.adapter.speaking.diagnosis import Exited, NoReply
from tornproof_conformance.adapter.speaking.messages import Refusal, Unsupported, decode_ok
from tornproof_conformance.adapter.speaking.session import Session

SIBLING = "sibling"
"""How the ids begin of the rows that another writer appends in a race."""

DRAIN_MS = 2000
MAX_RESTARTS = 3


@define
class Delivery:
    """Three events on their way, through as many processes as it takes."""

    subject: AdapterSubject
    mode: Mode
    reported_as: Mapping[str, str] = field(factory=dict)
    """Requirements that the contract names where another is broken, and which that is."""

    met: Counter[str] = field(factory=Counter)
    """How often each requirement was at stake when it was judged."""

    history: list[Fact] = field(factory=list)
    violations: list[Violation] = field(factory=list)
    database: Path | None = None
    """Where its tables are, if the adapter says so."""

    submitted: int = 0
    disk: DirectoryDisk | None = None
    """Where it begins, if something is there already; else in a directory of its own."""

    held_up: float = field(default=0, init=False)
    """Seconds of the last drain or close in which the machine kept the adapter from going on."""

    is_at_once: bool = field(default=True, init=False)
    """Whether the last drain ended before its time was over, as far as that was its own."""

    _session: Session = field(init=False)
    _disk: DirectoryDisk = field(init=False)
    _moment: int = 0

    def __attrs_post_init__(self) -> None:
        self._disk = self.disk or self.subject.new_disk()
        self._session = self.subject.take_session()
        self._open()

    def play(self, program: Program) -> None:
        """Take the steps of a program that needs neither a simulated disk nor a fault."""
        for step in program:
            match step:
                case Submit():
                    self.submit()
                case Move():
                    self.drain()
                case Kill():
                    self.restart()
                case Watch():
                    self.history.append(Seen(*ids_of(self.look())))
                case _:
                    raise ValueError(f"no step for an adapter: {step}")

    def submit(self) -> Outcome:
        """Submit the next event."""
        self.submitted += 1
        number = self.submitted
        self._moment += 1
        invoked = self._moment
        try:
            outcome = submit(self._session, event_of(number))
        except Exited:
            outcome = Outcome.UNKNOWN
            self.restart()
        self._moment += 1
        fact = Submitted(event_id(number), payload_of(number), outcome, invoked, self._moment)
        self.history.append(fact)
        return outcome

    def arm(self, arming: Arming) -> None:
        """Arm a fault, which may strike from now on."""
        self._session.call("fault.arm", **arming.arguments)
        if arming.fault:
            self.history.append(Struck(arming.fault))

    def drain(self, timeout_ms: int = DRAIN_MS) -> bool:
        """Wait until everything has landed, in the next process if this one dies."""
        try:
            answer = self._ask_in_time("drainer.drain", timeout_ms)
        except Exited:
            self.restart()
            return False
        except Refusal:
            return False
        drained: bool = answer["drained"]
        pending = answer.get("pending", ())
        named = tuple(pending) if isinstance(pending, list) else ()
        state = self.look()
        if drained or named:
            told = Drain(drained, named, hopeless=False, at_once=self.is_at_once)
            self._judge(judge_drain(self.history, state, told, mode=self.mode))
        return drained

    def come_to_rest(self) -> bool:
        """Drain until everything has landed, as long as something lands; says whether it has."""
        return comes_to_rest(self.drain, self.look, lambda: self.held_up)

    def settle(self) -> None:
        """Disarm, come to rest, and judge what is there."""
        self.disarm()
        if self.come_to_rest():
            self._judge_at_rest()
        elif self.has_given_up():
            message = f"gives up, and was opened to survive {MAX_RESTARTS} panics in a row"
            self.report("DRN-8", f"after {self._panics} panics the drainer {message}")
        else:
            message = "nothing fails, nothing moves, and there is still something pending"
            self.report("ADP-9", message)

    def has_given_up(self) -> bool:
        """Tell whether the drainer has panicked and now admits nothing, in its terminal state."""
        self.disarm()  # a fault on the way of a submit is no refusal
        session, panics = self._session, self._panics
        is_refused = self.submit() is not Outcome.ADMITTED
        return is_refused and panics > 0 and self._session is session

    @property
    def _panics(self) -> int:
        """How many panics were armed for the process that lives now."""
        last = max((n for n, each in enumerate(self.history) if isinstance(each, Died)), default=0)
        return sum(each == Struck(Fault.PANIC) for each in self.history[last:])

    def submit_late(self) -> None:
        """Close, submit, and judge what the next process finds, if the event was refused."""
        self.flush()
        if self.submit() is Outcome.REFUSED:
            self.restart()
            self.settle()

    def replay(self) -> None:
        """Replay the dead letters and judge again."""
        before = {letter.event_id for letter in self.look().dead_letters}
        if not before:
            return
        self._session.call("drainer.replay")
        landed = {row.event_id for row in self.look().chain}
        self.history.append(Replayed(tuple(sorted(before & landed))))
        self._judge_at_rest()

    def verify(self) -> None:
        """Let the adapter verify its chain, which nobody has touched."""
        if "chain/v1" not in self.subject.claims:
            return
        breaks = self._session.call("drainer.verify")["breaks"]
        if breaks:
            message = f"drainer.verify finds {len(breaks)} breaks, the first: {breaks[0]}"
            self.report("CHN-5", f"nobody has changed the chain, and {message}")

    def flush(self, timeout_ms: int = DRAIN_MS) -> bool | None:
        """
        Close the queue, and say whether everything has landed.

        None if the call does not return; that is told, and the next process goes on.
        """
        try:
            return bool(self._ask_in_time("drainer.close", timeout_ms).get("drained", True))
        except NoReply:
            self.report("DRN-11", f"a close that may take {timeout_ms} ms does not return")
            self.restart()
            return None

    def close(self) -> None:
        """Close the queue and leave the process to the next one."""
        if self._session.process.is_released:
            return
        if self.flush() is None:
            self._session.kill()
        else:
            self.subject.give_back(self._session)

    def look(self) -> State:
        """Read the chain, the dead letters and the counters; note what others appended."""
        chain = tuple(
            ChainRow(row["sequence"], row["event_id"], row.get("payload"))
            for row in self.ask("drainer.chain")["rows"]
        )
        letters = tuple(
            DeadLetter(row["event_id"], row.get("payload"), row["reason"])
            for row in self.ask("drainer.dlq")["rows"]
        )
        metrics = self.ask("drainer.metrics")
        names = ("submitted", "refused", "pending", "chained", "dead_lettered", "lost")
        known = {fact.event_id for fact in self.history if isinstance(fact, Appended)}
        for row in chain:
            if row.event_id.startswith(SIBLING) and row.event_id not in known:
                self.history.append(Appended(row.event_id))
        return State(chain, letters, False, Counters(**{name: metrics[name] for name in names}))

    def _judge_at_rest(self) -> None:
        state = evolve(self.look(), quiescent=True)
        races = sum(row.event_id.startswith(SIBLING) for row in state.chain)
        self.met.update(at_stake(self.history, state, races=races))
        self._judge(judge(self.history, state, mode=self.mode))

    def restart(self) -> None:
        """Begin the next process, and note what it finds."""
        self._session.kill()
        self._session = self.subject.take_session()
        self._open()
        self.note_death()

    def judge_now(self) -> None:
        """Judge what is there, whether or not something is still to come."""
        self._judge(judge(self.history, self.look(), mode=self.mode))

    def note_death(self) -> None:
        """Note that a process has died, and what the one that is open finds."""
        state = self.look()
        chain, letters = ids_of(state)
        waiting: tuple[str, ...] = ()
        if self.mode is Mode.DURABLE:
            admitted, unknown = (
                [
                    fact.event_id
                    for fact in self.history
                    if isinstance(fact, Submitted)
                    and fact.outcome is outcome
                    and fact.event_id not in {*chain, *letters}
                ]
                for outcome in (Outcome.ADMITTED, Outcome.UNKNOWN)
            )
            # of a submit that nobody has answered, only the next process knows
            pending = state.counters.pending if state.counters else 0
            waiting = (*admitted, *unknown[: max(pending - len(admitted), 0)])
        self.history.append(Died(chain, letters, waiting))

    def disarm(self) -> None:
        """Let nothing go wrong any more."""
        with suppress(Unsupported):
            self._session.call("fault.disarm")

    def _ask_in_time(self, op: str, timeout_ms: int) -> Any:
        """Ask for what may take so long, and note how long it took and whose time that was."""
        process, began = self._session.process, time.monotonic()
        try:
            return self.ask(op, timeout_ms=timeout_ms)
        finally:
            self.held_up = process.held_up
            self.is_at_once = time.monotonic() - began - self.held_up < timeout_ms / 1000

    def ask(self, op: str, **arguments: Any) -> Any:
        """Ask for an operation, and read what its reply holds."""
        return decode_ok(op, self._session.call(op, **arguments))

    def report(self, requirement: str, message: str, cause: str = "") -> None:
        """Note a violation, under the name of what the situation is about if it shows that."""
        told = self.reported_as.get(requirement)
        self.violations.append(Violation(told or requirement, message, cause))

    def _open(self) -> None:
        self.database = open_queue(self._session, self._disk, self.mode, max_restarts=MAX_RESTARTS)

    def _judge(self, found: Sequence[Any]) -> None:
        for each in found:
            self.report(each.requirement, each.message, each.cause)

"""
Random programs of a job queue.

Hypothesis chooses the steps of a program: jobs that are handed in, again and again if
need be, three workers that take, complete, fail, die, panic and stand still between
any two steps, errors before and after a step, restarts of the server, losses of power.
At the end the workers drain the queue, perhaps with a job among the rest that is bad.

What the programs come near to is counted: `reached` says how often each sentence could
have shown as broken.
"""

from collections import Counter
from typing import ClassVar

from hypothesis import event
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from tornproof_models.contract.job_queue import (
    Call,
    Claim,
    Enqueue,
    Finish,
    How,
    Ledger,
    Rest,
    Take,
    Tend,
    situations,
)
from tornproof_models.job_queues.calls import JobQueue
from tornproof_models.job_queues.draining import Fate, Plan, drain
from tornproof_models.job_queues.running import Engine, Running
from tornproof_models.job_queues.strikes import Strike
from tornproof_models.machines.violated import Violated

WORKERS = "ABC"
JOBS = 5

STRIKES = st.sampled_from([None] * 9 + list(Strike))
"""One step in four or so is hit."""

NOW_AND_THEN = st.integers(0, 5)
"""One in six; what ends everybody's work must not come too often."""


class JobQueueMachine(RuleBasedStateMachine):
    """Five jobs, three workers, and misfortunes without a limit."""

    queue: ClassVar[type[JobQueue]]
    reached: ClassVar[Counter[Claim]]

    def __init__(self) -> None:
        super().__init__()
        self.engine = Engine(self.queue())
        self.now = Running()
        self.claims = self.engine.promise.claims
        self.plan = Plan(workers=WORKERS)

    @initialize(jobs=st.integers(1, 3), bad=st.integers(0, 3), fate=st.sampled_from(Fate))
    def begin(self, jobs: int, bad: int, fate: Fate) -> None:
        """Hand in some jobs, and decide which is bad when the queue is drained at the end."""
        self.plan = Plan(f"j{bad}" if bad else None, fate, WORKERS)
        for number in range(1, jobs + 1):
            self._call("P", Enqueue(f"j{number}"), None)

    # Calls

    @rule(
        job=st.integers(1, JOBS),
        producer=st.sampled_from("PQ"),
        row=st.booleans(),
        undone=NOW_AND_THEN,
        strike=STRIKES,
    )
    def hand_in(
        self, job: int, producer: str, row: bool, undone: int, strike: Strike | None
    ) -> None:
        """Hand a job in, perhaps again, with a row and perhaps to be rolled back."""
        name = f"j{job}"
        known = self.now.ledger.job(name)
        if known is not None and (known.rolled_back or Claim.DEDUPLICATES not in self.claims):
            return
        in_transaction = known.in_transaction if known else row and Claim.OUTBOX in self.claims
        rolled_back = in_transaction and undone == 0 and known is None
        self._call(producer, Enqueue(name, in_transaction, rolled_back), strike)

    @rule(worker=st.sampled_from(WORKERS), well=NOW_AND_THEN, strike=STRIKES)
    def work(self, worker: str, well: int, strike: Strike | None) -> None:
        """Let a worker end the job that it has, mostly well, or ask for one."""
        if self.now.held_by(worker) is None:
            self._call(worker, Take(), strike)
        else:
            self._call(worker, Finish(How.OK if well > 1 else How.FAIL), strike)

    @rule(worker=st.sampled_from(WORKERS))
    def tend(self, worker: str) -> None:
        """Do what an operator does."""
        if Claim.LEASES_TENDED in self.claims and self.now.held_by(worker) is None:
            self._call(worker, Tend(), None)

    @precondition(lambda self: self.now.calls)
    @rule(worker=st.sampled_from("PQ" + WORKERS), strike=STRIKES)
    def go_on(self, worker: str, strike: Strike | None) -> None:
        """Take the next step of a call."""
        if self.now.call_of(worker) is not None:
            self._see(self.engine.step(self.now, worker, strike))

    def _call(self, worker: str, call: Call, strike: Strike | None) -> None:
        if self.now.call_of(worker) is None:
            self._see(self.engine.ask(self.now, worker, call, strike))

    # Misfortunes

    @precondition(lambda self: self.now.held)
    @rule(worker=st.sampled_from(WORKERS), panics=st.booleans())
    def fall(self, worker: str, panics: bool) -> None:
        """Let a worker die, or its handler panic."""
        if self.now.held_by(worker) is not None and self.now.call_of(worker) is None:
            fall = self.engine.panic if panics else self.engine.die
            self._see(fall(self.now, worker))

    @rule()
    def pause(self) -> None:
        """Let everybody stand still for longer than a lease."""
        self._see(self.engine.wait(self.now))

    @rule(odds=NOW_AND_THEN)
    def stop_everything(self, odds: int) -> None:
        """Kill the server and start it again, or let the power fail."""
        if odds == 0:
            self._see(self.engine.bounce(self.now))
        if odds == 1 and Claim.POWER in self.claims:
            self._see(self.engine.cut_power(self.now))

    # Looking

    def _see(self, now: Running) -> None:
        self.now = self.engine.look(now, Rest.NOT_YET)
        if self.now.violations:
            raise Violated(self.now.violations)

    def teardown(self) -> None:
        """Drain what is left, and count what this program came near to."""
        try:
            if not self.now.violations:
                self._drain()
        finally:
            ledger = Ledger()
            near: set[Claim] = set()
            for fact in self.engine.facts:
                near.update(situations(ledger, fact, self.engine.promise))
                ledger = ledger.after(fact)
            for claim in sorted(near):
                event(str(claim))
            self.reached.update(near)

    def _drain(self) -> None:
        """Let the workers go on until the queue is quiet."""
        now = self.now
        for worker, _ in now.calls:
            while now.call_of(worker) is not None:
                now = self.engine.step(now, worker)
        self._see(drain(self.engine, now, self.plan))


def job_queue_machine(queue: type[JobQueue]) -> type[JobQueueMachine]:
    """Make a machine for a queue, with a count of its own."""
    members = {"queue": queue, "reached": Counter()}
    return type("JobQueueMachineOfOne", (JobQueueMachine,), members)

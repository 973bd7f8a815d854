"""
A job queue behind an adapter: two workers, what is done to them, and what was seen.

Each step is a few words, so a list of steps is a program that a reproducer can hold:

- `enqueue j1 A`, and after it `transaction` or `rollback`
- `take A`, `ok A`, `fail A`, `tend A`
- `die A`: SIGKILL, whatever A is doing; `die A 300 take`: 300 microseconds into a call
- `pause A`: A stands still beyond its lease, the other works, and A goes on
- `wait`, `nap`: a lease's time, and half of it
- `race 20`: 20 jobs, one after the other, for which both workers ask at the same moment
- `bad j1 fails`, `bad j1 kills`: what becomes of every start of j1 from now on

A worker that has died begins again when it is next asked for something.  Time is the
real one unless the adapter has a clock that can be advanced (`queue.clock`).
"""

import os
import signal
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from attrs import define, field
from tornproof_models.contract.job_queue import (
    Asked,
    Call,
    Claim,
    Dead,
    Died,
    Done,
    Enqueue,
    Fact,
    Finish,
    How,
    Promise,
    Refused,
    Rest,
    Seen,
    Take,
    Tend,
    Took,
    Unknown,
)

from tornproof_conformance.adapter.adapter_subject import AdapterSubject
from tornproof_conformance.adapter.directory_disk import DirectoryDisk
from tornproof_conformance.adapter.speaking.diagnosis import Diagnosis, ProcessFailed
from tornproof_conformance.adapter.speaking.messages import PROTOCOL, Refusal, Unsupported
from tornproof_conformance.adapter.speaking.session import Session

LEASE_MS = 600
"""A lease long enough for a slow machine to answer well within it, and short to wait out."""

LONG_LEASE_MS = 60_000
"""Longer than any machine takes to answer; for adapters whose clock can be advanced."""

SPARE_MS = 150
"""How much longer than a lease to wait until it has surely run out."""

MAX_ATTEMPTS = 3
ROUNDS = 24
"""Rounds of a drain: more than any queue needs for a few jobs of three attempts."""

QUIET_ROUNDS = 2
TAKE_SECONDS = 0.15
STARTS = 3
"""How often to try to open a queue that another process may be busy with."""


class QueueNotOpened(Exception):
    """The queue does not open (again)."""


@define
class JobQueueRun:
    """Two workers on one queue, through as many processes as it takes."""

    subject: AdapterSubject
    disk: DirectoryDisk
    history: list[Fact] = field(factory=list)
    promise: Promise = field(init=False)
    """What the queue has claimed, with the lease that it really gives."""

    _sessions: dict[str, Session] = field(factory=dict)
    _held: dict[str, str] = field(factory=dict)
    _bad: dict[str, str] = field(factory=dict)
    _hello: Mapping[str, Any] = field(factory=dict)
    _began: float = field(factory=time.monotonic)
    _advanced_ms: int = 0
    """How far the adapter's clocks have been advanced; none where they cannot be."""

    _has_clock: bool = True

    def __attrs_post_init__(self) -> None:
        claims = frozenset(each for each in Claim if each.value in self.subject.claims)
        self.promise = Promise(claims, LEASE_MS, MAX_ATTEMPTS)

    # Steps

    def play(self, steps: Sequence[str]) -> None:
        """Take steps, one after the other.  Raises `QueueNotOpened`."""
        for worker in self._workers():
            self._session(worker)
        for step in steps:
            match step.split():
                case ["enqueue", job, worker, *how]:
                    self._enqueue(self._one(worker), job, how)
                case ["take", worker]:
                    self._take(self._one(worker), TAKE_SECONDS)
                case [("ok" | "fail") as how, worker]:
                    self._finish(self._one(worker), How(how))
                case ["tend", worker]:
                    self._ask(self._one(worker), Tend(), "queue.tend")
                case ["die", worker]:
                    self._session(self._one(worker))
                    self._die(self._one(worker))
                case ["die", worker, microseconds, *call]:
                    self._die_during(self._one(worker), int(microseconds) / 1e6, call)
                case ["pause", worker]:
                    self._pause(self._one(worker))
                case ["wait"]:
                    self._pass(self.promise.lease_ms + SPARE_MS)
                case ["nap"]:
                    self._pass(self.promise.lease_ms // 2)
                case ["race", times]:
                    self._race(int(times))
                case ["bad", job, fate]:
                    self._bad[job] = fate
                case _:
                    raise ValueError(f"no step of a job queue: {step}")

    def drain(self) -> None:
        """Let both workers go on until the queue is quiet, and look at it."""
        said = self._said()
        quiet = said.get("quiet_rounds", QUIET_ROUNDS)
        idle = 0
        for _ in range(max(ROUNDS, 3 * quiet)):
            busy = False
            for worker in self._workers():
                self._take(worker, TAKE_SECONDS if not idle else 2 * TAKE_SECONDS)
                busy = busy or worker in self._held
                self._finish(worker, How.OK)
            idle = 0 if busy else idle + 1
            if idle >= quiet:
                break
            if not busy:
                self._pass(self.promise.lease_ms + SPARE_MS)
                self._tend_all()
        self.look(Rest.QUIET if idle >= quiet else Rest.RESTLESS)

    def look(self, rest: Rest) -> None:
        """Look at what is there."""
        session = self._session("A")
        state = session.call("queue.state")
        if self._said().get("effects") == "txn":
            effects = tuple(session.call("queue.effects")["jobs"])
        else:
            path = self.disk.directory / "effects"
            effects = tuple(path.read_text("utf-8").split()) if path.exists() else ()
        dead = tuple(Dead(each["job"], each.get("reason")) for each in state["dead"])
        rows = tuple(state["rows"]) if "rows" in state else None
        pending, running = tuple(state["pending"]), tuple(state["running"])
        self.history.append(Seen(rest, effects, pending, running, dead, rows))

    def stop(self) -> None:
        """Close the queue and leave its processes to the next one, or end them."""
        for session in self._sessions.values():
            try:
                session.call("queue.close")
            except (Unsupported, Refusal, Diagnosis):
                session.kill()
            else:
                self.subject.give_back(session)
        self._sessions.clear()

    # Calls

    def _enqueue(self, worker: str, job: str, how: Sequence[str]) -> None:
        in_transaction, rolled_back = bool(how), "rollback" in how
        words = {"in_transaction": True, "rolled_back": rolled_back} if how else {}
        call = Enqueue(job, in_transaction, rolled_back)
        self._ask(worker, call, "queue.enqueue", job=job, **words)

    def _take(self, worker: str, seconds: float) -> None:
        if worker not in self._held:
            self._ask(worker, Take(), "queue.take", seconds=seconds)

    def _finish(self, worker: str, how: How) -> None:
        job = self._held.get(worker)
        if job is None:
            return
        fate = self._bad.get(job)
        if fate == "kills":
            self._die(worker)
        else:
            how = How.FAIL if fate == "fails" else how
            self._ask(worker, Finish(how), "queue.finish", how=how.value)

    def _ask(self, worker: str, call: Call, op: str, **arguments: Any) -> None:
        """Make a call and note what came of it."""
        session = self._session(worker)
        self.history.append(Asked(worker, call, self._now_ms()))
        try:
            self._note(worker, call, session.call(op, worker=worker, **arguments))
        except (Refusal, ProcessFailed) as error:
            self._note_error(worker, call, error)

    def _note(self, worker: str, call: Call, reply: Mapping[str, Any]) -> None:
        now = self._now_ms()
        if isinstance(call, Take):
            job = reply["job"]
            self.history.append(Took(worker, job, now, reply.get("age_ms", 0)))
            if job is not None:
                self._held[worker] = job
            return
        if isinstance(call, Finish):
            self._held.pop(worker, None)
        self.history.append(Done(worker, now))

    def _note_error(self, worker: str, call: Call, error: Refusal | ProcessFailed) -> None:
        if isinstance(error, ProcessFailed):
            self._die(worker)
            return
        if isinstance(call, Finish):
            self._held.pop(worker, None)
        self.history.append((Refused if error.definite else Unknown)(worker))

    def _race(self, times: int) -> None:
        """
        Let both workers ask at the same moment, for one job at a time.

        A third process hands the jobs in: a library that learns of its own jobs first would
        otherwise have no race to lose.
        """
        both = self._workers()
        producer = "C" if self._said().get("workers", "processes") == "processes" else both[0]
        for number in range(1, times + 1):
            self._enqueue(producer, f"r{number}", ())
            sessions = {worker: self._session(worker) for worker in both}
            if len({id(each) for each in sessions.values()}) < len(both):
                return  # one process answers one call at a time
            begun = {}
            for worker, session in sessions.items():
                self.history.append(Asked(worker, Take(), self._now_ms()))
                begun[worker] = session.begin("queue.take", worker=worker, seconds=TAKE_SECONDS)
            for worker, session in sessions.items():
                try:
                    self._note(worker, Take(), session.finish("queue.take", begun[worker]))
                except (Refusal, ProcessFailed) as error:
                    self._note_error(worker, Take(), error)
            for worker in both:
                self._finish(worker, How.OK)

    # What happens to a worker

    def _die_during(self, worker: str, seconds: float, words: Sequence[str]) -> None:
        """Kill a worker so many seconds after it was asked for something."""
        session = self._session(worker)
        call: Call
        arguments: dict[str, Any] = {"worker": worker}
        match words:
            case ["enqueue", job]:
                call, op, arguments["job"] = Enqueue(job), "queue.enqueue", job
            case ["take"] if worker not in self._held:
                call, op, arguments["seconds"] = Take(), "queue.take", TAKE_SECONDS
            case ["ok"] if worker in self._held:
                call, op, arguments["how"] = Finish(How.OK), "queue.finish", "ok"
            case _:
                return
        self.history.append(Asked(worker, call, self._now_ms()))
        with suppress(Diagnosis):
            session.begin(op, **arguments)
            time.sleep(seconds)
        self._die(worker)

    def _die(self, worker: str) -> None:
        """End a worker's process, and with it every worker in it."""
        session = self._sessions.pop(self._process(worker), None)
        if session is not None:
            session.kill()
        for each in dict.fromkeys([*self._workers(), worker]):
            if self._process(each) == self._process(worker):
                self._held.pop(each, None)
                self.history.append(Died(each))

    def _pause(self, worker: str) -> None:
        """Let a worker stand still for longer than its lease, and the others go on meanwhile."""
        session = self._session(worker)
        is_alone = len(self._workers()) == 1 or len(set(map(self._process, self._workers()))) == 1
        stops = not is_alone and not self._has_clock
        if stops:
            os.killpg(session.pid, signal.SIGSTOP)
        try:
            self._pass(self.promise.lease_ms + SPARE_MS)
            for other in self._workers():
                if other != worker:
                    for _ in range(3):
                        self._tend_all(other)
                        self._take(other, 2 * TAKE_SECONDS)
        finally:
            if stops:
                os.killpg(session.pid, signal.SIGCONT)

    def _tend_all(self, only: str | None = None) -> None:
        if Claim.LEASES_TENDED in self.promise.claims:
            for worker in [only] if only else self._workers():
                if worker not in self._held:
                    self._ask(worker, Tend(), "queue.tend")

    def _pass(self, milliseconds: int) -> None:
        """Let time pass: at once where the adapter has a clock for that, or really."""
        if not self._has_clock:
            time.sleep(milliseconds / 1000)
            return
        self._advanced_ms += milliseconds
        for process, session in list(self._sessions.items()):
            try:
                session.call("queue.clock", advance_ms=milliseconds)
            except ProcessFailed:
                self._die(process)

    def _now_ms(self) -> int:
        return int((time.monotonic() - self._began) * 1000) + self._advanced_ms

    # Processes

    def _said(self) -> Mapping[str, Any]:
        """Return what the adapter says of how its queue is to be used."""
        if not self._hello:
            self._session("A")
        said: Mapping[str, Any] = self._hello.get("queue", {})
        return said

    def _workers(self) -> Sequence[str]:
        return "A" if self._said().get("workers") == "single" else "AB"

    def _one(self, worker: str) -> str:
        """Return which worker that is, where there is only one."""
        return worker if worker in self._workers() else "A"

    def _process(self, worker: str) -> str:
        return worker if self._hello.get("queue", {}).get("workers") != "threads" else "A"

    def _session(self, worker: str) -> Session:
        """Return the process of a worker, which is started and opens the queue if it is not."""
        process = self._process(worker)
        if process not in self._sessions:
            self._sessions[process] = self._start(process)
        return self._sessions[process]

    def _lease_ms(self, session: Session) -> int:
        """Choose a lease: a short one where it has to be waited out, else a long one."""
        try:
            session.call("queue.clock", advance_ms=0)
        except Unsupported:
            self._has_clock = False
            shortest: int = self._said().get("lease_ms", 0)
            return max(LEASE_MS, shortest)
        return LONG_LEASE_MS

    def _start(self, process: str) -> Session:
        failed: Exception | None = None
        for attempt in range(STARTS):
            session = self.subject.take_session()
            try:
                self._hello = session.call("hello", protocol=PROTOCOL)
                lease = self._lease_ms(session)
                opened = session.call(
                    "queue.open",
                    dir=str(self.disk.directory),
                    worker=process,
                    lease_ms=lease,
                    max_attempts=MAX_ATTEMPTS,
                )
                if self._advanced_ms:
                    session.call("queue.clock", advance_ms=self._advanced_ms)
            except (Refusal, ProcessFailed) as error:
                failed = error
                session.kill()
                time.sleep(0.1 * attempt)
                continue
            lease = opened.get("lease_ms", lease)
            most = opened.get("max_attempts", MAX_ATTEMPTS)
            self.promise = Promise(self.promise.claims, lease, most)
            return session
        raise QueueNotOpened(f"the queue does not open: {failed}")

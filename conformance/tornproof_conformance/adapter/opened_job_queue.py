"""
Run a program of steps on a job queue behind an adapter, and write down what was seen.

A queue has two workers.  Each step is a few words, so a reproducer can hold a list of them:

- `enqueue j1 A`, and after it `transaction` or `rollback`
- `take A`, `ok A`, `fail A`, `tend A`
- `die A`: SIGKILL, whatever A is doing; `die A 300 take`: 300 microseconds into a call;
  `die A 300 work beside work`: into the next call of its work, and B is in the middle of one
- `bounce`: the server that holds the queue is killed and started again;
  `bounce A 300 take`: 300 microseconds into a call of A's
- `pause A`: A stands still beyond its lease, the other works, and A goes on
- `wait`, `nap`: a lease's time, and half of it
- `race 20`: 20 jobs, one after the other, for which both workers ask at the same moment
- `bad j1 fails`, `bad j1 kills`: what becomes of every start of j1 from now on

`job_queue_processes` starts the processes of the workers, and has their clock.
"""

import time
from collections.abc import Mapping, Sequence
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
from tornproof_conformance.adapter.job_queue_processes import QUIET_ROUNDS, WorkerProcesses
from tornproof_conformance.adapter.speaking.diagnosis import ProcessFailed
from tornproof_conformance.adapter.speaking.messages import Refusal
from tornproof_conformance.adapter.waiting import Waiting, wait_out

ROUNDS = 24
"""Rounds of a drain: more than any queue needs for a few jobs of three attempts."""

EFFECTS = "effects"
"""The file, in the directory of the queue, to which a start adds the name of its job."""

TAKE_SECONDS = 0.15


@define
class JobQueueRun:
    """Two workers on one queue, through as many processes as it takes."""

    subject: AdapterSubject
    disk: DirectoryDisk
    history: list[Fact] = field(factory=list)
    is_alone: bool = False
    """Whether there is one worker."""

    _workers: WorkerProcesses = field(init=False)
    _held: dict[str, str] = field(factory=dict)
    _bad: dict[str, str] = field(factory=dict)

    def __attrs_post_init__(self) -> None:
        self._workers = WorkerProcesses(self.subject, self.disk, self.is_alone)

    @property
    def promise(self) -> Promise:
        """What the queue has claimed, with the lease that it really gives."""
        return self._workers.promise

    @property
    def effects_file(self) -> bytes:
        """What is in the file of effects, where the queue writes them there."""
        path = self.disk.directory / EFFECTS
        return path.read_bytes() if path.exists() else b""

    # Steps

    def play(self, steps: Sequence[str]) -> None:
        """Take steps, one after the other.  Raises `QueueNotOpened`."""
        wait_out(self.playing(steps))

    def drain(self) -> None:
        """Let both workers go on until the queue is quiet, and look at it."""
        wait_out(self.draining())

    def playing(self, steps: Sequence[str]) -> Waiting[None]:
        """Take steps, as `play` does; yields whenever a lease is waited out."""
        for worker in self._workers.names:
            self._workers.session(worker)
        for step in steps:
            match step.split():
                case ["enqueue", job, worker, *how]:
                    self._enqueue(self._workers.one(worker), job, how)
                case ["take", worker]:
                    self._take(self._workers.one(worker), TAKE_SECONDS)
                case [("ok" | "fail") as how, worker]:
                    self._finish(self._workers.one(worker), How(how))
                case ["tend", worker]:
                    self._ask(self._workers.one(worker), Tend(), "queue.tend")
                case ["die", worker]:
                    self._workers.session(self._workers.one(worker))
                    self._die(self._workers.one(worker))
                case ["die", worker, microseconds, *call]:
                    self._die_during(self._workers.one(worker), int(microseconds) / 1e6, call)
                case ["bounce"]:
                    self._workers.bounce()
                case ["bounce", worker, microseconds, *call]:
                    self._bounce_during(self._workers.one(worker), int(microseconds) / 1e6, call)
                case ["pause", worker]:
                    yield from self._pause(self._workers.one(worker))
                case ["wait"]:
                    yield from self._pass(self._workers.beyond_lease_ms)
                case ["nap"]:
                    yield from self._pass(self.promise.lease_ms // 2)
                case ["race", times]:
                    self._race(int(times))
                case ["bad", job, fate]:
                    self._bad[job] = fate
                case _:
                    raise ValueError(f"no step of a job queue: {step}")

    def draining(self) -> Waiting[None]:
        """Let the workers go on, as `drain` does; yields whenever a lease is waited out."""
        quiet = most = self._workers.quiet_rounds
        idle = 0
        for _ in range(max(ROUNDS, 3 * most)):
            busy = False
            for worker in self._workers.names:
                self._take(worker, TAKE_SECONDS if not idle else 2 * TAKE_SECONDS)
                busy = busy or worker in self._held
                self._finish(worker, How.OK)
            idle = 0 if busy else idle + 1
            if idle == QUIET_ROUNDS and not self._has_more():
                quiet = QUIET_ROUNDS  # nothing is left that could come back late
            if idle >= quiet:
                break
            if not busy:
                yield from self._pass(self._workers.beyond_lease_ms)
                self._tend_all()
        self.look(Rest.QUIET if idle >= quiet else Rest.RESTLESS)

    def _has_more(self) -> bool:
        """Ask the queue whether a job waits or runs."""
        state = self._workers.session("A").call("queue.state")
        return bool(state["pending"] or state["running"])

    def look(self, rest: Rest) -> None:
        """Look at what is there."""
        session = self._workers.session("A")
        state = session.call("queue.state")
        if self._workers.said.get("effects") == "txn":
            effects = tuple(session.call("queue.effects")["jobs"])
        else:
            effects = tuple(self.effects_file.decode().split())
        dead = tuple(Dead(each["job"], each.get("reason")) for each in state["dead"])
        rows = tuple(state["rows"]) if "rows" in state else None
        pending, running = tuple(state["pending"]), tuple(state["running"])
        self.history.append(Seen(rest, effects, pending, running, dead, rows))

    def stop(self) -> None:
        """Close the queue and leave its processes to the next one, or end them."""
        self._workers.stop()

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
        session = self._workers.session(worker)
        self.history.append(Asked(worker, call, self._workers.now_ms()))
        try:
            self._note(worker, call, session.call(op, worker=worker, **arguments))
        except (Refusal, ProcessFailed) as error:
            self._note_error(worker, call, error)

    def _note(self, worker: str, call: Call, reply: Mapping[str, Any]) -> None:
        now = self._workers.now_ms()
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
        both = self._workers.names
        producer = "C" if self._workers.said.get("workers", "processes") == "processes" else both[0]
        for number in range(1, times + 1):
            self._enqueue(producer, f"r{number}", ())
            sessions = {id(self._workers.session(worker)) for worker in both}
            if len(sessions) < len(both):
                return  # one process answers one call at a time
            begun = {worker: self._begin(worker, ["take"]) for worker in both}
            for worker, asked in begun.items():
                self._end(worker, asked)
            for worker in both:
                self._finish(worker, How.OK)

    # What happens to a worker

    def _die_during(self, worker: str, seconds: float, words: Sequence[str]) -> None:
        """Kill a worker so many seconds after it was asked for something, perhaps beside others."""
        during, beside = words, list[str]()
        if "beside" in words:
            at = list(words).index("beside")
            during, beside = words[:at], list(words[at + 1 :])
        if self._begin(worker, during) is None:
            return
        process = self._workers.session(worker)
        others = [
            each for each in self._workers.names if self._workers.session(each) is not process
        ]
        begun = {each: self._begin(each, beside) for each in others if beside}
        time.sleep(seconds)
        self._die(worker)
        for other, asked in begun.items():
            self._end(other, asked)

    def _bounce_during(self, worker: str, seconds: float, words: Sequence[str]) -> None:
        """Kill the server so many seconds after a worker was asked for something."""
        asked = self._begin(worker, words)
        time.sleep(seconds)
        self._workers.bounce()
        self._end(worker, asked)

    def _begin(self, worker: str, words: Sequence[str]) -> tuple[Call, str, int] | None:
        """Ask a worker for something; return what is to be answered, none if it makes no sense."""
        session = self._workers.session(worker)
        call: Call
        arguments: dict[str, Any] = {"worker": worker}
        if words == ["work"]:
            words = ["ok" if worker in self._held else "take"]
        match words:
            case ["enqueue", job]:
                call, op, arguments["job"] = Enqueue(job), "queue.enqueue", job
            case ["take"] if worker not in self._held:
                call, op, arguments["seconds"] = Take(), "queue.take", TAKE_SECONDS
            case ["ok"] if worker in self._held:
                call, op, arguments["how"] = Finish(How.OK), "queue.finish", "ok"
            case _:
                return None
        self.history.append(Asked(worker, call, self._workers.now_ms()))
        try:
            return call, op, session.begin(op, **arguments)
        except ProcessFailed as error:
            self._note_error(worker, call, error)
            return None

    def _end(self, worker: str, asked: tuple[Call, str, int] | None) -> None:
        """Wait for an answer, and note it."""
        if asked is None:
            return
        call, op, number = asked
        try:
            reply = self._workers.session(worker).finish(op, number)
            self._note(worker, call, reply)
        except (Refusal, ProcessFailed) as error:
            self._note_error(worker, call, error)

    def _die(self, worker: str) -> None:
        """End a worker's process, and with it every worker in it."""
        for each in self._workers.kill(worker):
            if self._workers.said.get("takes_ahead") and self._has_nothing_to_do(each):
                self.history.append(Asked(each, Take(), self._workers.now_ms()))
            self._held.pop(each, None)
            self.history.append(Died(each))

    def _has_nothing_to_do(self, worker: str) -> bool:
        """Say whether a worker holds no job and is in no call, as far as anybody was told."""
        last = next((fact for fact in reversed(self.history) if _is_of(fact, worker)), None)
        return worker not in self._held and not isinstance(last, Asked)

    def _pause(self, worker: str) -> Waiting[None]:
        """Let a worker stand still until its lease has run out and another has got a job."""
        others = [each for each in self._workers.names if each != worker]
        with self._workers.standing_still(worker):
            for _ in range(max(self._workers.quiet_rounds - 1, 1)):
                yield from self._pass(self._workers.beyond_lease_ms)
                for other in others * 3:
                    self._tend_all(other)
                    self._take(other, 2 * TAKE_SECONDS)
                if any(other in self._held for other in others):
                    break

    def _tend_all(self, only: str | None = None) -> None:
        if Claim.LEASES_TENDED in self.promise.claims:
            for worker in [only] if only else self._workers.names:
                if worker not in self._held:
                    self._ask(worker, Tend(), "queue.tend")

    def _pass(self, milliseconds: int) -> Waiting[None]:
        for process in (yield from self._workers.pass_time(milliseconds)):
            self._die(process)


def _is_of(fact: Fact, worker: str) -> bool:
    return getattr(fact, "worker", None) == worker

"""
The processes of a job queue's workers: start, stop and kill them, and let time pass.

A worker that has died is started again when it is next asked for something.  Time is real,
unless the adapter has a clock that can be advanced (`queue.clock`).  A queue that lives in a
server has one for each directory, which the suite starts and kills.
"""

import os
import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from attrs import define, field
from tornproof_models.contract.job_queue import Claim, Promise

from tornproof_conformance.adapter.adapter_subject import AdapterSubject
from tornproof_conformance.adapter.directory_disk import DirectoryDisk
from tornproof_conformance.adapter.speaking.diagnosis import Diagnosis, ProcessFailed
from tornproof_conformance.adapter.speaking.messages import PROTOCOL, Refusal, Unsupported
from tornproof_conformance.adapter.speaking.process import LineProcess
from tornproof_conformance.adapter.speaking.session import Session
from tornproof_conformance.adapter.waiting import Waiting

LEASE_MS = 600
"""A lease long enough for a slow machine to answer well within it, and short to wait out."""

LONG_LEASE_MS = 60_000
"""Longer than any machine takes to answer; for adapters whose clock can be advanced."""

SPARE_MS = 150
"""How much longer than a lease to wait until it has surely run out."""

QUIET_ROUNDS = 2
"""Rounds of a drain in which nobody gets anything, after which the queue is quiet."""

MAX_ATTEMPTS = 3
STARTS = 3
"""How often to try to open a queue that another process may be busy with."""


class QueueNotOpened(Exception):
    """The queue does not open (again)."""


@define
class WorkerProcesses:
    """The processes of the workers of one queue: one for each worker, or one for all."""

    subject: AdapterSubject
    disk: DirectoryDisk
    is_alone: bool = False
    """Whether there is one worker: a process that is recorded has its directory to itself."""

    promise: Promise = field(init=False)
    """What the queue has claimed, with the lease that it really gives."""

    _sessions: dict[str, Session] = field(factory=dict)
    _hello: Mapping[str, Any] = field(factory=dict)
    _began: float = field(factory=time.monotonic)
    _advanced_ms: int = 0
    """How far the adapter's clocks have been advanced; none where they cannot be."""

    _has_clock: bool = True
    _server: LineProcess | None = None

    def __attrs_post_init__(self) -> None:
        claims = frozenset(each for each in Claim if each.value in self.subject.claims)
        self.promise = Promise(claims, LEASE_MS, MAX_ATTEMPTS)

    @property
    def said(self) -> Mapping[str, Any]:
        """What the adapter says of how its queue is to be used."""
        if not self._hello:
            self.session("A")
        said: Mapping[str, Any] = self._hello.get("queue", {})
        return said

    @property
    def beyond_lease_ms(self) -> int:
        """The time after which a lease has surely run out."""
        return self.promise.lease_ms + SPARE_MS

    @property
    def quiet_rounds(self) -> int:
        """Rounds without work that say that none will come, however seldom the library looks."""
        rounds: int = self.said.get("quiet_rounds", QUIET_ROUNDS)
        return rounds

    @property
    def names(self) -> Sequence[str]:
        """The workers: A and B, or A alone."""
        return "A" if self.is_alone or self.said.get("workers") == "single" else "AB"

    def one(self, worker: str) -> str:
        """Return the worker, or A where there is only one."""
        return worker if worker in self.names else "A"

    def session(self, worker: str) -> Session:
        """Return the session of a worker; start its process and open the queue if need be."""
        process = self._process(worker)
        if process not in self._sessions:
            self._sessions[process] = self._start(process)
        return self._sessions[process]

    def _process(self, worker: str) -> str:
        return worker if self._hello.get("queue", {}).get("workers") != "threads" else "A"

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
        if self._server is not None:
            end_server(self._server)
            self._server = None

    def bounce(self) -> None:
        """Kill the server with SIGKILL, and start it again; nothing where there is none."""
        if self._server is not None:
            end_server(self._server)
            self._server = start_server(self.said["server"], self.disk)

    def kill(self, worker: str) -> Sequence[str]:
        """End a worker's process; return every worker that was in it."""
        process = self._process(worker)
        session = self._sessions.pop(process, None)
        if session is not None:
            session.kill()
        workers = dict.fromkeys([*self.names, worker])
        return [each for each in workers if self._process(each) == process]

    @contextmanager
    def standing_still(self, worker: str) -> Iterator[None]:
        """
        Stop a worker's process (SIGSTOP), and let it go on afterwards.

        Not where it is the only process, or where time passes only when it is asked to.
        """
        session = self.session(worker)
        is_alone = len(set(map(self._process, self.names))) == 1
        stops = not is_alone and not self._has_clock
        if stops:
            os.killpg(session.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            if stops:
                os.killpg(session.pid, signal.SIGCONT)

    def now_ms(self) -> int:
        """Return the time since the run began, in milliseconds."""
        return int((time.monotonic() - self._began) * 1000) + self._advanced_ms

    def pass_time(self, milliseconds: int) -> Waiting[Sequence[str]]:
        """Advance the adapter's clocks, or wait; return the processes that died of it."""
        if not self._has_clock:
            yield time.monotonic() + milliseconds / 1000
            return ()
        self._advanced_ms += milliseconds
        died = []
        for process, session in self._sessions.items():
            try:
                session.call("queue.clock", advance_ms=milliseconds)
            except ProcessFailed:
                died.append(process)
        return died

    def _lease_ms(self, session: Session) -> int:
        """Choose a lease: a short one where it has to be waited out, else a long one."""
        try:
            session.call("queue.clock", advance_ms=0)
        except Unsupported:
            self._has_clock = False
            shortest: int = self.said.get("lease_ms", 0)
            return max(LEASE_MS, shortest)
        return LONG_LEASE_MS

    def _start(self, process: str) -> Session:
        failed: Exception | None = None
        for attempt in range(STARTS):
            session = self.subject.session_for(self.disk)
            try:
                self._hello = session.call("hello", protocol=PROTOCOL)
                if self._server is None and "server" in self.said:
                    self._server = start_server(self.said["server"], self.disk)
                self._open(session, process)
            except (Refusal, ProcessFailed) as error:
                failed = error
                session.kill()
                time.sleep(0.1 * attempt)
            else:
                return session
        raise QueueNotOpened(f"the queue does not open: {failed}")

    def _open(self, session: Session, process: str) -> None:
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
        lease = opened.get("lease_ms", lease)
        most = opened.get("max_attempts", MAX_ATTEMPTS)
        self.promise = Promise(self.promise.claims, lease, most)


def start_server(command: Sequence[str], disk: DirectoryDisk) -> LineProcess:
    """Start the server of a queue in its directory; whoever opens the queue waits for it."""
    return LineProcess.start(command, directory=disk.directory)


def end_server(server: LineProcess) -> None:
    """Kill a server with all its processes."""
    server.kill()
    server.release()

"""
The deferred audit queue: submit events, wait for them, close.

    hook ── submit ──► spool ── drainer ──► chain, or dead-letter queue

A hook that refuses a write from inside a database transaction cannot append to a chain in that
database: it would deadlock.  `submit` encodes the event, makes it durable in the spool and
returns; it does not use the database.  One drainer, with a connection of its own, lands the
events in the order of their admission.

Without a spool the queue is *volatile*: the events wait in memory, and a crash loses events
that have not landed (DRN-18).
"""

import logging
import os
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import closing, contextmanager
from types import TracebackType
from typing import Self

from attrs import evolve

from tornproof.chain import database as chain_database
from tornproof.chain.append import Signer
from tornproof.chain.database import Connect, translated
from tornproof.chain.dialect import Connection
from tornproof.drainer import replay
from tornproof.drainer.action import Action, Decision
from tornproof.drainer.answers import NAMED, Drained, Receipt
from tornproof.drainer.buffer import CAPACITY
from tornproof.drainer.driver import Driver
from tornproof.drainer.event import Event, encode, mint_id
from tornproof.drainer.gate import Gate
from tornproof.drainer.metrics import Counters, Metrics
from tornproof.drainer.queue_source import open_source
from tornproof.drainer.quota import TurnedAway
from tornproof.drainer.sink import ChainSink, Sink
from tornproof.drainer.source import Waiting
from tornproof.drainer.spool import SEGMENT_BYTES, Spool
from tornproof.drainer.supervisor import MAX_RESTARTS, State, Supervisor
from tornproof.errors import Closed, Invalid, TornproofError
from tornproof.filesystem import Filesystem
from tornproof.process import Owner

DRAIN_TIMEOUT = 5.0
CLOSE_TIMEOUT = 30.0
"""
Seconds that a queue is given to land what it has, before it ends without.

Longer than a sibling's transaction and any back-off, shorter than what a system
gives a service to stop.
"""

STOP_TIMEOUT = 5.0
"""Seconds more for the transaction under way, whose statements wait a quarter of one for a lock."""

log = logging.getLogger("tornproof.drainer")


class DeferredAuditQueue:
    """
    A queue of refusals, drained into a chain.

    Use `DeferredAuditQueue.open`.  Any number of threads may share one; they
    share its counters too.
    """

    def __init__(
        self,
        source: Waiting,
        supervisor: Supervisor,
        counters: Counters,
        connect: Connect,
        *,
        signer: Signer | None = None,
        paused: bool = False,
        mint: Callable[[], str] = mint_id,
        clock: Callable[[], int] = time.time_ns,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._source = source
        self._supervisor = supervisor
        self._owner = Owner()
        self._counters = counters
        self._connect = connect
        self._signer = signer
        self._mint = mint
        self._clock = clock
        self._gate = Gate()
        self._ended: Drained | None = None
        self._driver = Driver(supervisor, lambda: source.end, self._abandon, sleep, paused=paused)

    @classmethod
    def open(
        cls,
        database: str | os.PathLike[str],
        *,
        spool: str | os.PathLike[str] | None,
        signer: Signer | None = None,
        max_restarts: int = MAX_RESTARTS,
        capacity: int = CAPACITY,
        paused: bool = False,
        spool_segment_bytes: int = SEGMENT_BYTES,
        spool_quota_bytes: int | None = None,
        filesystem: Filesystem | None = None,
        connect: Connect | None = None,
        make_sink: Callable[[Connection, str | None], Sink] | None = None,
        mint: Callable[[], str] = mint_id,
        clock: Callable[[], int] = time.time_ns,
        sleep: Callable[[float], None] = time.sleep,
    ) -> Self:
        """
        Open the queue of a database, and start its drainer.

        `database` is a file of SQLite, or an address of PostgreSQL (DRN-30).
        `spool` is a directory of its own for events that wait; with None they
        wait in memory, `capacity` of them at most.  What an earlier process
        left in the spool is drained before anything new (DRN-16); above
        `spool_quota_bytes` of events that wait, more are turned away (DRN-20).
        `make_sink` makes a sink of your own, of a connection and the id of the
        spool whose position it is to move.  A `paused`
        queue has no thread, and moves only inside `drain_pending` and
        `close_and_flush`.

        Raises `NotADatabase`, `WrongSchema`, `ForeignSpool`, `Locked`, `Busy`,
        `Corrupt` and the errors of a disk; nothing is lost by that.
        """
        name = os.fspath(database)
        if connect is None:
            name, connect = chain_database.connector(database)
        source, position, recovered = open_source(
            name,
            connect,
            None if spool is None else os.fspath(spool),
            filesystem,
            capacity=capacity,
            segment_bytes=spool_segment_bytes,
            quota_bytes=spool_quota_bytes,
            threads=not paused,
            clock=clock,
        )

        def open_sink() -> Sink:
            spool_id = source.identity.spool if isinstance(source, Spool) else None
            if make_sink is not None:
                return make_sink(connect(), spool_id)
            return ChainSink(connect(), spool_id=spool_id, signer=signer, clock=clock)

        counters = Counters(Metrics(submitted=recovered, recovered=recovered))
        supervisor = Supervisor(
            source, open_sink, counters, position=position, max_restarts=max_restarts
        )
        return cls(
            source,
            supervisor,
            counters,
            connect,
            signer=signer,
            paused=paused,
            mint=mint,
            clock=clock,
            sleep=sleep,
        )

    # Submitting

    def submit(self, event: Event) -> Receipt:
        """
        Admit an event; true if it was admitted.

        Never raises and never waits for the database (DRN-2).  In a forked child it
        admits nothing and says so (DRN-28).  An event whose
        decision blocks nothing is none, and is not counted (EVT-1).
        """
        if isinstance(event, Event) and not event.blocks:
            return Receipt(admitted=False, reason="only a decision that blocks makes an event")
        if not self._owner.is_here:  # before any lock, which a fork may have copied locked
            reason = "the queue belongs to the process that this one was forked from: open it here"
            return Receipt(admitted=False, reason=reason)
        self._counters.add(submitted=1)
        event_id = None
        try:
            if not isinstance(event, Event):
                raise Invalid(f"{event!r} is no event")
            with self._admission():
                event_id = self._mint() if event.event_id is None else event.event_id
                self._source.admit(encode(evolve(event, event_id=event_id)))
        except Exception as error:
            self._counters.add(refused=1)
            log.warning("refused an event: %s", error)
            definite = isinstance(error, TornproofError) and error.definite
            return Receipt(admitted=False, event_id=event_id, reason=str(error), definite=definite)
        except BaseException:
            if self._source.poisoned:  # interrupted, and nothing waits for it here
                self._counters.add(refused=1)
            raise
        return Receipt(admitted=True, event_id=event_id)

    def submit_refusal(self, agent_id: str, action: Action, decision: Decision) -> Receipt:
        """Make an event of a decision, now, and submit it; false if it blocks nothing."""
        try:
            event = Event(agent_id, action, decision, self._clock())
        except TornproofError as error:
            if self._owner.is_here:
                self._counters.add(submitted=1, refused=1)
            return Receipt(admitted=False, reason=str(error))
        return self.submit(event)

    @contextmanager
    def _admission(self) -> Iterator[None]:
        """Keep the queue from closing while an event is being admitted, and wake the drainer."""
        if self.state is State.FAILED:
            raise Closed(f"the drainer gave up: {self.last_panic}")
        try:
            with self._gate.entered():
                yield
        finally:
            self._driver.wake()

    # Waiting

    def drain_pending(self, timeout: float | None = DRAIN_TIMEOUT) -> Drained:
        """
        Wait until everything admitted before this call has landed, for so many seconds.

        Returns at once when the drainer has stopped for good (DRN-12).  Raises
        the disk's error if what is left in the spool cannot be read, `Forked` in
        a forked child.
        """
        self._owner.require("the queue")
        if self._ended is not None:
            return self._ended
        target = self._source.end
        self._driver.wait_for(target, timeout)
        return self._drained(target)

    def close_and_flush(self, timeout: float | None = CLOSE_TIMEOUT) -> Drained:
        """
        Admit nothing more, land what was admitted, and stop.

        Takes so many seconds, or as long as it takes if that is None (DRN-29).
        Producers may keep the queue; their submits are refused (DRN-11).  What
        could not be landed in time stays in the spool, for the next process; in
        the volatile mode it is counted as lost.  Where the drainer is in a
        transaction that does not end, the queue stays open, the answer says so,
        and closing it again waits again.  Closing twice is closing once.

        In a forked child it only lets go of what the child has inherited.
        """
        if not self._owner.is_here:
            if isinstance(self._source, Spool):  # a buffer is memory, and its lock perhaps held
                self._source.close()
            return Drained(drained=False, reason="the queue belongs to another process")
        end = None if timeout is None else time.monotonic() + timeout
        self._gate.close(timeout)
        stopped = False
        try:
            drained = self.drain_pending(_until(end))
        finally:
            left = _until(end)
            stopped = self._driver.stop(None if left is None else left + STOP_TIMEOUT)
            if stopped:
                self._abandon()
                self._source.close()
        if not stopped:
            reason = f"the drainer is in a transaction that has not ended after {timeout} seconds"
            return Drained(drained=False, pending=drained.pending, reason=reason)
        self._ended = drained
        return drained

    def step(self) -> float | None:
        """Make one move of a paused queue; none if there is nothing to do."""
        self._owner.require("the queue")
        return self._driver.step()

    def _drained(self, target: int) -> Drained:
        position = self._supervisor.position
        if position >= target:
            return Drained(drained=True)
        pending = tuple(each.event.event_id for each in self._source.read(position, NAMED))
        reason = self.last_panic if self.state is State.FAILED else ""
        return Drained(drained=False, pending=pending, reason=reason)

    def _abandon(self) -> None:
        self._counters.add(lost=self._source.abandon())

    # Looking

    @property
    def state(self) -> State:
        """What the drainer's life has come to."""
        return self._supervisor.life.state

    @property
    def last_panic(self) -> str:
        """What the drainer's last panic was; empty if it has had none."""
        return self._supervisor.life.reason

    @property
    def metrics(self) -> Metrics:
        """The counters as they are now."""
        return self._counters.now

    @property
    def turned_away(self) -> TurnedAway:
        """What the spool's quota has turned away, in this process and before (DRN-20)."""
        return self._source.turned_away

    def dlq_size(self) -> int:
        """Count the dead letters in the database now; raises if that is not possible (DRN-14)."""
        with self._connection() as connection:
            return replay.dlq_size(connection)

    def replay_dlq(self, only: Collection[str] | None = None) -> replay.Replay:
        """Append dead letters to the chain, all or those with the given event ids (DRN-15)."""
        with self._connection() as connection:
            return replay.replay_dlq(connection, signer=self._signer, only=only)

    @contextmanager
    def _connection(self) -> Iterator[Connection]:
        with translated("open the database"):
            connection = self._connect()
        with closing(connection):
            yield connection

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        drained = self.close_and_flush()
        if not drained:
            log.warning(
                "closed with %d events or more not landed: %s",
                len(drained.pending),
                drained.reason or "the time was up",
            )


def _until(end: float | None) -> float | None:
    """Return the seconds that are left, none without a limit."""
    return None if end is None else max(end - time.monotonic(), 0.0)

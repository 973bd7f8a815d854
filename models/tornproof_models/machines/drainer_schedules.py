"""
Explore every schedule of the drainer for a few events and faults.

The supervisor, the core and the sink are the reference's own; the database is
SQLite's, in memory; the spool is a list.  What may happen next is chosen from
outside: an event is submitted, the drainer makes a move, and during the move
one of its statements fails in one of the ways in which a statement can, or the
drainer panics there, or the process dies there.
"""

from collections.abc import Hashable, Sequence

from attrs import evolve
from tornproof.chain.append import append
from tornproof.chain.database import prepare
from tornproof.chain.row import Entry
from tornproof.drainer.event import decode
from tornproof.drainer.metrics import Counters as LiveCounters
from tornproof.drainer.metrics import Metrics
from tornproof.drainer.sink import Admitted, ChainSink
from tornproof.drainer.supervisor import State as LifeState
from tornproof.drainer.supervisor import Supervisor

from tornproof_models.contract.delivery import (
    Appended,
    ChainRow,
    Counters,
    DeadLetter,
    Died,
    Fact,
    Outcome,
    State,
    Struck,
    Submitted,
    judge,
)
from tornproof_models.contract.journal import Violation
from tornproof_models.database_faults import Kind, ProcessDied, Strike, When
from tornproof_models.faulty_database import FaultyConnection, MemoryDatabase
from tornproof_models.machines.drainer_steps import Move, Past, Restart, Rows, Saved, Submit
from tornproof_models.queues.delivery_program import event_id, payload_of
from tornproof_models.queues.delivery_run import FAULTS
from tornproof_models.queues.schedules import Exploration, explore

SPOOL_ID = "spool"
MAX_RESTARTS = 1
"""Panics in a row that are survived: two are then enough to see the drainer give up."""

ANYWHERE = (
    Strike(Kind.BUSY),
    Strike(Kind.FULL, When.ROLLED_BACK),
    Strike(Kind.READ_ONLY),
    Strike(Kind.IO_ERROR, When.AFTER),
    Strike(Kind.NO_SUCH_COLUMN),
)
"""
What may strike any statement.

An I/O error after a COMMIT that has run is the ambiguous one; a full disk at a
COMMIT is the one that is reported as failed and rolled back.
"""

AT_INSERT = (Strike(Kind.UNIQUE), Strike(Kind.RACE))
FALLS = (Strike(Kind.PANIC), Strike(Kind.DEATH))


class DrainerWorld:
    """
    The drainer with up to so many events, falls (panics and deaths), and faults of the database.

    `faults` bounds how many of the database strike in one schedule, none of them
    twice.
    """

    def __init__(self, *, events: int, falls: int, faults: int) -> None:
        self._events = events
        self._falls = falls
        self._faults = faults
        self._database = MemoryDatabase()
        identity = (SPOOL_ID,)
        prepare(self._database.anchor, "memory")
        self._database.anchor.execute("INSERT INTO signed_events_spools VALUES (?, 0)", identity)
        self._database.plan.on_strike = self._note
        self._database.plan.sibling = self._append_as_sibling
        self._connection: FaultyConnection | None = None
        self._past = Past()
        self._rows = self._read()
        self._tables: dict[Rows, bytes] = {}
        self._begin()

    def close(self) -> None:
        """Forget everything."""
        self._database.close()

    # A world

    def key(self) -> Hashable:
        """Tables, core, life, counters and what has happened."""
        supervisor = self._supervisor
        return (
            self._past,
            supervisor.life.state,
            supervisor.life.panics,
            supervisor.life.failures,
            supervisor.core,
            supervisor.position,
            self._counters.now,
            self._rows,
        )

    def save(self) -> Saved:
        """Copy everything; the tables once for all states that agree in them."""
        supervisor = self._supervisor
        if self._rows not in self._tables:
            self._tables[self._rows] = self._database.save()
        return Saved(
            self._past,
            supervisor.life,
            supervisor.core,
            supervisor.position,
            self._counters.now,
            self._rows,
        )

    def restore(self, saved: Saved) -> None:
        """Put everything back."""
        self._past = saved.past
        if self._rows != saved.rows:
            self._database.restore(self._tables[saved.rows])
            self._rows = saved.rows
        self._begin(saved.metrics)
        supervisor = self._supervisor
        supervisor.life, supervisor.core = saved.life, saved.core
        supervisor.position = saved.position
        if saved.life.state is LifeState.RUNNING:
            supervisor.sink = self._open_sink()

    def choices(self) -> Sequence[Submit | Move | Restart]:
        """Submit, move undisturbed, move with each misfortune at each statement, or die."""
        found: list[Submit | Move | Restart] = []
        if self._past.submitted < self._events:
            found.append(Submit())
        statements = self._statements()
        if statements is not None:
            found.append(Move())
            found += [Move(strike) for strike in self._misfortunes(statements)]
        if self._past.falls < self._falls or self._has_given_up():
            found.append(Restart())
        return found

    def take(self, choice: Submit | Move | Restart) -> None:
        """Let it happen."""
        match choice:
            case Submit():
                self._past = evolve(self._past, submitted=self._past.submitted + 1)
                self._counters.add(submitted=1)
            case Move(strike):
                self._move(strike)
            case Restart():
                if not self._has_given_up():
                    self._past = evolve(self._past, falls=self._past.falls + 1)
                self._die()

    def may_end(self) -> bool:
        """Say whether everything that was submitted has landed."""
        return self._past.submitted == self._events and self._is_at_rest()

    def violations(self) -> tuple[Violation, ...]:
        """Ask the contract."""
        chain, letters, ((position,),) = self._rows
        now = self._counters.now
        state = State(
            chain=tuple(ChainRow(number, name, None) for number, name in chain),
            dead_letters=tuple(
                DeadLetter(name, payload, reason) for name, payload, reason in letters
            ),
            quiescent=self._is_at_rest(),
            counters=Counters(
                now.submitted,
                now.refused,
                now.pending,
                now.chained,
                now.dead_lettered,
                now.lost,
            ),
            spool=tuple(event_id(number) for number in self._numbers(self._past.submitted)),
            position=position,
        )
        violations = judge(self._history(), state)
        if now.panics != self._past.panics:
            reason = self._supervisor.life.reason
            violations += (Violation("DRN-8", f"a panic that no fault caused: {reason}"),)
        return violations

    # What happens

    def _begin(self, metrics: Metrics | None = None) -> None:
        """Begin a process: nothing in flight, the position from the database."""
        _, _, ((position,),) = self._rows
        left = self._past.submitted - position
        self._counters = LiveCounters(metrics or Metrics(submitted=left, recovered=left))
        self._supervisor = Supervisor(
            self,
            self._open_sink,
            self._counters,
            position=position,
            max_restarts=MAX_RESTARTS,
        )

    def _move(self, strike: Strike | None) -> None:
        plan = self._database.plan
        plan.visited.clear()
        plan.strikes[:] = [strike] if strike else []
        try:
            self._supervisor.step()
        except ProcessDied:
            self._die()
        finally:
            plan.strikes.clear()
        if "begin" in plan.visited:
            self._rows = self._read()

    def _die(self) -> None:
        self._database.kill()
        self._rows = self._read()
        chain, letters, ((position,),) = self._rows
        died = Died(
            tuple(name for _, name in chain),
            tuple(name for name, _, _ in letters),
            tuple(event_id(number) for number in self._numbers(self._past.submitted))[position:],
        )
        self._past = evolve(self._past, died=died, before=self._past.submitted, panics=0)
        self._begin()

    def _statements(self) -> list[str] | None:
        """Find out which statements the next move makes; none if there is no move."""
        saved = self.save()
        plan = self._database.plan
        plan.visited.clear()
        moved = self._supervisor.step() is not None
        visited = list(plan.visited)
        self._rows = self._read()
        self.restore(saved)
        return visited if moved else None

    def _misfortunes(self, statements: Sequence[str]) -> list[Strike]:
        found: list[Strike] = []
        for nth, point in enumerate(statements, start=1):
            last = nth == len(statements)
            if self._past.falls < self._falls:
                found += [evolve(fall, nth=nth) for fall in FALLS]
                found += [evolve(fall, nth=nth, when=When.AFTER) for fall in FALLS if last]
            if len(self._past.faults) < self._faults:
                strikes = ANYWHERE + (AT_INSERT if point == "insert" else ())
                found += [evolve(each, nth=nth) for each in strikes]
        return [each for each in found if each.kind not in self._past.faults]

    def _note(self, strike: Strike, name: str | None) -> None:
        past = self._past
        if strike.kind is Kind.PANIC:
            self._past = evolve(past, falls=past.falls + 1, panics=past.panics + 1)
        elif strike.kind is Kind.DEATH:
            self._past = evolve(past, falls=past.falls + 1)
        else:
            struck = past.struck | {Struck(FAULTS[strike.kind], name)}
            self._past = evolve(past, struck=struck, faults=past.faults | {strike.kind})

    def _append_as_sibling(self) -> None:
        append(self._database.anchor, [Entry("sibling", "sibling", "type", "2026", b"")])

    def _open_sink(self) -> ChainSink:
        if self._connection is not None and self._connection.is_open:
            self._database.reach("open")
        else:
            self._connection = self._database.connect()
        return ChainSink(self._connection, spool_id=SPOOL_ID, clock=lambda: 0)

    # What there is

    def read(self, position: int, limit: int) -> list[Admitted]:
        """Be the spool: a list of all that was submitted."""
        numbers = list(self._numbers(self._past.submitted))[position : position + limit]
        return [Admitted(decode(payload_of(number)), number) for number in numbers]

    def release(self, position: int) -> None:
        """Be a spool that is never cleaned up."""

    def _numbers(self, count: int) -> range:
        return range(1, count + 1)

    def _is_at_rest(self) -> bool:
        landed = self._supervisor.position == self._past.submitted
        return landed and not self._has_given_up()

    def _has_given_up(self) -> bool:
        return self._supervisor.life.state is LifeState.FAILED

    def _read(self) -> Rows:
        return tuple(
            tuple(self._database.look(query))
            for query in (
                "SELECT sequence, id FROM signed_events ORDER BY sequence",
                "SELECT id, payload, failure_reason FROM signed_events_dlq",
                "SELECT position FROM signed_events_spools",
            )
        )

    def _history(self) -> list[Fact]:
        """Put the facts back into an order in which they may have happened."""
        submits = [
            Submitted(event_id(n), payload_of(n), Outcome.ADMITTED, 2 * n, 2 * n + 1)
            for n in self._numbers(self._past.submitted)
        ]
        facts: list[Fact] = [*submits[: self._past.before], Appended("sibling")]
        if self._past.died is not None:
            facts.append(self._past.died)
        return [*facts, *submits[self._past.before :], *self._past.struck]


def explore_drainer(*, events: int, falls: int, faults: int) -> Exploration:
    """Walk every schedule with up to so many events, panics or deaths, and database faults."""
    world = DrainerWorld(events=events, falls=falls, faults=faults)
    try:
        return explore(world)
    finally:
        world.close()


if __name__ == "__main__":
    print(explore_drainer(events=3, falls=2, faults=1))

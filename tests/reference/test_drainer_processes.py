"""
The whole queue in a process that is killed, over and over, on a real disk.

One spool and one database live through many lives of the process.  Each ends
with SIGKILL at a moment that nobody chose, while eight threads submit, the
drainer lands, segments of the spool begin and are removed, and somebody else
appends to the same chain.  A trigger in the database turns away one event in
fifty, so that there are dead letters.

After each death the contract is asked about what is there; after every fifth
the queue is opened again, and drained, and the contract is asked for everything.
"""

import random
import time
from collections.abc import Iterator
from contextlib import closing
from multiprocessing.connection import wait
from pathlib import Path

import pytest
from attrs import define, field
from tornproof.chain import Entry, append, connect, verify
from tornproof.drainer.event import decode
from tornproof.errors import Busy
from tornproof.journal import JournalReader
from tornproof_conformance.pytest_support.plugin import requirement
from tornproof_models.contract.delivery import (
    Appended,
    ChainRow,
    Counters,
    DeadLetter,
    Died,
    Fact,
    Fault,
    Outcome,
    Replayed,
    State,
    Struck,
    Submitted,
    judge,
)
from tornproof_models.machines.reference_queue import CHAIN, DEAD_LETTERS
from tornproof_models.queues.delivery_program import event_id, payload_of

from tests.reference import drainer_workers as workers
from tests.reference.processes import PATIENCE, read, start

LIVES = 15
WORDS = 200
"""Of a life, at most, before the death is decided upon; an event takes two."""

REST = 5
"""Lives after which the queue may come to rest."""

TURN_AWAY = """
CREATE TRIGGER turn_away BEFORE INSERT ON signed_events WHEN NEW.id GLOB 'e*[05]0'
BEGIN SELECT RAISE(ABORT, 'turned away'); END
"""


@define
class World:
    """A database and a spool, and all that was ever said about them."""

    directory: str
    history: list[Fact] = field(factory=list)
    siblings: int = 0

    def look(self, quiescent: bool = False, counters: Counters | None = None) -> State:
        """Read the tables, and the files of the spool."""
        reader = JournalReader(f"{self.directory}/spool", durable_only=False)
        spool = [(offset, decode(payload).event_id) for offset, payload in reader.scan()]
        with closing(connect(f"{self.directory}/audit.db")) as database:
            (position,) = database.execute("SELECT position FROM signed_events_spools").fetchone()
            return State(
                chain=tuple(ChainRow(*row) for row in database.execute(CHAIN)),
                dead_letters=tuple(DeadLetter(*row) for row in database.execute(DEAD_LETTERS)),
                quiescent=quiescent,
                counters=counters,
                spool=tuple(name for _, name in spool),
                position=sum(1 for offset, _ in spool if offset < position),
            )

    def append_as_sibling(self) -> None:
        """Append a row to the same chain, unless the drainer has it locked."""
        name = f"sibling-{self.siblings}"
        with closing(connect(f"{self.directory}/audit.db")) as database:
            try:
                append(database, [Entry(name, "sibling", "type", "2026", b"")])
            except Busy:
                return
        self.siblings += 1
        self.history.append(Appended(name))


@pytest.fixture
def world(tmp_path: Path) -> World:
    """An empty spool, and a database that turns some events away."""
    with workers.open_queue(str(tmp_path)), closing(connect(tmp_path / "audit.db")) as database:
        database.execute(TURN_AWAY)
    return World(str(tmp_path))


def live_and_die(world: World, life: int, source: random.Random) -> None:
    """Let the process live until it has said so much, and for a moment more."""
    process, words = start(workers.serve, world.directory, life, duplex=False)
    told = b""
    for enough in sorted(source.randrange(WORDS * workers.WORD.size) for _ in range(2)):
        while len(told) < enough:
            assert wait([words], PATIENCE), "no word from the process"
            more = read(words)
            assert more, "the process has ended by itself"
            told += more
        world.append_as_sibling()
    time.sleep(source.random() * 0.01)

    process.kill()
    process.join(PATIENCE)
    while more := read(words):
        told += more
    words.close()
    world.history += submits(told)


def submits(told: bytes) -> Iterator[Fact]:
    """Put what was said before and after each submit together."""
    invoked: dict[int, int] = {}
    for number, moment, what in workers.WORD.iter_unpack(told):
        assert what != workers.REFUSED, f"event {number} was refused"
        if what == workers.INVOKED:
            invoked[number] = moment
            if event_id(number).endswith(("00", "50")):
                yield Struck(Fault.PERMANENT, event_id(number))
            continue
        yield submitted(number, Outcome.ADMITTED, invoked.pop(number), moment)
    for number, moment in invoked.items():
        yield submitted(number, Outcome.UNKNOWN, moment, None)


def submitted(number: int, outcome: Outcome, invoked: int, returned: int | None) -> Submitted:
    """Say that an event was submitted."""
    return Submitted(event_id(number), payload_of(number), outcome, invoked, returned)


def note_death(world: World) -> None:
    """Ask the contract about what a death has left, and note it."""
    state = world.look()
    assert judge(world.history, state) == ()
    world.history.append(
        Died(
            chain=tuple(row.event_id for row in state.chain),
            dead_letters=tuple(letter.event_id for letter in state.dead_letters),
            spooled=(state.spool or ())[state.position :],
        )
    )


def come_to_rest(world: World, *, replay: bool = False) -> None:
    """Open, drain and close the queue in this process; ask the contract for everything."""
    with workers.open_queue(world.directory) as queue:
        assert queue.drain_pending(PATIENCE)
        if replay:
            world.history.append(Replayed(queue.replay_dlq().replayed))
            assert queue.replay_dlq().replayed == ()
        now = queue.metrics
    counters = Counters(
        now.submitted, now.refused, now.pending, now.chained, now.dead_lettered, now.lost
    )
    assert judge(world.history, world.look(quiescent=True, counters=counters)) == ()
    with closing(connect(f"{world.directory}/audit.db")) as database:
        assert verify(database).holds


@requirement("DRN-1", "DRN-3", "DRN-7", "DRN-9", "DRN-13", "DRN-15", "DRN-16", "DRN-17", "CHN-1")
def test_the_queue_survives_many_kills(world: World) -> None:
    """What was acknowledged is in the chain, or a dead letter, once, in order; nothing else is."""
    source = random.Random(20)

    for life in range(LIVES):
        live_and_die(world, life, source)
        note_death(world)
        if life % REST == REST - 1:
            come_to_rest(world)
            note_death(world)

    state = world.look()
    assert state.dead_letters, "some were turned away"
    assert world.siblings > LIVES, "somebody else appended in between"
    assert JournalReader(f"{world.directory}/spool").first > 0, "cleanup has removed something"
    with closing(connect(f"{world.directory}/audit.db")) as database:
        database.execute("DROP TRIGGER turn_away")
    come_to_rest(world, replay=True)
    assert world.look().dead_letters == ()

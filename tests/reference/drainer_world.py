"""What tests of the drainer share: events, databases in memory that fail on purpose, real ones."""

from contextlib import closing
from pathlib import Path
from typing import Any

from tornproof.chain import connect, verify
from tornproof.chain.database import configure, prepare
from tornproof.drainer import Bash, DeferredAuditQueue, Event, Refuse, encode
from tornproof.drainer.event import Encoded
from tornproof.drainer.sink import Admitted, ChainSink
from tornproof_models.database_faults import Strike
from tornproof_models.faulty_database import MemoryDatabase

SPOOL = "the-spool"


def event(number: int = 1, **changes: Any) -> Event:
    """Make an event; its id is minted at admission unless one is given."""
    members = {"event_id": None, "action": Bash(f"command {number}"), **changes}
    return Event("agent", decision=Refuse("R1", "because"), timestamp=number, **members)


def encoded(number: int = 1, **changes: Any) -> Encoded:
    """Make an admitted event with the id `e1`, `e2` and so on."""
    return encode(event(number, **{"event_id": f"e{number}", **changes}))


def admitted(*numbers: int) -> list[Admitted]:
    """Make a batch of them, the position behind each being its number."""
    return [Admitted(encoded(number), number) for number in numbers]


def database() -> MemoryDatabase:
    """Make a database with the tables, and one spool that nothing was drained from."""
    made = MemoryDatabase()
    prepare(made.anchor, "memory")
    made.anchor.execute("INSERT INTO signed_events_spools VALUES (?, 0)", (SPOOL,))
    return made


def sink(of: MemoryDatabase, *strikes: Strike) -> ChainSink:
    """Make a sink, and let things go wrong from then on."""
    made = ChainSink(configure(of.connect()), spool_id=SPOOL, clock=lambda: 0)
    of.plan.strikes += strikes
    return made


def volatile(of: MemoryDatabase, **options: Any) -> DeferredAuditQueue:
    """Make a paused queue on a database in memory, without a spool; its waits take no time."""
    return DeferredAuditQueue.open(
        "memory",
        **{
            "spool": None,
            "paused": True,
            "connect": lambda: configure(of.connect()),
            "sleep": lambda _: None,
            "clock": lambda: 0,
            **options,
        },
    )


def chain(of: MemoryDatabase) -> list[tuple[int, str]]:
    """Number and id of each row."""
    return of.look("SELECT sequence, id FROM signed_events ORDER BY sequence")


def dead_letters(of: MemoryDatabase) -> list[str]:
    """The id of each dead letter."""
    return [name for (name,) in of.look("SELECT id FROM signed_events_dlq ORDER BY dlq_id")]


def position(of: MemoryDatabase) -> int:
    """How far the spool is said to be drained."""
    return int(of.look("SELECT position FROM signed_events_spools")[0][0])


# On a real disk


def open_queue(directory: Path, **options: Any) -> DeferredAuditQueue:
    """Open the queue of a directory, with its spool."""
    return DeferredAuditQueue.open(directory / "audit.db", spool=directory / "spool", **options)


def ids(directory: Path) -> list[str]:
    """The ids in the chain, which holds."""
    with closing(connect(directory / "audit.db")) as database:
        assert verify(database).holds
        rows = database.execute("SELECT id FROM signed_events ORDER BY sequence").fetchall()
    return [name for (name,) in rows]


def leave_behind(directory: Path, *names: str, **options: Any) -> None:
    """Let a process end with these events in its spool, because the database was locked."""
    if not (directory / "audit.db").exists():
        open_queue(directory).close_and_flush()
    with closing(connect(directory / "audit.db")) as sibling:
        sibling.execute("BEGIN IMMEDIATE")
        queue = open_queue(directory, **options)
        assert all(queue.submit(event(event_id=name)) for name in names)
        assert queue.close_and_flush(timeout=0).pending[-len(names) :] == names


def contents(directory: Path) -> dict[str, bytes]:
    """Every file below a directory."""
    files = [file for file in directory.rglob("*") if file.is_file()]
    return {str(file.relative_to(directory)): file.read_bytes() for file in files}

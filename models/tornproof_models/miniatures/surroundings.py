"""
The surroundings of a small drainer: its database, another process, and faults.

The database alone outlives a process here.  A miniature that keeps more says so.
"""

from functools import cache

from tornproof_models.disk.faults import Fault as DiskFault
from tornproof_models.faulty_database import MemoryDatabase


@cache
def _tables(schema: str) -> bytes:
    database = MemoryDatabase()
    database.anchor.executescript(schema)
    return database.save()


class Surroundings:
    """A database with empty tables, and a disk of which nothing is asked."""

    def __init__(self, schema: str) -> None:
        self.database = MemoryDatabase(_tables(schema))

    def append_as_sibling(self, event_id: str) -> None:
        """Append a row as another process would."""
        self.database.anchor.execute(
            "INSERT INTO signed_events (id, sequence)"
            " SELECT ?, coalesce(max(sequence), 0) + 1 FROM signed_events",
            (event_id,),
        )

    def fail_disk(self, nth: int, fault: DiskFault) -> None:
        """Do nothing: the events wait in memory."""

    def disarm(self) -> None:
        """Let nothing go wrong any more."""
        self.database.plan.strikes.clear()

    def kill(self, power: int | None) -> None:
        """Keep the database, and what a process does not keep for itself."""
        self.database.kill(power=power is not None)

"""
The tables of a job queue, as values.

Everything a queue keeps is one frozen value, so a search can keep thousands of them
and compare two at the cost of a hash.  A store holds three of them: what the server
has in memory, what it has written, and what is durable.
"""

from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple


class State(StrEnum):
    """Where a job is."""

    READY = "ready"
    RUNNING = "running"
    DONE = "done"
    DEAD = "dead"


class Row(NamedTuple):
    """A job, as the queue keeps it."""

    job: str
    number: int
    """Its place in the queue; two rows may share a number if a queue mistakes them."""

    state: State = State.READY
    starts: int = 0
    deaths: int = 0
    """Starts that ended because the lease ran out; for queues that count them apart."""

    owner: str | None = None
    token: int = 0
    """Which lease this is; each lease has another number."""

    until_ms: int = 0
    """The moment at which the lease runs out."""

    reason: str | None = None


class Table(NamedTuple):
    """All that a queue keeps, and the rows of its user's own business."""

    rows: tuple[Row, ...] = ()
    effects: tuple[str, ...] = ()
    business: tuple[str, ...] = ()
    last_number: int = 0
    last_token: int = 0

    def find(self, job: str | None) -> Row | None:
        """Return the first row of a job."""
        return next((row for row in self.rows if row.job == job), None)

    def ready(self) -> list[Row]:
        """Return the rows that may be taken, in their order."""
        rows = [row for row in self.rows if row.state is State.READY]
        return sorted(rows, key=lambda row: row.number)

    def jobs(self, state: State) -> tuple[str, ...]:
        """Name the jobs in a state."""
        return tuple(row.job for row in self.rows if row.state is state)

    def insert(self, job: str) -> "Table":
        """Add a job at the end."""
        number = self.last_number + 1
        return self._replace(rows=(*self.rows, Row(job, number)), last_number=number)

    def replace(self, row: Row, changed: Row) -> "Table":
        """Change one row."""
        rows = list(self.rows)
        rows[rows.index(row)] = changed
        return self._replace(rows=tuple(rows))

    def remove(self, row: Row) -> "Table":
        """Delete one row."""
        rows = list(self.rows)
        rows.remove(row)
        return self._replace(rows=tuple(rows))

    def with_effect(self, job: str) -> "Table":
        """Do what the job is there for."""
        return self._replace(effects=(*self.effects, job))

    def with_business(self, jobs: Iterable[str]) -> "Table":
        """Write rows of the user's own."""
        return self._replace(business=(*self.business, *jobs))


class Store(NamedTuple):
    """What a server holds in memory, what it has written, and what is durable."""

    memory: Table = Table()
    written: Table = Table()
    """What is left when the server is killed and started again."""

    durable: Table = Table()
    """What is left when the machine loses its power."""

    def commit(self, table: Table, *, written: bool = True, durable: bool = True) -> "Store":
        """Put a table in the place of the last one, and write and sync it."""
        return Store(
            table,
            table if written else self.written,
            table if written and durable else self.durable,
        )

    def bounced(self) -> "Store":
        """Return what a restart of the server leaves."""
        return Store(self.written, self.written, self.durable)

    def powered_off(self) -> "Store":
        """Return what a loss of power leaves."""
        return Store(self.durable, self.durable, self.durable)

"""
The source of the durable mode: a journal of admitted events (DRN-3).

Spool and database name each other.  A file beside the segments has the ids of both; the
database has, under the id of the spool, the position up to which it has been drained.

    spool/
      spool.json               which spool, of which database; written once
      drainer.cursor           a lower bound of the position, for cleanup
      turned-away.json         how many events did not fit into the quota
      0000000000000000.wal     admitted events, in their canonical bytes

If the two do not match, nothing is drained: an event in the wrong chain is worse than an
event that waits.

Only acknowledged events are drained, or recovered.  An event that is not durable may be gone
after the next crash; if the database had a position after it, the next event, at the same
offset, would count as landed.
"""

import logging
import time
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import partial
from threading import Lock

from tornproof.chain.database import immediate, translated
from tornproof.chain.dialect import Connection
from tornproof.drainer.admission import Admission, open_journal
from tornproof.drainer.event import Encoded, decode
from tornproof.drainer.quota import Quota, TurnedAway
from tornproof.drainer.sink import Admitted
from tornproof.drainer.spool_identity import Identity, require_ours, write_identity
from tornproof.errors import Corrupt, ForeignSpool, Invalid, TornproofError, Unfinished
from tornproof.filesystem import Filesystem
from tornproof.journal import Cursor, JournalReader
from tornproof.record import frame_size

SEGMENT_BYTES = 8 << 20
"""
Size at which a segment of the spool is sealed: 8 MiB.

A segment is removed when the drainer is through with it, so its size, twice, is
what an idle spool may take.
"""

BATCH_BYTES = 1 << 20
"""Bytes of events read at once, if there are more: bounds memory (REC-9)."""

CURSOR = "drainer"

log = logging.getLogger("tornproof.drainer")


class Spool:
    """
    A journal of admitted events, read by offset.

    Use `Spool.open`, then `bind` it to a connection of its database.
    """

    def __init__(
        self,
        directory: str,
        filesystem: Filesystem,
        identity: Identity,
        admission: Admission,
        quota: Quota,
        *,
        first: int,
        end: int,
        segment_bytes: int,
    ) -> None:
        self.identity = identity
        self._directory = directory
        self._admission = admission
        self._quota = quota
        self._segment_bytes = segment_bytes
        self._first = first
        self._end = end
        self._moving = Lock()
        self._reading = Lock()
        # both read what has not been noted as durable yet: `_end` is the bound
        self._reader = JournalReader(directory, durable_only=False, filesystem=filesystem)
        self._cursor = Cursor.open(directory, CURSOR, filesystem=filesystem)
        self._released = 0
        self._clean_up_at = self._cursor.position + 1

    @classmethod
    def open(
        cls,
        directory: str,
        database: str,
        filesystem: Filesystem,
        *,
        segment_bytes: int = SEGMENT_BYTES,
        quota_bytes: int | None = None,
        threads: bool = True,
        clock: Callable[[], int] = time.time_ns,
    ) -> "Spool":
        """
        Open the spool of the database with this id, recovering it first.

        A directory that holds another database's spool, or a journal that is no
        spool, is refused before anything in it is touched.  Raises
        `ForeignSpool` for those, and what `Journal.open` raises.
        """
        require_ours(filesystem, directory, database)
        journal, admission = open_journal(
            directory, filesystem, segment_bytes=segment_bytes, threads=threads
        )
        try:
            identity = require_ours(filesystem, directory, database)
            if identity is None:
                identity = Identity(str(uuid.uuid4()), database)
                write_identity(filesystem, directory, identity)
            return cls(
                directory,
                filesystem,
                identity,
                admission,
                Quota(filesystem, directory, quota_bytes, clock),
                first=journal.first,
                end=journal.end,
                segment_bytes=segment_bytes,
            )
        except BaseException:
            admission.close()
            raise

    def bind(self, connection: Connection) -> int:
        """
        Find out up to where the database has drained this spool, and return that offset.

        Raises `ForeignSpool` if there is no such place in the journal: one of
        the two is an older copy, or not the one it says it is.
        """
        query = "SELECT position FROM signed_events_spools WHERE spool_id = ?"
        name = (self.identity.spool,)
        with translated(f"read the position of {self._directory}"):
            row = connection.execute(query, name).fetchone()
            if row is None and self._first == 0:
                with immediate(connection):
                    connection.execute("INSERT INTO signed_events_spools VALUES (?, 0)", name)
                row = (0,)
        if row is None:
            raise ForeignSpool(
                f"{self._directory} was drained into a later state of this database, which does "
                "not know it now: it seems to be an older copy; restore the newer one"
            )
        self._require_place(row[0])
        self._released = int(row[0])
        return self._released

    def backlog(self, position: int) -> int:
        """Count the events from `position` on, and make sure that they are events."""
        count = 0
        for offset, payload in self._reader.scan(position):
            self._decode(offset, payload)
            count += 1
        return count

    # A source

    @property
    def end(self) -> int:
        """Offset just past the last acknowledged event."""
        return self._end

    @property
    def poisoned(self) -> bool:
        """Whether the journal takes nothing until it is opened again (JRN-7, JRN-12)."""
        return self._admission.poisoned

    def admit(self, event: Encoded) -> None:
        """
        Append an event and return once it is durable.

        Raises `QueueFull` above the quota, and what an append raises.
        """
        size = frame_size(len(event.payload))
        self._quota.enter(size, self._end - self._released)
        try:
            future = self._admission.append(event.payload)
            future.add_done_callback(partial(self._admitted, size))  # also if nobody waits any more
            future.result()
            self._admitted(size, future)
        finally:
            self._quota.leave(size)

    def _admitted(self, size: int, future: "Future[int]") -> None:
        """Move the end behind an event, if it is durable."""
        if not future.cancelled() and future.exception() is None:
            with self._moving:
                self._end = max(self._end, future.result() + size)

    @property
    def turned_away(self) -> TurnedAway:
        """What the quota has turned away, in this process and before."""
        return self._quota.turned_away

    def read(self, position: int, limit: int) -> Sequence[Admitted]:
        """
        Return up to `limit` events from `position` on, or fewer if they are large.

        Below what was released it begins there.  Raises `Corrupt` if there is
        nothing where acknowledged events should be.
        """
        found: list[Admitted] = []
        with self._reading:
            end = self._end
            position = max(position, self._released)
            if position >= end:
                return found
            for offset, payload in self._reader.scan(position):
                behind = offset + frame_size(len(payload))
                found.append(Admitted(self._decode(offset, payload), behind))
                enough = len(found) == limit or behind - position >= BATCH_BYTES
                if enough or behind >= end:
                    break
        if not found:
            raise Corrupt(
                f"{self._directory}: nothing valid at offset {position}, and events up to {end} "
                "were acknowledged: another program changed the files; restore them from a copy"
            )
        return found

    def release(self, position: int) -> None:
        """
        Clean up below `position`, where everything has landed, if that is worth it.

        It is whenever another segment's worth has landed, and the first time,
        for what earlier processes left.  Not on opening: what the database says
        then may be a commit that was never synced, which a power cut would undo.
        A failure is logged and not raised: the events have landed all the same,
        and a later release tries again.
        """
        self._released = position
        if position < self._clean_up_at:
            return
        self._clean_up_at = position + self._segment_bytes
        try:
            with self._reading:
                self._cursor.advance(position)
                self._admission.cleanup().result()
        except TornproofError as error:
            log.warning("cannot clean up %s: %s", self._directory, error)

    def abandon(self) -> int:
        """Lose nothing: the events stay for the next process."""
        return 0

    def close(self) -> None:
        """
        Let go of the journal.

        A journal that is poisoned complains here of what was never acknowledged;
        whoever submitted that has been told.  Raises `Unfinished` if the disk
        does not answer.
        """
        try:
            self._admission.close()
        except Unfinished:
            raise
        except TornproofError as error:
            log.warning("closed %s: %s", self._directory, error)

    def _decode(self, offset: int, payload: bytes) -> Encoded:
        try:
            return decode(payload)
        except Invalid as error:
            raise Corrupt(
                f"{self._directory}: the record at offset {offset} is no event ({error}): somebody "
                "else wrote to the spool; nothing from there on is drained"
            ) from None

    def _require_place(self, position: int) -> None:
        """Raise `ForeignSpool` unless a record begins or may begin at `position`."""
        told = f"the database has drained {self._directory} up to offset {position}"
        if not self._first <= position <= self._end:
            raise ForeignSpool(
                f"{told}, and the journal there holds {self._first} to {self._end}: one of the two "
                "is an older copy; restore the newer one"
            )
        if position < self._end:
            try:
                self._reader.read(position)
            except TornproofError as error:
                raise ForeignSpool(f"{told}, where no record begins: {error}") from error

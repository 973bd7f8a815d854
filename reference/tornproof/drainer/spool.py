"""
The durable profile's source: a journal of admitted events (DRN-3).

The spool and the database must know each other.  A file beside the segments
names the spool and the database that it is drained into; the database keeps,
under the spool's name, the position up to which it has been drained.

    spool/
      spool.json               which spool, of which database; written once
      writer.lock
      0000000000000000.wal     admitted events, in their canonical bytes

The file is made before the first event is admitted and the position before the
first is drained, so whatever is missing after a crash stands for nothing.
Where the two do not match, nothing is drained: the one thing worse than an
event that waits is one that lands in the wrong chain.

Only what was acknowledged is drained, or recovered.  What an append failed to
make durable may be gone after the next crash; a position in the database behind
it would then make the next event, at the same offset, look as if it had landed.
"""

import json
import sqlite3
import uuid
from collections.abc import Sequence
from concurrent.futures import Future
from contextlib import suppress
from threading import Lock
from typing import Protocol

from attrs import asdict, frozen

from tornproof.chain.database import immediate, translated
from tornproof.drainer.event import Encoded, decode
from tornproof.drainer.sink import Admitted
from tornproof.errors import Corrupt, ForeignSpool, Invalid, TornproofError, from_os_error
from tornproof.filesystem import Filesystem
from tornproof.journal import Journal
from tornproof.journal.segments import segment_bases
from tornproof.record import frame_size

IDENTITY_NAME = "spool.json"
BATCH_BYTES = 1 << 20
"""Bytes of events read at once, if there are more: bounds memory (REC-9)."""


@frozen
class Identity:
    """What a spool says of itself."""

    spool: str
    database: str


class Admission(Protocol):
    """Makes records durable; group commit is one, `OneByOne` another."""

    def append(self, payload: bytes) -> "Future[int]":
        """Return a future of the record's offset, which resolves once it is durable."""
        ...


class OneByOne:
    """Admission with an fsync for each record; the lock keeps the journal to one thread."""

    def __init__(self, journal: Journal, lock: Lock) -> None:
        self._journal = journal
        self._lock = lock

    def append(self, payload: bytes) -> "Future[int]":
        """Append, and return a future that is already done."""
        future: Future[int] = Future()
        try:
            with self._lock:
                future.set_result(self._journal.append(payload))
        except Exception as error:
            future.set_exception(error)
        return future


class Spool:
    """
    A journal of admitted events, read by offset.

    Use `Spool.open`, then `bind` it to a connection of its database.
    """

    def __init__(self, journal: Journal, identity: Identity, directory: str) -> None:
        self.identity = identity
        self.safe = journal.first
        """Everything below this offset has landed, so cleanup may remove it."""

        self._directory = directory
        self._journal = journal
        self._lock = Lock()
        self._end = journal.end
        self._admission: Admission = OneByOne(journal, self._lock)

    @classmethod
    def open(cls, directory: str, database: str, filesystem: Filesystem) -> "Spool":
        """
        Open the spool of the database with this id, recovering it first.

        A directory that holds another database's spool, or a journal that is no
        spool, is refused before anything in it is touched.  Raises
        `ForeignSpool` for those, and what `Journal.open` raises.
        """
        _require_ours(filesystem, directory, database)
        journal = Journal.open(directory, filesystem=filesystem)
        try:
            identity = _require_ours(filesystem, directory, database)
            if identity is None:
                identity = Identity(str(uuid.uuid4()), database)
                _write_identity(filesystem, directory, identity)
        except BaseException:
            journal.close()
            raise
        return cls(journal, identity, directory)

    def bind(self, connection: sqlite3.Connection) -> int:
        """
        Find out up to where the database has drained this spool, and return that offset.

        Raises `ForeignSpool` if there is no such place in the journal: one of
        the two is an older copy, or not the one it says it is.
        """
        query = "SELECT position FROM signed_events_spools WHERE spool_id = ?"
        name = (self.identity.spool,)
        with translated(f"read the position of {self._directory}"):
            row = connection.execute(query, name).fetchone()
            if row is None and self._journal.first == 0:
                with immediate(connection):
                    connection.execute("INSERT INTO signed_events_spools VALUES (?, 0)", name)
                row = (0,)
        if row is None:
            raise ForeignSpool(
                f"{self._directory} was drained into a later state of this database, which does "
                "not know it now: it seems to be an older copy; restore the newer one"
            )
        self._require_place(row[0])
        self.release(row[0])
        return int(row[0])

    def backlog(self, position: int) -> int:
        """Count the events from `position` on, and make sure that they are events."""
        count = 0
        with self._lock:
            for offset, payload in self._journal.scan(position):
                self._decode(offset, payload)
                count += 1
        return count

    # A source

    @property
    def end(self) -> int:
        """Offset just past the last acknowledged event."""
        return self._end

    def admit(self, event: Encoded) -> None:
        """Append an event and return once it is durable.  Raises what an append raises."""
        offset = self._admission.append(event.payload).result()
        with self._lock:
            self._end = max(self._end, offset + frame_size(len(event.payload)))

    def read(self, position: int, limit: int) -> Sequence[Admitted]:
        """Return up to `limit` events from `position` on, or fewer if they are large."""
        found: list[Admitted] = []
        with self._lock:
            if position >= self._end:
                return found
            for offset, payload in self._journal.scan(position):
                behind = offset + frame_size(len(payload))
                found.append(Admitted(self._decode(offset, payload), behind))
                enough = len(found) == limit or behind - position >= BATCH_BYTES
                if enough or behind >= self._end:
                    break
        return found

    def release(self, position: int) -> None:
        """Note that everything below `position` has landed."""
        self.safe = position

    def abandon(self) -> int:
        """Lose nothing: the events stay for the next process."""
        return 0

    def close(self) -> None:
        """
        Let go of the journal.

        A journal that is poisoned complains here of what was never acknowledged;
        whoever submitted that has been told.
        """
        with self._lock, suppress(TornproofError):
            self._journal.close()

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
        first, end = self._journal.first, self._journal.end
        told = f"the database has drained {self._directory} up to offset {position}"
        if not first <= position <= end:
            raise ForeignSpool(
                f"{told}, and the journal there holds {first} to {end}: one of the two is an older "
                "copy; restore the newer one"
            )
        if position < end:
            try:
                self._journal.read(position)
            except TornproofError as error:
                raise ForeignSpool(
                    f"{told}, which is not where a record begins: {error}"
                ) from error


# Identity


def _require_ours(filesystem: Filesystem, directory: str, database: str) -> Identity | None:
    """Return what the spool says of itself, none if it is new; refuse another's."""
    try:
        names = filesystem.list_directory(directory)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise from_os_error(error, f"list {directory}") from error
    if IDENTITY_NAME not in names:
        if segment_bases(names):
            raise ForeignSpool(
                f"{directory} holds a journal that is no spool: name a directory of its own"
            )
        return None
    identity = _read_identity(filesystem, directory)
    if identity.database != database:
        raise ForeignSpool(
            f"{directory} is the spool of database {identity.database}, and this one is "
            f"{database}: open it with its own, or name another directory"
        )
    return identity


def _read_identity(filesystem: Filesystem, directory: str) -> Identity:
    path = f"{directory}/{IDENTITY_NAME}"
    try:
        file = filesystem.open_for_reading(path)
        try:
            data = file.read_at(0, file.size())
        finally:
            file.close()
    except OSError as error:
        raise from_os_error(error, f"read {path}") from error
    try:
        return Identity(**json.loads(data))
    except (ValueError, TypeError):
        raise Corrupt(f"{path} does not name a spool: restore it from a copy") from None


def _write_identity(filesystem: Filesystem, directory: str, identity: Identity) -> None:
    """Write the file under another name, make it durable, then give it its own."""
    path = f"{directory}/{IDENTITY_NAME}"
    data = json.dumps(asdict(identity)).encode()
    try:
        file = filesystem.open(f"{path}.tmp", create=True)
        try:
            file.truncate(0)
            written = 0
            while written < len(data):
                written += file.write_at(written, data[written:])
            file.sync()
        finally:
            file.close()
        filesystem.rename(f"{path}.tmp", path)
        filesystem.sync_directory(directory)
    except OSError as error:
        raise from_os_error(error, f"write {path}") from error

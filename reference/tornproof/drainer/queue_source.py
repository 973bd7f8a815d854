"""
Open a queue's database, and the place where its events wait.
"""

from collections.abc import Callable
from contextlib import closing

from tornproof.chain import database as chain_database
from tornproof.chain.database import Connect, translated
from tornproof.drainer.buffer import Buffer
from tornproof.drainer.spool import Spool
from tornproof.drainer.spool_owner import require_own
from tornproof.filesystem import Filesystem, OsFilesystem


def open_source(
    path: str,
    connect: Connect,
    spool: str | None,
    filesystem: Filesystem | None,
    *,
    capacity: int,
    segment_bytes: int,
    quota_bytes: int | None,
    threads: bool,
    clock: Callable[[], int],
) -> tuple[Spool | Buffer, int, int]:
    """
    Prepare the database at `path`, then open its spool, or a buffer of `capacity` events.

    Returns the source, the position up to which the database has been drained, and how many
    events an earlier process left in the spool.  Nothing stays open when it raises.
    """
    with translated(f"open {path}"):
        connection = connect()
    with closing(connection):
        identity = chain_database.prepare(connection, path)
        if spool is None:
            return Buffer(capacity), 0, 0
        if filesystem is None:
            require_own(spool)
        source = Spool.open(
            spool,
            identity,
            filesystem or OsFilesystem(),
            segment_bytes=segment_bytes,
            quota_bytes=quota_bytes,
            threads=threads,
            clock=clock,
        )
        try:
            position = source.bind(connection)
            return source, position, source.backlog(position)
        except BaseException:
            source.close()
            raise

"""
Dead letters: count them, read them, replay them.

A replay appends the bytes that were kept, at the current head, under the
original id and time, and removes the dead letter in the same transaction
(DRN-15).  So a replay that is interrupted has happened or has not, and a second
one finds nothing left to do.
"""

from collections.abc import Collection, Iterator

from attrs import frozen

from tornproof.chain.append import Signer, insert, read_head
from tornproof.chain.database import immediate, require_shape, translated
from tornproof.chain.dialect import Connection
from tornproof.drainer.dead_letter import DeadLetter
from tornproof.drainer.event import decode
from tornproof.drainer.sink import entry_of, in_chain
from tornproof.errors import Corrupt, TornproofError, WrongSchema

_COLUMNS = (
    "dlq_id, id, agent_id, event_type, payload_hash, signature, attest_level, timestamp,"
    " failure_reason, failed_at, payload"
)


@frozen
class Replay:
    """What a replay did; `failed` says, for each dead letter that stayed, why."""

    replayed: tuple[str, ...]
    failed: tuple[tuple[str, str], ...]


def dlq_size(connection: Connection) -> int:
    """
    Count the dead letters as they are now.

    Raises what `from_sqlite_error` gives if they cannot be counted: that is
    never 0 (DRN-14).
    """
    with translated("count the dead letters"):
        (count,) = connection.execute("SELECT count(*) FROM signed_events_dlq").fetchone()
    return int(count)


def dead_letters(connection: Connection) -> Iterator[DeadLetter]:
    """Yield the dead letters, oldest first.  Raises `WrongSchema` where there is no such table."""
    with translated("read the dead letters"):
        if "signed_events_dlq" in require_shape(connection, "the database"):
            raise WrongSchema("the database has no table signed_events_dlq")
        query = f"SELECT {_COLUMNS} FROM signed_events_dlq ORDER BY dlq_id"
        for columns in connection.execute(query):
            yield DeadLetter(*columns)


def replay_dlq(
    connection: Connection,
    *,
    signer: Signer | None = None,
    only: Collection[str] | None = None,
) -> Replay:
    """
    Append dead letters to the chain, oldest first, each in a transaction of its own.

    `only` selects by event id.  One that cannot be appended stays where it is
    and does not keep the others.
    """
    replayed, failed = [], []
    for letter in list(dead_letters(connection)):
        if only is not None and letter.event_id not in only:
            continue
        try:
            with translated(f"replay {letter.event_id}"):
                moved = _replay(connection, letter, signer)
        except TornproofError as error:
            failed.append((letter.event_id, str(error)))
        else:
            replayed += [letter.event_id] if moved else []
    return Replay(tuple(replayed), tuple(failed))


def _replay(connection: Connection, letter: DeadLetter, signer: Signer | None) -> bool:
    """Move one dead letter; say whether it was still there to move."""
    event = decode(letter.payload)
    if event.payload_hash != letter.payload_hash:
        raise Corrupt("its bytes do not match its hash: it was edited; it was not replayed")
    with immediate(connection):
        removed = connection.execute(
            "DELETE FROM signed_events_dlq WHERE dlq_id = ?", (letter.dlq_id,)
        )
        if removed.rowcount == 0:
            return False
        if not in_chain(connection, event):
            insert(connection, read_head(connection), entry_of(event), signer=signer)
    return True

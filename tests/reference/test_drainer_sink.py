"""The sink: residence, insertion and cursor, all or nothing."""

import json
import sqlite3

import pytest
from attrs import evolve
from tornproof.chain import Ed25519Signer, append, verify
from tornproof.chain.database import configure
from tornproof.drainer.failure import Failure, classify
from tornproof.drainer.replay import dead_letters as letters
from tornproof.drainer.sink import Admitted, ChainSink, Residence, entry_of
from tornproof.errors import BrokenConnection, ForeignSpool, UnsequencedRow
from tornproof_conformance.pytest_support.plugin import requirement
from tornproof_models.database_faults import Kind, Strike, When

from tests.reference.drainer_world import (
    SPOOL,
    admitted,
    chain,
    database,
    dead_letters,
    encoded,
    position,
    sink,
)

CHAINED, DEAD = Residence.CHAIN, Residence.DEAD_LETTERS


@requirement("DRN-17")
def test_events_and_cursor_land_together() -> None:
    """Three rows, and the position behind the last."""
    world = database()

    assert sink(world).append(admitted(1, 2, 3)) == [CHAINED] * 3
    assert chain(world) == [(1, "e1"), (2, "e2"), (3, "e3")]
    assert position(world) == 3
    assert verify(world.anchor).holds


@requirement("EVT-3", "DRN-15")
def test_a_row_has_the_columns_of_the_event() -> None:
    """Type, hash, time and canonical bytes; the payload says the rest."""
    world = database()
    sink(world).append(admitted(1))
    [row] = world.look(
        "SELECT agent_id, event_type, attest_level, timestamp, payload FROM signed_events"
    )

    assert row[:4] == ("agent", "governance.refusal", "unsigned", "1970-01-01T00:00:00.000000001Z")
    assert json.loads(row[4])["decision"]["reason"] == "because"


@requirement("DRN-5", "DRN-15")
def test_a_dead_letter_keeps_everything() -> None:
    """The columns of the event, the reason, the moment, the bytes; and the cursor moves."""
    world = database()

    assert sink(world).dead_letter(admitted(1)[0], "no such column") is DEAD
    [row] = world.look(
        "SELECT id, agent_id, timestamp, failure_reason, failed_at, payload FROM signed_events_dlq"
    )
    assert row == (
        "e1",
        "agent",
        "1970-01-01T00:00:00.000000001Z",
        "no such column",
        "1970-01-01T00:00:00.000000000Z",
        encoded(1).payload,
    )
    assert (chain(world), position(world)) == ([], 1)


@requirement("DRN-7")
def test_what_is_in_the_chain_is_left_there() -> None:
    """Appending again, or dead-lettering, finds it, and moves the cursor alone."""
    world = database()
    landing = sink(world)
    landing.append(admitted(1))

    assert landing.append(admitted(1, 2)) == [CHAINED, CHAINED]
    assert landing.dead_letter(admitted(1)[0], "why") is CHAINED
    assert (chain(world), dead_letters(world)) == ([(1, "e1"), (2, "e2")], [])


@requirement("DRN-7")
def test_what_is_dead_is_not_appended() -> None:
    """It stays where somebody may have seen it."""
    world = database()
    landing = sink(world)
    landing.dead_letter(admitted(1)[0], "why")

    assert landing.append(admitted(1, 2)) == [DEAD, CHAINED]
    assert landing.dead_letter(admitted(1)[0], "again") is DEAD
    assert (chain(world), dead_letters(world)) == ([(1, "e2")], ["e1"])


@requirement("DRN-7")
@pytest.mark.parametrize("when", [When.AFTER, When.ROLLED_BACK, When.BEFORE])
def test_a_commit_that_reports_an_error_may_be_repeated(when: When) -> None:
    """Whether it committed or not, the event is there once after the second attempt."""
    world = database()
    landing = sink(world, Strike(Kind.IO_ERROR, when, "commit"))
    with pytest.raises(sqlite3.OperationalError):
        landing.append(admitted(1))

    assert len(chain(world)) == (1 if when is When.AFTER else 0)
    assert landing.append(admitted(1)) == [CHAINED]
    assert (chain(world), position(world)) == ([(1, "e1")], 1)


@requirement("DRN-7", "DRN-17")
@pytest.mark.parametrize("nth", range(1, 8))
def test_an_error_anywhere_undoes_everything(nth: int) -> None:
    """Whichever of the seven statements fails, nothing has happened, and the sink can go on."""
    world = database()
    landing = sink(world, Strike(Kind.NO_SUCH_COLUMN, nth=nth))
    with pytest.raises(sqlite3.OperationalError):
        landing.append(admitted(1))

    assert (chain(world), position(world)) == ([], 0)
    assert landing.append(admitted(1)) == [CHAINED]


@requirement("DRN-4", "CHN-8")
def test_a_real_race_is_a_real_unique_violation() -> None:
    """A sibling appends between the head and the insertion; SQLite says 2067; nothing is lost."""
    world = database()
    world.plan.sibling = lambda: append(world.anchor, [entry_of(encoded(9))])
    landing = sink(world, Strike(Kind.RACE, point="insert"))

    with pytest.raises(sqlite3.IntegrityError) as caught:
        landing.append(admitted(1))
    assert caught.value.sqlite_errorcode == 2067
    assert classify(caught.value) is Failure.RACE

    assert landing.append(admitted(1)) == [CHAINED]
    assert chain(world) == [(1, "e9"), (2, "e1")]
    assert verify(world.anchor).holds


@requirement("EVT-6")
def test_another_event_with_an_id_that_is_taken_is_turned_away() -> None:
    """The primary key says 1555, which is no race; the event can be dead-lettered."""
    world = database()
    landing = sink(world)
    landing.append(admitted(1))
    other = Admitted(encoded(2, event_id="e1"), 2)

    with pytest.raises(sqlite3.IntegrityError) as caught:
        landing.append([other])
    assert caught.value.sqlite_errorcode == 1555
    assert classify(caught.value) is Failure.PERMANENT
    assert landing.dead_letter(other, "taken") is DEAD


def test_the_sink_says_which_of_a_batch_failed() -> None:
    """Counted from 0; a transaction that does not begin is the first one's."""
    world = database()
    landing = sink(world, Strike(Kind.UNIQUE, point="insert", nth=3))
    with pytest.raises(sqlite3.IntegrityError):
        landing.append(admitted(1, 2, 3))
    assert landing.at == 2

    world.plan.strikes.append(Strike(Kind.BUSY, point="begin"))
    with pytest.raises(sqlite3.OperationalError):
        landing.append(admitted(1))
    assert landing.at == 0


@requirement("CHN-1")
def test_nothing_is_appended_behind_a_row_without_a_number() -> None:
    """Which is a decision and not an accident, so the event goes to the dead letters."""
    world = database()
    landing = sink(world)
    landing.append(admitted(1, 2))
    world.anchor.execute("UPDATE signed_events SET sequence = NULL WHERE id = 'e1'")

    with pytest.raises(UnsequencedRow):
        landing.append(admitted(3))
    assert landing.dead_letter(admitted(3)[0], "why") is DEAD


@requirement("DRN-17")
def test_the_cursor_never_moves_backwards() -> None:
    """Landing again what lies below it leaves it where it is."""
    world = database()
    landing = sink(world)
    landing.append(admitted(1, 2, 3))
    landing.append(admitted(1))

    assert position(world) == 3


@requirement("DRN-17")
def test_a_database_that_does_not_know_the_spool_takes_nothing() -> None:
    """Somebody has put another one in its place."""
    world = database()
    landing = sink(world)
    world.anchor.execute("DELETE FROM signed_events_spools")

    with pytest.raises(ForeignSpool, match=SPOOL):
        landing.append(admitted(1))
    assert chain(world) == []


@requirement("CHN-7")
def test_rows_are_signed_if_there_is_a_signer() -> None:
    """And verify with its key."""
    world = database()
    signer = Ed25519Signer(bytes(32))
    landing = ChainSink(configure(world.connect()), signer=signer, clock=lambda: 0)
    landing.append(admitted(1, 2))

    assert verify(world.anchor, keys=[signer.public_key], require_signatures=True).holds


@requirement("DRN-19")
def test_dead_letters_are_signed_if_there_is_a_signer() -> None:
    """With the level, over the columns of the letter; not by another key, not after an edit."""
    world, signer = database(), Ed25519Signer(bytes(32))
    landing = ChainSink(configure(world.connect()), signer=signer, clock=lambda: 0)
    landing.dead_letter(admitted(1)[0], "a reason")
    sink(world).dead_letter(admitted(2)[0], "another")

    signed, unsigned = letters(world.anchor)
    fields = (
        b"tornproof/drainer/dead-letter/v1",
        b"e1",
        b"agent",
        b"governance.refusal",
        signed.payload_hash,
        b"self_signed",
        b"1970-01-01T00:00:00.000000001Z",
        b"a reason",
        b"1970-01-01T00:00:00.000000000Z",
    )
    written = b"".join(len(field).to_bytes(8, "big") + field for field in fields)
    assert signed.signature == signer.sign(written)
    assert (signed.attest_level, unsigned.attest_level) == ("self_signed", "unsigned")
    assert signed.is_signed_by(signer.public_key)
    assert not signed.is_signed_by(Ed25519Signer(b"1" * 32).public_key)
    assert not evolve(signed, failure_reason="edited").is_signed_by(signer.public_key)
    assert not unsigned.is_signed_by(signer.public_key)


@requirement("DRN-8")
def test_a_transaction_that_cannot_be_undone_is_a_panic() -> None:
    """The connection is of no use; closing it frees the lock."""
    world = database()
    landing = sink(
        world, Strike(Kind.FULL, point="insert"), Strike(Kind.IO_ERROR, point="rollback")
    )
    with pytest.raises(BrokenConnection) as caught:
        landing.append(admitted(1))
    assert classify(caught.value) is None

    landing.close()
    assert sink(world).append(admitted(1)) == [CHAINED]

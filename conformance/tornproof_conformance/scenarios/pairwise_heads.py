"""
Scenarios about what makes more of a pairwise chain: keys, a saved head, a migration.

What v0.7 and v1.0 sign is written down a second time in the contract.
"""

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from hashlib import sha256
from typing import cast

from attrs import evolve
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tornproof.errors import TornproofError
from tornproof_models.contract.hash_chain import (
    COLUMNS,
    FINDS_NOTHING,
    PairwiseRow,
    Row,
    judge_rows,
    later_chain,
    later_pairwise_hash,
    later_signed,
    pairwise_chain,
    pairwise_hash,
)
from tornproof_models.contract.journal import Violation
from tornproof_models.crash.subject import Subject
from tornproof_models.database_faults import Kind, ProcessDied, Strike, When
from tornproof_models.faulty_database import MemoryDatabase

from tornproof_conformance.scenarios.pairwise import (
    PAIRWISE,
    ROWS,
    changed,
    verified,
    verifies_pairwise,
    write_rows,
)
from tornproof_conformance.scenarios.scenario import scenario
from tornproof_conformance.subjects.queues import MigratesPairwise

KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))
PUBLIC = KEY.public_key().public_bytes_raw()
OTHER = Ed25519PrivateKey.from_private_bytes(bytes([1] * 32)).public_key().public_bytes_raw()
CAUSE = sha256(b"cause").digest()


def _signed() -> Iterator[tuple[str, PairwiseRow]]:
    """Yield a last row for each way in which one may be signed, and what to call it."""
    joined, later = pairwise_chain(ROWS)[-1], later_chain(ROWS)[-1]
    joined, later = (evolve(row, attest_level="daemon_signed") for row in (joined, later))
    caused = evolve(later, cause_hash=CAUSE)
    for words, row, message in (
        ("of v0.7, its payload hash", joined, joined.payload_hash),
        ("of v1.0, its payload hash", later, later.payload_hash),
        ("of v1.0, payload hash and cause", caused, _caused(caused)),
        ("of v1.0, the whole row", later, later_signed(later)),
        ("of v1.0, the whole row with its cause", caused, later_signed(caused)),
    ):
        yield words, evolve(row, signature=KEY.sign(message))


def _caused(row: PairwiseRow) -> bytes:
    assert row.cause_hash is not None
    return sha256(row.payload_hash + b"\x1f" + row.cause_hash).digest()


@scenario("CHN-11", claim=PAIRWISE, where=verifies_pairwise)
def a_pairwise_signature_is_checked(subject: Subject) -> Iterator[Violation]:
    """Each form of signature passes with its key; with another key or none it is a break."""
    for words, row in _signed():
        whole = pairwise_chain(ROWS) if "v0.7" in words else later_chain(ROWS)
        rows = [*whole[:-1], row]
        unsigned = evolve(row, signature=None, attest_level="unsigned")
        if verified(subject, [*whole[:-1], unsigned])[0]:
            continue  # broken without a signature, which is no matter of signatures
        forged = changed(rows, ROWS, payload_hash=bytes(32))
        for how, given, keys, holds in (
            ("with its key", rows, [OTHER, PUBLIC], True),
            ("with another key", rows, [OTHER], False),
            ("without a key", rows, [], False),
            ("with its key and another payload hash", forged, [PUBLIC], False),
            ("with its key, the signature cut", _cut(rows), [PUBLIC], False),
        ):
            breaks, _, _ = verified(subject, given, keys=keys)
            if holds == bool(breaks):
                found = "; ".join(map(str, breaks)) or "none"
                message = f"a last row, signed ({words}), {how}: the breaks are {found}"
                yield Violation("CHN-11", message, "" if breaks else FINDS_NOTHING)


def _cut(rows: Sequence[PairwiseRow]) -> list[PairwiseRow]:
    signature = rows[-1].signature
    assert signature is not None
    return changed(rows, ROWS, signature=signature[:-1])


@scenario("CHN-11", claim=PAIRWISE, where=verifies_pairwise)
def a_pairwise_head_is_looked_for(subject: Subject) -> Iterator[Violation]:
    """A chain contains its head and earlier heads; cut or rewritten, it does not."""
    for words, rows, hashed in (
        ("of v0.7", pairwise_chain(ROWS), pairwise_hash),
        ("of v1.0", later_chain(ROWS), later_pairwise_hash),
    ):
        if verified(subject, rows)[0]:
            continue  # broken without a head
        head, earlier = hashed(rows[-1]), hashed(rows[1])
        rewritten = changed(rows, ROWS, agent_id="somebody else")
        for how, given, saved, holds in (
            ("whole, against its head", rows, head, True),
            ("whole, against an earlier head", rows, earlier, True),
            ("whole, against no head of its own", rows, bytes([7] * 32), False),
            ("cut by its last row", rows[:-1], head, False),
            ("with its last row rewritten", rewritten, head, False),
        ):
            breaks, _, _ = verified(subject, given, head=saved)
            if holds == bool(breaks):
                found = "; ".join(map(str, breaks)) or "none"
                message = f"a chain {words}, {how}: the breaks are {found}"
                yield Violation("CHN-11", message, "" if breaks else FINDS_NOTHING)


# Migration


def migrates(subject: Subject) -> bool:
    """Tell whether a subject goes on from old chains, in this process."""
    return isinstance(subject, MigratesPairwise)


@scenario("CHN-12", claim=PAIRWISE, where=migrates)
def going_on_from_an_old_chain_loses_nothing(subject: Subject) -> Iterator[Violation]:
    """A migration keeps the old rows, names them in the new first row, and runs only once."""
    whole = pairwise_chain(ROWS)
    for rows in (whole, later_chain(ROWS), later_chain(ROWS, 2), [], [*whole[:2], *whole[3:]]):
        database = _old_database(rows)
        with closing(database):
            before = _dump(database, "signed_events")
            cast("MigratesPairwise", subject).migrate_pairwise(database.anchor)
            yield from _migrated(database, before, rows)
            state = database.save()
            with suppress(TornproofError):
                cast("MigratesPairwise", subject).migrate_pairwise(database.anchor)
                yield Violation("CHN-12", "a chain that was migrated is migrated once more")
            if database.save() != state:
                yield Violation("CHN-12", "a migration that is refused changes the database")


@scenario("CHN-12", claim=PAIRWISE, where=migrates)
def a_migration_happens_whole_or_not_at_all(subject: Subject) -> Iterator[Violation]:
    """If any statement of a migration fails or the process dies, one whole chain is there."""
    rows = pairwise_chain(ROWS)
    for kind in (Kind.FULL, Kind.DEATH):
        for number in range(1, 40):
            database = _old_database(rows)
            with closing(database):
                before = _dump(database, "signed_events")
                connection = database.connect()
                database.plan.strikes.append(Strike(kind, When.BEFORE, None, number))
                failed = False
                try:
                    cast("MigratesPairwise", subject).migrate_pairwise(connection)
                except (TornproofError, sqlite3.Error, ProcessDied):
                    failed = True
                database.kill()
                if _dump(database, "signed_events") == before:
                    continue
                for found in _migrated(database, before, rows):
                    words = f"{kind.value} at statement {number} of a migration"
                    yield Violation("CHN-12", f"{words}: {found.message}")
                if not failed:
                    break


def _old_database(rows: Sequence[PairwiseRow]) -> MemoryDatabase:
    """Make a database with an old chain and an old dead letter."""
    database = MemoryDatabase()
    write_rows(database.anchor, rows)
    database.anchor.execute("CREATE TABLE signed_events_dlq (id, failure_reason)")
    database.anchor.execute("INSERT INTO signed_events_dlq VALUES ('e1', 'because')")
    return database


def _dump(database: MemoryDatabase, table: str) -> list[tuple[object, ...]]:
    with suppress(sqlite3.Error):
        return database.look(f"SELECT * FROM {table} ORDER BY rowid")
    return []


def _migrated(
    database: MemoryDatabase, before: list[tuple[object, ...]], rows: Sequence[PairwiseRow]
) -> Iterator[Violation]:
    """Say what is wrong with a database that was migrated."""
    if _dump(database, "signed_events_pairwise") != before:
        yield Violation("CHN-12", "signed_events_pairwise is not what the old chain was")
    if _dump(database, "signed_events_dlq_pairwise") != [("e1", "because")]:
        yield Violation("CHN-12", "signed_events_dlq_pairwise is not what the dead letters were")
    query = f"SELECT {', '.join(COLUMNS)} FROM signed_events ORDER BY sequence"
    new = [Row(*columns) for columns in database.look(query)]
    yield from judge_rows(new)
    if len(new) != 1:
        yield Violation("CHN-12", f"the new chain begins with {len(new)} rows")
        return
    (first,) = new
    said = json.loads(first.payload)
    last = rows[-1] if rows else None
    head = later_pairwise_hash(last).hex() if last else bytes(32).hex()
    expected = {"rows": len(rows), "sequence": last.sequence if last else 0, "head": head}
    is_whole = expected["rows"] == expected["sequence"]
    told = {name: said.get(name) for name in expected}
    if told != expected or (said.get("breaks") == 0) != is_whole:
        yield Violation("CHN-12", f"the first row says {said}, and the old chain is {expected}")

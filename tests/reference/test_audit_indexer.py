"""The index is a fold of a journal: stop it anywhere, start it again, build it from nothing."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from tornproof.audit import AuditIndexer, AuditStore, QueryAudit, decode, encode, indexer
from tornproof.errors import (
    BeyondEnd,
    Conflict,
    Corrupt,
    NewerVersion,
    NotABoundary,
    TornproofError,
    Trimmed,
)
from tornproof.journal import Journal, JournalReader
from tornproof.keys import POSITION_KEY
from tornproof.kv import KeyValueStore, MemoryKeyValueStore, SqliteKeyValueStore
from tornproof_conformance.pytest_support.plugin import requirement
from tornproof_models.machines.indexer_machine import Tape
from tornproof_models.machines.sqlite_process import Died, SqliteProcess

ONE = b"1" * 32


def record(number: int, timestamp: int | None = None) -> bytes:
    """Make the record of an audit; every third is anonymous."""
    return encode(
        QueryAudit(
            query_id=number.to_bytes(32, "big"),
            agent_id=None if number % 3 == 0 else ONE,
            timestamp=1000 + number if timestamp is None else timestamp,
            result_confidence=0.5,
        )
    )


def contents(store: KeyValueStore) -> dict[bytes, bytes | None]:
    """Read everything, the position included."""
    return {key: store.get(key) for key in store.keys(b"", b"\xff" * 99)}


def built(source: indexer.RecordSource) -> dict[bytes, bytes | None]:
    """Build an index from nothing, and read everything in it."""
    store = MemoryKeyValueStore()
    AuditIndexer(store, source).catch_up()
    return contents(store)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    """A journal of twenty audits in several segments."""
    with Journal.open(
        str(tmp_path / "journal"), segment_bytes=1000, durability="eventual"
    ) as journal:
        for number in range(20):
            journal.append(record(number))
        yield journal


@pytest.fixture
def tape() -> Tape:
    """Twenty audits at the offsets that a journal would give them."""
    tape = Tape()
    for number in range(20):
        tape.append(record(number))
    return tape


@requirement("SYS-1", "SYS-2")
def test_follows_a_journal(journal: Journal, tmp_path: Path) -> None:
    """The audits of the journal are in the index, which says where it stands."""
    store = SqliteKeyValueStore(tmp_path / "db")

    position = AuditIndexer(store, journal).catch_up()

    audits = AuditStore(store)
    assert position == AuditIndexer(store, journal).position == journal.end
    assert [audit.timestamp for audit in audits.recent(20)] == list(range(1019, 999, -1))
    assert len(audits.by_agent(ONE, limit=99)) == 13
    store.close()


@requirement("SYS-1")
def test_goes_on_where_it_stands(journal: Journal) -> None:
    """What came since is applied, and nothing twice."""
    store = MemoryKeyValueStore()
    AuditIndexer(store, journal).catch_up()
    journal.append(record(20))
    read: list[int] = []

    class Watched:
        def scan(self, start: int) -> Iterator[tuple[int, bytes]]:
            for offset, payload in journal.scan(start):
                read.append(offset)
                yield offset, payload

    position = AuditIndexer(store, Watched()).catch_up()

    assert position == journal.end
    assert len(read) == 1
    assert contents(store) == built(journal)


@requirement("SYS-1", "SYS-2")
@pytest.mark.parametrize("batch", [1, 3, 256])
def test_can_die_at_any_statement(tape: Tape, batch: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a death at whichever statement, a restart ends where an undisturbed run does."""
    monkeypatch.setattr(indexer, "BATCH_RECORDS", batch)
    expected = built(tape)

    died = 0
    for statements in range(0, 400, 7):
        process = SqliteProcess()
        try:
            with process.dying_after(statements):
                AuditIndexer(process.store, tape).catch_up()
        except Died:
            died += 1
        assert AuditIndexer(process.store, tape).catch_up() == tape.end
        assert contents(process.store) == expected
        process.close()

    assert died > 10


@requirement("SYS-1")
def test_a_full_batch_is_bounded_in_bytes_too(tape: Tape, monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch ends with the record that reaches the bound."""
    monkeypatch.setattr(indexer, "BATCH_BYTES", 400)
    writes: list[int] = []

    class Counting(MemoryKeyValueStore):
        def write(
            self,
            changes: Mapping[bytes, bytes | None],
            *,
            expected: Mapping[bytes, bytes | None] = {},
        ) -> bool:
            writes.append(len(changes))
            return super().write(changes, expected=expected)

    AuditIndexer(Counting(), tape).catch_up()

    assert len(writes) == 10  # of two records each, at some 220 bytes a record


class Interrupted:
    """A journal; in the middle of the first scan of it something else happens."""

    def __init__(self, tape: Tape, happens: Callable[[], object]) -> None:
        self.tape = tape
        self.happens: Callable[[], object] | None = happens

    def scan(self, start: int) -> Iterator[tuple[int, bytes]]:
        """Let it happen, once."""
        happens, self.happens = self.happens, None
        if happens is not None:
            happens()
        return self.tape.scan(start)


@requirement("SYS-1")
@pytest.mark.parametrize("ahead", [1, 5, 20])
def test_goes_on_behind_a_faster_indexer(tape: Tape, ahead: int) -> None:
    """If another one gets further meanwhile, its work is kept and the rest is done."""
    store = MemoryKeyValueStore()
    other = Tape()
    for number in range(ahead):
        other.append(record(number))
    source = Interrupted(tape, AuditIndexer(store, other).catch_up)

    assert AuditIndexer(store, source).catch_up() == tape.end
    assert contents(store) == built(tape)


@requirement("SYS-1")
def test_the_position_never_falls(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even where a slow indexer has a batch in hand that changes nothing but that."""
    positions: list[int] = []

    class Watched(MemoryKeyValueStore):
        def write(
            self,
            changes: Mapping[bytes, bytes | None],
            *,
            expected: Mapping[bytes, bytes | None] = {},
        ) -> bool:
            written = super().write(changes, expected=expected)
            positions.append(int.from_bytes(self.get(POSITION_KEY) or b"", "big"))
            return written

    store = Watched()
    monkeypatch.setattr(indexer, "BATCH_RECORDS", 1)
    whole = Tape()
    for number in (0, 0, 1, 2, 3):
        whole.append(record(number))
    first_only = Tape()
    first_only.append(record(0))
    AuditIndexer(store, first_only).catch_up()

    AuditIndexer(store, Interrupted(whole, AuditIndexer(store, whole).catch_up)).catch_up()

    assert positions == sorted(positions)


@requirement("AUD-11", "SYS-2")
def test_does_not_overwrite_what_came_by_another_way(tape: Tape) -> None:
    """A put that contradicts the journal, and comes between reading and writing, is found."""
    store = MemoryKeyValueStore()
    stray = decode(record(7, timestamp=1))

    class ReadToTheEnd:
        def scan(self, start: int) -> Iterator[tuple[int, bytes]]:
            yield from tape.scan(start)
            AuditStore(store).put(stray)

    with pytest.raises(Conflict):
        AuditIndexer(store, ReadToTheEnd()).catch_up()

    assert AuditStore(store).get(stray.query_id) == stray


@requirement("SYS-2")
def test_a_repeated_record_is_one_audit(tape: Tape) -> None:
    """A writer that lost an answer appends again; the index has the audit once."""
    before = built(tape)
    tape.append(record(7))

    after = built(tape)

    assert {key for key in before if before[key] != after[key]} == {b"\x00AUDP"}
    assert before.keys() == after.keys()


@requirement("SYS-2", "AUD-11")
@pytest.mark.parametrize(
    ("payload", "error", "message"),
    [
        (record(7, timestamp=1), Conflict, "stored with other content"),
        (record(99)[:-1], Corrupt, "not CBOR"),
        (b"", Corrupt, "not CBOR"),
        (record(99).replace(b"version\x01", b"version\x02"), NewerVersion, "upgrade"),
    ],
    ids=["contradiction", "cut short", "empty", "newer version"],
)
def test_stops_in_front_of_what_it_cannot_apply(
    tape: Tape, payload: bytes, error: type[TornproofError], message: str
) -> None:
    """The error names the offset; what comes before is applied, and nothing after."""
    expected, offset = built(tape), tape.end
    tape.append(payload)
    tape.append(record(100))
    store = MemoryKeyValueStore()

    for _ in range(2):  # and it stops there again
        with pytest.raises(error, match=rf"^offset {offset}: .*{message}"):
            AuditIndexer(store, tape).catch_up()

        assert contents(store) == expected


@requirement("SYS-2")
def test_refuses_a_journal_that_lost_its_beginning() -> None:
    """An index cannot be built from a journal whose first segments have been cleaned up."""

    class Cleaned:
        def scan(self, start: int) -> Iterator[tuple[int, bytes]]:
            raise Trimmed(f"offset {start} lies below the first segment")

    store = MemoryKeyValueStore()

    with pytest.raises(Trimmed):
        AuditIndexer(store, Cleaned()).catch_up()

    assert contents(store) == {}


@requirement("SYS-1")
def test_refuses_a_journal_that_it_is_ahead_of(tape: Tape) -> None:
    """An index that has seen more than there is belongs to another journal."""
    store = MemoryKeyValueStore()
    AuditIndexer(store, tape).catch_up()
    before = contents(store)

    with pytest.raises(BeyondEnd, match="build the index again"):
        AuditIndexer(store, Tape()).catch_up()

    assert contents(store) == before


@requirement("SYS-1")
def test_refuses_another_journal(journal: Journal) -> None:
    """An index that stands inside a record of this journal is another's."""
    other = Tape()
    other.append(record(1, timestamp=2**63))
    store = MemoryKeyValueStore()
    AuditIndexer(store, other).catch_up()

    with pytest.raises(NotABoundary, match="another journal's index"):
        AuditIndexer(store, journal).catch_up()


@requirement("SYS-1", "SYS-2")
def test_follows_a_reader_while_the_writer_writes(tmp_path: Path) -> None:
    """A reader in another process is a source like the journal itself."""
    store = MemoryKeyValueStore()
    with Journal.open(str(tmp_path / "journal"), segment_bytes=1000) as journal:
        reader = JournalReader(str(tmp_path / "journal"))
        for number in range(20):
            journal.append(record(number))
            position = AuditIndexer(store, reader).catch_up()
            assert position <= journal.end

    assert AuditIndexer(store, reader).catch_up() == journal.end
    assert len(AuditStore(store).recent(99)) == 20


def test_an_empty_journal_makes_an_empty_index(tmp_path: Path) -> None:
    """Nothing to apply, nothing written."""
    store = MemoryKeyValueStore()
    with Journal.open(str(tmp_path / "journal")) as journal:
        assert AuditIndexer(store, journal).catch_up() == 0

    assert contents(store) == {}

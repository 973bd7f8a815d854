"""
Search for the two holes of the v0.7 design that lie below the drainer.

H12 is the journal's: without a note of what was acknowledged, a damaged record at the end looks
like one that was never finished, and is cut.  H13 is the audit index's: a record and its entries
are two writes, and a process can die between them.  Each search goes through what there is in
order, the short programs first, so what it tells is the smallest.
"""

from collections.abc import Callable, Mapping
from typing import TypeAlias

from attrs import evolve
from tornproof.errors import TornproofError
from tornproof.journal import Journal
from tornproof.kv import MemoryKeyValueStore

from tornproof_models.contract.audit_index import Audit, Audits
from tornproof_models.contract.journal import Violation
from tornproof_models.crash.subject import DIRECTORY, JournalUnderTest, Options
from tornproof_models.disk.filesystem import ModelFilesystem
from tornproof_models.disk.trace import Image
from tornproof_models.machines.audit_machine import ReferenceStore, StoreFactory
from tornproof_models.machines.chain_holes import Story
from tornproof_models.miniatures.audit_writes import RecordWithoutIndex
from tornproof_models.miniatures.small_journal import SmallJournal

# H12

Opener: TypeAlias = Callable[[ModelFilesystem], JournalUnderTest]

MOST_RECORDS = 3
FLIPPED = 0x10
"""The bit of a byte that is flipped."""


def open_without_watermark(filesystem: ModelFilesystem) -> JournalUnderTest:
    """Open a journal that knows only what it finds in its segments, as that of v0.7 does."""
    return SmallJournal(filesystem, Options())


def open_reference(filesystem: ModelFilesystem) -> JournalUnderTest:
    """Open the reference, which keeps a watermark."""
    return Journal.open(DIRECTORY, filesystem=filesystem)


def written_by(opener: Opener, records: int) -> Image:
    """Append so many records of a byte, each acknowledged as durable, close, and look."""
    filesystem = ModelFilesystem()
    journal = opener(filesystem)
    for number in range(records):
        journal.append(bytes([number]))
    journal.close()
    return filesystem.image


def shown_after_damage(opener: Opener, image: Image, byte: int) -> int | None:
    """Flip a bit of a byte of the only segment, and count what is recovered; none if refused."""
    (path,) = (path for path in image.files if path.endswith(".wal"))
    content = bytearray(image.files[path])
    content[byte] ^= FLIPPED
    damaged = evolve(image, files={**image.files, path: bytes(content)})
    try:
        return sum(1 for _ in opener(ModelFilesystem(damaged)).scan())
    except TornproofError:
        return None


def find_truncation(opener: Opener) -> tuple[int, int, int] | None:
    """
    Find acknowledged records that are cut without an error (H12).

    Returns how many were written, the byte that was damaged, and how many were shown;
    none if every damage is refused.
    """
    for records in range(1, MOST_RECORDS + 1):
        image = written_by(opener, records)
        size = max(len(content) for path, content in image.files.items() if path.endswith(".wal"))
        for byte in range(size):
            shown = shown_after_damage(opener, image, byte)
            if shown is not None and shown < records:
                return records, byte, shown
    return None


def tell_truncation() -> Story:
    """Tell H12: how many records are lost to one flipped bit, and how the reference fares."""
    found = find_truncation(open_without_watermark)
    if found is None:
        raise LookupError("H12 was not found: the journal without a watermark refuses every damage")
    records, byte, shown = found
    clean = find_truncation(open_reference) is None
    return Story(
        "H12",
        "A damaged tail is truncated without knowing what was acknowledged.",
        "In a journal that keeps no watermark:",
        (
            *(f"append {number + 1}, acknowledged as durable" for number in range(records)),
            "close",
            f"flip a bit of byte {byte} of the segment",
            "open",
        ),
        (f"REC-5: {records} acknowledged, {shown} shown, and opening raised no error",),
        "The reference, with any one byte damaged, "
        + ("refuses to open, and violates nothing." if clean else "does no better."),
    )


# H13

NOTHING: Mapping[bytes, bytes | None] = {}


class Died(BaseException):
    """The process ends here."""


class DyingStore(MemoryKeyValueStore):
    """A store whose process dies before a write."""

    writes_left = 1_000

    def write(
        self,
        changes: Mapping[bytes, bytes | None],
        *,
        expected: Mapping[bytes, bytes | None] = NOTHING,
    ) -> bool:
        """Write, unless the process dies now."""
        if not self.writes_left:
            raise Died
        self.writes_left -= 1
        return super().write(changes, expected=expected)


AUDIT: Audit = {
    "query_id": b"q" * 32,
    "agent_id": b"a" * 32,
    "timestamp": 1,
    "params": dict.fromkeys(("subject", "predicate", "lifecycle", "epoch", "lens")),
    "result_hash": bytes(32),
    "result_confidence": 0.5,
    "contributing_assertions": [],
}


def violations_after(make: StoreFactory, writes: int) -> list[Violation]:
    """Die before a write of a put, start again, and judge what is answered."""
    contract, store = Audits(), DyingStore()
    store.writes_left = writes
    try:
        make(store).put(AUDIT)
    except Died:
        contract.put_interrupted(AUDIT)
    else:
        contract.put_acknowledged(AUDIT)
    again = make(store)
    violations = contract.got(AUDIT["query_id"], again.get(AUDIT["query_id"]))
    violations += contract.answered_has(AUDIT["agent_id"], answer=again.has(AUDIT["agent_id"]))
    try:
        violations += contract.answered_recent(1, again.recent(1))
    except TornproofError as error:
        violations += contract.failed("AUD-7", "asking for the most recent", str(error))
    return violations


def find_half_an_audit(make: StoreFactory) -> tuple[int, list[Violation]] | None:
    """Find the write before which a process dies so that half an audit is left (H13)."""
    for writes in range(3):
        if found := violations_after(make, writes):
            return writes, found
    return None


def tell_half_an_audit() -> Story:
    """Tell H13: where the process dies, what is answered then, and how the reference fares."""
    found = find_half_an_audit(RecordWithoutIndex)
    if found is None:
        raise LookupError("H13 was not found: an audit that is written twice is never half there")
    writes, violations = found
    clean = find_half_an_audit(ReferenceStore) is None
    return Story(
        "H13",
        "A record and its index entries are two writes, and a crash leaves half an audit.",
        "In an index that writes the record and then its entries:",
        ("put an audit", f"die after write {writes} of it", "start again, and ask"),
        tuple(f"{each.requirement}: {each.message}" for each in violations),
        "The reference dies before and after its one write "
        + ("and violates nothing." if clean else "and does no better."),
    )

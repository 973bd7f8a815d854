"""
Audit indexes with one bug each in their records or puts.

Each class is `SmallAuditStore` with one step gone wrong, as in `audit_queries`.
"""

from collections.abc import Iterator, Mapping

import cbor2

from tornproof_models.miniatures.small_audit import (
    RECORDS,
    Audit,
    Batch,
    SmallAuditStore,
    Store,
)

# Records


class RoundedConfidence(SmallAuditStore):
    """
    Numbers are written with six digits.

    Source: google/flatbuffers#5371 (2019).
    """

    breaks = frozenset({"AUD-3"})

    def encode(self, audit: Audit) -> bytes:
        """Write what a person would read."""
        return super().encode(
            {**audit, "result_confidence": float(f"{audit['result_confidence']:.6g}")}
        )

    def is_plain(self, number: float) -> bool:  # noqa: ARG002
        """Take six digits for a number."""
        return True


class FoldsNames(SmallAuditStore):
    """
    Names of stages are folded to lower case, so a name that is not listed becomes another.

    Source: of this project; a mutant of the reference.
    """

    breaks = frozenset({"AUD-3"})

    def rounded(self, audit: Audit) -> Audit:
        """Fold the name that was asked for."""
        stage = audit["params"]["lifecycle"]
        params = {**audit["params"], "lifecycle": stage and stage.lower()}
        return super().rounded({**audit, "params": params})


class InsertionOrder(SmallAuditStore):
    """
    The keys of a record are in the order in which the program met them.

    Source: the reason for RFC 8949, section 4.2.
    """

    breaks = frozenset({"AUD-11", "AUD-16"})

    def encode(self, audit: Audit) -> bytes:
        """Leave the order to the dictionary."""
        return cbor2.dumps({"version": 1, **audit})


# Puts


class TakesWhatItIsGiven(SmallAuditStore):
    """
    Looks at the length of the id, and stores the rest as it comes.

    A confidence that is not a number → a record that no decoder takes back.
    Source: of this project; a mutant of the reference without its validators.
    """

    breaks = frozenset({"AUD-15", "AUD-18"})

    def check_audit(self, audit: Audit) -> None:
        """Look at the id."""
        self.check_identifier(audit["query_id"])


class LooksBeforeItWrites(SmallAuditStore):
    """
    Looks whether an id is free, and writes afterwards: another put may come in between.

    Source: of this project; a mutant of the reference without the guard of its batch.
    """

    breaks = frozenset({"AUD-11"})

    def put(self, audit: Audit) -> bytes:
        """Look, then write."""
        self.check_audit(audit)
        if self.store.get(RECORDS + audit["query_id"]) is not None:
            return super().put(audit)
        for batch in self.batches(self.rounded(audit)):
            self.store.write(batch)
        return bytes(audit["query_id"])


class RecordWithoutIndex(SmallAuditStore):
    """
    The record is written first and its index entries after it.

    Source: H13; pmem/pmse#160 (2018).
    """

    breaks = frozenset({"AUD-10"})

    def batches(self, audit: Audit) -> list[Batch]:
        """Write twice."""
        return [self.record_entry(audit), self.index_entries(audit)]


class IndexWithoutRecord(SmallAuditStore):
    """
    The index entries are written first, "so that nothing is ever lost".

    Source: H13 the other way round; cockroachdb/cockroach#18744 (2017).
    """

    breaks = frozenset({"AUD-10"})

    def batches(self, audit: Audit) -> list[Batch]:
        """Write twice, the other way round."""
        return [self.index_entries(audit), self.record_entry(audit)]


class OverwriteOnSameId(SmallAuditStore):
    """
    A put of a known id replaces what was there.

    Source: what `put` does in every key-value store; A16 asks for more.
    """

    breaks = frozenset({"AUD-11"})

    def found_again(self, stored: bytes | None, audit: Audit) -> None:  # noqa: ARG002
        """Believe the latest."""
        (batch,) = self.batches(audit)
        self.store.write(batch)


class ConflictPassedOver(SmallAuditStore):
    """
    A put of a known id with other content is taken for a repetition.

    Source: `INSERT OR IGNORE`.
    """

    breaks = frozenset({"AUD-11"})

    def found_again(self, stored: bytes | None, audit: Audit) -> None:
        """Believe the first, and tell nobody."""


class AnonymousUnderZeros(SmallAuditStore):
    """
    An audit without an agent is entered under an agent of zeros.

    Source: coder/coder#5925 (2023), a failed login audited under an id made up for it.
    """

    breaks = frozenset({"AUD-8", "AUD-9"})

    def indexed_agent(self, audit: Audit) -> bytes | None:
        """Fill the gap."""
        return audit["agent_id"] or bytes(32)


class WriteBehind:
    """A store that writes a batch when it is next spoken to."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.held: Mapping[bytes, bytes | None] = {}

    def get(self, key: bytes) -> bytes | None:
        """Return a value, or none."""
        self.flush()
        return self.store.get(key)

    def write(
        self, changes: Mapping[bytes, bytes | None], *, expected: Mapping[bytes, bytes | None] = {}
    ) -> bool:
        """Look whether the batch may be written, and hold it."""
        if any(self.get(key) != value for key, value in expected.items()):
            return False
        self.held = changes
        return True

    def keys(self, start: bytes, end: bytes, *, reverse: bool = False) -> Iterator[bytes]:
        """Yield the keys of a half-open range."""
        self.flush()
        return self.store.keys(start, end, reverse=reverse)

    def flush(self) -> None:
        """Write what is held."""
        self.store.write(self.held)
        self.held = {}


class AcknowledgedBeforeCommit(SmallAuditStore):
    """
    A put is answered at once and written later, when nobody is waiting.

    Source: etcd-io/etcd#14370 (2022).
    """

    breaks = frozenset({"AUD-13"})

    def __init__(self, store: Store) -> None:
        super().__init__(WriteBehind(store))

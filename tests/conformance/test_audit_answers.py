"""Long answers, puts beside another process, and indexes of journals: who is wrong is found."""

from collections.abc import Sequence
from pathlib import Path

import cbor2
import pytest
from attrs import frozen
from tornproof.errors import Invalid
from tornproof.kv import KeyValueStore, SqliteKeyValueStore
from tornproof_conformance.pytest_support.plugin import requirement
from tornproof_conformance.scenarios import SCENARIOS
from tornproof_conformance.subjects.indexes import LocalIndex, judge_case
from tornproof_conformance.subjects.reference import AuditMiniature, ReferenceSubject, find_subject
from tornproof_conformance.vectors.vector import cases
from tornproof_models.machines.audit_machine import ReferenceStore
from tornproof_models.machines.indexer_machine import IndexerUnderTest, Tape
from tornproof_models.miniatures.audit_miniatures import INDEXERS
from tornproof_models.miniatures.small_audit import Audit, SmallAuditStore, SmallIndexer

ANSWERS = ("a-long-answer-is-whole", "a-put-looks-and-writes-at-once")
JOURNALS = (
    "a-long-journal-is-indexed-to-its-end",
    "an-indexer-stops-at-what-it-cannot-apply",
    "an-index-of-another-journal-is-refused",
)


@frozen
class IndexerSubject:
    """An indexer alone."""

    indexer: type[SmallIndexer]
    name: str = "indexer"

    def open(self, *_: object) -> None:
        """Raise `Invalid`."""
        raise Invalid("no journal")

    def make_indexer(self, store: KeyValueStore, source: Tape) -> IndexerUnderTest:
        """Make it."""
        return self.indexer(store, source)


@requirement("AUD-5", "AUD-7", "AUD-11", "SYS-1", "SYS-2", "SYS-3")
def test_who_is_right_comes_out_of_every_situation() -> None:
    """The reference, the twin of the store, and that of the indexer."""
    store, indexer = AuditMiniature("twin", SmallAuditStore), IndexerSubject(SmallIndexer)

    judged = [SCENARIOS[name].judge(ReferenceSubject()) for name in (*ANSWERS, *JOURNALS)]
    judged += [SCENARIOS[name].judge(store) for name in ANSWERS]
    judged += [SCENARIOS[name].judge(indexer) for name in JOURNALS]  # type: ignore[arg-type]

    assert not any(judged)


@requirement("AUD-5", "AUD-7", "AUD-11")
@pytest.mark.parametrize(
    ("name", "situation"), [*zip(("one-page", "looks-before-it-writes"), ANSWERS, strict=True)]
)
def test_a_wrong_store_is_found(name: str, situation: str) -> None:
    """Under what it says that it breaks."""
    subject = find_subject(f"audit/{name}")

    found = {each.requirement for each in SCENARIOS[situation].judge(subject)}

    assert found
    assert found <= subject._make.breaks  # type: ignore[attr-defined]


@requirement("SYS-2", "SYS-3")
@pytest.mark.parametrize(
    ("name", "situation"),
    [*zip(("passes-over-bad-records", "takes-any-journal"), JOURNALS[1:], strict=True)],
)
def test_a_wrong_indexer_is_found(name: str, situation: str) -> None:
    """Under what it says that it breaks."""
    subject = IndexerSubject(INDEXERS[name])

    found = {each.requirement for each in SCENARIOS[situation].judge(subject)}  # type: ignore[arg-type]

    assert found == INDEXERS[name].breaks


@requirement("AUD-16")
def test_who_decodes_any_form_is_found_by_records_that_are_none() -> None:
    """Each is planted under the id that it names, so nothing but its form refuses it."""

    class DecodesAnyForm(SmallAuditStore):
        def decode(self, record: bytes) -> Audit:
            content = dict(cbor2.loads(record))
            del content["version"]
            return content

    subject = AuditMiniature("decodes any form", DecodesAnyForm)
    other_forms = [
        f"aud/record-{name}"
        for name in ("keys-out-of-order", "indefinite-length", "float-too-long", "integer-too-long")
    ]
    wrong = [case for case in cases() if case["id"] in other_forms]

    assert len(wrong) == len(other_forms)
    assert all(judge_case(case, LocalIndex.of(subject)) for case in wrong)


class LeavesFiles(ReferenceSubject):
    """Opens an index that it only reads as it opens one that it writes to."""

    def read_index(self, path: Path) -> Sequence[Audit]:
        """Open it for writing."""
        store = SqliteKeyValueStore(path)
        return ReferenceStore(store).recent(100)


@requirement("AUD-17")
def test_who_leaves_files_beside_an_index_is_found() -> None:
    """And who reads it as evidence is not."""
    evidence = SCENARIOS["reading-an-index-changes-nothing"]

    assert evidence.judge(ReferenceSubject()) == []
    assert {each.requirement for each in evidence.judge(LeavesFiles())} == {"AUD-17"}

"""What a drainer may have besides is looked at: the reference passes, and each wrong one fails."""

import sys
from typing import Any

import pytest
from tornproof.chain.row import AttestLevel
from tornproof.chain.signatures import Ed25519Signer
from tornproof.drainer import quota, spool, spool_owner
from tornproof.drainer.sink import ChainSink
from tornproof.drainer.spool_identity import Identity, read_identity
from tornproof.drainer.timestamp import parse_timestamp
from tornproof.errors import InputOutput, QueueFull
from tornproof_conformance.pytest_support.plugin import requirement
from tornproof_conformance.scenarios import SCENARIOS
from tornproof_conformance.subjects.reference import ReferenceSubject
from tornproof_models.disk.filesystem import ModelFilesystem

SIGNED, QUOTA, OWN, EXCHANGED, CHANGED, NO_SPOOL, ROOM, SAID, DATED = (
    "a-dead-letter-is-signed",
    "what-a-quota-turns-away-is-written-down",
    "the-spool-of-another-database-is-refused",
    "an-exchanged-database-gets-no-event",
    "a-spool-that-others-can-change-is-refused",
    "what-is-no-spool-is-refused",
    "what-was-not-admitted-takes-no-room",
    "what-a-submit-says-is-so",
    "a-dead-letter-says-when-it-became-one",
)


@requirement("DRN-19", "DRN-20", "DRN-21", "DRN-36")
@pytest.mark.parametrize("name", [SIGNED, QUOTA, OWN, EXCHANGED])
def test_the_reference_passes(name: str) -> None:
    """It has all of it."""
    assert SCENARIOS[name].applies(ReferenceSubject())
    assert list(SCENARIOS[name].judge(ReferenceSubject())) == []


def judged(name: str) -> set[str]:
    found = SCENARIOS[name].judge(ReferenceSubject())
    return {violation.requirement for violation in found}


@requirement("DRN-19")
def test_unsigned_letters_and_other_bytes_are_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """A letter at level unsigned; a signature of the payload's hash alone."""
    bury = ChainSink._bury

    def unsigned(self: ChainSink, event: Any, reason: str) -> None:
        self._signer = None
        bury(self, event, reason)

    class OfTheHash(Ed25519Signer):
        def sign(self, content: bytes) -> bytes:
            return super().sign(content[-32:])

    def of_the_hash(self: ChainSink, event: Any, reason: str) -> None:
        self._signer = OfTheHash(bytes(32), AttestLevel.SELF_SIGNED)
        bury(self, event, reason)

    for wrong in (unsigned, of_the_hash):
        monkeypatch.setattr(ChainSink, "_bury", wrong)
        assert judged(SIGNED) == {"DRN-19"}


@requirement("DRN-20")
def test_lost_evidence_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Counted in memory alone; written without a sync; not counted; never let in again."""
    monkeypatch.setattr(quota.Quota, "_write", lambda *_: None)
    assert judged(QUOTA) == {"DRN-20"}
    monkeypatch.undo()

    enter = quota.Quota.enter

    def forgets(self: quota.Quota, size: int, waiting: int) -> None:
        try:
            enter(self, size, waiting)
        except QueueFull:
            self._turned_away = quota.TurnedAway()
            raise

    monkeypatch.setattr(quota.Quota, "enter", forgets)
    assert judged(QUOTA) == {"DRN-20"}
    monkeypatch.setattr(quota.Quota, "enter", lambda self, size, _: enter(self, size, 10_000))
    assert judged(QUOTA) == {"DRN-20"}
    monkeypatch.setattr(quota.Quota, "enter", lambda *_: None)
    assert judged(QUOTA) == {"DRN-20"}


@requirement("DRN-21")
def test_a_spool_that_asks_for_no_database_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """It lands the events of another in whatever it is given."""

    def anybodys(filesystem: ModelFilesystem, directory: str, _: str) -> Identity | None:
        known = f"{directory}/spool.json" in filesystem.image.files
        return read_identity(filesystem, directory) if known else None

    monkeypatch.setattr(spool, "require_ours", anybodys)
    assert judged(OWN) == {"DRN-21"}


@requirement("DRN-36")
def test_a_drainer_that_asks_once_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """It moves a position that the other database does not have, and does not look."""

    def moves_blindly(self: ChainSink, position: int) -> None:
        update = "UPDATE signed_events_spools SET position = ? WHERE spool_id = ?"
        self._connection.execute(update, (position, self._spool_id))

    monkeypatch.setattr(ChainSink, "_move_cursor", moves_blindly)
    assert judged(EXCHANGED) == {"DRN-36"}


@requirement("DRN-21")
@pytest.mark.parametrize("overlooked", ["_wrong_directory", "_wrong_file", "_wrong_owner"])
def test_whoever_overlooks_what_others_can_change_is_found_out(
    overlooked: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kind of the directory, links and second names, and permissions."""
    monkeypatch.setattr(spool_owner, overlooked, lambda _: iter(()))
    assert judged(CHANGED) == {"DRN-21"}


@requirement("DRN-21", "DRN-39")
def test_whoever_opens_what_is_no_spool_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """A journal without a name; a record that is no event."""
    monkeypatch.setattr(spool, "require_ours", lambda *_: None)
    assert judged(NO_SPOOL) == {"DRN-21"}
    monkeypatch.undo()
    monkeypatch.setattr(spool.Spool, "backlog", lambda *_: 0)
    assert judged(NO_SPOOL) == {"DRN-39"}


@requirement("DRN-20", "DRN-2")
def test_what_a_full_disk_leaves_behind_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Room that is never given back; a refusal of an event that may be in the spool."""
    leave = quota.Quota.leave

    def leaves_if_it_was_written(self: quota.Quota, size: int) -> None:
        if sys.exc_info()[0] is None:
            leave(self, size)

    monkeypatch.setattr(quota.Quota, "leave", leaves_if_it_was_written)
    assert judged(ROOM) == {"DRN-20"}
    monkeypatch.undo()
    monkeypatch.setattr(InputOutput, "definite", True)
    assert judged(SAID) == {"DRN-2"}


@requirement("DRN-38")
def test_a_letter_dated_by_its_event_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """It became a dead letter in the year 9000."""
    bury = ChainSink._bury

    def dated_by_the_event(self: ChainSink, event: Any, reason: str) -> None:
        self._clock = lambda: parse_timestamp(event.timestamp)
        bury(self, event, reason)

    monkeypatch.setattr(ChainSink, "_bury", dated_by_the_event)
    assert judged(DATED) == {"DRN-38"}

"""What a drainer may have besides is looked at: the reference passes, and each wrong one fails."""

from typing import Any

import pytest
from tornproof.chain.row import AttestLevel
from tornproof.chain.signatures import Ed25519Signer
from tornproof.drainer import quota, spool
from tornproof.drainer.sink import ChainSink
from tornproof.drainer.spool_identity import Identity, read_identity
from tornproof.errors import QueueFull
from tornproof_conformance.pytest_support.plugin import requirement
from tornproof_conformance.scenarios import SCENARIOS
from tornproof_conformance.subjects.reference import ReferenceSubject
from tornproof_models.disk.filesystem import ModelFilesystem

SIGNED, QUOTA, OWN, EXCHANGED = (
    "a-dead-letter-is-signed",
    "what-a-quota-turns-away-is-written-down",
    "the-spool-of-another-database-is-refused",
    "an-exchanged-database-gets-no-event",
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

"""The holes of the v0.7 design are found in its miniature, and are not in the reference."""

import pytest
from tornproof.chain.pairwise import pairwise_hash, verify_pairwise
from tornproof_conformance.pytest_support.plugin import requirement
from tornproof_models.machines import chain_holes, storage_holes
from tornproof_models.machines.audit_machine import ReferenceStore
from tornproof_models.machines.holes import (
    HOLES,
    IDENTIFIERS,
    Hole,
    find_hole,
    reference_violations,
    tell,
)
from tornproof_models.miniatures.audit_writes import IndexWithoutRecord, RecordWithoutIndex
from tornproof_models.miniatures.small_audit import SmallAuditStore

STEPS = {
    "H1": 4,
    "H2": 2,
    "H3": 3,
    "H4": 4,
    "H5": 4,
    "H6": 2,
    "H7": 3,
    "H10": 3,
    "H11": 4,
    "H14": 2,
}


@requirement("DRN-1", "DRN-11", "DRN-12", "DRN-13", "DRN-15", "DRN-17")
@pytest.mark.parametrize("hole", HOLES, ids=lambda hole: hole.id)
def test_the_machine_finds_the_hole(hole: Hole) -> None:
    """In so few steps that one can follow them; what it violates is what the hole is about."""
    finding = find_hole(hole)

    assert len(finding.program) == STEPS[hole.id]
    assert all(hole.wanted(violation) for violation in finding.violations)


@requirement("DRN-1", "DRN-11", "DRN-12", "DRN-13", "DRN-15", "DRN-17", "EVT-5")
@pytest.mark.parametrize("hole", HOLES, ids=lambda hole: hole.id)
def test_the_durable_mode_has_none_of_them(hole: Hole) -> None:
    """The same steps, judged by everything that the contract asks."""
    assert reference_violations(find_hole(hole).program) == ()


def test_a_hole_that_is_not_there_is_not_found() -> None:
    """A search that finds nothing says so instead of telling an empty story."""
    nowhere = Hole("H0", "Nothing.", lambda _: False, lambda _: True)
    with pytest.raises(LookupError, match="H0 was not found"):
        find_hole(nowhere)


@requirement("CHN-4", "CHN-9")
def test_two_rows_collide_in_the_pairwise_chain_alone() -> None:
    """H8: different fields, one hash; with lengths before the fields they differ."""
    one, other = chain_holes.find_colliding_rows()

    assert (one.agent_id, one.event_type) != (other.agent_id, other.event_type)
    assert pairwise_hash(one) == pairwise_hash(other)
    assert chain_holes.cumulative_bytes(one) != chain_holes.cumulative_bytes(other)


@requirement("CHN-3", "CHN-5", "CHN-9")
def test_a_row_is_rewritten_in_the_pairwise_chain_alone() -> None:
    """H9: it verifies with the same head; the same forgery breaks the cumulative chain."""
    forgery = chain_holes.find_rewritten_chain()
    honest = chain_holes.chain_of(len(forgery))

    assert forgery != honest
    assert chain_holes.verifies(forgery)
    assert pairwise_hash(forgery[-1]) == pairwise_hash(honest[-1])
    assert len(forgery) == 2
    assert chain_holes.breaks_of_the_same_forgery(len(forgery)) != ()


@requirement("CHN-9")
def test_an_honest_pairwise_chain_and_a_clumsy_forgery_are_told_apart() -> None:
    """The verification that H9 passes is not one that passes everything."""
    rows = chain_holes.chain_of(3)
    assert chain_holes.verifies(rows)
    with chain_holes.database_of(rows) as connection:
        connection.execute("UPDATE signed_events SET agent_id = 'x' WHERE sequence = 2")
        assert not verify_pairwise(connection).holds


@requirement("REC-5", "REC-12")
def test_a_journal_without_a_watermark_cuts_what_it_acknowledged() -> None:
    """H12: one record and its first byte are enough; the reference refuses every such damage."""
    assert storage_holes.find_truncation(storage_holes.open_without_watermark) == (1, 0, 0)
    assert storage_holes.find_truncation(storage_holes.open_reference) is None


@requirement("AUD-10")
def test_an_audit_in_two_writes_can_be_left_half() -> None:
    """H13, in either order of the two; whoever writes once leaves all or nothing."""
    for wrong in (RecordWithoutIndex, IndexWithoutRecord):
        writes, violations = storage_holes.find_half_an_audit(wrong) or (0, [])
        assert writes == 1
        assert {each.requirement for each in violations} == {"AUD-10"}
    for right in (SmallAuditStore, ReferenceStore):
        assert storage_holes.find_half_an_audit(right) is None


@pytest.mark.parametrize("identifier", IDENTIFIERS)
def test_every_story_is_told_to_its_end(identifier: str) -> None:
    """With steps, with what is wrong after them, and with a reference that does better."""
    story = tell(identifier)

    assert story.id == identifier
    assert story.steps
    assert story.found
    assert any(end in story.instead for end in ("violates nothing", "differ", "row edited"))
    assert str(story) == str(tell(identifier))

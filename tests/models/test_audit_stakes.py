"""What a question to an audit index could have shown violated."""

from tornproof_models.contract import audit_stakes
from tornproof_models.contract.audit_index import MAX_TIMESTAMP, Audits

AGENT, OTHER = bytes(32), bytes([1] * 32)


def audit(number: int, agent_id: bytes | None = AGENT, timestamp: int = 1) -> dict[str, object]:
    """Make an audit of an agent at a moment."""
    return {"query_id": bytes([number] * 32), "agent_id": agent_id, "timestamp": timestamp}


def known(*audits: dict[str, object]) -> Audits:
    """Make an index of which some audits are known to be stored."""
    index = Audits()
    for each in audits:
        index.put_acknowledged(each)
    return index


def test_an_audit_that_outlived_a_process_is_at_stake() -> None:
    """That it is there (AUD-13) and as it was (AUD-3); an unknown one must not be (AUD-4)."""
    index = known(audit(1))
    one, two = bytes([1] * 32), bytes([2] * 32)

    assert audit_stakes.of_get(index, one, ()) == {"AUD-3"}
    assert audit_stakes.of_get(index, one, {one}) == {"AUD-3", "AUD-13"}
    assert audit_stakes.of_get(index, two, {two}) == {"AUD-4"}


def test_an_interrupted_put_is_at_stake_when_somebody_looks() -> None:
    """Not before: what it has left shows in an answer alone."""
    index = known()
    index.put_interrupted(audit(1))

    assert "AUD-10" in audit_stakes.of_get(index, bytes([1] * 32), ())
    assert "AUD-10" not in audit_stakes.of_get(index, bytes([2] * 32), ())
    assert audit_stakes.of_power_loss(index) == {"AUD-10"}
    assert audit_stakes.of_power_loss(known(audit(1))) == {"AUD-13"}


def test_an_order_takes_two_audits() -> None:
    """With one there is nothing to put in order, nor anybody's to leave out."""
    everything = (AGENT, 0, None, 10)

    assert audit_stakes.of_agent(known(audit(1)), *everything) == set()
    assert audit_stakes.of_agent(known(audit(1), audit(2)), *everything) == {"AUD-5"}
    mixed = known(audit(1, timestamp=MAX_TIMESTAMP), audit(2, OTHER), audit(3, None))
    assert audit_stakes.of_agent(mixed, *everything) == {"AUD-6", "AUD-9", "AUD-14"}
    assert audit_stakes.of_agent(known(), AGENT, 2, 1, 10) == {"AUD-15"}
    assert audit_stakes.of_recent(known(audit(1), audit(2)), 10) == {"AUD-7"}
    assert audit_stakes.of_recent(known(), 0) == {"AUD-15"}


def test_an_id_that_is_put_again_is_at_stake() -> None:
    """With the same content or another; a new one contradicts nothing."""
    assert audit_stakes.of_put(known(audit(1)), audit(1)) == {"AUD-11"}
    assert audit_stakes.of_put(known(audit(1)), audit(2)) == set()

"""The contract's own rows of a chain: what they are, and what is wrong with others."""

from hashlib import sha256
from typing import Any

import pytest
from attrs import evolve
from tornproof_conformance.pytest_support.plugin import requirement
from tornproof_models.contract.hash_chain import (
    Row,
    hash_of,
    judge_rows,
    pairwise_chain,
    pairwise_hash,
    row_after,
    sealed,
)


def chain() -> list[Row]:
    """Three rows that hold."""
    rows: list[Row] = []
    for number in range(3):
        rows.append(row_after(rows[-1] if rows else None, f"id-{number}", "agent", b"{}"))
    return rows


def found_in(rows: list[Row]) -> set[str]:
    """Name what is violated."""
    return {violation.requirement for violation in judge_rows(rows)}


@requirement("CHN-4")
def test_the_bytes_are_those_that_the_chapter_gives() -> None:
    """A row's hash, worked out here a third time: lengths of eight bytes, then the fields."""
    payload = sha256(b"{}").digest()
    content = (
        b"\0\0\0\0\0\0\0\x16tornproof/chain/row/v1"
        b"\0\0\0\0\0\0\0\x08\0\0\0\0\0\0\0\x01"
        b"\0\0\0\0\0\0\0\x20" + bytes(32) + b"\0\0\0\0\0\0\0\x04id-0"
        b"\0\0\0\0\0\0\0\x05agent"
        b"\0\0\0\0\0\0\0\x07sibling"
        b"\0\0\0\0\0\0\0\x20" + payload + b"\0\0\0\0\0\0\0\x08unsigned"
        b"\0\0\0\0\0\0\0\x1e2026-01-31T12:00:00.000000000Z"
        b"\0\0\0\0\0\0\0\0"
        b"\0\0\0\0\0\0\0\0"
    )

    assert hash_of(chain()[0]) == sha256(content).digest()


def test_rows_that_follow_one_another_hold() -> None:
    """Nothing is said of them."""
    assert found_in(chain()) == set()


@requirement("CHN-1", "CHN-2", "CHN-3", "CHN-4", "EVT-3")
@pytest.mark.parametrize(
    ("number", "change", "expected"),
    [
        (1, {"sequence": 7}, "CHN-1"),
        (0, {"prev_hash": bytes([1] * 32)}, "CHN-2"),
        (1, {"prev_hash": bytes(32)}, "CHN-3"),
        (2, {"payload": b"other"}, "EVT-3"),
    ],
)
def test_what_is_wrong_has_a_name(number: int, change: dict[str, Any], expected: str) -> None:
    """A row whose hash is right may still not be the one that belongs there."""
    rows = chain()
    rows[number] = sealed(evolve(rows[number], **change))

    assert expected in found_in(rows)


@requirement("CHN-4")
@pytest.mark.parametrize("field", ["id", "agent_id", "event_type", "attest_level", "timestamp"])
def test_a_field_that_is_not_what_was_hashed_shows(field: str) -> None:
    """Whichever it is."""
    rows = chain()
    change: dict[str, Any] = {field: "other"}
    rows[2] = evolve(rows[2], **change)

    assert found_in(rows) == {"CHN-4"}


@requirement("CHN-4", "CHN-9")
def test_bytes_that_move_to_a_neighbour_show_in_one_chain_and_not_in_the_other() -> None:
    """Lengths tell where a field ends, and a separator may stand in it."""
    one = evolve(chain()[0], agent_id="a\x1fb", event_type="c")
    other = evolve(one, agent_id="a", event_type="b\x1fc")
    old = evolve(pairwise_chain(1)[0], agent_id="a\x1fb", event_type="c")

    assert hash_of(one) != hash_of(other)
    assert pairwise_hash(old) == pairwise_hash(evolve(old, agent_id="a", event_type="b\x1fc"))

"""
Contracts on the bytes that are hashed: fields behind their lengths (CHN-4).
"""

from tornproof.chain.row import behind_lengths

LENGTH_BYTES = 8


def fields_behind_lengths_are_as_long_as_both(one: bytes, other: bytes) -> None:
    """Eight bytes a field and the fields themselves, and nothing between them."""
    assert len(one) <= 2
    assert len(other) <= 2

    assert len(behind_lengths(one, other)) == 2 * LENGTH_BYTES + len(one) + len(other)


def two_fields_are_told_from_two_others(a: bytes, b: bytes, c: bytes, d: bytes) -> None:
    """Pairs of fields that differ anywhere have different bytes (H8)."""
    assert max(len(a), len(b), len(c), len(d)) <= 2
    assert (a, b) != (c, d)

    assert behind_lengths(a, b) != behind_lengths(c, d)


def the_first_field_can_be_read_back(first: bytes, second: bytes) -> None:
    """Its length says where it ends, whatever stands behind it."""
    assert len(first) <= 3
    assert len(second) <= 3

    written = behind_lengths(first, second)
    size = int.from_bytes(written[:LENGTH_BYTES], "big")

    assert written[LENGTH_BYTES : LENGTH_BYTES + size] == first

"""
Contracts on the two slots of the watermark.
"""

from tornproof.journal.watermark import SLOT_STRIDE, decode_slots, encode_slot

SLOT_BYTES = 16


def what_was_written_to_a_slot_is_read(offset: int) -> None:
    """A slot gives its offset back, and the next note goes to the other slot (REC-12)."""
    assert 0 <= offset < 1 << 64

    found, slot = decode_slots(encode_slot(offset).ljust(2 * SLOT_STRIDE, b"\0"))

    assert (found, slot) == (offset, 0)


def the_higher_slot_counts(one: int, other: int) -> None:
    """Whichever slot the later note went to, it is the one that is read (REC-12)."""
    assert 0 <= one < 1 << 64
    assert 0 <= other < 1 << 64
    assert one != other

    found, slot = decode_slots(encode_slot(one).ljust(SLOT_STRIDE, b"\0") + encode_slot(other))

    assert found == max(one, other)
    assert slot == (other > one)


def a_torn_slot_leaves_the_other(oldest: int, older: int, torn: int, kept: int) -> None:
    """However much of a note replaced the one before the last, the last one holds (REC-12)."""
    assert 0 <= oldest <= older <= torn < 1 << 64
    assert 0 <= kept < SLOT_BYTES

    half = encode_slot(torn)[:kept] + encode_slot(oldest)[kept:]
    found, _ = decode_slots(encode_slot(older).ljust(SLOT_STRIDE, b"\0") + half)

    assert found == older


def a_file_that_ends_in_a_slot_has_no_note_there(offset: int, kept: int) -> None:
    """The first note ever, torn, is no note (REC-12)."""
    assert 0 <= offset < 1 << 64
    assert 0 <= kept < SLOT_BYTES

    found, slot = decode_slots(encode_slot(offset)[:kept])

    assert (found, slot) == (0, 1)


def a_note_is_as_long_as_a_slot_and_the_slots_lie_apart(offset: int) -> None:
    """A torn write of one slot cannot reach the other: each has a sector of its own."""
    assert 0 <= offset < 1 << 64

    slot = encode_slot(offset)

    assert len(slot) == SLOT_BYTES <= SLOT_STRIDE
    assert SLOT_STRIDE % 512 == 0

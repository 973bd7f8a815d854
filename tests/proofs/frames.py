"""
Contracts on the arithmetic of frames.
"""

from tornproof.errors import TooLarge
from tornproof.record import HEADER_BYTES, Damage, check_size, frame_size, payload_length


def a_frame_is_its_header_and_its_payload(payload_bytes: int) -> None:
    """A frame has 40 bytes more than its payload (FRM-1)."""
    assert payload_bytes >= 0

    size = frame_size(payload_bytes)

    assert size == 40 + payload_bytes


def larger_payloads_have_larger_frames(one: int, other: int) -> None:
    """The sizes of frames are ordered as those of their payloads are."""
    assert 0 <= one < other

    smaller, larger = frame_size(one), frame_size(other)

    assert smaller < larger


def a_payload_is_refused_exactly_above_the_maximum(payload_bytes: int, maximum: int) -> None:
    """The maximum itself is allowed (FRM-8)."""
    assert payload_bytes >= 0
    assert maximum >= 0

    try:
        check_size(payload_bytes, maximum=maximum)
        refused = False
    except TooLarge:
        refused = True

    assert refused == (payload_bytes > maximum)


def a_length_is_believed_exactly_if_it_fits(length: int, remaining: int, maximum: int) -> None:
    """No length leads beyond the maximum or the end of the file (FRM-5)."""
    assert 0 <= length < 1 << 32
    assert remaining >= HEADER_BYTES
    assert maximum >= 0
    header = length.to_bytes(4, "little") + bytes(HEADER_BYTES - 4)

    believed = payload_length(header, remaining, maximum=maximum)

    if length > maximum:
        assert believed is Damage.LENGTH_ABOVE_MAXIMUM
    elif 40 + length > remaining:
        assert believed is Damage.PAYLOAD_CUT
    else:
        assert believed == length


def a_header_that_is_cut_has_no_length(whole: bool, remaining: int) -> None:
    """Fewer than 40 bytes, read or left, are never a header (FRM-5)."""
    assert remaining >= 0
    assert not whole or remaining < 40
    header = bytes(40 if whole else 39)

    length = payload_length(header, remaining, maximum=1 << 32)

    assert length is Damage.HEADER_CUT

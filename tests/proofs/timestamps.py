"""
Contracts on the one spelling of a moment (EVT-2).
"""

from tornproof.drainer.timestamp import format_timestamp, parse_timestamp

SECOND = 1_000_000_000
FIRST, LAST = -62_135_596_800 * SECOND, 253_402_300_800 * SECOND
"""The years 1 to 9999, as nanoseconds since 1970; the last is excluded."""


def a_moment_is_read_as_it_was_written(nanoseconds: int) -> None:
    """Every nanosecond of nine thousand years has a spelling, which gives it back."""
    assert FIRST <= nanoseconds < LAST

    assert parse_timestamp(format_timestamp(nanoseconds)) == nanoseconds


def every_spelling_has_one_length(nanoseconds: int) -> None:
    """Thirty characters, the last of which is `Z`."""
    assert FIRST <= nanoseconds < LAST

    text = format_timestamp(nanoseconds)

    assert len(text) == len("2026-01-31T12:00:00.123456789Z")
    assert text.endswith("Z")

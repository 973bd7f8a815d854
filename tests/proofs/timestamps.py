"""
Contracts on the one spelling of a moment, to the nanosecond (EVT-2).
"""

from tornproof.drainer.timestamp import format_timestamp, parse_timestamp

FIRST, LAST = -62_135_596_800 * 10**9, 253_402_300_800 * 10**9 - 1
"""The years 1 to 9999, in nanoseconds since 1970, both inclusive."""


def a_moment_comes_back(moment: int) -> None:
    """What is written is read as the same nanosecond (EVT-2)."""
    assert FIRST <= moment <= LAST

    assert parse_timestamp(format_timestamp(moment)) == moment


def a_moment_has_thirty_characters(moment: int) -> None:
    """Nine fractional digits and `Z`, in every year (EVT-2)."""
    assert FIRST <= moment <= LAST

    written = format_timestamp(moment)

    assert len(written) == 30
    assert written[19] == "."
    assert written[29] == "Z"


def an_offset_is_taken_off(hours: int, minutes: int) -> None:
    """Noon at an offset is that much earlier or later in UTC (EVT-2)."""
    assert 0 <= hours < 24
    assert 0 <= minutes < 60

    east = parse_timestamp(f"2026-01-31T12:00:00+{hours:02}:{minutes:02}")
    west = parse_timestamp(f"2026-01-31T12:00:00-{hours:02}:{minutes:02}")

    assert west - east == 2 * (hours * 3600 + minutes * 60) * 10**9

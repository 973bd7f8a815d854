"""
Parse and spell timestamps, to the nanosecond.

An event's time is hashed, so it has one spelling: RFC 3339 in UTC with nine fractional digits
(EVT-2).  Input may have any spelling that RFC 3339 allows.
"""

import re
from datetime import UTC, datetime, timedelta

from tornproof.errors import Invalid, Unencodable

_SECOND = 1_000_000_000
_EPOCH = datetime(1970, 1, 1)
_RFC3339 = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt](\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?"
    r"(?:[Zz]|([+-])([01]\d|2[0-3]):([0-5]\d))",
    re.ASCII,
)


def format_timestamp(nanoseconds: int) -> str:
    """
    Write a moment as RFC 3339 with exactly nine fractional digits and `Z` (EVT-2).

    Raises `Unencodable` outside the years 1 to 9999.
    """
    seconds, fraction = divmod(nanoseconds, _SECOND)
    try:
        moment = _EPOCH + timedelta(seconds=seconds)
    except OverflowError:
        raise Unencodable(f"timestamp {nanoseconds} lies outside the years 1 to 9999") from None
    return f"{moment.isoformat()}.{fraction:09d}Z"


def parse_timestamp(text: object) -> int:
    """
    Read RFC 3339 with any offset and up to nine fractional digits, as nanoseconds since 1970.

    Raises `Invalid` for anything else, a leap second included.
    """
    found = _RFC3339.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        raise Invalid(f"timestamp {text!r} is not RFC 3339, such as 2026-01-31T12:00:00.5Z")
    date, time, fraction, sign, hours, minutes = found.groups()
    try:
        moment = datetime.fromisoformat(f"{date}T{time}+00:00")
    except ValueError as error:
        raise Invalid(f"timestamp {text!r}: {error}") from None
    offset = timedelta(hours=int(hours or 0), minutes=int(minutes or 0))
    since = moment - _EPOCH.replace(tzinfo=UTC) + (offset if sign == "-" else -offset)
    return (since.days * 86_400 + since.seconds) * _SECOND + int((fraction or "").ljust(9, "0"))

r"""
The keys of the audit index.

An ordered key-value store sorts keys by their bytes.  The keys of the audit index are laid out
so that the order of their bytes is the order of the answer (AUD-1, AUD-2).

    record      \0 A U D :    query id
                5 bytes       32 bytes                                      → the record

    by agent    \0 A U D A :  agent id   :  timestamp  :  query id
                6 bytes       32 bytes      8 bytes       32 bytes          → empty

    by time     \0 A U D T :  timestamp  :  query id
                6 bytes       8 bytes       32 bytes                        → empty

    position    \0 A U D P                                                  → 8 bytes

A timestamp is an unsigned 64-bit integer, big-endian: the most significant byte
comes first, so comparing bytes compares numbers.  Little-endian bytes would
sort 256 before 1.

An id or a timestamp may contain the byte `:` (0x3A), so keys are split by position, never by
searching for colons.  The colons make range ends possible: `;` is the next byte, so every key
of agent `a` is below `…a;`, and every key up to a timestamp, 2^64 − 1 included, is below
`…timestamp;`.

Everything here is a pure function of integers and bytes.  The lines that begin
with `pre:` and `post:` are contracts (PEP 316), which CrossHair checks.
"""

from attrs import frozen

from tornproof.errors import Corrupt, Invalid

IDENTIFIER_BYTES = 32
"""Bytes of a query id, an agent id or a hash."""

MAX_TIMESTAMP = 2**64 - 1
"""The last timestamp; no upper bound includes it (AUD-6)."""

RECORD_PREFIX = b"\x00AUD:"
AGENT_PREFIX = b"\x00AUDA:"
TIME_PREFIX = b"\x00AUDT:"

POSITION_KEY = b"\x00AUDP"
"""Where the indexer stands in its journal; in no prefix above (SYS-1)."""

SEPARATOR = b":"
AFTER_SEPARATOR = b";"
"""The byte after the separator, which ends the range of what precedes it."""

_TAIL_BYTES = 8 + len(SEPARATOR) + IDENTIFIER_BYTES
_INDEX_KEY_BYTES = {
    AGENT_PREFIX: len(AGENT_PREFIX) + IDENTIFIER_BYTES + len(SEPARATOR) + _TAIL_BYTES,
    TIME_PREFIX: len(TIME_PREFIX) + _TAIL_BYTES,
}


@frozen
class Entry:
    """The content of an index key: a timestamp and the id of an audit."""

    timestamp: int
    query_id: bytes


# Validation


def require_identifier(value: object, name: str) -> bytes:
    """Return a value that is 32 bytes, or raise `Invalid` with its name (AUD-15)."""
    if not isinstance(value, bytes):
        raise Invalid(f"{name} must be {IDENTIFIER_BYTES} bytes, not {type(value).__name__}")
    if len(value) != IDENTIFIER_BYTES:
        raise Invalid(f"{name} must be {IDENTIFIER_BYTES} bytes, not {len(value)}")
    return value


def require_unsigned(value: object, name: str) -> int:
    """Return an integer that fits 64 bits without a sign, or raise `Invalid` (AUD-15)."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise Invalid(f"{name} must be an integer, not {type(value).__name__}")
    if not 0 <= value <= MAX_TIMESTAMP:
        shown = value if value.bit_length() <= 128 else f"of {value.bit_length()} bits"
        raise Invalid(f"{name} {shown} must lie in 0 … 2**64 - 1")
    return value


# Numbers


def big_endian(number: int) -> bytes:
    """
    Write a number so that bytes sort as numbers do (AUD-2).

    pre: 0 <= number < 2 ** 64
    post: len(__return__) == 8
    """
    return number.to_bytes(8, "big")


def from_big_endian(data: bytes) -> int:
    """
    Read eight bytes back.

    pre: len(data) == 8
    post: 0 <= __return__ < 2 ** 64
    """
    return int.from_bytes(data, "big")


# Keys


def record_key(query_id: bytes) -> bytes:
    """Name the place of a record."""
    return RECORD_PREFIX + query_id


def agent_key(agent_id: bytes, timestamp: int, query_id: bytes) -> bytes:
    """Name the place of an audit among those of its agent."""
    return SEPARATOR.join((AGENT_PREFIX + agent_id, big_endian(timestamp), query_id))


def time_key(timestamp: int, query_id: bytes) -> bytes:
    """Name the place of an audit among all audits (AUD-12)."""
    return SEPARATOR.join((TIME_PREFIX + big_endian(timestamp), query_id))


def entry_from(key: bytes) -> Entry:
    """
    Read timestamp and query id out of an index key of either kind, by position.

    Both kinds end alike, so positions count from the end.  Raises `Corrupt` for
    a key that nothing here wrote.
    """
    tail = key[-_TAIL_BYTES:]
    timestamp, separator, query_id = tail[:8], tail[8:9], tail[9:]
    if len(key) != _INDEX_KEY_BYTES.get(key[:6]) or separator != SEPARATOR:
        raise Corrupt(f"{key.hex()} is no key of the audit index: build the index again")
    return Entry(from_big_endian(timestamp), query_id)


# Ranges of keys, half-open


def agent_range(
    agent_id: bytes, earliest: int = 0, latest: int = MAX_TIMESTAMP
) -> tuple[bytes, bytes]:
    """
    Bound the keys of one agent between two timestamps, both inclusive (AUD-5).

    Empty if `earliest` is above `latest` (AUD-15).
    """
    agent = AGENT_PREFIX + agent_id + SEPARATOR
    return agent + big_endian(earliest), agent + big_endian(latest) + AFTER_SEPARATOR


def time_range(earliest: int = 0, latest: int = MAX_TIMESTAMP) -> tuple[bytes, bytes]:
    """Bound the keys of the time index between two timestamps, both inclusive."""
    return (
        TIME_PREFIX + big_endian(earliest),
        TIME_PREFIX + big_endian(latest) + AFTER_SEPARATOR,
    )


def prefix_range(prefix: bytes) -> tuple[bytes, bytes]:
    """Bound the keys that begin with a prefix; its last byte must not be 0xFF."""
    return prefix, prefix[:-1] + bytes([prefix[-1] + 1])

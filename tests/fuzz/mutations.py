"""
Files as a stranger would spoil them: one mutation or a few of a good one.

A quarter of the mutations know nothing of a file but its bytes; the others exchange a value of
JSON, if it is JSON, for one that has broken a reader before.
"""

import json
from typing import Any

from hypothesis import strategies as st

AWKWARD: tuple[Any, ...] = (
    None,
    True,
    -1,
    0,
    5.0,
    558.9,
    1e308,
    2**31,
    2**63,
    2**64,
    10**18,
    10**400,
    "",
    "ÿ",
    "AAA",
    "\x1b[31mred\x1b[0m",
    "\u202egnp.exe",
    "/../../../../tmp/pwned",
    "..",
    "a" * 70_000,
    [],
    {},
    [[]],
    {"": None},
    [1, "two", None],
)
"""Values of JSON; each has been where something else belonged."""

BYTES = (
    b"\\ud800",
    b"\xff\xfe",
    b"\0",
    b"NaN",
    b"1e999",
    b"[" * 2_000,
    b'{"a":' * 200,
    b"\n",
    b"\r\n",
    b"\x1b]0;owned\x07",
    b"9" * 5_000,
    b'"',
    b"}",
)


@st.composite
def spoilt(draw: st.DrawFn, good: bytes) -> bytes:
    """Draw a mutation of a file."""
    data = good
    for _ in range(draw(st.sampled_from((1, 1, 2, 3)))):
        structured = draw(st.integers(0, 3))
        data = (draw(_exchanged(data)) if structured else None) or draw(_garbled(data))
    return data


@st.composite
def _garbled(draw: st.DrawFn, data: bytes) -> bytes:
    """Cut, double, overwrite or insert bytes somewhere."""
    at = draw(st.integers(0, len(data)))
    length = draw(st.sampled_from((0, 1, 2, 8, 64, 1024, len(data))))
    end = min(at + length, len(data))
    match draw(st.integers(0, 4)):
        case 0:
            return data[:at] + data[end:]
        case 1:
            return data[:at]
        case 2:
            return data[:end] + data[at:]
        case 3:
            return data[:at] + draw(st.binary(min_size=1, max_size=8)) + data[end:]
        case _:
            return data[:at] + draw(st.sampled_from(BYTES)) + data[end:]


@st.composite
def _exchanged(draw: st.DrawFn, data: bytes) -> bytes:
    """Exchange a value, or its name, in a document or a line of it; nothing if there is none."""
    lines = data.split(b"\n") if data.count(b'{"event":') > 1 else [data]
    number = draw(st.integers(0, len(lines) - 1))
    try:
        document = json.loads(lines[number])
    except (ValueError, RecursionError):
        return b""
    if not isinstance(document, dict | list) or not document:
        return b""
    inner: Any = document
    while True:
        key: Any = (
            draw(st.sampled_from(sorted(inner)))
            if isinstance(inner, dict)
            else draw(st.integers(0, len(inner) - 1))
        )
        deeper = isinstance(inner[key], dict | list) and inner[key]
        if not deeper or draw(st.integers(0, 3)) == 0:
            break
        inner = inner[key]
    match draw(st.integers(0, 4)):
        case 0:
            del inner[key]
        case 1 if isinstance(inner, list):
            inner.append(inner[key])
        case 1:
            inner[draw(st.sampled_from(("event", "kind", "x", "")))] = inner.pop(key)
        case _:
            inner[key] = draw(st.sampled_from(AWKWARD))
    lines[number] = json.dumps(document).encode()
    return b"\n".join(lines)

"""
The bytes of an event, as a small drainer writes them.
"""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

MOMENT = re.compile(
    r"(\d{4}-\d\d-\d\dT(?:[01]\d|2[0-3]):\d\d:\d\d)(?:\.(\d{1,9}))?"
    r"(Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)"
)


def spell_plainly(event: Mapping[str, Any]) -> bytes:
    """Write JSON without spaces, its keys sorted: RFC 8785 where there are texts alone."""
    text = json.dumps(event, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode()


def spell_moment(timestamp: str) -> str:
    """Spell a moment with nine digits, in UTC; raise `ValueError` for what is none."""
    matched = MOMENT.fullmatch(timestamp)
    if matched is None:
        raise ValueError(timestamp)
    second, digits, offset = matched.groups()
    moment = datetime.fromisoformat(second + offset.replace("Z", "+00:00")).astimezone(UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{(digits or '').ljust(9, '0')}Z"

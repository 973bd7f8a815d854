"""
Find the line of standard error that says why a process has ended.

The last line is it in few languages: behind the reason Java and Go print a stack, Node its
version, and Rust a note on how to print more.
"""

import re

_REASON = re.compile(
    r"^(?!at ).*(?:panicked at|\bpanic:|\bfatal error\b|Assertion|(?:Error|Exception|ERROR)\b)"
)


def last_words(log: str) -> str:
    """Return the last line of a log that names an error, else its last line; empty without one."""
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    for number in reversed(range(len(lines))):
        if _REASON.search(lines[number]):
            return _with_message(lines[number:])
    return lines[-1] if lines else ""


def _with_message(lines: list[str]) -> str:
    """Return the first line, and the second where the first says only where it was."""
    place, *rest = lines
    if rest and place.endswith(":") and not rest[0].startswith("note:"):
        return f"{place} {rest[0]}"
    return place

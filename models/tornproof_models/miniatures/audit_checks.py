"""
What the small audit store refuses to put.

Each field has the test that its value must pass; what an audit need not say may be left out.
"""

from collections.abc import Callable, Mapping
from math import isfinite
from typing import Any

LARGEST = (2 - 2**-23) * 2.0**127
"""The largest number that 32 bits hold."""

Test = Callable[[Any], bool]


def is_identifier(value: Any) -> bool:
    """Tell whether a value is an id or a hash."""
    return isinstance(value, bytes) and len(value) == 32


def is_number(value: Any) -> bool:
    """Tell whether a value is an unsigned integer of 64 bits."""
    return type(value) is int and 0 <= value < 2**64


def is_single(value: Any) -> bool:
    """Tell whether a value is a finite number that 32 bits hold."""
    return type(value) in (int, float) and isfinite(value) and abs(value) <= LARGEST


def is_text(value: Any) -> bool:
    """Tell whether a value is text that has a form in UTF-8."""
    return isinstance(value, str) and not any(0xD800 <= ord(each) < 0xE000 for each in value)


def is_stage(value: Any) -> bool:
    """Tell whether a value names a stage of a life."""
    return is_text(value) and value != ""


def unless_none(test: Test) -> Test:
    """Let a value be unknown."""
    return lambda value: value is None or test(value)


PARAMETERS: Mapping[str, Test] = {
    "subject": unless_none(is_text),
    "predicate": unless_none(is_text),
    "lifecycle": unless_none(is_stage),
    "epoch": unless_none(is_number),
    "lens": unless_none(is_text),
}
ASSERTION: Mapping[str, Test] = {
    "assertion_hash": is_identifier,
    "weight": is_single,
    "source_hash": is_identifier,
    "lifecycle": is_stage,
}
AUDIT: Mapping[str, Test] = {
    "query_id": is_identifier,
    "agent_id": unless_none(is_identifier),
    "timestamp": is_number,
    "params": lambda value: has_fields(value, PARAMETERS),
    "result_hash": unless_none(is_identifier),
    "result_confidence": is_single,
    "contributing_assertions": lambda value: (
        isinstance(value, list | tuple) and all(has_fields(each, ASSERTION) for each in value)
    ),
}


def has_fields(value: Any, tests: Mapping[str, Test]) -> bool:
    """Tell whether a value is a map of these fields, each of which passes its test."""
    return (
        isinstance(value, Mapping)
        and value.keys() == tests.keys()
        and all(test(value[name]) for name, test in tests.items())
    )

"""
The versions that a verdict is based on.

The suite, the specification, the adapter protocol and the form of the vectors
change at different times, and for different reasons.  A verdict names all four,
or nobody could say later what it means.
"""

from importlib.metadata import version

from attrs import frozen

SPECIFICATION = "0.2"
"""Grows when a requirement is added or its sentence changes; `spec/index.md` states it."""

PROTOCOL = 1
"""Of the messages between the suite and an adapter."""

VECTORS = 1
"""Of the form of `spec/vectors/*.json`, not of the cases in it."""


@frozen
class Versions:
    """The versions that a verdict names."""

    suite: str
    specification: str = SPECIFICATION
    protocol: int = PROTOCOL
    vectors: int = VECTORS


def current_versions() -> Versions:
    """Return those of this installation."""
    return Versions(version("tornproof"))

"""
The deferred audit drainer: exactly once, or in the dead-letter queue.

The modules, in the order in which to read them:

- `event`: what is queued, as bytes that say it in exactly one way
"""

from tornproof.drainer.event import (
    Allow,
    Bash,
    Custom,
    Encoded,
    Escalate,
    Event,
    FilesystemWrite,
    NetworkRequest,
    ProcessSpawn,
    ReadAction,
    Refuse,
    Warn,
    encode,
    parse_timestamp,
)

__all__ = [
    "Allow",
    "Bash",
    "Custom",
    "Encoded",
    "Escalate",
    "Event",
    "FilesystemWrite",
    "NetworkRequest",
    "ProcessSpawn",
    "ReadAction",
    "Refuse",
    "Warn",
    "encode",
    "parse_timestamp",
]

"""
The deferred audit drainer: exactly once, or in the dead-letter queue.

The modules, in the order in which to read them:

- `event`: what is queued, as bytes that say it in exactly one way
- `failure`: a lost race, a passing failure or a lasting one, told by number
- `sink`: one transaction that lands events and moves the cursor
- `core`: what happens to the events in flight, as a table
- `supervisor`: a drainer that outlives its panics, as another
- `buffer`, `spool`: where admitted events wait, in memory or in a journal
- `admission`, `spool_identity`: how a spool is written, and whose it is
- `driver`: a thread that makes the moves
- `queue`: submit, drain, close
- `replay`: dead letters, counted, read and replayed
- `metrics`: counters that partition
"""

import logging

from tornproof.drainer.action import (
    Allow,
    Bash,
    Custom,
    Escalate,
    FilesystemWrite,
    NetworkRequest,
    ProcessSpawn,
    ReadAction,
    Refuse,
    Warn,
)
from tornproof.drainer.event import Encoded, Event, encode
from tornproof.drainer.metrics import Metrics
from tornproof.drainer.queue import DeferredAuditQueue, Drained, Receipt
from tornproof.drainer.replay import DeadLetter, Replay, dead_letters, dlq_size, replay_dlq
from tornproof.drainer.timestamp import parse_timestamp

logging.getLogger("tornproof").addHandler(logging.NullHandler())

__all__ = [
    "Allow",
    "Bash",
    "Custom",
    "DeadLetter",
    "DeferredAuditQueue",
    "Drained",
    "Encoded",
    "Escalate",
    "Event",
    "FilesystemWrite",
    "Metrics",
    "NetworkRequest",
    "ProcessSpawn",
    "ReadAction",
    "Receipt",
    "Refuse",
    "Replay",
    "Warn",
    "dead_letters",
    "dlq_size",
    "encode",
    "parse_timestamp",
    "replay_dlq",
]

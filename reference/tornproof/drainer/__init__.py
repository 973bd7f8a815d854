"""
The deferred audit drainer: exactly once, or in the dead-letter queue.

The modules, in the order in which to read them:

- `event`: what is queued, as bytes that say it in exactly one way
- `failure`: a lost race, a passing failure or a lasting one, told by number
- `sink`: one transaction that lands events and moves the cursor
- `core`: what happens to the events in flight, as a table
- `dead_letter`: what is kept of an event that could not be appended
- `supervisor`: a drainer that outlives its panics, as another
- `source`, `buffer`, `spool`: where admitted events wait, in memory or in a journal
- `admission`, `small_files`: how a spool is written
- `spool_identity`, `spool_owner`, `quota`: whose it is, and how large it may become
- `driver`: a thread that makes the moves
- `queue`, `answers`: submit, drain, close
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
from tornproof.drainer.answers import Drained, Receipt
from tornproof.drainer.dead_letter import DeadLetter
from tornproof.drainer.event import EVENT_TYPE, Encoded, Event, encode
from tornproof.drainer.metrics import Metrics
from tornproof.drainer.queue import DeferredAuditQueue
from tornproof.drainer.quota import TurnedAway
from tornproof.drainer.replay import Replay, dead_letters, dlq_size, replay_dlq
from tornproof.drainer.sink import Admitted, ChainSink, Residence, Sink
from tornproof.drainer.supervisor import State
from tornproof.drainer.timestamp import parse_timestamp

logging.getLogger("tornproof").addHandler(logging.NullHandler())

__all__ = [
    "EVENT_TYPE",
    "Admitted",
    "Allow",
    "Bash",
    "ChainSink",
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
    "Residence",
    "Sink",
    "State",
    "TurnedAway",
    "Warn",
    "dead_letters",
    "dlq_size",
    "encode",
    "parse_timestamp",
    "replay_dlq",
]

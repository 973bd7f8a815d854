"""
The deferred audit queue: each admitted event lands once in the chain, or in the dead letters.

The modules, in the order in which to read them:

- `event`: what is queued, in canonical bytes
- `failure`: which errors of SQLite are a lost race, which pass, and which last
- `sink`: one transaction that lands events and moves the cursor
- `core`: the states of the events in flight, as a table
- `dead_letter`: what is kept of an event that could not be appended
- `supervisor`: restarts the drainer after a panic, and gives up after too many
- `source`, `buffer`, `spool`: where admitted events wait, in memory or in a journal
- `admission`, `small_files`: how a spool is written
- `spool_identity`, `spool_owner`, `quota`: which database a spool belongs to, which user, and
  how large it may become
- `driver`: a thread that makes the supervisor's moves
- `gate`, `queue_source`, `queue`, `answers`: submit, drain, close
- `replay`: count, read and replay dead letters
- `metrics`: counters, of which each event moves one
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

"""
An ordered map of bytes to bytes, small enough to sit on any embedded database.

- `protocol`: what the audit index asks of a store, and how a range is walked
- `memory`: the store that forgets, for tests and throw-away indexes
- `sqlite`: the store that keeps, on one SQLite file (the default)

Another engine, LMDB or RocksDB say, needs the four methods of `KeyValueStore`.
"""

from tornproof.kv.memory import MemoryKeyValueStore
from tornproof.kv.protocol import KeyValueStore
from tornproof.kv.sqlite import SqliteKeyValueStore

__all__ = ["KeyValueStore", "MemoryKeyValueStore", "SqliteKeyValueStore"]

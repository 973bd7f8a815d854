"""
Ordered key-value stores: maps of bytes to bytes.

- `protocol`: the interface of a store, and how a range is read
- `memory`: a store in memory, for tests and temporary indexes
- `sqlite`: a store in one SQLite file (the default)

A store on another engine, such as LMDB or RocksDB, needs the four methods of `KeyValueStore`.
"""

from tornproof.kv.memory import MemoryKeyValueStore
from tornproof.kv.protocol import KeyValueStore
from tornproof.kv.sqlite import SqliteKeyValueStore

__all__ = ["KeyValueStore", "MemoryKeyValueStore", "SqliteKeyValueStore"]

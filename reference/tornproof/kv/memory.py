"""
A key-value store in memory.

Its content is lost with the process.  It is for tests and temporary indexes, and shows what the
other stores must do.
"""

from collections.abc import Iterator, Mapping
from itertools import islice

from sortedcontainers import SortedDict

from tornproof.errors import Closed
from tornproof.kv.protocol import NOTHING, in_pages


class MemoryKeyValueStore:
    """An ordered map in memory.  Not for use by several threads at once."""

    def __init__(self) -> None:
        self._entries: SortedDict[bytes, bytes] = SortedDict()
        self._closed = False

    def get(self, key: bytes) -> bytes | None:
        """Return the value of a key, or none."""
        self._require_open()
        return self._entries.get(key)

    def write(
        self,
        changes: Mapping[bytes, bytes | None],
        *,
        expected: Mapping[bytes, bytes | None] = NOTHING,
    ) -> bool:
        """Make all changes, unless a key does not hold what is expected of it."""
        self._require_open()
        if any(self._entries.get(key) != value for key, value in expected.items()):
            return False
        for key, value in changes.items():
            if value is None:
                self._entries.pop(key, None)
            else:
                self._entries[key] = value
        return True

    def keys(self, start: bytes, end: bytes, *, reverse: bool = False) -> Iterator[bytes]:
        """Yield the keys in `[start, end)`, in order."""

        def fetch(start: bytes, end: bytes, count: int) -> list[bytes]:
            self._require_open()
            found = self._entries.irange(start, end, inclusive=(True, False), reverse=reverse)
            return list(islice(found, count))

        return in_pages(fetch, start, end, reverse=reverse)

    def close(self) -> None:
        """Forget everything."""
        self._closed = True
        self._entries.clear()

    def _require_open(self) -> None:
        if self._closed:
            raise Closed("this store has been closed, and with it forgotten")

"""
The interface of a key-value store, for the audit index.

It has four methods.  `write` is its only concurrency control: a batch takes effect together or
not at all, and only if the keys that it names still have the expected values (etcd has such
transactions; others call it compare-and-swap).  An append-only index, and an indexer that must
not apply a record twice, need no more.

`keys` returns keys without values.  Keys are small and of known size, so a scan holds a page of
them however large the values are, and the caller fetches the values that it needs.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Protocol

FIRST_PAGE_KEYS = 16
"""Keys fetched first: most questions (`has`, a small limit) end within them."""

LARGEST_PAGE_KEYS = 1024
"""
Keys fetched at most at a time, which bounds the memory of a scan.

At the sizes of the audit index this is some 100 KiB, and the cost of starting
a page is lost among the cost of its keys.
"""

NOTHING: Mapping[bytes, bytes | None] = {}


class KeyValueStore(Protocol):
    """An ordered map of bytes to bytes."""

    def get(self, key: bytes) -> bytes | None:
        """Return the value of a key, or none."""
        ...

    def write(
        self,
        changes: Mapping[bytes, bytes | None],
        *,
        expected: Mapping[bytes, bytes | None] = NOTHING,
    ) -> bool:
        """
        Make all changes or none, durably where the store is durable.

        A value of none deletes its key.  If a key of `expected` holds anything
        but the value given there (none: the key is absent), nothing is changed
        and the answer is false.
        """
        ...

    def keys(self, start: bytes, end: bytes, *, reverse: bool = False) -> Iterator[bytes]:
        """
        Yield the keys from `start` (inclusive) to `end` (exclusive), in order.

        Writing during a scan is allowed.  Every key that was there throughout
        is yielded once; one that came or went meanwhile may or may not be.
        """
        ...

    def close(self) -> None:
        """Let go of the store.  Closing twice is closing once."""
        ...


def in_pages(
    fetch: Callable[[bytes, bytes, int], list[bytes]],
    start: bytes,
    end: bytes,
    *,
    reverse: bool,
) -> Iterator[bytes]:
    """
    Walk a range page by page, so that nothing is held between pages.

    `fetch` returns at most so many keys of a half-open range, from its start or,
    in reverse, from its end.  Pages grow from small to large.
    """
    size = FIRST_PAGE_KEYS
    while start < end:
        page = fetch(start, end, size)
        yield from page
        if len(page) < size:
            return
        if reverse:
            end = page[-1]
        else:
            start = page[-1] + b"\x00"  # the smallest key above it
        size = min(2 * size, LARGEST_PAGE_KEYS)

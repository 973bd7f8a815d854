"""
Orders that pass through memory: io_uring and `io_submit`.

A program writes orders into memory and makes one call for many of them.  At the beginning of
that call they can be read.  When an order is done the kernel says so in memory that the program
shares, and the program may read that without a call.  So whenever any call begins, the recorder
looks there first: what has become known since stands before the call.

This module reads that memory; `orders` says what the orders do to files.
"""

from collections.abc import Callable, Iterator

from attrs import define, field, frozen

from tornproof_conformance.recorder.ptrace.kernel import read_memory, read_words
from tornproof_conformance.recorder.ptrace.tracer import Call

SQE128, CQE32, NO_MMAP, NO_SQARRAY = 1 << 10, 1 << 11, 1 << 14, 1 << 16
"""Flags of a ring."""

MORE = 2
"""A flag of a completion: the order goes on, and completes again."""

COMPLETIONS_AT = 0x8000000
ORDERS_AT = 0x10000000
"""Offsets at which a ring is mapped; the ring of orders itself at 0."""

_AIO_HEADER, _AIO_EVENT, _IOCB = 32, 32, 64


@frozen
class File:
    """The file of the tree that an order is about, if it is one, and the flags of its opening."""

    inode: int | None = None
    flags: int = 0


@define(eq=False)
class Ordered:
    """An order that the kernel has and has not completed."""

    key: int
    """What names it in its completion."""

    call: Call
    """The call that does the same."""

    ends: Callable[[Call], None]
    """Notes what it has done."""

    after: "Ordered | None" = None
    """The order that must be done before it begins."""

    drains: bool = False
    """Whether all that were ordered before it must be done before it begins."""


@define(eq=False)
class Memory:
    """Where orders are given and completed."""

    task: int
    """A thread of the process that has it."""

    pending: list[Ordered] = field(factory=list, init=False)
    ended: int = field(default=0, init=False)
    """The moment at which a completion was seen last."""

    is_overrun: bool = field(default=False, init=False)
    """Whether completions were written over before anybody has seen them."""

    _given: dict[int, list[Ordered]] = field(factory=dict, init=False)
    """What each thread's call hands over that has begun."""

    def give(self, ordered: Ordered) -> None:
        """Take an order that a call hands over which begins."""
        self.pending.append(ordered)
        self._given.setdefault(ordered.call.task, []).append(ordered)

    def take_back(self, task: int, count: int) -> int:
        """Forget all but the first orders, so many, of a call that has ended; say how many."""
        refused = self._given.pop(task, [])[count:]
        self.pending = [each for each in self.pending if each not in refused]
        return len(refused)

    def take(self, key: int, *, goes_on: bool) -> Ordered | None:
        """Return the order that a completion tells of, the first with this key."""
        found = next((each for each in self.pending if each.key == key), None)
        if found is not None and not goes_on:
            self.pending.remove(found)
        return found

    def completed(self) -> Iterator[tuple[int, int, bool]]:
        """Yield the key and the result of each new completion, and whether more will follow it."""
        raise NotImplementedError


@frozen
class Entry:
    """
    An order as it stands in memory.

    The numbers with a name are those of a `struct io_uring_sqe`.
    """

    data: bytes

    def number(self, at: int, size: int = 4) -> int:
        """Return the number at a place."""
        return int.from_bytes(self.data[at : at + size], "little")

    @property
    def opcode(self) -> int:
        """What is ordered."""
        return self.data[0]

    @property
    def flags(self) -> int:
        """How it hangs together with others."""
        return self.data[1]

    @property
    def descriptor(self) -> int:
        """The file, or its place among those that are registered."""
        return self.number(4)

    @property
    def offset(self) -> int:
        """Where in the file; for names the second path."""
        return self.number(8, 8)

    @property
    def address(self) -> int:
        """The buffer, or the first path."""
        return self.number(16, 8)

    @property
    def length(self) -> int:
        """How many bytes, or how many buffers."""
        return self.number(24)

    @property
    def given(self) -> int:
        """The flags of the call that does the same."""
        return self.number(28)

    @property
    def key(self) -> int:
        """What the program calls the order."""
        return self.number(32, 8)


@define(eq=False)
class Ring(Memory):
    """An io_uring, as its process has mapped it."""

    parameters: bytes
    """A `struct io_uring_params`, as the kernel has filled it in."""

    orders: int = 0
    completions: int = 0
    entries: int = 0
    """Addresses: of the ring of orders, of that of completions, and of the orders."""

    files: dict[int, File] = field(factory=dict)
    """The files that are registered, by place."""

    _taken: int | None = None
    _seen: int = 0

    @classmethod
    def of(cls, task: int, address: int) -> "Ring":
        """Read how the kernel has set a ring up."""
        ring = cls(task, read_memory(task, address, 120))
        if ring.flags & NO_MMAP:
            ring.entries, ring.orders = ring._word(72, 8), ring._word(112, 8)
        return ring

    @property
    def flags(self) -> int:
        """How it was set up."""
        return self._word(8)

    def maps(self, offset: int, address: int) -> None:
        """Learn where a part of it is mapped."""
        if offset == ORDERS_AT:
            self.entries = address
        elif offset == COMPLETIONS_AT:
            self.completions = address
        else:
            self.orders = address

    def submitted(self, count: int) -> list[Entry]:
        """Return the orders, so many at most, that the call which begins hands over."""
        head, tail = self._at(self.orders, 40), self._at(self.orders, 44)
        start = head
        if self._taken is not None and _distance(self._taken, head) <= _distance(tail, head):
            start = self._taken  # another thread has handed over some, and they are not taken yet
        mask, found = self._at(self.orders, 48), []
        size = 128 if self.flags & SQE128 else 64
        for n in range(start, start + min(count, _distance(tail, start))):
            place = n & mask
            if not self.flags & NO_SQARRAY:
                array = self.orders + self._word(64)
                place = _number(read_memory(self.task, array + 4 * place, 4))
            found.append(Entry(read_memory(self.task, self.entries + size * place, 64)))
        self._taken = (start + len(found)) & 0xFFFFFFFF
        return found

    def take_back(self, task: int, count: int) -> int:
        """Do the same, and find the orders again that the kernel has left where they are."""
        refused = super().take_back(task, count)
        if self._taken is not None:
            self._taken = (self._taken - refused) & 0xFFFFFFFF
        return refused

    def completed(self) -> Iterator[tuple[int, int, bool]]:
        """Yield what `Memory.completed` says."""
        base = self.completions or self.orders
        tail, mask = self._at(base, 84), self._at(base, 88)
        size = 32 if self.flags & CQE32 else 16
        self.is_overrun |= _distance(tail, self._seen) > mask + 1
        while self._seen != tail:
            place = base + self._word(100) + size * (self._seen & mask)
            data = read_memory(self.task, place, 16)
            if len(data) < 16:
                return  # the process has ended, and its memory with it
            self._seen = (self._seen + 1) & 0xFFFFFFFF
            result = int.from_bytes(data[8:12], "little", signed=True)
            yield _number(data[:8]), result, bool(data[12] & MORE)

    def _word(self, at: int, size: int = 4) -> int:
        return _number(self.parameters[at : at + size])

    def _at(self, base: int, parameter: int) -> int:
        """Read a number of a ring, whose place a parameter says; what was seen, if it is gone."""
        data = read_memory(self.task, base + self._word(parameter), 4)
        return _number(data) if data else self._seen


@define(eq=False)
class Context(Memory):
    """What `io_setup` makes: completions of `io_submit`, mapped at its number."""

    address: int
    _seen: int = 0

    @classmethod
    def of(cls, task: int, address: int) -> "Context":
        """Begin with what is new from now on."""
        context = cls(task, address)
        context._seen = context._header(12)
        return context

    def submitted(self, count: int, pointers: int) -> list[tuple[int, Entry]]:
        """Return the orders that the call which begins hands over, each with its address."""
        words = read_words(self.task, pointers, count)
        return [(each, Entry(read_memory(self.task, each, _IOCB))) for each in words]

    def completed(self) -> Iterator[tuple[int, int, bool]]:
        """Yield what `Memory.completed` says."""
        tail, size = self._header(12), self._header(4)
        while size and self._seen != tail:
            place = self.address + _AIO_HEADER + _AIO_EVENT * self._seen
            words = read_words(self.task, place, 3)
            if len(words) < 3:
                return
            self._seen = (self._seen + 1) % size
            yield words[1], words[2] - (words[2] >> 63 << 64), False

    def _header(self, at: int) -> int:
        return _number(read_memory(self.task, self.address + at, 4))


def _number(data: bytes) -> int:
    return int.from_bytes(data, "little")


def _distance(end: int, start: int) -> int:
    """Count from one place of a ring to another; the counters wrap."""
    return (end - start) & 0xFFFFFFFF

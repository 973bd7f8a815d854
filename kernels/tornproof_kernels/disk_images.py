"""
From the log of a disk to the images that a loss of power may leave on it.

At a *moment* some writes are durable, because a flush covered them, and some are in flight: of
these any subset may have arrived.  Moments are taken just before a flush makes something durable
and each time the guest has marked that an operation has returned; in between the images nest.

Every subset is taken where there are few; else none, all, all within two, every prefix, and some
at random.  A block of the program's data may also arrive in part, sector by sector.
"""

import random
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import combinations

from attrs import define, field, frozen

from tornproof_kernels.disk_server import (
    BLOCK,
    Answered,
    Blocks,
    FlushArrived,
    LogEvent,
    Marked,
    Wrote,
    is_program_data,
    put,
)

SECTOR = 512
ALL_UP_TO = 1 << 9
"""Every subset of what is in flight is taken up to so many."""

_JBD2_MAGIC = b"\xc0\x3b\x39\x98"
_JBD2_COMMIT = 2


@frozen
class Atom:
    """What reaches a disk in one piece, or not at all: a block, or a part of one."""

    write: int
    offset: int
    data: bytes
    journal: bool = False
    commit: bool = False
    """A block that ends a transaction of the journal."""


@frozen
class Moment:
    """What is certain and what is in flight, when so many lines of the script have returned."""

    done: int
    durable: tuple[Atom, ...]
    flying: tuple[Atom, ...]


@define
class Played:
    """What the log says of one run of a program."""

    name: str
    base: dict[int, bytes]
    """The image when the program began: all of it is durable."""

    moments: list[Moment] = field(factory=list)


@define
class Cutter:
    """Cuts the log of a guest into the runs of programs."""

    places: Mapping[str, tuple[int, int]]
    """Offset and size of the partition of each run, by name."""

    empty: Blocks
    in_journal: Callable[[int], bool] = lambda _offset: False
    """Tells whether an offset in the partition belongs to the journal."""

    def runs(self, log: Iterable[LogEvent]) -> Iterator[Played]:
        """Yield each run, in order."""
        run: _Run | None = None
        for event in log:
            if isinstance(event, Marked) and event.text.startswith("test "):
                name = event.text[5:]
                run = _Run(Played(name, dict(self.empty)), *self.places[name])
            elif run is not None:
                run.take(event, self.in_journal)
                if isinstance(event, Marked) and event.text == "end":
                    yield run.played
                    run = None


@define
class _Run:
    played: Played
    offset: int
    size: int
    started: bool = False
    done: int = 0
    durable: list[Atom] = field(factory=list)
    flying: dict[int, list[Atom]] = field(factory=dict)
    answered: set[int] = field(factory=set)

    def take(self, event: LogEvent, in_journal: Callable[[int], bool]) -> None:
        match event:
            case Wrote(number, at, data) if self.offset <= at < self.offset + self.size:
                if self.started:
                    self.flying[number] = list(atoms(number, at - self.offset, data, in_journal))
                else:
                    put(self.played.base, at - self.offset, data)
            case Answered(number):
                self.answered.add(number)
            case FlushArrived() if covered := [n for n in self.flying if n in self.answered]:
                self.note()
                for number in covered:
                    self.durable += self.flying.pop(number)
            case Marked("start"):
                self.started = True
            case Marked(text) if self.started and text.startswith("done "):
                self.note()
                self.done = int(text[5:]) + 1
                self.note()

    def note(self) -> None:
        flying = tuple(atom for group in self.flying.values() for atom in group)
        moment = Moment(self.done, tuple(self.durable), flying)
        if not self.played.moments or self.played.moments[-1] != moment:
            self.played.moments.append(moment)


def atoms(number: int, at: int, data: bytes, in_journal: Callable[[int], bool]) -> Iterator[Atom]:
    """Cut a write into blocks."""
    start = 0
    while start < len(data):
        here = at + start
        block = data[start : start + BLOCK - here % BLOCK]
        start += len(block)
        inside = in_journal(here)
        commit = inside and block[:4] == _JBD2_MAGIC and _kind(block) == _JBD2_COMMIT
        yield Atom(number, here, block, inside, commit)


def _kind(block: bytes) -> int:
    found: int = struct.unpack(">I", block[4:8])[0]
    return found


def arrivals(moment: Moment, bound: int = ALL_UP_TO) -> Iterator[tuple[Atom, ...]]:
    """
    Choose what arrived of what was in flight, in whole blocks.

    Blocks of an ext4 journal without a commit block mean nothing to recovery and are left out.
    """
    flying = moment.flying
    if not any(atom.commit for atom in flying):
        flying = tuple(atom for atom in flying if not atom.journal)
    everything = frozenset(range(len(flying)))
    if 1 << len(flying) <= bound:
        for mask in range(1 << len(flying)):
            yield tuple(atom for i, atom in enumerate(flying) if mask >> i & 1)
        return
    seen: set[frozenset[int]] = set()
    source = random.Random(len(flying))

    def chosen() -> Iterator[frozenset[int]]:
        for number in (0, 1, 2):
            for some in map(frozenset, combinations(everything, number)):
                yield some
                yield everything - some
        yield from (frozenset(range(n)) for n in sorted(everything))
        while len(seen) < bound:
            yield frozenset(i for i in everything if source.random() < 0.5)

    for some in chosen():
        if some not in seen:
            seen.add(some)
            yield tuple(flying[i] for i in sorted(some))


def few_arrivals(moment: Moment, source: random.Random) -> Iterator[tuple[Atom, ...]]:
    """The same for images that are expensive: none, all, each prefix, one, all but one; chance."""
    n = len(moment.flying)
    everything = frozenset(range(n))
    some = {frozenset[int](), everything}
    if n <= 6:
        some |= {frozenset(range(k)) for k in range(n)}
        some |= {frozenset({k}) for k in range(n)} | {everything - {k} for k in range(n)}
    some |= {frozenset(k for k in range(n) if source.random() < 0.5) for _ in range(3)}
    for each in sorted(some, key=sorted):
        yield tuple(moment.flying[k] for k in sorted(each))


def torn(moment: Moment) -> Iterator[tuple[Atom, ...]]:
    """Let one block of the program's data arrive in part, with all else that flies or with none."""
    data = [atom for atom in moment.flying if is_program_data(atom.data)]
    source = random.Random(len(data))
    for atom in data:
        pieces = [
            Atom(atom.write, atom.offset + at, atom.data[at : at + SECTOR])
            for at in range(0, len(atom.data), SECTOR)
        ]
        others = tuple(each for each in moment.flying if each is not atom)
        half = [piece for piece in pieces if source.random() < 0.5]
        for part in (pieces[:1], pieces[1:], pieces[:4], pieces[4:], pieces[-1:], half):
            yield tuple(part)
            yield (*others, *part)


def overlay(base: Blocks, *parts: Iterable[Atom]) -> dict[int, bytes]:
    """Return the blocks in which an image differs from its base."""
    changed: dict[int, bytes] = {}
    for part in parts:
        for atom in part:
            number, within = divmod(atom.offset, BLOCK)
            if len(atom.data) == BLOCK:
                changed[number] = atom.data
            else:
                old = changed.get(number) or base.get(number, bytes(BLOCK))
                changed[number] = old[:within] + atom.data + old[within + len(atom.data) :]
    return {number: block for number, block in changed.items() if base.get(number) != block}


def split(content: bytes) -> dict[int, bytes]:
    """Turn a whole image into its blocks that are not zeros."""
    blocks = ((at // BLOCK, content[at : at + BLOCK]) for at in range(0, len(content), BLOCK))
    return {number: block for number, block in blocks if any(block)}

"""
Every image that a crash may leave, by the plainest means: the disk model's oracle.

Takes every combination of versions, and throws away those that a sentence of
`crash_models.RULES` forbids.  Shares only the trace with what it judges; what a trace leaves
on the disk it takes from `plain_disk`, as the checker of certificates does.
"""

from functools import reduce
from itertools import compress
from operator import or_
from typing import Any

from attrs import define, field
from tornproof_models.certificates.checker.plain_crash import image_of
from tornproof_models.certificates.checker.plain_disk import Disk
from tornproof_models.certificates.checker.plain_names import Register, State, state_of
from tornproof_models.disk import trace as t

SECTOR, BLOCK = 4, 8  # bytes
Entry = tuple[str, bytes | None]
Key = tuple[Entry, ...]


@define
class ThoroughDisk(Disk):
    """A disk on which every write is news, and which remembers what deleted files held."""

    deleted: list[tuple[int, bytes]] = field(factory=list)  # sector, what it held

    def is_news(self, inode: int, n: int, content: bytes) -> bool:
        """Spare no version: that some may be spared is for the disk model to show."""
        del inode, n, content
        return True

    def stays_zeros(self, inode: int, n: int, old: bytes) -> bool:
        """Spare no version here, either."""
        del inode, n, old
        return False

    def replay(self, event: t.Event) -> None:
        """Let an event happen, and see which file loses its last name."""
        before = state_of(self.versions)
        super().replay(event)
        for inode in named_files(before) - named_files(state_of(self.versions)):
            self.deleted += self.split(self.read(before, inode), 0, before["size", inode])

    def unkept(self, register: Register) -> list[Any]:
        """Return what a register may hold, the blocks of deleted files included."""
        kind, inode, *rest = register
        found = super().unkept(register)
        if kind == "data" and self.crash_model == "recycled-blocks":
            exposed = rest[0] * self.sector >= self.floor["size", inode]
            found += [content for n, content in self.deleted if exposed and n == rest[0]]
        return list(dict.fromkeys(found))


def named_files(state: State) -> set[int]:
    """Return the files that have a name."""
    return {inode for key, inode in state.items() if key[0] == "name" and ("size", inode) in state}


def images(trace: t.Trace, crash_model: str) -> set[Key]:
    """Return the key of every image that a crash at the end of a trace may leave."""
    disk = ThoroughDisk(crash_model, SECTOR, BLOCK)
    disk.begin(trace.initial)
    for event in trace.events:
        disk.replay(event)
    registers = list(dict.fromkeys(version.register for version in disk.pending()))
    shapes = [register for register in registers if register[0] != "data"]
    sectors = [register for register in registers if register[0] == "data"]
    contents: dict[tuple[Any, ...], set[tuple[Any, ...]]] = {}
    for held in combinations(disk, shapes + sectors):
        contents.setdefault(held[: len(shapes)], set()).add(held[len(shapes) :])
    found: set[Key] = set()
    for shape, several in contents.items():
        state = disk.floor | dict(zip(shapes, shape, strict=True))
        seen = [register in visible(disk, state) for register in sectors]
        for content in {tuple(compress(each, seen)) for each in several}:
            shown = dict(zip(compress(sectors, seen), content, strict=True))
            found.add(image_of(disk, state | shown).key)
    return found


def visible(disk: Disk, state: State) -> set[Register]:
    """Return the sectors that somebody can read: what is in no file is in no image."""
    return {
        ("data", inode, n)
        for inode in named_files(state)
        for n in range(-(-state["size", inode] // disk.sector))
    }


def combinations(disk: Disk, registers: list[Register]) -> list[tuple[Any, ...]]:
    """Return all that registers may hold together; sets of versions are bit masks."""
    pending = disk.pending()
    bits = {version: 1 << n for n, version in enumerate(pending)}
    forced = {a: sum(bits[b] for b in pending if disk.forces(a, b)) for a in pending}
    found: set[tuple[int, int, tuple[Any, ...]]] = {(0, 0, ())}  # kept, forced, what they hold
    decided = 0
    for register in registers:
        choices = [(0, 0, value) for value in disk.unkept(register)]
        kept = needed = 0
        for version in pending:
            if version.register == register:
                kept, needed = kept | bits[version], needed | forced[version]
                choices.append((kept, needed, version.value))
        decided |= kept
        matters = reduce(or_, (forced[each] for each in pending if not bits[each] & decided), 0)
        found = {
            ((one | more) & matters, (need | further) & ~decided, (*held, value))
            for one, need, held in found
            for more, further, value in choices
            if not (need | further) & decided & ~(one | more)
        }
    return [held for _, _, held in found]

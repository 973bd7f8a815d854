"""
Replay a trace as one plain list of versions.

The disk model a second time, for whoever checks the first: it shares the trace with it,
and nothing else.  A version is never taken off the list; the durable ones are a set
beside it.  It is slow, and short enough to be read at a sitting.
"""

from collections.abc import Iterator
from random import Random
from typing import Any

from attrs import define, field

from tornproof_models.certificates.checker.plain_names import (
    Register,
    State,
    Version,
    logged,
    renames,
    state_of,
)
from tornproof_models.disk import trace as t

IN_ORDER = ("prefix", "ext4-journal")  # operations reach the disk as the program made them
HEEDED = {  # what a filesystem writes no later than what needs it
    "ext4": ("block", "growth", "cut", "replacement"),
    "ext4-fast-commit": ("block", "growth", "cut", "replacement"),
    "ext4-writeback": ("block", "growth", "replacement"),
    "xfs": ("block", "growth", "cut"),
    "btrfs": ("block", "growth", "cut"),
}
GARBAGE = ("adversarial", "recycled-blocks")  # models in which new sectors hold anything
EVERYWHERE = 1 << 62  # where every file has ended


@define
class Disk:
    """Every version there has been, under one crash model."""

    crash_model: str
    sector: int
    block: int = 4096  # in which a filesystem allocates space
    versions: list[Version] = field(factory=list)
    durable: set[Version] = field(factory=set)
    cut: list[tuple[int, int, bytes]] = field(factory=list)  # inode, sector, what it held
    written: dict[int, int] = field(factory=dict)  # the last operation on a file's bytes
    zeroed: set[tuple[int, int]] = field(factory=set)  # blocks that began as a hole
    spared: dict[tuple[int, int], list[Version]] = field(factory=dict)  # cut off while zeros
    operations: int = 0

    def begin(self, image: t.Image) -> None:
        """Begin with a tree, all of it durable."""
        inodes = t.number_inodes(image)
        for path, inode in inodes.items():
            parent, _, name = path.rpartition("/")
            directory = inodes.get(parent, t.ROOT)
            if path in image.files:
                self.replay(t.Create(directory, name, inode))
                self.replay(t.Write(inode, 0, image.files[path]))
            else:
                self.replay(t.MakeDirectory(directory, name, inode))
        self.durable = set(self.versions)

    def replay(self, event: t.Event) -> None:
        """Let an event happen; marks change nothing."""
        if isinstance(event, t.MARKS):
            return
        self.operations += 1
        live = state_of(self.versions)
        match event:
            case t.Write(inode, offset, data) if data:
                self.write(inode, offset, data)
            case t.Stored(inode, parts):
                new, touched = bytearray(self.read(live, inode)), dict[int, bytes]()
                for offset, data in parts:
                    end = min(offset + len(data), len(new))
                    new[offset:end] = data[: max(end - offset, 0)]
                    touched.update(self.split(bytes(new), offset, end))
                self.put(inode, touched, together=True)
            case t.Truncate(inode, size) if size == live["size", inode]:
                self.resize(inode, size)
            case t.Truncate(inode, size):
                self.cut_off(inode, size, self.read(live, inode))
            case t.Create(directory, name, inode):
                self.durable.add(self.add("size", inode, value=0))
                self.add("name", directory, name, value=inode)
            case t.MakeDirectory(directory, name, inode) | t.Link(directory, name, inode):
                self.add("name", directory, name, value=inode)
            case t.Unlink(directory, name):
                self.add("name", directory, name, value=None)
            case t.Rename(directory, name, onto, target) if (directory, name) != (onto, target):
                moved = self.add("name", onto, target, value=live["name", directory, name])
                if live.get(("name", onto, target)) is not None:
                    sizes = (v for v in self.pending(moved.value) if v.register[0] == "size")
                    moved.needs = [("replacement", size) for size in sizes]
                self.add("name", directory, name, value=None)
            case t.Exchange(directory, name, onto, other):
                one, two = live["name", directory, name], live["name", onto, other]
                self.add("name", directory, name, value=two)
                self.add("name", onto, other, value=one)
            case t.Sync(inode, data_only):
                self.sync(t.PartialSync(inode, 0, EVERYWHERE, 0, data_only))
            case t.SyncDirectory(inode):
                self.sync(t.PartialSync(inode, 0, EVERYWHERE, 0))
            case t.SyncFilesystem():
                keeps = self.crash_model in ("xfs", *GARBAGE) and not isinstance(event, t.Settled)
                in_place = {v for v in self.versions if v.register[0] == "data" and not v.names}
                left = {v for v in in_place if keeps and not v.begins}
                self.settle({v for v in self.versions if not v.failed and v not in left})
            case t.PartialSync():
                self.sync(event)
            case t.SyncFailed(inode):
                self.zeroed = {each for each in self.zeroed if each[0] != inode}
                for version in self.pending(inode):
                    version.failed = True
        if self.crash_model == "process-kill":
            self.durable |= set(self.versions)

    def write(self, inode: int, offset: int, data: bytes) -> None:
        """Put bytes into a file, sector by sector; zeros up to a block's end may come first."""
        self.written[inode] = self.operations
        old, end = self.read(state_of(self.versions), inode), offset + len(data)
        new = old[:offset].ljust(offset, b"\0") + data + old[end:]
        size, block_end = len(old), -(-len(old) // self.block) * self.block
        if size < block_end <= offset:
            self.resize(inode, size := block_end)
        inside = self.inside_zeros(inode, new, range(max(offset, size), end))
        for n, content in self.split(new, offset, end):
            if n * self.sector // self.block in inside:
                continue
            self.put(inode, {n: content})
            self.resize(inode, max(size, min(end, (n + 1) * self.sector)))
        self.begin_blocks(inode)

    def inside_zeros(self, inode: int, new: bytes, written: range) -> set[int]:
        """Return the blocks between others in a run of zeros by which a file grows: a hole."""
        used = {
            v.register[2] * self.sector // self.block
            for v in self.pending(inode)
            if v.register[0] == "data"
        }
        start = max(written.start, self.floor["size", inode])
        blocks = set(range(-(-start // self.block), written.stop // self.block)) - used
        empty = {n for n in blocks if not any(new[n * self.block :][: self.block])}
        inside = {n for n in empty if {n - 1, n + 1} <= empty}
        self.zeroed |= {(inode, n) for n in inside}
        return inside

    def put(self, inode: int, sectors: dict[int, bytes], *, together: bool = False) -> None:
        """Give sectors what they hold; nobody knows the order of those that are put together."""
        for n, content in sectors.items():
            self.make_spared(inode, n)
            if self.is_news(inode, n, content):
                version = self.add("data", inode, n, value=content, names=False)
                version.block = n * self.sector // self.block
                version.time = (self.operations, 0) if together else version.time
        if together:
            self.written[inode] = self.operations
            self.begin_blocks(inode)

    def cut_off(self, inode: int, size: int, old: bytes) -> None:
        """Truncate a file, which is longer or shorter."""
        end = self.allocated(inode)
        new = self.add("size", inode, value=size)
        if size < len(old):
            self.cut += [(inode, *sector) for sector in self.split(old, size, len(old))]
            for n, content in self.split(old[:size], size, len(old)):
                block = n * self.sector // self.block * self.block
                if self.stays_zeros(inode, n, old):
                    self.spared.setdefault((inode, n), []).extend([new][: block >= size])
                    continue
                zeros = self.add("data", inode, n, value=content)
                zeros.tail = block < size
                new.needs += [("cut", zeros)] if zeros.tail and block < end else []
        for version in self.pending(inode):
            version.block = version.block if version.block * self.block < size else -1
        self.zeroed -= {(i, n) for i, n in self.zeroed if i == inode and n * self.block >= size}

    def stays_zeros(self, inode: int, n: int, old: bytes) -> bool:
        """Is a sector zeros for certain, so that cutting it off makes no version?"""
        history, at = self.history("data", inode, n), n * self.sector
        known = not history or (history[-1] in self.durable and not any(history[-1].value))
        return known and at < self.floor["size", inode] and not any(old[at : at + self.sector])

    def make_spared(self, inode: int, n: int) -> None:
        """Make the versions that a sector was spared when it was cut off, before it is written."""
        for size in (e for e in self.spared.pop((inode, n), ()) if e not in self.durable):
            v = Version(("data", inode, n), bytes(self.sector), size.time, True, failed=size.failed)
            self.versions.insert(self.versions.index(size) + 1, v)

    def allocated(self, inode: int) -> int:
        """Return the least that a file has measured since it was last durable."""
        sizes = self.history("size", inode)
        durable = [n for n, version in enumerate(sizes) if version in self.durable][-1]
        return min(int(version.value) for version in sizes[durable:])

    def begin_blocks(self, inode: int) -> None:
        """Let what was just put into a new block need what the block began with."""
        end = self.allocated(inode)
        new = [v for v in self.pending(inode) if v.block * self.block >= end and not v.failed]
        first = {version.block: version.time[0] for version in reversed(new)}
        begun = [version for version in new if version.time[0] == first[version.block]]
        for version in new:
            if version.time[0] == self.operations and (inode, version.block) not in self.zeroed:
                version.begins = version in begun
                version.needs = [("block", each) for each in begun if each.block == version.block]

    def pending(self, *inodes: int) -> list[Version]:
        """Return the versions that are not durable, of these inodes or of all."""
        versions = [version for version in self.versions if version not in self.durable]
        return [version for version in versions if not inodes or version.register[1] in inodes]

    def add(self, *register: Any, value: Any, names: bool = True) -> Version:
        """Add a version; those of one operation on names share its time."""
        time = self.operations, 0 if names else len(self.versions)
        self.versions.append(Version(register, value, time, names))
        return self.versions[-1]

    def history(self, *register: Any) -> list[Version]:
        """Return all versions of a register; none that is durable follows one that is not."""
        return [version for version in self.versions if version.register == register]

    def is_news(self, inode: int, n: int, content: bytes) -> bool:
        """The bytes that are there already make no version, unless a block begins with them."""
        history = self.history("data", inode, n)
        if history and history[-1] not in self.durable:
            begins = history[-1].failed or history[-1].names
        else:
            begins = n * self.sector >= self.floor["size", inode]
        return begins or content != (history[-1].value if history else bytes(self.sector))

    def resize(self, inode: int, size: int) -> None:
        """Let a write reach so far; within a block it does so at once."""
        before = self.history("size", inode)[-1]
        if before.value != size or before.failed:  # any write makes the inode dirty
            new = self.add("size", inode, value=size, names=False)
            same_block = (before.value - 1) // self.block == (size - 1) // self.block
            if before.time[0] == self.operations and same_block:
                before.needs.append(("growth", new))

    def sync(self, event: t.PartialSync) -> None:
        """Make durable what a sync covers of all that was there when it began."""
        began, inode = self.operations - event.missed, event.inode
        names = (key[:2] for key, n in state_of(self.versions).items() if n == inode)
        named = inode == t.ROOT or any(k == "name" and d != t.NAMELESS for k, d in names)
        if self.crash_model in ("btrfs", *GARBAGE) and not named:
            return  # a file without a name is passed over
        changes = self.changes(inode, event.data_only)
        if self.crash_model == "ext4-journal":  # which journals data as well
            changes.add(self.written.get(inode, -1))
        until = max(changes, default=-1)
        pending = [version for version in self.pending() if version.time[0] < began]
        self.settle({v for v in pending if not v.failed and self.covers(event, until, v)})

    def settle(self, new: set[Version]) -> None:
        """Make versions durable, with all that they drag along."""
        while new:
            self.durable |= new
            new = {b for b in self.pending() for a in new if self.drags(a, b)}

    def changes(self, inode: int, data_only: bool) -> set[int]:
        """Return the operations that changed an inode so that a sync has to commit them."""
        named = renames(self.versions, inode)
        own = (v for v in self.versions if v.register[1] == inode and v.register[0] != "data")
        found = {version.time[0] for version in own}  # a file has a size from its creation on
        return found | (set(named[:1]) if data_only else set(named))

    def covers(self, event: t.PartialSync, until: int, version: Version) -> bool:
        """Is a version durable after a sync?"""
        (kind, owner, *rest), time, inode = version.register, version.time[0], event.inode
        if self.crash_model in IN_ORDER:
            return self.crash_model == "prefix" or time <= until
        if version.names and self.crash_model in HEEDED and owner != inode:
            return (
                time in logged(self.versions, inode)
                if self.crash_model == "btrfs"
                else time <= until
            )
        if owner != inode or (version.names and self.crash_model in HEEDED):
            return bool(owner == inode)
        if kind == "data":
            start = rest[0] * self.sector
            return bool(event.start < start + self.sector and start < event.end)
        return bool(kind == "name" or version.value <= -(-event.end // self.block) * self.block)

    def drags(self, a: Version, b: Version) -> bool:
        """If version a becomes durable, does b?"""
        if a.register == b.register and b.time <= a.time:
            return True
        heeded = HEEDED.get(self.crash_model, ())
        return not b.failed and any(b is each and kind in heeded for kind, each in a.needs)

    def forces(self, a: Version, b: Version) -> bool:
        """If version a is on disk, is b?"""
        if a.register == b.register or b.failed or self.drags(a, b):
            return self.drags(a, b)
        names = a.names and b.names and not a.tail and not b.tail
        return b.time <= a.time and (
            self.crash_model in IN_ORDER or (self.crash_model in HEEDED and names)
        )

    @property
    def floor(self) -> State:
        """What registers hold for certain."""
        return state_of(version for version in self.versions if version in self.durable)

    def unkept(self, register: Register) -> list[Any]:
        """Return what a register may hold of which no pending version was kept."""
        kind, inode, *rest = register
        floor, zeros = self.floor, bytes(self.sector)
        if kind != "data":
            return [floor.get(register)]
        found = [floor.get(register, zeros)]
        if self.crash_model in GARBAGE and rest[0] * self.sector >= floor["size", inode]:
            found += [zeros, Random(rest[0]).randbytes(self.sector)]
            found += [content for owner, n, content in self.cut if [owner, n] == [inode, *rest]]
        return list(dict.fromkeys(found))

    def read(self, state: State, inode: int) -> bytes:
        """Return a file's content."""
        size, zeros = state["size", inode], bytes(self.sector)
        sectors = (state.get(("data", inode, n), zeros) for n in range(-(-size // self.sector)))
        return b"".join(sectors)[:size]

    def split(self, content: bytes, start: int, end: int) -> Iterator[tuple[int, bytes]]:
        """Yield the sectors that a range touches, each with all that it holds."""
        for n in range(start // self.sector, -(-end // self.sector)):
            yield n, content[n * self.sector :][: self.sector].ljust(self.sector, b"\0")

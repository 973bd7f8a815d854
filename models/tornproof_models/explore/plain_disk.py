"""
What a trace leaves behind, as one plain list of versions.

The disk model a second time, for whoever checks the first: it shares the trace with it,
and nothing else.  A version is never taken off the list; the durable ones are a set
beside it.  It is slow, and short enough to be read at a sitting.
"""

from collections.abc import Iterable, Iterator
from typing import Any, TypeAlias

from attrs import define, field

from tornproof_models.disk import trace as t

BLOCK = 4096
"""A filesystem allocates space in blocks of this size."""

Register: TypeAlias = tuple[Any, ...]
"""`("data", inode, sector)`, `("size", inode)` or `("name", directory, name)`."""

State: TypeAlias = dict[Register, Any]


@define(eq=False)
class Version:
    """One value that a register has had."""

    register: Register
    value: Any
    step: int  # of the operation
    time: int  # of this part of it; the parts of an atomic operation share one
    names: bool  # made by an operation on names, or by a truncation
    block: int = -1  # that it was written to, until the block is freed
    failed: bool = False
    needs: list["Version"] = field(factory=list)


@define
class Disk:
    """Every version there has been, under one profile."""

    profile: str
    sector: int
    versions: list[Version] = field(factory=list)
    durable: set[Version] = field(factory=set)
    cut: list[tuple[int, int, bytes]] = field(factory=list)  # inode, sector, what it held
    moments: list[int] = field(factory=list)  # how many versions there were at each operation
    step: int = 0

    def forces(self, a: Version, b: Version) -> bool:
        """If version a is on disk, is b?"""
        if a.register == b.register or b.time > a.time or b.failed:
            return a.register == b.register and b.time <= a.time
        if self.profile == "ext4-ordered":
            return (a.names and b.names) or b in a.needs
        return self.profile == "prefix"

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

    def pending(self, *inodes: int) -> list[Version]:
        """Return the versions that are not durable, of these inodes or of all."""
        versions = [version for version in self.versions if version not in self.durable]
        return [version for version in versions if not inodes or version.register[1] in inodes]

    def settle(self, versions: set[Version]) -> None:
        """Make versions durable, and with them all that they force."""
        while versions := versions - self.durable:
            self.durable |= versions
            versions = {b for b in self.pending() for a in versions if self.forces(a, b)}

    def add(self, *register: Any, value: Any, names: bool = True) -> Version:
        """Add a version; those of one operation on names share its time."""
        time = self.step if names else len(self.versions)
        self.versions.append(Version(register, value, self.step, time, names))
        return self.versions[-1]

    def resize(self, inode: int, size: int) -> None:
        """Let a write reach so far: blocks allocated since need their first data."""
        sizes = [version for version in self.versions if version.register == ("size", inode)]
        if sizes[-1].value != size or sizes[-1].failed:  # any write makes the inode dirty
            durable = [n for n, version in enumerate(sizes) if version in self.durable][-1]
            end = min(version.value for version in sizes[durable:])
            new = [v for v in self.pending(inode) if v.block * BLOCK >= end and not v.failed]
            first = {version.block: version.step for version in reversed(new)}
            needs = [version for version in new if version.step == first[version.block]]
            self.add("size", inode, value=size, names=False).needs = needs

    def replay(self, event: t.Event) -> None:
        """Let an event happen."""
        self.step, live = len(self.versions), state_of(self.versions)
        if not isinstance(event, t.MARKS):
            self.moments.append(self.step)
        match event:
            case t.Write(inode, offset, data) if data:
                old, end = self.read(live, inode), offset + len(data)
                new = old[:offset].ljust(offset, b"\0") + data + old[end:]
                for n, content in self.split(new, offset, end):
                    if self.is_news(inode, n, content):
                        version = self.add("data", inode, n, value=content, names=False)
                        version.block = n * self.sector // BLOCK
                    self.resize(inode, max(len(old), min(end, (n + 1) * self.sector)))
            case t.Truncate(inode, size) if size == live["size", inode]:
                self.resize(inode, size)
            case t.Truncate(inode, size):
                self.add("size", inode, value=size)
                if size < len(old := self.read(live, inode)):
                    self.cut += [(inode, *sector) for sector in self.split(old, size, len(old))]
                    for n, content in self.split(old[:size], size, len(old)):
                        self.add("data", inode, n, value=content)
                for version in self.pending(inode):
                    version.block = version.block if version.block * BLOCK < size else -1
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
                    moved.needs = self.pending(moved.value)
                self.add("name", directory, name, value=None)
            case t.Sync(inode) | t.SyncDirectory(inode):
                self.settle(self.covered(inode))
            case t.PartialSync(inode, start, end, missed):
                sectors = range(start // self.sector, -(-end // self.sector))
                self.settle(
                    {
                        version
                        for version in self.covered(inode)
                        if version.step < self.moments[-1 - missed]
                        and (
                            version.register[:2] != ("data", inode)
                            or version.register[2] in sectors
                            or self.profile == "prefix"
                        )
                    }
                )
            case t.SyncFailed(inode):
                for version in self.pending(inode):
                    version.failed = True
        if self.profile == "process-kill":
            self.durable |= set(self.versions)

    def covered(self, inode: int) -> set[Version]:
        """Find what a sync of a file or directory makes durable."""
        covered = self.pending() if self.profile == "prefix" else self.pending(inode)
        if self.profile == "ext4-ordered":
            covered += [version for version in self.pending() if version.names]
        return {version for version in covered if not version.failed}

    def is_news(self, inode: int, n: int, content: bytes) -> bool:
        """The bytes that are there already make no version, unless a block begins with them."""
        zeros, size = bytes(self.sector), ("size", inode)
        durable = state_of(version for version in self.versions if version in self.durable)
        history = [v for v in self.pending(inode) if v.register == ("data", inode, n)]
        if history and (history[-1].failed or history[-1].names):
            return True
        if not history and n * self.sector >= durable[size]:
            return True
        before = history[-1].value if history else durable.get(("data", inode, n), zeros)
        return bool(before != content)

    def read(self, state: State, inode: int) -> bytes:
        """Return a file's content."""
        size, zeros = state["size", inode], bytes(self.sector)
        sectors = (state.get(("data", inode, n), zeros) for n in range(-(-size // self.sector)))
        return b"".join(sectors)[:size]

    def split(self, content: bytes, start: int, end: int) -> Iterator[tuple[int, bytes]]:
        """Yield the sectors that a range touches, each with all that it holds."""
        for n in range(start // self.sector, -(-end // self.sector)):
            yield n, content[n * self.sector :][: self.sector].ljust(self.sector, b"\0")

    def tree(self, state: State, directory: int = 0, path: str = "") -> Iterator[tuple[str, Any]]:
        """Yield every path with its content, none for a directory."""
        for register, inode in state.items():
            if register[:2] == ("name", directory) and inode is not None:
                here = f"{path}/{register[2]}"
                yield here, self.read(state, inode) if ("size", inode) in state else None
                yield from self.tree(state, inode, here)


def state_of(versions: Iterable[Version]) -> State:
    """Return what registers hold at these versions, later ones replacing earlier."""
    return {version.register: version.value for version in versions}

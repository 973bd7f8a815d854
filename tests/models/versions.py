"""
What a trace leaves behind, as one plain list of versions: half of the disk model's oracle.

Shares only the trace with what it judges.  A version is never taken off the list;
the durable ones are a set beside it.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from attrs import define, field
from tornproof_models.disk import trace as t

SECTOR, BLOCK = 4, 8  # bytes
Register = tuple[Any, ...]  # ("data", inode, sector), ("size", inode) or ("name", directory, name)
State = dict[Register, Any]


@define(eq=False)
class Version:
    register: Register
    value: Any
    step: int  # of the operation
    time: int  # of this part of it; the parts of an atomic operation share one
    names: bool  # made by an operation on names, or by a truncation
    block: int = -1  # that it was written to, until the block is freed
    failed: bool = False
    needs: list["Version"] = field(factory=list)


def forces(profile: str, a: Version, b: Version) -> bool:
    """If version a is on disk, is b?"""
    if a.register == b.register or b.time > a.time or b.failed:
        return a.register == b.register and b.time <= a.time
    if profile == "ext4-ordered":
        return (a.names and b.names) or b in a.needs
    return profile == "prefix"


@define
class Disk:
    profile: str
    versions: list[Version] = field(factory=list)
    durable: set[Version] = field(factory=set)
    cut: list[tuple[int, int, bytes]] = field(factory=list)  # inode, sector, what it held
    deleted: list[tuple[int, bytes]] = field(factory=list)
    moments: list[int] = field(factory=list)  # how many versions there were at each operation
    step: int = 0

    def pending(self, *inodes: int) -> list[Version]:
        versions = [version for version in self.versions if version not in self.durable]
        return [version for version in versions if not inodes or version.register[1] in inodes]

    def settle(self, versions: Iterable[Version]) -> None:
        """Make versions durable, and with them all that they force."""
        while more := set(versions) - self.durable:
            self.durable |= more
            versions = [b for b in self.pending() for a in more if forces(self.profile, a, b)]

    def add(self, *register: Any, value: Any, names: bool = True) -> Version:
        time = self.step if names else len(self.versions)
        self.versions.append(Version(register, value, self.step, time, names))
        return self.versions[-1]

    def resize(self, inode: int, size: int) -> None:
        """Any write makes the inode dirty, and the size is part of it."""
        sizes = [version for version in self.versions if version.register == ("size", inode)]
        if sizes[-1].value != size or sizes[-1].failed:
            durable = [n for n, version in enumerate(sizes) if version in self.durable][-1]
            end = min(version.value for version in sizes[durable:])
            new = [v for v in self.pending(inode) if v.block * BLOCK >= end and not v.failed]
            first = {version.block: version.step for version in reversed(new)}
            needs = [version for version in new if version.step == first[version.block]]
            self.add("size", inode, value=size, names=False).needs = needs

    def replay(self, event: t.Event) -> None:
        self.step, live = len(self.versions), state_of(self.versions)
        if not isinstance(event, t.MARKS):
            self.moments.append(self.step)
        match event:
            case t.Write(inode, offset, data) if data:
                old, end = read(live, inode), offset + len(data)
                new = old[:offset].ljust(offset, b"\0") + data + old[end:]
                for n, content in split(new, offset, end):
                    version = self.add("data", inode, n, value=content, names=False)
                    version.block = n * SECTOR // BLOCK
                    self.resize(inode, max(len(old), min(end, (n + 1) * SECTOR)))
            case t.Truncate(inode, size) if size == live["size", inode]:
                self.resize(inode, size)
            case t.Truncate(inode, size):
                self.add("size", inode, value=size)
                if size < len(old := read(live, inode)):
                    self.cut += [(inode, *sector) for sector in split(old, size, len(old))]
                    for n, content in split(old[:size], size, len(old)):
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
                sectors = range(start // SECTOR, -(-end // SECTOR))
                self.settle(
                    v
                    for v in self.covered(inode)
                    if v.step < self.moments[-1 - missed]
                    and (
                        v.register[:2] != ("data", inode)
                        or v.register[2] in sectors
                        or self.profile == "prefix"
                    )
                )
            case t.SyncFailed(inode):
                for version in self.pending(inode):
                    version.failed = True
        for inode in named_files(live) - named_files(state_of(self.versions)):
            self.deleted += split(read(live, inode), 0, live["size", inode])
        if self.profile == "process-kill":
            self.settle(self.versions)

    def covered(self, inode: int) -> list[Version]:
        covered = self.pending() if self.profile == "prefix" else self.pending(inode)
        if self.profile == "ext4-ordered":
            covered += [version for version in self.pending() if version.names]
        return [version for version in covered if not version.failed]


def state_of(versions: Iterable[Version]) -> State:
    return {version.register: version.value for version in versions}


def named_files(state: State) -> set[int]:
    return {n for key, n in state.items() if key[0] == "name" and ("size", n) in state}


def read(state: State, inode: int) -> bytes:
    size = state["size", inode]
    sectors = (state.get(("data", inode, n), bytes(SECTOR)) for n in range(-(-size // SECTOR)))
    return b"".join(sectors)[:size]


def split(content: bytes, start: int, end: int) -> Iterator[tuple[int, bytes]]:
    for n in range(start // SECTOR, -(-end // SECTOR)):
        yield n, content[n * SECTOR :][:SECTOR].ljust(SECTOR, b"\0")

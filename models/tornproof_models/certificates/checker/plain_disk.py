"""
What a trace leaves behind, as one plain list of versions.

The disk model a second time, for whoever checks the first: it shares the trace with it,
and nothing else.  A version is never taken off the list; the durable ones are a set
beside it.  It is slow, and short enough to be read at a sitting.
"""

from collections.abc import Iterable, Iterator
from random import Random
from typing import Any, TypeAlias

from attrs import define, field

from tornproof_models.disk import trace as t

Register: TypeAlias = tuple[Any, ...]
"""`("data", inode, sector)`, `("size", inode)` or `("name", directory, name)`."""

State: TypeAlias = dict[Register, Any]
ORDERLY = ("process-kill", "prefix", "ext4-ordered")  # crash models that leave no garbage
EVERYWHERE = range(1 << 62)  # all sectors of a file


@define(eq=False)
class Version:
    """One value that a register has had."""

    register: Register
    value: Any
    time: tuple[int, int]  # operation, and part of it; an operation on names has only one
    names: bool  # made by an operation on names, or by a truncation
    block: int = -1  # that it was written to, until the block is freed
    failed: bool = False
    needs: list["Version"] = field(factory=list)


@define
class Disk:
    """Every version there has been, under one crash model."""

    crash_model: str
    sector: int
    block: int = 4096  # in which a filesystem allocates space
    versions: list[Version] = field(factory=list)
    durable: set[Version] = field(factory=set)
    cut: list[tuple[int, int, bytes]] = field(factory=list)  # inode, sector, what it held
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
                self.add("size", inode, value=size)
                if size < len(old := self.read(live, inode)):
                    self.cut += [(inode, *sector) for sector in self.split(old, size, len(old))]
                    for n, content in self.split(old[:size], size, len(old)):
                        self.add("data", inode, n, value=content)
                for version in self.pending(inode):
                    version.block = version.block if version.block * self.block < size else -1
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
                self.sync(inode, EVERYWHERE, self.operations)
            case t.SyncFilesystem():
                self.durable |= {version for version in self.versions if not version.failed}
            case t.PartialSync(inode, start, end, missed):
                sectors = range(start // self.sector, -(-end // self.sector))
                self.sync(inode, sectors, self.operations - missed)
            case t.SyncFailed(inode):
                for version in self.pending(inode):
                    version.failed = True
        if self.crash_model == "process-kill":
            self.durable |= set(self.versions)

    def write(self, inode: int, offset: int, data: bytes) -> None:
        """Put bytes into a file, sector by sector."""
        old, end = self.read(state_of(self.versions), inode), offset + len(data)
        new = old[:offset].ljust(offset, b"\0") + data + old[end:]
        for n, content in self.split(new, offset, end):
            self.put(inode, {n: content})
            self.resize(inode, max(len(old), min(end, (n + 1) * self.sector)))

    def put(self, inode: int, sectors: dict[int, bytes], *, together: bool = False) -> None:
        """Give sectors what they hold; nobody knows the order of those that are put together."""
        for n, content in sectors.items():
            if self.is_news(inode, n, content):
                version = self.add("data", inode, n, value=content, names=False)
                version.block = n * self.sector // self.block
                version.time = (self.operations, 0) if together else version.time

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
        """Let a write reach so far: blocks allocated since need their first data."""
        sizes = self.history("size", inode)
        if sizes[-1].value != size or sizes[-1].failed:  # any write makes the inode dirty
            durable = [n for n, version in enumerate(sizes) if version in self.durable][-1]
            end = min(version.value for version in sizes[durable:])
            new = [v for v in self.pending(inode) if v.block * self.block >= end and not v.failed]
            first = {version.block: version.time[0] for version in reversed(new)}
            needs = [version for version in new if version.time[0] == first[version.block]]
            self.add("size", inode, value=size, names=False).needs = needs

    def sync(self, inode: int, sectors: range, began: int) -> None:
        """Make durable what a sync covers of all that was there when it began."""
        pending = [version for version in self.pending() if version.time[0] < began]
        new = {each for each in pending if not each.failed and self.covers(inode, sectors, each)}
        while new:
            self.durable |= new
            new = {b for b in self.pending() for a in new if self.forces(a, b)}

    def covers(self, inode: int, sectors: range, version: Version) -> bool:
        """Is a version durable after a sync of a directory, or of sectors of a file?"""
        kind, owner, *rest = version.register
        if self.crash_model == "prefix" or (self.crash_model == "ext4-ordered" and version.names):
            return True
        return bool(owner == inode and (kind != "data" or rest[0] in sectors))

    def forces(self, a: Version, b: Version) -> bool:
        """If version a is on disk, is b?"""
        if a.register == b.register:
            return b.time <= a.time
        if b.time > a.time or b.failed:
            return False
        if self.crash_model == "ext4-ordered":
            return (a.names and b.names) or b in a.needs
        return self.crash_model == "prefix"

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
        if self.crash_model not in ORDERLY and rest[0] * self.sector >= floor["size", inode]:
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

    def image(self, state: State) -> t.Image:
        """Return what a program sees: the tree of names, with the contents of the files."""
        names = {key[1:]: inode for key, inode in state.items() if key[0] == "name"}
        files, directories, pending = dict[str, bytes](), set[str](), [("", t.ROOT)]
        while pending:
            path, directory = pending.pop()
            for (parent, name), inode in names.items():
                if parent == directory and ("size", inode) in state:
                    files[f"{path}/{name}"] = self.read(state, inode)
                elif parent == directory and inode is not None:
                    directories.add(f"{path}/{name}")
                    pending.append((f"{path}/{name}", inode))
        return t.Image(files, frozenset(directories))


def state_of(versions: Iterable[Version]) -> State:
    """Return what registers hold at these versions, later ones replacing earlier."""
    return {version.register: version.value for version in versions}

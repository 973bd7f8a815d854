"""
The registers of a disk while a trace goes by.

`Registers` replays a trace, event by event, and knows after each what is durable
and what is pending (see `versions`).  What raises a floor depends on the crash model,
and only that: see `crash_models`.
"""

from collections.abc import Iterable

from attrs import Factory, define, field

from tornproof_models.disk.page_cache import LiveTree
from tornproof_models.disk.trace import (
    ROOT,
    Create,
    Event,
    Image,
    Link,
    MakeDirectory,
    PartialSync,
    Rename,
    Stored,
    Sync,
    SyncDirectory,
    SyncFailed,
    SyncFilesystem,
    Truncate,
    Unlink,
    Write,
    WritebackStarted,
)
from tornproof_models.disk.versions import (
    BLOCK_BYTES,
    SECTOR_BYTES,
    Data,
    Floors,
    Name,
    Register,
    Size,
    Version,
)


@define
class Registers:
    """All registers of a disk, while a trace is replayed."""

    floors: Floors
    sector_bytes: int = SECTOR_BYTES
    block_bytes: int = BLOCK_BYTES
    pending: list[Version] = field(factory=list)
    """Versions above their floors, in the order in which they were made."""

    sizes: dict[int, int] = field(factory=dict)
    """Floor of each file's size."""

    sectors: dict[int, dict[int, bytes]] = field(factory=dict)
    """Floor of each sector of each file, as whole sectors; a missing one is zeros."""

    names: dict[int, dict[str, int]] = field(factory=lambda: {ROOT: {}})
    """Floor of the names in each directory."""

    cut: dict[Data, list[bytes]] = field(factory=dict)
    """What a sector held each time a truncation cut it off."""

    freed: list[dict[int, bytes]] = field(factory=list)
    """The sectors of each file that lost its last name: blocks that will be used again."""

    raised: set[Register] = field(factory=set)
    """Registers that no longer hold what they held at the beginning: their floors were raised."""

    _live: LiveTree = field(
        default=Factory(lambda self: LiveTree(Image(), self.sector_bytes), takes_self=True)
    )
    _history: dict[Register, list[Version]] = field(factory=dict)
    _step: int = 0

    @classmethod
    def of(
        cls,
        image: Image,
        floors: Floors,
        *,
        sector_bytes: int = SECTOR_BYTES,
        block_bytes: int = BLOCK_BYTES,
    ) -> "Registers":
        """Begin with a tree that is durable as it stands."""
        live = LiveTree(image, sector_bytes)
        return cls(
            floors,
            sector_bytes,
            block_bytes,
            sizes={inode: len(content) for inode, content in live.contents.items()},
            sectors={inode: live.sectors(inode) for inode in live.contents},
            names={directory: dict(names) for directory, names in live.names.items()},
            live=live,
        )

    def replay(self, events: Iterable[Event]) -> None:
        """Replay events from where the last call ended; marks change nothing."""
        for event in events:
            self.advance(event)

    def advance(self, event: Event) -> None:
        """Replay one event."""
        match event:
            case Write():
                self._write(event)
            case Stored():
                self._store(event)
            case Truncate():
                self._truncate(event)
            case Create():
                self._live.contents[event.inode] = bytearray()
                self.sizes[event.inode] = 0
                self.sectors[event.inode] = {}
                self._set_name(event.directory, event.name, event.inode)
            case MakeDirectory():
                self.names[event.inode] = {}
                self._live.names[event.inode] = {}
                self._set_name(event.directory, event.name, event.inode)
            case Link():
                self._set_name(event.directory, event.name, event.inode)
            case Rename():
                self._rename(event)
            case Unlink():
                self._set_name(event.directory, event.name, None)
            case Sync() | SyncDirectory():
                self._raise_floors(self._covered_by(event.inode))
            case SyncFilesystem():
                self._raise_floors(list(self.pending))
            case WritebackStarted():
                pass  # nothing is promised
            case PartialSync():
                self._raise_floors(self._covered_in_part_by(event))
            case SyncFailed():
                for version in self.pending:
                    if _owner(version.register) == event.inode:
                        version.failed = True
            case _:
                return
        self._step += 1
        if self.floors.everything_at_once:
            self._raise_floors(list(self.pending))

    def is_new(self, register: Data) -> bool:
        """
        Tell whether a sector lies wholly beyond the durable size of its file.

        Nothing was ever promised about its content: an unsynced write may leave
        it as it was on the disk before it belonged to this file.
        """
        return register.sector * self.sector_bytes >= self.sizes[register.inode]

    def path_of(self, inode: int) -> str:
        """Return a name that an inode has now, or had last, for people to read."""
        return self._live.path_of(inode)

    # Operations

    def _write(self, event: Write) -> None:
        if not event.data:
            return
        size, end = len(self._live.contents[event.inode]), event.offset + len(event.data)
        self._live.write(event.inode, event.offset, event.data)
        blocks: tuple[int, dict[int, list[Version]]] | None = None
        needs: list[Version] = []
        for sector in range(event.offset // self.sector_bytes, -(-end // self.sector_bytes)):
            version = self._write_sector(event.inode, sector)
            if blocks is None and (version is not None or end > size):
                blocks = self._blocks_of(event.inode)
                needs += [each for versions in blocks[1].values() for each in versions]
            block = sector * self.sector_bytes // self.block_bytes
            if version is not None and blocks and block >= blocks[0] and block not in blocks[1]:
                needs.append(version)
            size = max(size, min(end, (sector + 1) * self.sector_bytes))
            if self._write_size(event.inode, size, tuple(needs)):
                needs.clear()  # the next size implies this one, and so what it needs

    def _store(self, event: Stored) -> None:
        """Give each sector that was stored into one version, and leave the size alone."""
        size = len(self._live.contents[event.inode])
        sectors: set[int] = set()
        for offset, data in event.parts:
            end = min(offset + len(data), size)
            if offset < end:
                self._live.write(event.inode, offset, data[: end - offset])
                sectors |= {*range(offset // self.sector_bytes, -(-end // self.sector_bytes))}
        for sector in sorted(sectors):
            version = self._write_sector(event.inode, sector)
            if version is not None:
                version.stored = True

    def _truncate(self, event: Truncate) -> None:
        old_size = len(self._live.contents[event.inode])
        if event.size == old_size:
            self._write_size(event.inode, old_size, ())
            return
        first = event.size // self.sector_bytes
        last = -(-old_size // self.sector_bytes) if event.size < old_size else first
        for sector in range(first, last):
            cut = self.cut.setdefault(Data(event.inode, sector), [])
            cut.append(self._sector(event.inode, sector))
        self._live.truncate(event.inode, event.size)
        self._add(Size(event.inode), event.size, namespace=True)
        for sector in range(first, last):
            register = Data(event.inode, sector)
            self._add(register, self._sector(event.inode, sector), namespace=True)

    def _set_name(self, directory: int, name: str, inode: int | None) -> None:
        deleted = self._live.set_name(directory, name, inode)
        self._add(Name(directory, name), inode, namespace=True)
        if deleted is not None:
            self.freed.append(self._live.sectors(deleted))

    def _rename(self, event: Rename) -> None:
        if (event.source_directory, event.source) == (event.target_directory, event.target):
            return
        inode = self._live.names[event.source_directory][event.source]
        replaces = event.target in self._live.names[event.target_directory]
        self._set_name(event.target_directory, event.target, inode)
        if replaces:
            self._history[Name(event.target_directory, event.target)][-1].needs = tuple(
                version for version in self.pending if _owner(version.register) == inode
            )
        self._set_name(event.source_directory, event.source, None)

    # Versions

    def _sector(self, inode: int, sector: int) -> bytes:
        return self._live.sector(inode, sector)

    def _blocks_of(self, inode: int) -> tuple[int, dict[int, list[Version]]]:
        """
        Count a file's allocated blocks, and find what each new one began with.

        A block beyond the durable size is allocated when it is first written out,
        with what it holds then; the file's size follows.  Later writes into it are
        not ordered against the size.  A truncation frees the blocks beyond it, and
        what is written there later is allocated anew.  What the present operation writes
        does not count.
        """
        allocated = self._blocks(self.sizes[inode])
        begun: dict[int, list[Version]] = {}
        for version in self.pending:
            match version.register, version.value:
                case Size(owner), int(size) if owner == inode and version.namespace:
                    left = self._blocks(size)
                    allocated = min(allocated, left)
                    begun = {block: begun[block] for block in begun if block < left}
                case Data(owner, sector), _ if owner == inode and version.step != self._step:
                    block = sector * self.sector_bytes // self.block_bytes
                    if block >= allocated and not (version.namespace or version.failed):
                        versions = begun.setdefault(block, [])
                        if not versions or versions[0].step == version.step:
                            versions.append(version)
        return allocated, begun

    def _blocks(self, size: int) -> int:
        """Count the blocks that a size takes."""
        return -(-size // self.block_bytes)

    def _write_sector(self, inode: int, sector: int) -> Version | None:
        """
        Add a version, unless the bytes are there already.

        The same bytes again are news where the sync of the last ones failed, since
        the page is dirty again, and where a block begins with them: in a new
        sector, or in one that was cut off.
        """
        register, value = Data(inode, sector), self._sector(inode, sector)
        history = self._history.get(register)
        if history:
            begins = history[-1].failed or history[-1].namespace
            same = history[-1].value == value
        else:
            begins = self.is_new(register)
            same = self.floor(register) == value
        return self._add(register, value) if begins or not same else None

    def _write_size(self, inode: int, size: int, needs: tuple[Version, ...]) -> bool:
        """Add a version if the size grows or its sync has failed: any write dirties it."""
        register = Size(inode)
        history = self._history.get(register)
        newest = history[-1].value if history else self.floor(register)
        if newest == size and not (history and history[-1].failed):
            return False
        self._add(register, size).needs = needs
        return True

    def _add(
        self, register: Register, value: bytes | int | None, *, namespace: bool = False
    ) -> Version:
        version = Version(register, value, self._step, namespace=namespace)
        self._history.setdefault(register, []).append(version)
        self.pending.append(version)
        return version

    def floor(self, register: Register) -> bytes | int | None:
        """Return the version of a register that is durable for certain."""
        match register:
            case Data(inode, sector):
                return self.sectors[inode].get(sector, bytes(self.sector_bytes))
            case Size(inode):
                return self.sizes[inode]
            case Name(directory, name):
                return self.names[directory].get(name)

    # Floors

    def _covered_by(self, inode: int) -> list[Version]:
        """Find what a successful sync of a file or directory makes durable."""
        if self.floors.sync_covers_everything:
            return self.pending
        return [
            version
            for version in self.pending
            if _owner(version.register) == inode
            or (self.floors.sync_covers_namespace and version.namespace)
        ]

    def _covered_in_part_by(self, event: PartialSync) -> list[Version]:
        """Find what a sync makes durable that covers a range, or not what came last."""
        began = self._step - event.missed
        covered = [each for each in self._covered_by(event.inode) if each.step < began]
        if self.floors.sync_covers_everything:
            return covered
        sectors = range(event.start // self.sector_bytes, -(-event.end // self.sector_bytes))
        return [
            version
            for version in covered
            if (self.floors.sync_covers_namespace and version.namespace)
            or not isinstance(version.register, Data)
            or version.register.sector in sectors
        ]

    def _raise_floors(self, covered: Iterable[Version]) -> None:
        """
        Make versions durable, with those that they replaced and those that they need.

        A version whose sync has failed stays as it is: its page is clean, so a
        later sync does not write it.
        """
        pending, durable = set(self.pending), set[Version]()
        remaining = list(covered)
        while remaining:
            version = remaining.pop()
            if version in durable or version not in pending:
                continue
            if version.failed and not self.floors.everything_at_once:
                continue
            history = self._history[version.register]
            replaced = history[: history.index(version) + 1]
            durable.update(replaced)
            if self.floors.sync_covers_namespace:
                remaining += [needed for each in replaced for needed in each.needs]
        for version in self.pending:
            if version in durable:
                self._settle(version)
        self.pending = [version for version in self.pending if version not in durable]

    def _settle(self, version: Version) -> None:
        self._history[version.register].remove(version)
        self.raised.add(version.register)
        match version.register:
            case Data(inode, sector):
                assert isinstance(version.value, bytes)
                self.sectors[inode][sector] = version.value
            case Size(inode):
                assert isinstance(version.value, int)
                self.sizes[inode] = version.value
            case Name(directory, name):
                if version.value is None:
                    self.names[directory].pop(name, None)
                else:
                    assert isinstance(version.value, int)
                    self.names[directory][name] = version.value


def _owner(register: Register) -> int:
    """Return the inode whose sync concerns a register."""
    return register[0]

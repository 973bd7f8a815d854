"""
The pending versions of a disk: written, and not durable yet.

Each operation of a trace makes versions (see `versions`), and notes which of them a filesystem
may have to write no later than others.  Whether it does is not decided here: see `crash_models`.
"""

from attrs import Factory, define, field

from tornproof_models.disk.page_cache import LiveTree
from tornproof_models.disk.spared_zeros import SparedZeros
from tornproof_models.disk.trace import (
    NAMELESS,
    ROOT,
    Exchange,
    Image,
    Rename,
    Stored,
    Truncate,
    Write,
)
from tornproof_models.disk.versions import (
    BLOCK_BYTES,
    SECTOR_BYTES,
    Data,
    Name,
    Need,
    Register,
    Size,
    Version,
)

AT_THE_ENDS = 2
"""Blocks of a run of zeros whose sectors are told apart: the first and the last."""


@define
class PendingVersions:
    """All registers of a disk, and what operations have made of them."""

    sector_bytes: int = SECTOR_BYTES
    block_bytes: int = BLOCK_BYTES
    pending: list[Version] = field(factory=list)
    """Versions above their floors, in the order in which they were made."""

    sizes: dict[int, int] = field(factory=dict)
    """Floor of each file's size."""

    sectors: dict[int, dict[int, bytes]] = field(factory=dict)
    """Floor of each sector of each file, as whole sectors; a missing one is zeros."""

    names: dict[int, dict[str, int]] = field(factory=lambda: {ROOT: {}, NAMELESS: {}})
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
    _changed: dict[int, int] = field(factory=dict)
    """The last operation that changed each inode in a way that fsync has to commit."""

    _changed_data: dict[int, int] = field(factory=dict)
    """The last one that changed it in a way that fdatasync has to commit, too."""

    _written: dict[int, int] = field(factory=dict)
    """The last operation that put bytes into each file."""

    _zeroed: dict[int, set[int]] = field(factory=dict)
    """The blocks of each file that have begun with zeros, without a version of their sectors."""

    _spared: SparedZeros = field(factory=SparedZeros)
    _named: dict[int, set[int]] = field(factory=dict)
    """The operations by which each inode got or lost a name."""

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
        inode, end = event.inode, event.offset + len(event.data)
        self._written[inode] = self._step
        size = len(self._live.contents[inode])
        self._live.contents[inode].write(event.offset, event.data)
        block_end = -(-size // self.block_bytes) * self.block_bytes
        if size < block_end <= event.offset:  # zeros up to the block's end may come by themselves
            size = block_end
            self._write_size(inode, size)
        new: list[Version] = []
        inside = self._inside_zeros(inode, event, size)
        for sector in range(event.offset // self.sector_bytes, -(-end // self.sector_bytes)):
            if sector in inside:
                continue
            version = self._write_sector(inode, sector)
            new += [version] if version is not None else []
            size = max(size, min(end, (sector + 1) * self.sector_bytes))
            self._write_size(inode, size)
        self._begin_blocks(inode, new)

    def _inside_zeros(self, inode: int, event: Write, size: int) -> set[int]:
        """
        Return the sectors inside a run of blocks of zeros by which a file grows.

        They are taken for a hole, all but the first and the last block of the run: whoever
        preallocates a file sees whether that has begun and whether it is over, and every block
        between is like its neighbours.  Such a block has begun with zeros.
        """
        width = self.block_bytes
        first = self._blocks(max(event.offset, size, self.sizes[inode]))
        blocks = range(first, (event.offset + len(event.data)) // width)
        if len(blocks) <= AT_THE_ENDS:
            return set()
        zeros = bytes(width)
        starts = {block: block * width - event.offset for block in blocks}
        empty = {n for n, at in starts.items() if event.data[at : at + width] == zeros}
        empty -= {
            self._block_of(each)
            for each in self.pending
            if each.register[0] == inode and isinstance(each.register, Data)
        }
        inside = {n for n in empty if n - 1 in empty and n + 1 in empty}
        self._zeroed.setdefault(inode, set()).update(inside)
        sectors = width // self.sector_bytes
        return {block * sectors + n for block in inside for n in range(sectors)}

    def _store(self, event: Stored) -> None:
        """Give each sector that was stored into one version, and leave the size alone."""
        size = len(self._live.contents[event.inode])
        self._written[event.inode] = self._step
        sectors: set[int] = set()
        for offset, data in event.parts:
            end = min(offset + len(data), size)
            if offset < end:
                self._live.contents[event.inode].write(offset, data[: end - offset])
                sectors |= {*range(offset // self.sector_bytes, -(-end // self.sector_bytes))}
        written = [self._write_sector(event.inode, sector) for sector in sorted(sectors)]
        new = [version for version in written if version is not None]
        for version in new:
            version.stored = True
        self._begin_blocks(event.inode, new)

    def _truncate(self, event: Truncate) -> None:
        inode, old_size = event.inode, len(self._live.contents[event.inode])
        if event.size == old_size:
            self._write_size(inode, old_size)
            return
        first = event.size // self.sector_bytes
        last = -(-old_size // self.sector_bytes) if event.size < old_size else first
        cut_off = self._not_zeros(inode, range(first, last))
        for sector in cut_off:
            cut = self.cut.setdefault(Data(inode, sector), [])
            cut.append(self._sector(inode, sector))
        allocated = self._blocks_of(inode)[0]
        self._live.contents[inode].truncate(event.size)
        self._touch(inode)
        left = self._blocks(event.size)
        self._zeroed[inode] = {block for block in self._zeroed.get(inode, ()) if block < left}
        size = self._add(Size(inode), event.size, namespace=True)
        freed = range(left * self.block_bytes // self.sector_bytes, last)
        self._spared.note(size, freed, cut_off)
        for sector in cut_off:
            zeros = self._add(Data(inode, sector), self._sector(inode, sector), namespace=True)
            start = sector * self.sector_bytes // self.block_bytes * self.block_bytes
            zeros.tail = start < event.size
            if zeros.tail and start < allocated * self.block_bytes:
                size.needs.append((Need.CUT, zeros))

    def _not_zeros(self, inode: int, sectors: range) -> list[int]:
        """
        Return the sectors that do not hold zeros for certain: cutting off others changes nothing.

        Logs preallocate: a file of 64 MB that is cut has 131,072 sectors, and few were written.
        """
        durable, registers = self.sectors[inode], [version.register for version in self.pending]
        known = {*self._live.contents[inode].sectors, *(n for n in durable if any(durable[n]))}
        known |= {each.sector for each in registers if isinstance(each, Data) and each[0] == inode}
        first_new = max(sectors.start, -(-self.sizes[inode] // self.sector_bytes))
        return sorted({n for n in known if n in sectors} | {*range(first_new, sectors.stop)})

    def _set_name(self, directory: int, name: str, inode: int | None) -> None:
        before = self._live.names[directory].get(name)
        deleted = self._live.set_name(directory, name, inode)
        self._add(Name(directory, name), inode, namespace=True)
        self._touch(directory)
        for changed in (before, inode):
            if changed is not None:
                self._changed[changed] = self._step
                self._named.setdefault(changed, set()).add(self._step)
        if deleted is not None:
            self.freed.append(self._live.sectors(deleted))

    def _touch(self, inode: int) -> None:
        """Note a change that both fsync and fdatasync have to commit."""
        self._changed[inode] = self._changed_data[inode] = self._step

    def _rename(self, event: Rename) -> None:
        if (event.source_directory, event.source) == (event.target_directory, event.target):
            return
        inode = self._live.names[event.source_directory][event.source]
        replaces = event.target in self._live.names[event.target_directory]
        sizes = [version for version in self.pending if version.register == Size(inode)]
        self._set_name(event.target_directory, event.target, inode)
        if replaces:
            target = self._history[Name(event.target_directory, event.target)][-1]
            target.needs = [(Need.REPLACEMENT, size) for size in sizes]
        self._set_name(event.source_directory, event.source, None)

    def _exchange(self, event: Exchange) -> None:
        one, other = (event.directory, event.name), (event.other_directory, event.other)
        names = self._live.names
        inode, another = names[one[0]][one[1]], names[other[0]][other[1]]
        for (directory, name), refers_to in ((one, another), (other, inode)):
            names[directory][name] = refers_to
            self._add(Name(directory, name), refers_to, namespace=True)
            self._touch(directory)
            self._changed[refers_to] = self._step
            self._named.setdefault(refers_to, set()).add(self._step)

    # Versions

    def _sector(self, inode: int, sector: int) -> bytes:
        return self._live.contents[inode].sector(sector)

    def _begin_blocks(self, inode: int, new: list[Version]) -> None:
        """Let each version in a newly allocated block need all that the block began with."""
        if not new:
            return
        allocated, begun = self._blocks_of(inode)
        fresh: dict[int, list[Version]] = {}
        for version in new:
            block = self._block_of(version)
            if block >= allocated and block not in self._zeroed.get(inode, ()):
                fresh.setdefault(block, []).append(version)
        for block, versions in fresh.items():
            first = begun.get(block) or versions
            for version in versions:
                version.begins = block not in begun
                version.needs += [(Need.BLOCK, each) for each in first if each is not version]

    def _block_of(self, version: Version) -> int:
        """Return the block of its file in which a sector lies."""
        assert isinstance(version.register, Data)
        return version.register.sector * self.sector_bytes // self.block_bytes

    def _blocks_of(self, inode: int) -> tuple[int, dict[int, list[Version]]]:
        """
        Count a file's allocated blocks, and find what each new one began with.

        A block beyond the durable size is allocated when it is first written out, with at
        least what the first operation on it had written.  A truncation frees the blocks beyond
        it, and what is written there later is allocated anew.  What the present operation
        writes does not count.
        """
        allocated = self._blocks(self.sizes[inode])
        begun: dict[int, list[Version]] = {}
        for version in self.pending:
            match version.register, version.value:
                case Size(owner), int(size) if owner == inode and version.namespace:
                    left = self._blocks(size)
                    allocated = min(allocated, left)
                    begun = {block: begun[block] for block in begun if block < left}
                case Data(owner), _ if owner == inode and version.step != self._step:
                    block = self._block_of(version)
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
        if not history:
            history = self._spared.make(register, self.pending, self.sector_bytes)
            self._history[register] = history
        if history:
            begins = history[-1].failed or history[-1].namespace
            same = history[-1].value == value
        else:
            begins = self.is_new(register)
            same = self.floor(register) == value
        return self._add(register, value) if begins or not same else None

    def _write_size(self, inode: int, size: int) -> None:
        """Add a version if the size grows or its sync has failed: any write dirties it."""
        history = self._history.get(Size(inode))
        newest = history[-1].value if history else self.floor(Size(inode))
        if newest == size and not (history and history[-1].failed):
            return
        version = self._add(Size(inode), size)
        self._touch(inode)
        if history and history[-2:-1]:
            before = history[-2]
            assert isinstance(before.value, int)
            same_block = (before.value - 1) // self.block_bytes == (size - 1) // self.block_bytes
            if before.step == self._step and same_block:
                before.needs.append((Need.GROWTH, version))

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

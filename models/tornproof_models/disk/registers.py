"""
The registers of a disk during a trace.

`Registers` replays a trace, event by event, and knows after each what is durable
and what is pending (see `versions`).  What raises a floor depends on the crash model,
and only that: see `crash_models`.
"""

from collections.abc import Iterable

from attrs import define, evolve, field

from tornproof_models.disk.page_cache import LiveTree
from tornproof_models.disk.pending_versions import PendingVersions
from tornproof_models.disk.trace import (
    Create,
    Event,
    Exchange,
    Image,
    Link,
    MakeDirectory,
    PartialSync,
    Rename,
    Settled,
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
    SyncCovers,
    Version,
)


@define
class Registers(PendingVersions):
    """All registers of a disk, while a trace is replayed."""

    floors: Floors = field(kw_only=True)
    _made: dict[int, int] = field(factory=dict)
    """The operation that made each directory."""

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
            sector_bytes,
            block_bytes,
            floors=floors,
            sizes={inode: len(content) for inode, content in live.contents.items()},
            sectors={inode: live.sectors(inode) for inode in live.contents},
            names={directory: dict(names) for directory, names in live.names.items()},
            live=live,
        )

    def at_rest(self) -> "Registers":
        """Return a copy of what is durable and pending now, which later events do not change."""
        return evolve(
            self,
            sizes=dict(self.sizes),
            sectors={inode: dict(sectors) for inode, sectors in self.sectors.items()},
            names={directory: dict(names) for directory, names in self.names.items()},
            cut={register: list(contents) for register, contents in self.cut.items()},
            freed=list(self.freed),
            pending=list(self.pending),
            raised=set(self.raised),
            live=self._live.with_names_as_now(),
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
                self._live.create(event.inode)
                self.sizes[event.inode] = 0
                self.sectors[event.inode] = {}
                self._touch(event.inode)
                self._set_name(event.directory, event.name, event.inode)
            case MakeDirectory():
                self.names[event.inode] = {}
                self._live.names[event.inode] = {}
                self._made[event.inode] = self._step
                self._touch(event.inode)
                self._set_name(event.directory, event.name, event.inode)
            case Link():
                self._set_name(event.directory, event.name, event.inode)
            case Rename():
                self._rename(event)
            case Exchange():
                self._exchange(event)
            case Unlink():
                self._set_name(event.directory, event.name, None)
            case Sync(inode, data_only):
                self._raise_floors(self._covered_by(inode, data_only=data_only))
            case SyncDirectory(inode):
                self._raise_floors(self._covered_by(inode, data_only=False))
            case Settled():
                self._raise_floors(list(self.pending))
            case SyncFilesystem():
                self._raise_floors(self._covered_by_all())
            case WritebackStarted():
                pass  # nothing is promised
            case PartialSync():
                self._raise_floors(self._covered_in_part_by(event))
            case SyncFailed():
                self._zeroed.pop(event.inode, None)
                for version in self.pending:
                    if _owner(version.register) == event.inode:
                        version.failed = True
            case _:
                return
        self._step += 1
        if self.floors.covers is SyncCovers.AT_ONCE:
            self._raise_floors(list(self.pending))

    # Floors

    def _covered_by(self, inode: int, *, data_only: bool) -> list[Version]:
        """
        Find what a successful sync of a file or directory makes durable.

        Where the inode's last change decides, it is one that this kind of sync has to commit:
        for fdatasync its creation, a change of its size or, in a directory, of a name; for
        fsync also that it got or lost a name.
        """
        changed = self._changed_data if data_only else self._changed
        until = changed.get(inode, -1)
        match self.floors.covers:
            case SyncCovers.AT_ONCE | SyncCovers.EVERYTHING:
                return self.pending
            case SyncCovers.EVERYTHING_BEFORE:
                until = max(until, self._written.get(inode, -1))
                return [version for version in self.pending if version.step <= until]
            case SyncCovers.NAMES_BEFORE:
                names = {each.step for each in self.pending if each.namespace}
                steps = {step for step in names if step <= until}
            case SyncCovers.OWN_NAMES | SyncCovers.OWN if not self._live.is_named(inode):
                return []
            case SyncCovers.OWN_NAMES:
                above = self._live.directories_above(inode)
                steps = {self._made[each] for each in above if each in self._made}
                steps |= self._named.get(inode, set())
            case SyncCovers.OWN:
                steps = set()
        return [
            version
            for version in self.pending
            if _owner(version.register) == inode or (version.namespace and version.step in steps)
        ]

    def _covered_by_all(self) -> list[Version]:
        """Find what a successful sync of the whole filesystem makes durable."""
        return [
            version
            for version in self.pending
            if self.floors.syncfs_flushes
            or version.namespace
            or version.begins
            or not isinstance(version.register, Data)
        ]

    def _covered_in_part_by(self, event: PartialSync) -> list[Version]:
        """Find what a sync makes durable that covers a range, or not what came last."""
        began = self._step - event.missed
        covered = self._covered_by(event.inode, data_only=event.data_only)
        covered = [each for each in covered if each.step < began]
        if self.floors.covers in (SyncCovers.EVERYTHING, SyncCovers.EVERYTHING_BEFORE):
            return covered
        sectors = range(event.start // self.sector_bytes, -(-event.end // self.sector_bytes))
        block_end = -(-event.end // self.block_bytes) * self.block_bytes
        return [version for version in covered if self._is_within(version, sectors, block_end)]

    def _is_within(self, version: Version, sectors: range, block_end: int) -> bool:
        """Tell whether a sync of some sectors, up to a block's end, covers a version."""
        if version.namespace and self.floors.covers is not SyncCovers.OWN:
            return True
        match version.register, version.value:
            case Data(_, sector), _:
                return sector in sectors
            case Size(), int(size):
                return size <= block_end  # of a larger one the blocks in between are missing
            case _:
                return True

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
            if version.failed and self.floors.covers is not SyncCovers.AT_ONCE:
                continue
            history = self._history[version.register]
            replaced = history[: history.index(version) + 1]
            durable.update(replaced)
            needs = (need for each in replaced for need in each.needs)
            remaining += [needed for kind, needed in needs if kind in self.floors.needs]
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

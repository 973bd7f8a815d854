"""
Say what became of each write in a crash: kept, lost, torn, or safe because it was synced.

A write is followed sector by sector, as a crash model treats it: the image has the sector as it
was written, or it does not.  A sector that a later write covers is left out, since nobody could
tell whose bytes are missing.  For what is lost, the sync that would have kept it is named: the
next one that the program was to make, if it made one.
"""

from collections.abc import Iterator, Mapping, Sequence

from attrs import define, field
from tornproof_models.disk import trace
from tornproof_models.disk.trace import ROOT, Event, Image, Trace, number_inodes

from tornproof_conformance.stream.run_events import Fate, Moment

SECTOR = 512
"""Bytes that a disk writes whole or not at all."""

KEPT, LOST, TORN, SYNCED = "kept", "lost", "torn", "synced"


@define
class _Names:
    """Every path that an inode has had, the latest last."""

    paths: dict[int, list[str]] = field(factory=dict)

    @classmethod
    def of(cls, image: Image) -> "_Names":
        names = cls({ROOT: [""]})
        for path, inode in number_inodes(image).items():
            names.paths[inode] = [path]
        return names

    def follow(self, event: Event) -> None:
        """Take in what an event does to names."""
        match event:
            case trace.Create(directory, name, inode) | trace.MakeDirectory(directory, name, inode):
                self.paths[inode] = [self.path(directory, name)]
            case trace.Link(directory, name, inode):
                self.paths.setdefault(inode, []).append(self.path(directory, name))
            case trace.Rename(source_directory, source, target_directory, target):
                old, new = self.path(source_directory, source), self.path(target_directory, target)
                for paths in self.paths.values():
                    if paths[-1] == old:
                        paths.append(new)

    def path(self, directory: int, name: str) -> str:
        """Return the path of a name in a directory."""
        return f"{self.paths.get(directory, [''])[-1]}/{name}"

    def found(self, inode: int, image: Image) -> bytes | None:
        """Return the content of a file in an image, under any of its names; none if it has none."""
        places = (path for path in reversed(self.paths.get(inode, ())) if path in image.files)
        path = next(places, None)
        return None if path is None else image.files[path]


def fates_of(
    recorded: Trace, end: int, image: Image, told: Sequence[Moment], since: int = 0
) -> Mapping[int, Fate]:
    """
    Say what became of each write and each new name, by the number of its event.

    Events are those from `since` on, inclusive, to the crash at `end`, exclusive.

    `told` are all events of the trace in words, from which the sync is quoted that would have
    kept what was lost.
    """
    names = _Names.of(recorded.initial)
    events = recorded.events
    for event in events[:end]:
        names.follow(event)
    found: dict[int, Fate] = {}
    for number in range(since, end):
        event = events[number]
        match event:
            case trace.Write(inode, offset, data) if data:
                content = names.found(inode, image)
                sectors = "".join(_sectors(offset, data, content, inode, events[number + 1 : end]))
                state = _state(sectors, _is_synced(inode, events[number + 1 : end]))
            case (
                trace.Create(directory, name)
                | trace.MakeDirectory(directory, name)
                | trace.Rename(_, _, directory, name)
            ):
                path = names.path(directory, name)
                there = path in image.files or path in image.directories
                gone = any(_takes(later, directory, name) for later in events[number + 1 : end])
                content, inode = b"", directory
                sectors = "" if gone else "k" if there else "l"
                state = _state(sectors, _is_synced(directory, events[number + 1 : end]))
            case _:
                continue
        if not state:
            continue
        keeper = _keeper(inode, events, end, told) if state in (LOST, TORN) else ""
        if content is None:
            keeper = "its name is lost, which a sync of its directory would have kept"
        found[number] = Fate(state, sectors if len(sectors) > 1 else "", keeper)
    return found


def _sectors(
    offset: int, data: bytes, content: bytes | None, inode: int, later: Sequence[Event]
) -> Iterator[str]:
    """Yield `k` for each sector of a write that was kept, `l` if it was lost."""
    at = offset
    while at < offset + len(data):
        until = min((at // SECTOR + 1) * SECTOR, offset + len(data))
        if content is not None and content[at:until] == data[at - offset : until - offset]:
            yield "k"
        elif not any(_covers(event, inode, at, until) for event in later):
            yield "l"
        at = until


def _covers(event: Event, inode: int, begin: int, end: int) -> bool:
    """Tell whether an event changes any of some bytes of a file."""
    match event:
        case trace.Write(other, offset, data):
            return other == inode and offset < end and begin < offset + len(data)
        case trace.Stored(other, parts):
            return other == inode and any(at < end and begin < at + len(d) for at, d in parts)
        case trace.Truncate(other, size):
            return other == inode and size < end
        case _:
            return False


def _takes(event: Event, directory: int, name: str) -> bool:
    """Tell whether an event takes a name away, or gives it to another file."""
    match event:
        case trace.Unlink(other, gone):
            return (other, gone) == (directory, name)
        case trace.Rename(source_directory, source, target_directory, target):
            places = ((source_directory, source), (target_directory, target))
            return (directory, name) in places
        case _:
            return False


def _syncs(event: Event, inode: int) -> bool:
    match event:
        case trace.Sync(other) | trace.SyncDirectory(other) | trace.PartialSync(other):
            return other == inode
        case trace.SyncFilesystem():
            return True
        case _:
            return False


def _is_synced(inode: int, later: Sequence[Event]) -> bool:
    return any(_syncs(event, inode) for event in later)


def _state(sectors: str, synced: bool) -> str:
    """Sum up sectors; empty if nothing can be said of any."""
    if not sectors:
        return ""
    if "l" not in sectors:
        return SYNCED if synced else KEPT
    return TORN if "k" in sectors else LOST


def _keeper(inode: int, events: Sequence[Event], end: int, told: Sequence[Moment]) -> str:
    """Name the sync that would have kept it; say so if none follows."""
    for number in range(end, len(events)):
        if _syncs(events[number], inode):
            later = number - end + 1
            return (
                f"{told[number].words} would have kept it, {later} event{'s'[: later != 1]} later"
            )
    return "no sync of it follows"

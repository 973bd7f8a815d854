"""
Play a litmus program on paper: the tree it begins with, and what each operation asks of the disk.

This is what a recorder would have recorded of the program, event by event, and so it says what
the crash models are told of each system call.
"""

from attrs import define, field, frozen
from tornproof_models.disk.names import Names
from tornproof_models.disk.trace import (
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

from tornproof_kernels.litmus import Litmus, is_meanwhile, operations


@frozen
class Played:
    """A program's tree before, and its events by line."""

    initial: Image
    lines: tuple[tuple[Event, ...], ...]

    @property
    def events(self) -> tuple[Event, ...]:
        """All events, in order."""
        return tuple(event for line in self.lines for event in line)

    def during(self, done: int) -> range:
        """Return how many events there may have been when so many lines had returned."""
        first = sum(map(len, self.lines[:done]))
        return range(first, first + len(self.lines[done : done + 1] and self.lines[done]) + 1)


@define
class Player:
    """A tree as a program sees it, with its open files."""

    initial: Image
    events: list[Event] = field(factory=list)
    _names: Names = field(init=False)
    _contents: dict[int, bytearray] = field(init=False)
    _handles: dict[str, tuple[int, str]] = field(factory=dict)
    """The inode of each open file, and how it was opened."""

    def __attrs_post_init__(self) -> None:
        self._names = Names(self.initial)
        self._contents = {
            self._names.inodes[path]: bytearray(content)
            for path, content in self.initial.files.items()
        }

    @property
    def image(self) -> Image:
        """The tree as it is now."""
        found = list(self._names.walk())
        files = {path: bytes(self._contents[n]) for path, n in found if n in self._contents}
        return Image(files, frozenset(path for path, n in found if n not in self._contents))

    def play(self, operation: str) -> None:
        """Do one operation.  Raises `ValueError` or `OSError` if a kernel would refuse it."""
        word, *rest = operation.split()
        match word:
            case "create" | "mkdir":
                self._make(word, rest)
            case "open" | "open-dsync" | "open-sync" | "open-direct":
                self._handles[rest[0]] = self._find(rest[1]), word
            case "rename" | "link" | "unlink":
                self._change_names(word, rest)
            case "syncdir":
                self.events.append(SyncDirectory(self._names.directory(f"/{rest[0]}")))
            case "close" | "chmod":
                pass  # of no file's bytes
            case _ if is_meanwhile(word):
                pass
            case _:
                inode, how = self._handles[rest[0]]
                self._change(word, inode, how, rest[1:])

    def _find(self, path: str) -> int:
        directory, name = self._names.parent(f"/{path}")
        return self._names.entries[directory][name]

    def _new(self) -> int:
        return 1 + max([0, *self._contents, *self._names.entries])

    def _make(self, word: str, rest: list[str]) -> None:
        directory, name = self._names.parent(f"/{rest[-1]}")
        inode = self._new()
        if name in self._names.entries[directory]:
            raise ValueError(f"{rest[-1]} exists")
        self._names.entries[directory][name] = inode
        if word == "create":
            self._contents[inode] = bytearray()
            self._handles[rest[0]] = inode, "open"
            self.events.append(Create(directory, name, inode))
        else:
            self._names.entries[inode] = {}
            self.events.append(MakeDirectory(directory, name, inode))

    def _change_names(self, word: str, rest: list[str]) -> None:
        directory, name = self._names.parent(f"/{rest[0]}")
        inode = self._names.entries[directory][name]
        if word == "unlink":
            del self._names.entries[directory][name]
            self.events.append(Unlink(directory, name))
            return
        onto, target = self._names.parent(f"/{rest[1]}")
        if word == "link":
            self._names.entries[onto][target] = inode
            self.events.append(Link(onto, target, inode))
        elif self._names.entries[onto].get(target) != inode:
            del self._names.entries[directory][name]
            self._names.entries[onto][target] = inode
            self.events.append(Rename(directory, name, onto, target))

    def _change(self, word: str, inode: int, how: str, rest: list[str]) -> None:
        """Change a file, or sync it."""
        size = len(self._contents[inode])
        match word:
            case "write":
                self._write(inode, int(rest[0]), rest[2].encode() * int(rest[1]), how)
            case "store":
                start, data = int(rest[0]), rest[2].encode() * int(rest[1])
                self._contents[inode][start : start + len(data)] = data
                self.events.append(Stored(inode, ((start, data),)))
            case "copy":
                start, length = int(rest[0]), int(rest[3])
                data = bytes(self._contents[inode][start : start + length])
                self._write(self._handles[rest[1]][0], int(rest[2]), data, "open")
            case "punch" | "zero":
                end = min(size, int(rest[0]) + int(rest[1]))
                self._write(inode, int(rest[0]), bytes(max(end - int(rest[0]), 0)), "open")
            case "truncate":
                self._resize(inode, int(rest[0]))
            case "allocate":
                if int(rest[0]) + int(rest[1]) > size:
                    self._resize(inode, int(rest[0]) + int(rest[1]))
            case "allocate-keep" | "msync-async":
                pass
            case "sync-range":
                start, length = int(rest[0]), int(rest[1])
                self.events.append(WritebackStarted(inode, start, start + length))
            case "msync":
                start, end = int(rest[0]), int(rest[0]) + int(rest[1])
                first, last = start // 4096 * 4096, -(-end // 4096) * 4096
                self.events.append(PartialSync(inode, first, last, 0, data_only=True))
            case "fsync" | "fdatasync":
                self.events.append(Sync(inode, data_only=word == "fdatasync"))
            case "syncfs":
                self.events.append(SyncFilesystem())
            case "fsync-fails":
                self.events.append(SyncFailed(inode))
            case _:
                raise ValueError(f"no operation {word!r}")

    def _resize(self, inode: int, size: int) -> None:
        content = self._contents[inode]
        content.extend(bytes(max(size - len(content), 0)))
        del content[size:]
        self.events.append(Truncate(inode, size))

    def _write(self, inode: int, offset: int, data: bytes, how: str) -> None:
        content = self._contents[inode]
        content.extend(bytes(max(offset - len(content), 0)))
        content[offset : offset + len(data)] = data
        self.events.append(Write(inode, offset, data))
        if how in ("open-sync", "open-dsync"):
            end, data_only = offset + len(data), how == "open-dsync"
            self.events.append(PartialSync(inode, offset, end, 0, data_only=data_only))


def play(litmus: Litmus) -> Played:
    """Play a program.  Raises `ValueError` or `OSError` if a kernel would refuse it."""
    before = Player(Image())
    for line in litmus.before:
        for operation in operations(line):
            before.play(operation)
    player, lines = Player(before.image), list[tuple[Event, ...]]()
    for line in litmus.program:
        if is_meanwhile(line):
            continue
        begun = len(player.events)
        for operation in operations(line):
            player.play(operation)
        lines.append(tuple(player.events[begun:]))
    return Played(before.image, tuple(lines))

"""
Check that a trace is possible on a disk.

A trace that comes from outside may tell of a write to a file that nobody made, or of an
answer to a question that nobody asked.  So its events are gone through in order, and
the first that cannot have happened is named.
"""

from attrs import define, field

from tornproof_models.contract.journal import PROMISED
from tornproof_models.disk import trace as t
from tornproof_models.disk.marks import Truncating
from tornproof_models.disk.trace import NAMELESS, ROOT, Event, Image, number_inodes
from tornproof_models.documents.limits import FILE_BYTES
from tornproof_models.documents.values import is_name
from tornproof_models.documents.words import shown

LARGEST_FILE_BYTES = FILE_BYTES.most
"""Where a file of a trace must end."""


class Impossible(Exception):
    """What is wrong with an event, in words that follow its name."""


@define
class PossibleDisk:
    """What there is to be written, synced, renamed and acknowledged."""

    files: set[int] = field(factory=set)
    names: dict[int, dict[str, int]] = field(factory=lambda: {ROOT: {}, NAMELESS: {}})
    calls: set[int] = field(factory=set)
    waiting: set[int] = field(factory=set)

    @classmethod
    def of(cls, image: Image) -> "PossibleDisk":
        """Begin with an image."""
        disk, inodes = cls(), number_inodes(image)
        for path, inode in inodes.items():
            parent, _, name = path.rpartition("/")
            disk.names[inodes.get(parent, ROOT)][name] = inode
            if path in image.files:
                disk.files.add(inode)
            else:
                disk.names[inode] = {}
        return disk

    def require(self, event: Event) -> None:
        """Let an event happen.  Raises `Impossible` if it cannot."""
        match event:
            case t.Create(directory, name, inode):
                self._make(directory, name, inode)
                self.files.add(inode)
            case t.MakeDirectory(directory, name, inode):
                self._make(directory, name, inode)
                self.names[inode] = {}
            case t.Link(directory, name, inode):
                self._file(inode)
                self._require_free(directory, name)
                self.names[directory][name] = inode
            case t.Rename(source_directory, source, target_directory, target):
                inode = self._named(source_directory, source)
                if target in self._directory(target_directory):
                    self._require_replaceable(inode, self._named(target_directory, target))
                elif not is_name(target):
                    raise Impossible(f"gives the name {shown(target)}, which no file can bear")
                if self._is_below(target_directory, inode):
                    raise Impossible(f"moves the directory {shown(source)} into itself")
                del self.names[source_directory][source]
                self.names[target_directory][target] = inode
            case t.Exchange(directory, name, other_directory, other):
                one, two = self._named(directory, name), self._named(other_directory, other)
                if self._is_below(other_directory, one) or self._is_below(directory, two):
                    raise Impossible(f"moves the directory {shown(name)} into itself")
                self.names[directory][name], self.names[other_directory][other] = two, one
            case t.Unlink(directory, name):
                if self.names.get(self._named(directory, name)):
                    raise Impossible(f"removes the directory {shown(name)}, which is not empty")
                del self.names[directory][name]
            case t.Write(inode, offset, data):
                self._file(inode)
                self._require_size(offset)
                self._require_size(offset + len(data))
            case t.Stored(inode, parts):
                self._file(inode)
                for offset, data in parts:
                    self._require_size(offset)
                    self._require_size(offset + len(data))
            case t.Truncate(inode, size):
                self._file(inode)
                self._require_size(size)
            case t.Sync(inode):
                self._file(inode)
            case t.SyncDirectory(inode):
                self._directory(inode)
            case t.PartialSync(inode, start, end, missed):
                if inode not in self.names:
                    self._file(inode)
                if not 0 <= start <= end or missed < 0:
                    raise Impossible(
                        f"covers bytes {shown(start)} to {shown(end)} and misses {shown(missed)}"
                    )
            case t.WritebackStarted(inode, start, end):
                self._file(inode)
                if not 0 <= start <= end:
                    raise Impossible(f"begins to write bytes {shown(start)} to {shown(end)}")
            case t.SyncFailed(inode) if inode not in self.names:
                self._file(inode)
            case t.Invoked(call) | Truncating(call):
                if call in self.calls:
                    raise Impossible(f"invokes call {shown(call)} a second time")
                self.calls.add(call)
                self.waiting.add(call)
            case t.Acked(call) | t.Failed(call):
                if call not in self.waiting:
                    answered = "has been answered before" if call in self.calls else "never began"
                    raise Impossible(f"answers call {shown(call)}, which {answered}")
                self.waiting.remove(call)
            case t.Flushed(operation) if operation not in PROMISED:
                raise Impossible(
                    f"is a promise by {shown(operation)}; {', '.join(PROMISED)} promise"
                )

    def _require_free(self, directory: int, name: str) -> None:
        if name in self._directory(directory):
            raise Impossible(f"makes {shown(name)}, which is there already")
        if not is_name(name):
            raise Impossible(f"gives the name {shown(name)}, which no file can bear")

    def _make(self, directory: int, name: str, inode: int) -> None:
        self._require_free(directory, name)
        if inode < 1 or inode in self.files or inode in self.names:
            raise Impossible(f"makes inode {shown(inode)}, which is not a fresh one")
        self.names[directory][name] = inode

    def _directory(self, inode: int) -> dict[str, int]:
        if inode in self.files:
            raise Impossible(f"treats the file with inode {shown(inode)} as a directory")
        if inode not in self.names:
            raise Impossible(f"names inode {shown(inode)}, which does not exist")
        return self.names[inode]

    def _file(self, inode: int) -> None:
        if inode in self.names:
            raise Impossible(f"treats the directory with inode {shown(inode)} as a file")
        if inode not in self.files:
            raise Impossible(f"names inode {shown(inode)}, which does not exist")

    def _named(self, directory: int, name: str) -> int:
        if name not in self._directory(directory):
            raise Impossible(f"names {shown(name)}, which is not in directory {shown(directory)}")
        return self.names[directory][name]

    def _require_replaceable(self, inode: int, replaced: int) -> None:
        if (inode in self.names) != (replaced in self.names) or self.names.get(replaced):
            raise Impossible("replaces a directory that is not empty, or a file by a directory")

    def _is_below(self, directory: int, inode: int) -> bool:
        """Tell whether a directory is another one, or is somewhere in it."""
        pending = [inode]
        while pending:
            inside = pending.pop()
            if inside == directory:
                return True
            pending += self.names.get(inside, {}).values()
        return False

    @staticmethod
    def _require_size(size: int) -> None:
        if not 0 <= size <= LARGEST_FILE_BYTES:
            raise Impossible(f"reaches to byte {shown(size)}; files end at {LARGEST_FILE_BYTES:,}")

"""
Describe the events of a trace in words, in lanes.

Three parties take part in what a journal does: the program that calls it, the
kernel's page cache, which takes writes and forgets them if the power goes, and
the disk, which keeps what was synced.  Told side by side, a promise made before
its sync can be seen.
"""

from collections.abc import Iterator

from tornproof_models.disk import trace
from tornproof_models.disk.marks import Batched, Truncating
from tornproof_models.disk.trace import Event, Trace, number_inodes
from tornproof_models.documents.words import printable

from tornproof_conformance.stream.run_events import Moment

CALLS, WRITES, SYNCS = "calls", "writes", "syncs"
LANES = (CALLS, WRITES, SYNCS)

AFTER_RECOVERY = 1 << 20
"""Numbers of calls from here on are of the append that the suite makes after a recovery."""


def moments_of(recorded: Trace, end: int | None = None) -> Iterator[Moment]:
    """Tell each event of a trace, up to a number of them, in a few words."""
    inodes = number_inodes(recorded.initial)
    names = {inode: path.rpartition("/")[2] for path, inode in inodes.items()}
    for event in recorded.events[:end]:
        if isinstance(event, trace.MARKS):
            yield _call(event)
        else:
            yield _operation(event, names)


def _operation(event: Event, names: dict[int, str]) -> Moment:
    """Tell an operation, and note the names that it gives."""
    match event:
        case trace.Create(_, name, inode) | trace.MakeDirectory(_, name, inode):
            names[inode] = name
            return Moment(WRITES, f"create {name}")
        case trace.Rename(_, source, _, target):
            names |= {n: target for n, name in names.items() if name == source}
            return Moment(WRITES, f"rename {source} to {target}")
        case trace.Exchange(_, name, _, other):
            swapped = {name: other, other: name}
            names |= {n: swapped[each] for n, each in names.items() if each in swapped}
            return Moment(WRITES, f"exchange {name} and {other}")
        case trace.Unlink(_, name):
            return Moment(WRITES, f"unlink {name}")
        case trace.Write(inode, offset, data):
            return Moment(WRITES, f"write {len(data)} bytes at {offset} of {_file(inode, names)}")
        case trace.Stored(inode, parts):
            count = sum(len(data) for _, data in parts)
            places = f"{len(parts)} place{'s'[: len(parts) != 1]}"
            return Moment(WRITES, f"store {count} bytes in {places} of {_file(inode, names)}")
        case trace.Truncate(inode, size):
            return Moment(WRITES, f"truncate {_file(inode, names)} to {size}")
        case trace.Sync(inode, data_only):
            return Moment(SYNCS, f"{_sync(data_only)} {_file(inode, names)}")
        case trace.SyncFilesystem():
            return Moment(SYNCS, "syncfs")
        case trace.WritebackStarted(inode, start, end):
            file = _file(inode, names)
            return Moment(WRITES, f"sync_file_range of bytes {start} to {end} of {file}")
        case trace.SyncDirectory(inode):
            return Moment(SYNCS, f"fsync directory {names.get(inode, '/')}")
        case trace.Link(_, name, inode):
            return Moment(WRITES, f"link {_file(inode, names)} as {name}")
        case trace.PartialSync(inode, start, end, missed, data_only):
            file = _file(inode, names)
            if missed:
                return Moment(SYNCS, f"{_sync(data_only)} {file}, begun {missed} operations ago")
            how = "O_DSYNC" if data_only else "O_SYNC"
            return Moment(SYNCS, f"{how} of bytes {start} to {end} of {file}")
        case trace.SyncFailed(inode):
            return Moment(SYNCS, f"fsync of {_file(inode, names)} FAILS", "failure")
        case _:
            raise AssertionError(event)


def _sync(data_only: bool) -> str:
    return "fdatasync" if data_only else "fsync"


def _call(event: Event) -> Moment:
    match event:
        case trace.Invoked(call, operation, payload):
            return Moment(CALLS, f"▸ call {_number(call)}: {operation}({len(payload)} bytes)")
        case Batched(first, count):
            return Moment(CALLS, f"▸ calls {first} to {first + count - 1} are one batch")
        case Truncating(call, end, offset):
            side = f"from {offset} on" if end == "tail" else f"below {offset}"
            return Moment(CALLS, f"▸ call {_number(call)}: truncate({side})")
        case trace.Acked(call, offset, durable):
            promise = "durable" if durable else "accepted"
            words = f"◂ call {_number(call)} returns: offset {offset}, {promise}"
            return Moment(CALLS, words, "promise" if durable else "")
        case trace.Failed(call):
            return Moment(CALLS, f"◂ call {_number(call)} fails", "failure")
        case trace.Flushed(operation):
            return Moment(CALLS, f"◂ {operation} returns", "promise")
        case trace.Printed(line):
            return Moment(CALLS, f"◂ prints {printable(line.decode(errors='replace'))}", "promise")
        case trace.Observed(records):
            shown = f"{len(records)} record{'s'[: len(records) != 1]} shown"
            return Moment(CALLS, f"◂ open returns: {shown}", "promise" if records else "")
        case _:
            raise AssertionError(event)


def _file(inode: int, names: dict[int, str]) -> str:
    return names.get(inode, f"file {inode}")


def _number(call: int) -> str:
    return str(call) if call < AFTER_RECOVERY else "after recovery"

"""
Every image that a crash may leave, by the plainest means: the disk model's oracle.

Takes every combination of versions, and throws away those that a sentence of
`profiles.RULES` forbids.  Shares only the trace with what it judges.
"""

from collections.abc import Iterator
from itertools import product
from random import Random
from typing import Any

from tornproof_models.disk import trace as t

from tests.models.versions import SECTOR, Disk, Register, State, Version, forces, read, state_of

Entry = tuple[str, bytes | None]
Key = tuple[Entry, ...]


def images(trace: t.Trace, profile: str) -> set[Key]:
    """Return the key of every image that a crash at the end of a trace may leave."""
    disk = replay(trace, profile)
    pending = disk.pending()
    histories: dict[Register, list[Version]] = {}
    for version in pending:
        histories.setdefault(version.register, []).append(version)
    forced = {a: {b for b in pending if forces(profile, a, b)} for a in pending}
    durable = state_of(version for version in disk.versions if version in disk.durable)
    unkept = {register: unwritten(disk, register, durable) for register in histories}
    found: set[tuple[Any, ...]] = set()
    for numbers in product(*(range(len(history) + 1) for history in histories.values())):
        chosen = {
            r: history[:n] for (r, history), n in zip(histories.items(), numbers, strict=True)
        }
        kept = {version for versions in chosen.values() for version in versions}
        if all(forced[version] <= kept for version in kept):
            values = ({v[-1].value} if v else unkept[r] for r, v in chosen.items())
            found.update(product(*values))
    return {
        tuple(sorted(tree(durable | dict(zip(histories, state, strict=True))))) for state in found
    }


def unwritten(disk: Disk, register: Register, durable: State) -> set[Any]:
    """Return all that a register may hold of which no pending version was kept."""
    kind, inode, *rest = register
    if kind != "data":
        return {durable.get(register)}
    [sector] = rest
    found = {durable.get(register, bytes(SECTOR))}
    new = sector * SECTOR >= durable["size", inode]
    if new and disk.profile in ("adversarial", "recycled-blocks"):
        found |= {bytes(SECTOR), Random(sector).randbytes(SECTOR)}
        found |= {content for owner, n, content in disk.cut if (owner, n) == (inode, sector)}
    if new and disk.profile == "recycled-blocks":
        found |= {content for n, content in disk.deleted if n == sector}
    return found


def replay(trace: t.Trace, profile: str) -> Disk:
    """Begin with the tree, all of it durable, and go through the events."""
    disk, inodes = Disk(profile), {"": 0}
    for path in sorted([*trace.initial.directories, *trace.initial.files]):
        directory, _, name = path.rpartition("/")
        inode = inodes[path] = len(inodes)
        if path in trace.initial.files:
            disk.replay(t.Create(inodes[directory], name, inode))
            disk.replay(t.Write(inode, 0, trace.initial.files[path]))
        else:
            disk.replay(t.MakeDirectory(inodes[directory], name, inode))
    disk.settle(disk.versions)
    for event in trace.events:
        disk.replay(event)
    return disk


def tree(state: State, directory: int = 0, path: str = "") -> Iterator[Entry]:
    """Walk the names from the root."""
    for register, inode in state.items():
        if register[:2] == ("name", directory) and inode is not None:
            here = f"{path}/{register[2]}"
            yield here, read(state, inode) if ("size", inode) in state else None
            yield from tree(state, inode, here)

"""
Random litmus programs: the same for the same seed.

Files and names are few, so that operations meet; sizes lie on both sides of sectors and blocks.
Which operations there are, and how often each comes, is one table.
"""

import random
from collections.abc import Iterator

from attrs import define, field

from tornproof_kernels.litmus import Litmus
from tornproof_kernels.schedules import at_random

NAMES = ("a", "b", "c", "d")
SIZES = (0, 100, 512, 1536, 4096, 5000)
LENGTHS = (100, 512, 700, 1024, 4096)
LARGEST = 13000
"""Where a file ends at the latest: three blocks are enough for every rule."""

WEIGHTS = {
    "write": 6.0,
    "sync": 3.0,
    "rename": 3.0,
    "create": 2.0,
    "truncate": 2.0,
    "syncdir": 1.0,
    "unlink": 1.0,
    "mkdir": 0.7,
    "link": 0.7,
    "reopen": 0.8,
    "store": 0.7,
    "allocate": 0.5,
    "punch": 0.5,
    "copy": 0.4,
    "sync-range": 0.3,
    "syncfs": 0.2,
}
"""How often each kind of operation is chosen, against the others."""


@define
class Writer:
    """Makes one program, and knows what each operation finds."""

    source: random.Random
    lines: list[str] = field(factory=list)
    names: dict[str, str] = field(factory=dict)
    """Which handle each name leads to."""

    sizes: dict[str, int] = field(factory=dict)
    """The size of the file of each handle."""

    aliases: dict[str, str] = field(factory=dict)
    """Which first handle has the file of a handle that was opened later."""

    serial: int = 0
    letter: int = 0

    def next_letter(self) -> str:
        """Return a letter that no other write of the program has."""
        self.letter += 1
        return "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"[self.letter % 52]

    def pick(self) -> tuple[str, int]:
        """Choose an open file: one of its handles, and its size."""
        handle = self.source.choice(sorted([*self.sizes, *self.aliases]))
        return handle, self.sizes[self.first(handle)]

    def first(self, handle: str) -> str:
        """Return the handle under which a file's size is kept."""
        return self.aliases.get(handle, handle)

    def grow(self, handle: str, end: int) -> None:
        """Note that a file reaches so far."""
        first = self.first(handle)
        self.sizes[first] = max(self.sizes[first], end)

    def free(self) -> list[str]:
        """List the names that nothing bears."""
        return [name for name in NAMES if name not in self.names]

    def step(self, kind: str) -> None:
        """Add an operation of a kind, if there is something for it to work on."""
        choose = self.source.choice
        match kind:
            case "create" if self.free() and len(self.sizes) < 4:
                self.serial += 1
                name, handle = choose(self.free()), f"n{self.serial}"
                self.lines.append(f"create {handle} {name}")
                self.names[name], self.sizes[handle] = handle, 0
            case "rename" if self.names:
                old = choose(sorted(self.names))
                new = choose([name for name in NAMES if name != old])
                if self.names.get(new) != self.names[old]:
                    self.lines.append(f"rename {old} {new}")
                    self.names[new] = self.names.pop(old)
            case "link" if self.names and self.free():
                old, new = choose(sorted(self.names)), choose(self.free())
                self.lines.append(f"link {old} {new}")
                self.names[new] = self.names[old]
            case "unlink" if self.names:
                old = choose(sorted(self.names))
                self.lines.append(f"unlink {old}")
                del self.names[old]
            case "mkdir" if "mkdir e" not in self.lines:
                self.lines.append("mkdir e")
            case "syncdir":
                self.lines.append("syncdir .")
            case "reopen" if self.names:
                name, how = choose(sorted(self.names)), choose(("dsync", "sync", "direct"))
                handle = f"{how[0]}{len(self.aliases)}"
                self.lines.append(f"open-{how} {handle} {name}")
                self.aliases[handle] = self.names[name]
            case _ if self.sizes:
                self.change(kind)

    def change(self, kind: str) -> None:
        """Add an operation on an open file."""
        choose = self.source.choice
        handle, size = self.pick()
        match kind:
            case "write":
                where = choose([size, size, size, 0, size // 2, 4096])
                length = choose(LENGTHS)
                if self.is_direct(handle):
                    where, length = where // 512 * 512, -(-length // 512) * 512
                if where + length <= LARGEST:
                    self.lines.append(f"write {handle} {where} {length} {self.next_letter()}")
                    self.grow(handle, where + length)
            case "truncate":
                new = choose([0, size // 2, size // 512 * 512 - 512, size + 1000])
                if 0 <= new < LARGEST:
                    self.lines.append(f"truncate {handle} {new}")
                    self.sizes[self.first(handle)] = new
            case "sync":
                word = choose(("fsync", "fdatasync", "fdatasync", "child fsync"))
                self.lines.append(f"{word} {handle}")
            case "syncfs":
                self.lines.append(f"syncfs {handle}")
            case "sync-range":
                self.lines.append(f"sync-range {handle} 0 {max(size, 1)}")
            case "store" if size >= 64:
                start = choose([0, size // 2 // 512 * 512])
                length = min(choose(LENGTHS), size - start)
                self.lines.append(f"store {handle} {start} {length} {self.next_letter()}")
                if choose((True, False)):
                    self.lines.append(f"msync {handle} {start} {length}")
            case "allocate":
                start, length = choose([size, 0]), choose((1024, 4096))
                word = choose(("allocate", "allocate-keep"))
                if start + length <= LARGEST:
                    self.lines.append(f"{word} {handle} {start} {length}")
                    self.grow(handle, start + length if word == "allocate" else 0)
            case "punch" if size:
                word, length = choose(("punch", "zero")), choose((512, 1000, 4096))
                start = choose([0, size // 2])
                self.lines.append(f"{word} {handle} {start} {min(length, size - start)}")
            case "copy" if size:
                other, end = self.pick()
                length = min(choose(LENGTHS), size)
                direct = self.is_direct(other) or self.is_direct(handle)
                same = self.first(other) == self.first(handle)
                if not same and not direct and end + length <= LARGEST:
                    self.lines.append(f"copy {handle} 0 {other} {end} {length}")
                    self.grow(other, end + length)

    def is_direct(self, handle: str) -> bool:
        """Tell whether a handle was opened with O_DIRECT."""
        return any(line.startswith(f"open-direct {handle} ") for line in self.lines)


def random_program(name: str, source: random.Random) -> Litmus:
    """Make one program."""
    writer, before = Writer(source), list[str]()
    for file in ("a", "b"):
        if source.random() < 0.8:
            size = source.choice(SIZES)
            before.append(f"create {file} {file}")
            if size:
                before.append(f"write {file} 0 {size} {writer.next_letter()}")
            writer.names[file], writer.sizes[file] = file, size
            writer.lines.append(f"open {file} {file}")
    opened = len(writer.lines)
    wanted = source.randint(2, 6)
    while len(writer.lines) < opened + wanted:
        writer.step(source.choices(list(WEIGHTS), list(WEIGHTS.values()))[0])
    return Litmus(name, tuple(before), tuple(writer.lines))


def random_programs(seed: int, count: int) -> Iterator[tuple[Litmus, list[str]]]:
    """Yield programs, each with one random schedule."""
    source = random.Random(seed)
    for number in range(count):
        litmus = random_program(f"r{seed}-{number}", source)
        yield litmus, at_random(litmus, source)

"""
Litmus programs, and the trees that a crash leaves of them, as lines of text.

A program is a name, the operations that make the tree it begins with, and the operations that a
crash may interrupt:

    litmus replace-by-rename
        create h b
        write h 0 4096 O
    start
        create n a
        write n 0 4096 N
        rename a b

`then OP | OP` puts operations between which the guest does not stop to mark that one has
returned.  `child OP` runs in another process.  `#` begins a comment.
"""

from collections.abc import Iterable, Sequence
from itertools import groupby

from attrs import frozen
from tornproof_models.disk.trace import Image

OPERATIONS = {
    "create": "H NAME: make a file, open as H",
    "open": "H NAME: open a file as H",
    "open-dsync": "H NAME: with O_DSYNC",
    "open-sync": "H NAME: with O_SYNC",
    "open-direct": "H NAME: with O_DIRECT",
    "close": "H",
    "write": "H OFFSET LENGTH LETTER",
    "store": "H OFFSET LENGTH LETTER: through a shared mapping",
    "msync": "H OFFSET LENGTH: MS_SYNC",
    "msync-async": "H OFFSET LENGTH: MS_ASYNC",
    "truncate": "H SIZE",
    "allocate": "H OFFSET LENGTH: fallocate, mode 0",
    "allocate-keep": "H OFFSET LENGTH: fallocate, the size stays",
    "punch": "H OFFSET LENGTH: punch a hole",
    "zero": "H OFFSET LENGTH: zero a range, the size stays",
    "copy": "H OFFSET H2 OFFSET2 LENGTH: copy_file_range from H to H2",
    "chmod": "H MODE, in octal",
    "fsync": "H",
    "fdatasync": "H",
    "fsync-fails": "H: fsync, which returns an error",
    "syncfs": "H",
    "sync-range": "H OFFSET LENGTH: sync_file_range, and wait",
    "rename": "NAME NAME",
    "link": "NAME NAME",
    "unlink": "NAME",
    "mkdir": "NAME",
    "syncdir": "NAME: fsync of a directory; . is the top",
}
"""What a program may do, and what follows the word."""

MEANWHILE = (
    *("commit", "writeback", "writeback-wait", "sleep"),
    *("hold", "release", "refuse", "accept"),
)
"""What a schedule adds: it is not of the program, and says nothing to the crash model."""


class Malformed(ValueError):
    """A litmus program or an image that cannot be read; the message names the line."""


@frozen
class Litmus:
    """A program whose crashes are looked at."""

    name: str
    before: tuple[str, ...]
    """The operations that make the tree with which the program begins."""

    program: tuple[str, ...]

    @property
    def has_failed_sync(self) -> bool:
        """Whether an fsync of it returns an error: each part of what was dirty is free then."""
        return any(line.startswith("fsync-fails ") for line in self.program)


def parse(text: str) -> list[Litmus]:
    """Read litmus programs.  Raises `Malformed`."""
    found = []
    lines = (line.partition("#")[0].strip() for line in text.splitlines())
    parts: list[list[str]] = []
    for line in filter(None, lines):
        if line.startswith("litmus "):
            parts.append([line.removeprefix("litmus ").strip()])
        elif not parts:
            raise Malformed(f"{line!r} comes before the first 'litmus NAME'")
        else:
            parts[-1].append(line)
    for name, *body in parts:
        if body.count("start") != 1:
            raise Malformed(f"litmus {name} needs one line 'start' between its two halves")
        at = body.index("start")
        litmus = Litmus(name, tuple(body[:at]), tuple(body[at + 1 :]))
        for line in (*litmus.before, *litmus.program):
            for operation in operations(line):
                _require(litmus, operation)
        found.append(litmus)
    return found


def write(litmus: Litmus) -> str:
    """Write a program as `parse` reads it."""
    before, program = (
        "".join(f"    {line}\n" for line in lines) for lines in (litmus.before, litmus.program)
    )
    return f"litmus {litmus.name}\n{before}start\n{program}"


def operations(line: str) -> list[str]:
    """Split a line into its operations, each without `child`."""
    parts = line.removeprefix("then ").split("|") if line.startswith("then ") else [line]
    return [part.strip().removeprefix("child ") for part in parts]


def is_meanwhile(line: str) -> bool:
    """Tell whether a line is of a schedule and not of the program."""
    return line.split()[0] in MEANWHILE


def handles(lines: Iterable[str]) -> list[str]:
    """List the names under which files are opened, in order, each once."""
    opened = (
        words[1]
        for line in lines
        for words in map(str.split, operations(line))
        if words[0] == "create" or words[0].startswith("open")
    )
    return list(dict.fromkeys(opened))


def _require(litmus: Litmus, operation: str) -> None:
    word = operation.split()[0]
    if word not in OPERATIONS and word not in MEANWHILE:
        known = ", ".join(OPERATIONS)
        raise Malformed(f"litmus {litmus.name}: no operation {word!r}; there are {known}")


def show(image: Image) -> str:
    """Write a tree in one line: `/d/ /a=N4096,0512` is a directory, and a file of letters."""
    parts = [f"{path}/" for path in sorted(image.directories)]
    parts += [f"{path}={_runs(data)}" for path, data in sorted(image.files.items())]
    return " ".join(parts) or "nothing"


def read(text: str) -> Image:
    """Read what `show` has written.  Raises `Malformed`."""
    files: dict[str, bytes] = {}
    directories = set()
    for part in text.split(" ") if text != "nothing" else ():
        path, equals, content = part.partition("=")
        if not equals:
            directories.add(path.rstrip("/"))
            continue
        try:
            runs = [(run[0], int(run[1:])) for run in content.split(",") if content != "empty"]
        except (ValueError, IndexError):
            raise Malformed(f"{part!r} is no file with its content") from None
        files[path] = b"".join(_byte(letter) * length for letter, length in runs)
    return Image(files, frozenset(directories))


def _runs(data: bytes) -> str:
    runs: Sequence[tuple[int, int]] = [(byte, len(list(run))) for byte, run in groupby(data)]
    return ",".join(f"{_letter(byte)}{length}" for byte, length in runs) or "empty"


def _letter(byte: int) -> str:
    return chr(byte) if 65 <= byte <= 122 else "0" if byte == 0 else "?"


def _byte(letter: str) -> bytes:
    return b"\0" if letter == "0" else letter.encode()

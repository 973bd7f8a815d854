"""
Litmus vectors: what real kernels were seen to leave behind, as files that outlive the run.

One file for each kernel, filesystem and set of options:

    {"format": "tornproof-litmus/1", "kernel": "6.12.117+deb12-cloud-amd64",
     "filesystem": "ext4", "options": "-", "mkfs": [], "runs": 236, "images": 2462,
     "programs": [{"name": "rename-new", "before": [], "program": ["create h a", ...],
                   "seen": [["nothing", "C@1", [0, 1]], ...]}]}

An item of `seen` is a state as `litmus.show` writes it, the mildest schedule that led to it, and
how many lines of the program had returned at most when the crash that left it struck.  `runs`
counts programs under schedules, `images` the distinct images that were recovered, and `compared`
those that e2fsprogs or a kernel recovered as well as the reader did.
"""

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from attrs import define, evolve, field, frozen
from tornproof_models.disk.trace import Image

from tornproof_kernels.litmus import Litmus, read, show
from tornproof_kernels.schedules import mildness

FORMAT = "tornproof-litmus/1"


class BadVector(ValueError):
    """A file is not a litmus vector of this version; the message says why."""


@frozen
class Seen:
    """A state that a crash has left."""

    image: Image
    schedule: str
    """The mildest that led to it."""

    after: tuple[int, ...]
    """After how many lines of the program it was seen, from 0."""


@define
class Observed:
    """What was seen of one program."""

    litmus: Litmus
    states: dict[str, dict[int, str]] = field(factory=dict)
    """For each state, as text: the mildest schedule, by the number of lines returned."""

    def add(self, image: Image, done: int, schedule: str) -> None:
        """Note a state."""
        found = self.states.setdefault(show(image), {})
        found[done] = min(found.get(done, schedule), schedule, key=mildness)

    def include(self, other: "Observed") -> None:
        """Note every state that another run of the program has shown."""
        for text, found in other.states.items():
            for done, schedule in found.items():
                self.add(read(text), done, schedule)

    @property
    def is_random(self) -> bool:
        """Whether the program was made at random: `r`, its seed and its number."""
        return re.fullmatch(r"r\d+-\d+", self.litmus.name) is not None

    @property
    def seen(self) -> list[Seen]:
        """The states, in the order of their texts."""
        return [
            Seen(read(text), min(found.values(), key=mildness), tuple(sorted(found)))
            for text, found in sorted(self.states.items())
        ]


@frozen
class Vector:
    """All that was seen on one kernel, with one filesystem and its options."""

    kernel: str
    filesystem: str
    options: str
    mkfs: tuple[str, ...]
    runs: int
    images: int
    programs: tuple[Observed, ...]
    compared: int = 0
    """Images that e2fsprogs or a kernel recovered as the reader did."""

    @property
    def states(self) -> int:
        """How many states of all programs there are, told apart by program."""
        return sum(len(each.states) for each in self.programs)

    @property
    def version(self) -> str:
        """The kernel's version, as people call it: 6.12."""
        return ".".join(self.kernel.split("-")[0].split("+")[0].split(".")[:2])

    @property
    def name(self) -> str:
        """What the file of this kernel, filesystem and options is called: ext4-6.12.117."""
        kernel = re.sub(r"(\+.*|(-cloud)?-amd64)$", "", self.kernel)
        options = (word for word in (self.options, *self.mkfs) if not word.startswith("-"))
        words = (self.filesystem, kernel, *options)
        return "-".join(re.sub(r"[^a-z0-9.]+", "-", word.lower()) for word in words)

    def only(self, names: Iterable[str]) -> "Vector":
        """Return the part about some programs; what was run is still told."""
        wanted = set(names)
        return evolve(self, programs=tuple(p for p in self.programs if p.litmus.name in wanted))


def encode(vector: Vector) -> str:
    """Write a vector: one line for each state, so that a change can be read."""
    head = {
        "format": FORMAT,
        "kernel": vector.kernel,
        "filesystem": vector.filesystem,
        "options": vector.options,
        "mkfs": list(vector.mkfs),
        "runs": vector.runs,
        "images": vector.images,
        "compared": vector.compared,
    }
    lines = [f" {json.dumps(key)}: {json.dumps(value)},\n" for key, value in head.items()]
    programs = ",\n".join(map(_program, vector.programs))
    return "{\n" + "".join(lines) + ' "programs": [\n' + programs + "\n ]\n}\n"


def _program(observed: Observed) -> str:
    litmus = observed.litmus
    head = {"name": litmus.name, "before": litmus.before, "program": litmus.program}
    states = ",\n".join(
        "    " + json.dumps([show(seen.image), seen.schedule, list(seen.after)])
        for seen in observed.seen
    )
    return "  " + json.dumps(head)[:-1] + ', "seen": [\n' + states + "\n  ]}"


def decode(text: str) -> Vector:
    """Read a vector.  Raises `BadVector`."""
    try:
        document = json.loads(text)
        if document["format"] != FORMAT:
            raise BadVector(f"the format is {document['format']!r}, not {FORMAT!r}")
        return Vector(
            document["kernel"],
            document["filesystem"],
            document["options"],
            tuple(document["mkfs"]),
            document["runs"],
            document["images"],
            tuple(map(_observed, document["programs"])),
            document.get("compared", 0),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise BadVector(f"no litmus vector: {error}") from None


def _observed(document: Mapping[str, Any]) -> Observed:
    litmus = Litmus(document["name"], tuple(document["before"]), tuple(document["program"]))
    states = {text: dict.fromkeys(after, schedule) for text, schedule, after in document["seen"]}
    return Observed(litmus, states)


def load(path: Path) -> Vector:
    """Read a file.  Raises `BadVector`, naming it."""
    try:
        return decode(path.read_text(encoding="utf-8"))
    except BadVector as error:
        raise BadVector(f"{path}: {error}") from None


def save(vector: Vector, path: Path) -> None:
    """Write a file."""
    path.write_text(encode(vector), encoding="utf-8")


def merge(one: Vector, other: Vector) -> Vector:
    """Put together what two runs have seen on the same kernel with the same options."""
    merged: dict[Litmus, Observed] = {}
    for each in (*one.programs, *other.programs):
        merged.setdefault(each.litmus, Observed(each.litmus)).include(each)
    return evolve(
        one,
        runs=one.runs + other.runs,
        images=one.images + other.images,
        programs=tuple(merged.values()),
        compared=one.compared + other.compared,
    )

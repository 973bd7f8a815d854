"""
How fast exploration decides images, how fast it recovers them, and what bounds that.

Run with `python -m tests.bench_exploration`; it takes a minute of one core.  Rates are per second
of one core's time, since nothing here waits for a disk, and medians of five rounds.

Three tables.  The first counts what is *decided*: most images need no recovery of their
own.  The second takes one recovery apart, by running the same calls on disks that do less
and less.  The third counts distinct images that are *really recovered*, for traces of
several sizes, one crash deep and two; a hit in what is known already is never counted.
"""

import errno
import resource
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import cast

from attrs import define
from blake3 import blake3
from crc32c import crc32c
from rich.console import Console
from rich.table import Table
from tornproof.journal import Journal
from tornproof.record import HEADER_BYTES
from tornproof_conformance.subjects.reference import ReferenceSubject
from tornproof_models.crash.access_log import WatchedFilesystem
from tornproof_models.crash.explorer import Explorer
from tornproof_models.crash.findings import Coverage
from tornproof_models.crash.program import Append
from tornproof_models.crash.recovery import PROBE_BYTES, recover
from tornproof_models.crash.run import run
from tornproof_models.crash.subject import Options
from tornproof_models.disk.crash_models import CRASH_MODELS
from tornproof_models.disk.filesystem import ModelFilesystem
from tornproof_models.disk.image_digests import digested
from tornproof_models.disk.images import ImageSpace
from tornproof_models.disk.trace import Image, Invoked, Trace

from tests.bench_journal import ROUNDS, median_of

TARGET = ReferenceSubject()
CRASH_MODEL = CRASH_MODELS["adversarial"]
IMAGES = 300
"""Images of which one recovery is taken apart."""

WIDTH = 110
"""Columns of the tables, on whatever they are printed."""

AT_LEAST = 0.05
"""Seconds for which a shape of trace is explored, again and again, in each round."""


def recorded(records: int, payload_bytes: int, durability: str) -> tuple[Trace, Options]:
    """Record a program that appends so many records."""
    options = Options(durability=durability, segment_bytes=1 << 20)
    program = (Append(payload_bytes),) * records
    return run(program, TARGET, options).filesystem.trace, options


def space_at_the_end(trace: Trace) -> ImageSpace:
    """Return what a crash after all of a trace may leave."""
    return ImageSpace.after(trace.initial, trace.events, CRASH_MODEL)


# What is decided


def bench_deciding(table: Table) -> None:
    """Decide all images of unsynced records, by what recovery looks at and one by one."""
    for records, lazy in ((16, True), (7, False)):
        trace, options = recorded(records, 472, "eventual")

        def explore(
            trace: Trace = trace, options: Options = options, lazy: bool = lazy
        ) -> Explorer:
            explorer = Explorer(TARGET, options, CRASH_MODEL, depth=1, lazy=lazy, bound=1 << 20)
            explorer.explore(trace)
            return explorer

        each = median_of({"explore": explore}, time.process_time)["explore"]
        covered = explore().coverage
        table.add_row(
            f"{records} records, " + ("by what recovery looks at" if lazy else "one by one"),
            f"{covered.images:,}",
            f"{covered.images - covered.parts:,}",
            f"{covered.parts:,}",
            f"{covered.parts - covered.recovered:,}",
            f"{covered.recovered:,}",
            f"{covered.judged / each:,.0f}",
        )
    space = space_at_the_end(trace)
    listing = median_of(
        {"list": lambda: len({digest for _, digest in digested(space)})}, time.process_time
    )
    distinct = len({digest for _, digest in digested(space)})
    table.add_row(
        f"{records} records, enumerated and deduplicated alone",
        f"{space.count():,}",
        "0",
        f"{space.count():,}",
        f"{space.count() - distinct:,}",
        "0",
        f"{space.count() / listing['list']:,.0f}",
    )


# What one recovery costs


@define
class BareFile:
    """A file that is nothing but its bytes."""

    _content: bytearray
    read_ahead: int = 64 << 10

    def read_at(self, offset: int, size: int) -> bytes:
        """Read."""
        return bytes(self._content[offset : offset + size])

    def write_at(self, offset: int, data: bytes) -> int:
        """Write."""
        self._content[offset : offset + len(data)] = data
        return len(data)

    def truncate(self, size: int) -> None:
        """Cut off what lies behind."""
        del self._content[size:]

    def sync(self) -> None:
        """Do nothing: there is no disk."""

    def size(self) -> int:
        """Return the size."""
        return len(self._content)

    def close(self) -> None:
        """Do nothing."""


class BareDisk:
    """A disk that keeps bytes by path, notes nothing and never fails: the least there can be."""

    def __init__(self, image: Image) -> None:
        self._files = {path: bytearray(content) for path, content in image.files.items()}
        self._directories = set(image.directories)

    def open(self, path: str, *, create: bool = False, exclusive: bool = False) -> BareFile:
        """Open a file, or make it."""
        del exclusive
        if path not in self._files:
            if not create:
                raise FileNotFoundError(errno.ENOENT, "", path)
            self._files[path] = bytearray()
        return BareFile(self._files[path])

    def open_for_reading(self, path: str) -> BareFile:
        """Open a file."""
        return self.open(path)

    def list_directory(self, path: str) -> list[str]:
        """List a directory."""
        if path not in self._directories:
            raise FileNotFoundError(errno.ENOENT, "", path)
        prefix = path + "/"
        return sorted(each.removeprefix(prefix) for each in self._files if each.startswith(prefix))

    def make_directory(self, path: str) -> None:
        """Make a directory."""
        self._directories.add(path)

    def rename(self, source: str, subject: str) -> None:
        """Rename a file."""
        self._files[subject] = self._files.pop(source)

    def unlink(self, path: str) -> None:
        """Remove a file."""
        del self._files[path]

    def sync_directory(self, path: str) -> None:
        """Do nothing."""

    @contextmanager
    def lock(self, path: str) -> Iterator[None]:
        """Do nothing: nobody else is here."""
        del path
        yield


def bench_one_recovery(table: Table) -> None:
    """Do what a recovery does on disks that do less and less, for the same images."""
    trace, options = recorded(8, 472, "eventual")
    space = space_at_the_end(trace)
    distinct = {digest: choice for choice, digest in digested(space)}
    step = len(distinct) // IMAGES
    images = [space.builder.build(each) for each in islice(distinct.values(), 0, None, step)]
    payload = bytes(PROBE_BYTES)

    def open_journal(disk: ModelFilesystem | BareDisk) -> Journal:
        return TARGET.open(cast("ModelFilesystem", disk), options)

    def use(journal: Journal) -> None:
        shown = tuple(journal.scan())
        appended = (*shown, (journal.append(payload), payload))
        if tuple(journal.scan()) == appended:
            for offset, _ in appended:
                journal.read(offset)
        journal.close()

    def checksums(image: Image) -> None:
        for content in image.files.values():
            for start in range(0, len(content), HEADER_BYTES + 472):
                frame = content[start : start + HEADER_BYTES + 472]
                crc32c(frame[8:], crc32c(frame[:4]))
                blake3(frame[HEADER_BYTES:]).digest()

    ways: dict[str, Callable[[Image], object]] = {
        "BLAKE3 and CRC32C of each frame, once": checksums,
        "open the journal, on a disk that keeps bytes and nothing else": (
            lambda image: open_journal(BareDisk(image)).close()
        ),
        "… scan, append, scan, read each record, close": (
            lambda image: use(open_journal(BareDisk(image)))
        ),
        "the same on the simulated disk, which records a trace": (
            lambda image: use(open_journal(ModelFilesystem(image)))
        ),
        "the same, with the debt noted and what lives judged: a recovery": (
            lambda image: recover(TARGET, options, ModelFilesystem(image))
        ),
        "a recovery that is asked what it looks at": (
            lambda image: recover(TARGET, options, WatchedFilesystem(image, 512))
        ),
    }
    times = median_of(
        {name: _for_each(way, images) for name, way in ways.items()}, time.process_time
    )
    for name, taken in times.items():
        each = taken / len(images)
        table.add_row(name, f"{each * 1e6:,.0f}", f"{1 / each:,.0f}")


def _for_each(way: Callable[[Image], object], images: Sequence[Image]) -> Callable[[], None]:
    def do() -> None:
        for image in images:
            way(image)

    return do


# What is really recovered


def bench_recovering(table: Table) -> None:
    """
    Explore crashes in and after the last append of traces of several sizes, each image built.

    One crash deep and two; above a bound those closest to losing all and to losing nothing
    are taken, and a sample.
    """
    for durability in ("eventual", "immediate"):
        for payload_bytes in (100, 472):
            for kibibytes in (0.5, 1, 4, 16):
                records = int(kibibytes * 1024) // (HEADER_BYTES + payload_bytes)
                trace, options = recorded(records, payload_bytes, durability)
                rates = []
                for depth, bound in ((1, 64), (2, 4)):
                    rounds = [explored(trace, options, depth, bound) for _ in range(ROUNDS)]
                    covered = rounds[0][0]
                    rates += [
                        f"{covered.parts:,}",
                        f"{covered.recovered:,}",
                        f"{statistics.median(rate for _, rate in rounds):,.0f}",
                    ]
                table.add_row(durability, str(payload_bytes), f"{kibibytes:g}", *rates)


def explored(trace: Trace, options: Options, depth: int, bound: int) -> tuple[Coverage, float]:
    """
    Explore the end of a trace, building each image, until some time has passed.

    Returns what one exploration covered, and how many images were recovered in a second.
    """
    last = max(n for n, event in enumerate(trace.events) if isinstance(event, Invoked))
    recovered, began = 0, time.process_time()
    while True:
        explorer = Explorer(
            TARGET, options, CRASH_MODEL, depth=depth, lazy=False, bound=bound, sample=bound
        )
        explorer.explore(trace, since=last)
        recovered += explorer.coverage.recovered
        taken = time.process_time() - began
        if taken >= AT_LEAST:
            return explorer.coverage, recovered / taken


def main() -> None:
    """Print three tables."""
    console = Console(highlight=False, width=WIDTH)
    deciding = Table(
        *("what", "images", "pruned", "generated", "deduplicated", "recovered", "decided a second"),
        title="images decided, `adversarial`, one crash deep",
    )
    bench_deciding(deciding)
    console.print(deciding)
    one = Table("up to and including", "µs", "a second", title="one recovery")
    bench_one_recovery(one)
    console.print(one)
    recovering = Table(
        *("durability", "payload", "KiB"),
        *("built", "recovered", "a second, one crash deep"),
        *("built", "recovered", "a second, two crashes deep"),
        title="distinct images really recovered, `adversarial`",
    )
    bench_recovering(recovering)
    console.print(recovering)
    console.print(f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10:,} MiB in all")


if __name__ == "__main__":
    main()

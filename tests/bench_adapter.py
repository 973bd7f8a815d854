"""
How fast an adapter can be judged: `python -m tests.bench_adapter`.

The adapter is a journal of one file in C (`conformance/recorded/log.c`), so what is
measured is this suite and not the journal.  Rows take turns, round after round, and the
best of each counts.  Time on the wall depends on who else is at work, so beside it stands
the processor time that this process has spent.

Images per second is what a search is bounded by; recording is paid for once a program.
"""

import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import islice
from pathlib import Path
from typing import cast
from unittest.mock import patch

from attrs import define, field
from rich.console import Console
from rich.table import Table
from tornproof_conformance.adapter.adapter_subject import AdapterSubject
from tornproof_conformance.adapter.speaking.patience import Patience
from tornproof_conformance.adapter.speaking.session import TIMEOUT
from tornproof_conformance.power.recorded_subject import RecordedSubject
from tornproof_conformance.power.resident import Resident
from tornproof_conformance.power.residents import Residents
from tornproof_conformance.recorder.recorders import StraceRecorder
from tornproof_models.crash.enumerated import AT_ONCE
from tornproof_models.crash.program import Append, Sync
from tornproof_models.crash.run import run
from tornproof_models.crash.subject import Options
from tornproof_models.disk.crash_models import CRASH_MODELS
from tornproof_models.disk.filesystem import ModelFilesystem
from tornproof_models.disk.image_builder import Choice
from tornproof_models.disk.images import ImageSpace
from tornproof_models.disk.registers import Registers
from tornproof_models.disk.trace import (
    ROOT,
    Create,
    Event,
    Image,
    MakeDirectory,
    SyncFilesystem,
    Truncate,
    Write,
)

SOURCE = Path(__file__).parent / "conformance" / "recorded" / "log.c"
ROUNDS = 5
IMAGES = 2_000
"""Distinct images that a resident recovers in each round."""

SIZES = {"64 KiB": 1 << 16, "1 MiB": 1 << 20, "64 MiB": 1 << 26}
"""Files that are preallocated, and hold 16 sectors."""

SPAWNED = 150
"""Images that get a process each."""

CALLS = 500
"""Appends that are made one after the other."""

OPTIONS = Options(4096, "eventual")


@define
class Row:
    """Something that is done many times a second."""

    name: str
    act: Callable[[], object]
    times: int
    best: float = float("inf")
    """Seconds on the wall for one time."""

    processor: float = float("inf")
    """Seconds of this process's processor time for one time."""

    def turn(self) -> None:
        """Measure it once."""
        wall, processor = time.perf_counter(), time.process_time()
        self.act()
        self.best = min(self.best, (time.perf_counter() - wall) / self.times)
        self.processor = min(self.processor, (time.process_time() - processor) / self.times)


@define
class Bench:
    """Adapters at work."""

    command: tuple[str, ...]
    plain: AdapterSubject
    recorded: RecordedSubject
    root: Path
    images: list[Image] = field(factory=list)

    def prepare(self) -> None:
        """Make distinct images: all that a crash may leave of some appends, and more appends."""
        seen: set[int] = set()
        for length in range(2, 12):
            program = tuple(Append(480 + 7 * length) for _ in range(length))
            trace = run(program, self.recorded, OPTIONS).filesystem.trace
            space = ImageSpace.after(trace.initial, trace.events, CRASH_MODELS["adversarial"])
            for choice in space.sample(IMAGES, seed=length):
                image = space.builder.build(choice)
                if image.digest not in seen:
                    seen.add(image.digest)
                    self.images.append(image)
            if len(self.images) >= IMAGES:
                break
        del self.images[IMAGES:]

    def resident(self) -> None:
        """Recover every image in one process."""
        resident = Resident(self.command, self.root)
        resident.recover(self.images, OPTIONS)
        resident.stop()

    def by_two(self) -> None:
        """Recover every image in two processes, side by side."""
        root = self.root / "residents"
        root.mkdir(exist_ok=True)
        residents = Residents(self.command, root, TIMEOUT, Patience(), jobs=2)
        residents.recover(self.images, OPTIONS)
        residents.stop()

    def preallocated(self, size: int) -> None:
        """Build, lay out and recover images beside a file that has a size, and two sectors."""
        registers = Registers.of(Image(), CRASH_MODELS["adversarial"].floors)
        registers.replay(preallocated(size))
        space = ImageSpace(registers, CRASH_MODELS["adversarial"])
        images = {space.builder.digest(choice): choice for choice in space.sample(IMAGES, seed=0)}
        resident = Resident(self.command, self.root)
        for chunk in batched(images.values(), AT_ONCE):
            resident.recover([space.builder.build(choice) for choice in chunk], OPTIONS)
        resident.stop()

    def spawned(self) -> None:
        """Recover some images in a process each."""
        for image in self.images[:SPAWNED]:
            resident = Resident(self.command, self.root)
            resident.recover([image], OPTIONS)
            resident.stop()

    def append(self, subject: AdapterSubject) -> None:
        """Append, one after the other."""
        disk = cast("ModelFilesystem", subject.new_disk())
        journal = subject.open(disk, OPTIONS)
        for _ in range(CALLS):
            journal.append(bytes(64))
        journal.close()

    def program(self, subject: AdapterSubject) -> None:
        """Run a small program on a fresh directory."""
        run((Append(5), Sync(), Append(600)), subject, OPTIONS)


def preallocated(size: int) -> Iterator[Event]:
    """Yield what makes a file of a size, and then 16 sectors of it, none of which is synced."""
    yield MakeDirectory(ROOT, "journal", 1)
    yield Create(1, "preallocated", 2)
    yield Truncate(2, size)
    yield SyncFilesystem()
    for sector in range(16):
        yield Write(2, sector * size // 16, bytes([sector + 1]) * 512)


def batched(choices: Iterable[Choice], number: int) -> Iterator[tuple[Choice, ...]]:
    """Yield choices, so many at once."""
    remaining = iter(choices)
    while chunk := tuple(islice(remaining, number)):
        yield chunk


@contextmanager
def recorded_by_strace(plain: AdapterSubject) -> Iterator[RecordedSubject]:
    """Record by strace, as on machines whose calls the tracer does not know."""
    with RecordedSubject.of(plain) as subject:
        subject.stop()  # what it starts from now on is recorded by strace
        with patch("tornproof_conformance.power.recorded_session.new_recorder", StraceRecorder):
            disk = cast("ModelFilesystem", subject.new_disk())
            subject.open(disk, OPTIONS).close()
        yield subject


def main() -> None:
    """Measure and print one table."""
    with tempfile.TemporaryDirectory() as scratch:
        binary = Path(scratch, "log")
        subprocess.run(["gcc", "-O2", "-o", str(binary), str(SOURCE), "-lpthread"], check=True)
        command = (str(binary),)
        memory = Path("/dev/shm") if Path("/dev/shm").is_dir() else None
        with (
            tempfile.TemporaryDirectory(dir=memory) as root,
            AdapterSubject.running(command) as plain,
            RecordedSubject.of(plain) as recorded,
            recorded_by_strace(plain) as by_strace,
        ):
            bench = Bench(command, plain, recorded, Path(root))
            bench.prepare()
            count = len(bench.images)
            rows = [
                Row("image recovered by a resident process", bench.resident, count),
                Row("image recovered by two, side by side", bench.by_two, count),
                *(
                    Row(f"image with a file of {name}", partial(bench.preallocated, size), IMAGES)
                    for name, size in SIZES.items()
                ),
                Row("image recovered by a process of its own", bench.spawned, SPAWNED),
                Row("append over the protocol", lambda: bench.append(plain), CALLS),
                Row("append over the protocol, recorded", lambda: bench.append(recorded), CALLS),
                Row("append over the protocol, by strace", lambda: bench.append(by_strace), CALLS),
                Row("small program, recorded and checked", lambda: bench.program(recorded), 1),
            ]
            for _ in range(ROUNDS):
                for row in rows:
                    row.turn()
            _print(rows)


def _print(rows: list[Row]) -> None:
    table = Table(title="an adapter in C, each as often as it can be done", title_justify="left")
    table.add_column("what")
    for heading in ("a second", "µs on the wall", "µs of this process"):
        table.add_column(heading, justify="right")
    for row in rows:
        table.add_row(
            row.name,
            f"{1 / row.best:,.0f}",
            f"{row.best * 1e6:,.0f}",
            f"{row.processor * 1e6:,.0f}",
        )
    Console().print(table)


if __name__ == "__main__":
    main()

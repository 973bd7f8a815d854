"""
How fast the journal and its judge are, as ratios in one run.

Run with `python -m tests.bench_journal`.  Each measurement stands beside what
bounds it: recovery beside the checksums of the same bytes, appends beside a
bare write and fdatasync.  The medians of five rounds, taken in turn, are shown.
"""

import os
import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from blake3 import blake3
from crc32c import crc32c
from rich.console import Console
from rich.table import Table
from tornproof.journal import Journal, recover
from tornproof_conformance.targets import ReferenceTarget
from tornproof_models.disk.enumerating import digested
from tornproof_models.disk.filesystem import ModelFilesystem
from tornproof_models.disk.images import ImageSpace
from tornproof_models.disk.profiles import PROFILES
from tornproof_models.disk.registers import Registers
from tornproof_models.disk.trace import Trace
from tornproof_models.explore.explorer import Explorer
from tornproof_models.explore.findings import Coverage
from tornproof_models.explore.recovering import recover as recover_image
from tornproof_models.explore.workload import Append, Options, run

ROUNDS = 5
RECOVERED_BYTES = 16 << 20
APPENDS = 300


def median_of(
    actions: dict[str, Callable[[], object]], clock: Callable[[], float] = time.perf_counter
) -> dict[str, float]:
    """Time each action in turn, some rounds long, and return the median of each."""
    times: dict[str, list[float]] = {name: [] for name in actions}
    for _ in range(ROUNDS):
        for name, action in actions.items():
            began = clock()
            action()
            times[name].append(clock() - began)
    return {name: statistics.median(taken) for name, taken in times.items()}


def bench_recovery(table: Table, directory: Path) -> None:
    """Recover 16 MiB of records of two sizes, beside the checksums of their payloads."""
    for size in (100, 64 << 10):
        path = directory / f"recovery-{size}"
        payload = os.urandom(size)
        with Journal.open(str(path), durability="eventual") as journal:
            journal.append_many([payload] * (RECOVERED_BYTES // size))

        def checksums(payload: bytes = payload) -> None:
            for _ in range(RECOVERED_BYTES // len(payload)):
                crc32c(payload)
                blake3(payload).digest()

        times = median_of(
            {
                "recover": lambda path=path: recover(str(path), dry_run=True),  # type: ignore[misc]
                "bound": checksums,
            }
        )
        table.add_row(
            f"recovery, payloads of {size:,} B",
            f"{RECOVERED_BYTES / times['recover'] / 1e6:,.0f} MB/s",
            f"BLAKE3 + CRC32C: {RECOVERED_BYTES / times['bound'] / 1e6:,.0f} MB/s",
            f"{times['bound'] / times['recover']:.2f}",
        )


def bench_appends(table: Table, directory: Path) -> None:
    """Append with an fsync each, beside a bare write and fdatasync of the same bytes."""
    payload = os.urandom(100)
    journal = Journal.open(str(directory / "appends"))
    bare = os.open(directory / "bare", os.O_CREAT | os.O_WRONLY)

    def append() -> None:
        for _ in range(APPENDS):
            journal.append(payload)

    def write() -> None:
        for _ in range(APPENDS):
            os.write(bare, bytes(140))
            os.fdatasync(bare)

    times = median_of({"append": append, "write": write})
    journal.close()
    os.close(bare)
    table.add_row(
        "append, fsync each",
        f"{APPENDS / times['append']:,.0f} /s",
        f"write + fdatasync: {APPENDS / times['write']:,.0f} /s",
        f"{times['write'] / times['append']:.2f}",
    )


def bench_images(table: Table) -> None:
    """
    Decide all images of unsynced records under `adversarial`, one crash deep.

    Rates are per second of one core's time, since nothing here waits for a disk.
    """
    target = ReferenceTarget()
    options = Options(durability="eventual", segment_bytes=1 << 20)
    for records, lazy in ((16, True), (8, False)):
        trace = run((Append(472),) * records, target, options).filesystem.trace
        rounds = [explore(target, options, trace, lazy=lazy) for _ in range(ROUNDS)]
        covered = rounds[0][0]
        each = statistics.median(taken for _, taken in rounds)
        how = "by what recovery looks at" if lazy else "each by itself"
        table.add_row(
            f"images decided, {how}",
            f"{covered.judged / each:,.0f} /s",
            f"all {covered.images:,}: {covered.images - covered.parts:,} pruned, "
            f"{covered.parts:,} generated, {covered.parts - covered.recovered:,} deduplicated, "
            f"{covered.recovered:,} recovered",
            "",
        )
        table.add_row(
            "distinct images recovered for that",
            f"{covered.recovered / each:,.0f} /s",
            "",
            "",
        )
    bench_enumeration(table, ImageSpace(_registers(trace), PROFILES["adversarial"]))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    table.add_row("memory of all of this", f"{peak:,} MiB", "", "")


def explore(
    target: ReferenceTarget, options: Options, trace: Trace, *, lazy: bool
) -> tuple[Coverage, float]:
    """Explore a trace; return what that covered, and the processor's time in seconds."""
    explorer = Explorer(target, options, PROFILES["adversarial"], depth=1, lazy=lazy, bound=1 << 20)
    began = time.process_time()
    explorer.explore(trace)
    return explorer.coverage, time.process_time() - began


def bench_enumeration(table: Table, space: ImageSpace) -> None:
    """List and deduplicate images; recover the distinct ones, beside the checksums in them."""
    found = {digest: choice for choice, digest in digested(space)}
    images = [space.builder.build(choice) for choice in list(found.values())[:1_000]]
    options = Options(durability="eventual", segment_bytes=1 << 20)

    def recover_all() -> None:
        for image in images:
            recover_image(ReferenceTarget(), options, ModelFilesystem(image))

    def checksums() -> None:
        for image in images:
            for content in image.files.values():
                for start in range(0, len(content), 512):
                    frame = content[start : start + 512]
                    crc32c(frame[8:], crc32c(frame[:4]))
                    blake3(frame[40:]).digest()

    times = median_of(
        {
            "list": lambda: len({digest for _, digest in digested(space)}),
            "recover": recover_all,
            "bound": checksums,
        },
        time.process_time,
    )
    table.add_row(
        "images enumerated and deduplicated",
        f"{space.count() / times['list']:,.0f} /s",
        f"{len(found):,} distinct of {space.count():,}",
        "",
    )
    table.add_row(
        "recovery, append, reading back, close",
        f"{len(images) / times['recover']:,.0f} /s",
        f"BLAKE3 + CRC32C of every frame, once: {len(images) / times['bound']:,.0f} /s",
        f"{times['bound'] / times['recover']:.2f}",
    )


def _registers(trace: Trace) -> Registers:
    registers = Registers.of(trace.initial, PROFILES["adversarial"].floors)
    registers.replay(trace.events)
    return registers


def main() -> None:
    """Print one table."""
    table = Table("what", "measured", "beside", "ratio", title="journal and explorer")
    with tempfile.TemporaryDirectory() as name:
        bench_recovery(table, Path(name))
        bench_appends(table, Path(name))
    bench_images(table)
    Console(highlight=False).print(table)


if __name__ == "__main__":
    main()

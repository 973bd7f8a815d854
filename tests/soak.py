"""
What takes minutes: every instruction, ten thousand random signals, crowds and limits (`make soak`).

Run parts with `python -m tests.soak instructions queue signals threads limits errors clock reader`.
Each prints what it has tried and what broke, and the command fails if anything did.
"""

import errno
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from itertools import islice
from pathlib import Path
from random import Random
from unittest.mock import patch

import click
from tornproof.chain import connect, verify
from tornproof.drainer import DeferredAuditQueue
from tornproof.errors import TornproofError
from tornproof.journal import Cursor, GroupCommitBuffer, Journal, JournalReader
from tornproof_conformance.stream.exit_codes import CONFORMS, INCONCLUSIVE

from tests.reference import interrupted_queue, interruptions
from tests.reference.drainer_world import event
from tests.reference.interruptions import Interruption, World

SIGNALS = 10_000
THREADS, EACH = 200, 50
READER_SECONDS = 600.0
ERROR_SECONDS = 1_300
JUMPS = 2_000
PATIENCE = 60.0
"""Seconds that a reader may be behind when the writer has ended."""

MONOTONIC = time.monotonic
TORNPROOF = str(Path(sys.executable).with_name("tornproof"))
ADAPTER = str(Path(__file__).parents[1] / "conformance" / "adapters" / "python")
FSIZE = 20_000
"""Bytes that a file may have under RLIMIT_FSIZE: less than a segment."""


def instructions(root: Path) -> Iterator[str]:
    """Interrupt every call of a journal before every instruction."""
    yield from _broken(interruptions.everywhere(root))


def queue(root: Path) -> Iterator[str]:
    """Interrupt every step of a queue at every call and return."""
    yield from _broken(interrupted_queue.everywhere(root))


def signals(root: Path) -> Iterator[str]:
    """Let a real signal strike at random, until ten thousand have struck inside a call."""
    random, struck, number = Random(13), 0, 0

    def strike(*_: object) -> None:
        raise Interruption

    signal.signal(signal.SIGALRM, strike)
    sys.unraisablehook = lambda _: None  # a signal that strikes in a finalizer goes nowhere

    def run(action: Callable[[], object]) -> object:
        nonlocal struck
        try:
            signal.setitimer(signal.ITIMER_REAL, random.uniform(1e-6, 4e-4))
            return action()
        except Interruption:
            struck += 1
            raise
        finally:
            _disarm()

    while struck < SIGNALS:
        number += 1
        world = World(root / str(number), random.choice(("immediate", "eventual")))
        for _ in range(8):
            with suppress(Interruption, TornproofError):
                world.append((random.randrange(400),) * random.choice((1, 1, 3)), run)
        yield from (f"journal {number}: {wrong}" for wrong in world.judge())
    print(f"signals: {struck:,} struck in {number:,} journals")


def _disarm() -> None:
    """Take a signal back that has not struck; it may strike while this is done."""
    while True:
        try:
            signal.setitimer(signal.ITIMER_REAL, 0)
        except Interruption:
            continue
        return


def threads(root: Path) -> Iterator[str]:
    """Let two hundred threads share a group commit: each record is where its future says."""
    with (
        GroupCommitBuffer(Journal.open(root / "j", durability="batched")) as buffer,
        ThreadPoolExecutor(THREADS) as pool,
    ):
        told = list(
            pool.map(
                lambda n: [(buffer.append(b"%d" % n).result(), b"%d" % n) for _ in range(EACH)],
                range(THREADS),
            )
        )
    with Journal.open(root / "j") as journal:
        found = list(journal.scan())
    if sorted(record for records in told for record in records) != found:
        yield "what the futures said is not what is there"
    print(f"threads: {THREADS} with {EACH} records each")


def limits(root: Path) -> Iterator[str]:
    """Meet the limits on the size of a file and on open files: typed errors, nothing lost."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    kept: list[bytes] = []
    journal = Journal.open(root / "size", segment_bytes=1 << 20)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (FSIZE, hard))
    for number in range(400):
        with suppress(TornproofError):
            journal.append(b"%d" % number + bytes(300))
            kept.append(b"%d" % number + bytes(300))
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    with suppress(TornproofError):
        journal.close()
    with Journal.open(root / "size") as again:
        if not set(kept) <= {payload for _, payload in again.scan()}:
            yield "RLIMIT_FSIZE: an acknowledged record is gone"

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    for spare in range(3, 40):
        resource.setrlimit(resource.RLIMIT_NOFILE, (spare, hard))
        try:
            with Journal.open(root / f"files-{spare}", segment_bytes=1) as journal:
                journal.append(b"one")
                journal.append(b"two")
                list(journal.scan())
        except TornproofError:
            pass
        except OSError as error:
            yield f"RLIMIT_NOFILE {spare}: {errno.errorcode[error.errno or 0]} comes out raw"
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    print(f"limits: {len(kept)} of 400 records fitted below {FSIZE:,} bytes a file")


def _broken(tried: Iterator[tuple[str, str, list[str]]]) -> Iterator[str]:
    number = 0
    for what, place, wrong in tried:
        number += 1
        yield from (f"{what} ({place}): {each}" for each in wrong)
    print(f"{number:,} interruptions")


def errors(root: Path) -> Iterator[str]:
    """Let each system call of the reference's process fail in turn (EIO and others), recorded."""
    command = [TORNPROOF, "check", "io-errors", "--budget", str(ERROR_SECONDS)]
    options = ["--reproducers", str(root / "found"), "--json"]
    ran = subprocess.run(
        [*command, *options, "--", sys.executable, ADAPTER], stdout=subprocess.PIPE, check=False
    )
    events = [json.loads(line) for line in ran.stdout.splitlines()]
    yield from (f"{each['requirement']}: {each['message']}" for each in events if "story" in each)
    finished = [each for each in events if each["event"] == "CheckFinished"]
    print(f"errors: {finished[0]['covered'] if finished else 'nothing was tried'}")
    if ran.returncode not in (CONFORMS, INCONCLUSIVE) or not finished:
        yield f"exit code {ran.returncode}"


def clock(root: Path) -> Iterator[str]:
    """Let the clock of the day jump to and fro, and the other forwards: all of it lands once."""
    random, ahead = Random(7), 0.0

    def later() -> float:
        nonlocal ahead
        ahead += random.choice((0, 0, 0, 3600))
        return MONOTONIC() + ahead

    def jumping() -> int:
        return time.time_ns() + random.randrange(-(10**17), 10**17)

    admitted = []
    with patch("time.monotonic", later):
        queue = DeferredAuditQueue.open(root / "audit.db", spool=root / "spool", clock=jumping)
        for number in range(JUMPS):
            if queue.submit(event(event_id=f"e{number}")):
                admitted.append(f"e{number}")
        queue.drain_pending(None)
        queue.close_and_flush(None)
    with closing(connect(root / "audit.db")) as database:
        landed = [name for (name,) in database.execute("SELECT id FROM signed_events")]
        if sorted(landed) != sorted(admitted) or not verify(database).holds:
            yield f"{len(admitted)} events were admitted, and {len(landed)} are in the chain"
    print(f"clock: {len(admitted)} events while the clock jumped by up to three years")


def reader(root: Path) -> Iterator[str]:
    """Let another process read on and move its cursor, while this one writes and cleans up."""
    end = time.monotonic() + READER_SECONDS
    journal = Journal.open(root / "j", segment_bytes=4096, durability="eventual")
    journal.append(b"0")
    journal.sync()
    heard, told = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(heard)
        os.write(told, _read_on(root / "j", end).encode())
        os._exit(0)
    os.close(told)
    number = removed = 0
    while time.monotonic() < end:
        for _ in range(100):
            number += 1
            journal.append(b"%d" % number)
        journal.sync()
        removed = journal.cleanup()
    journal.append(b"last")
    journal.close()
    with open(heard, "rb") as answer:  # noqa: PTH123
        seen = answer.read().decode()
    os.waitpid(child, 0)
    if seen != str(number):
        yield f"{number} records were written, and the reader says {seen}"
    print(f"reader: {number:,} records, all seen once and in order; {removed:,} bytes cleaned up")


def _read_on(directory: Path, end: float) -> str:
    """Follow a journal until its last record; return the number of the one before, or a fault."""
    following, cursor, expected = JournalReader(directory), Cursor.open(directory, "c"), 0
    try:
        while time.monotonic() < end + PATIENCE:
            records = list(islice(following.scan(cursor.position), 500))
            for _, payload in records:
                if payload == b"last":
                    return str(expected - 1)
                if payload != b"%d" % expected:
                    return f"{payload!r} in the place of {expected}"
                expected += 1
            if records:
                expected -= 1  # a cursor stands at the last that was seen, which comes again
                cursor.advance(records[-1][0])
        return f"{expected}, and never the last"
    except TornproofError as error:
        return repr(error)


PARTS = {
    part.__name__: part
    for part in (instructions, queue, signals, threads, limits, errors, clock, reader)
}


@click.command
@click.argument("parts", nargs=-1, type=click.Choice(list(PARTS)))
def main(parts: tuple[str, ...]) -> None:
    """Run the PARTS that are named, or all, and print what is wrong.  Exit code 1: something is."""
    broken = 0
    for name in parts or PARTS:
        with tempfile.TemporaryDirectory(prefix="tornproof-soak-") as root:
            for wrong in PARTS[name](Path(root)):
                broken += 1
                print(f"{name}: {wrong}", flush=True)
    raise SystemExit(1 if broken else 0)


if __name__ == "__main__":
    main()

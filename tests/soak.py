"""
What takes minutes: every instruction, ten thousand random signals, crowds and limits (`make soak`).

Run parts with `python -m tests.soak instructions queue signals threads limits`.
Each prints what it has tried and what broke, and the command fails if anything did.
"""

import errno
import resource
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from random import Random

from tornproof.errors import TornproofError
from tornproof.journal import GroupCommitBuffer, Journal

from tests.reference import interrupted_queue, interruptions
from tests.reference.interruptions import Interruption, World

SIGNALS = 10_000
THREADS, EACH = 200, 50
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


PARTS = {part.__name__: part for part in (instructions, queue, signals, threads, limits)}


def main() -> None:
    """Run the parts that are named, or all."""
    broken = 0
    for name in sys.argv[1:] or PARTS:
        with tempfile.TemporaryDirectory(prefix="tornproof-soak-") as root:
            for wrong in PARTS[name](Path(root)):
                broken += 1
                print(f"{name}: {wrong}", flush=True)
    raise SystemExit(1 if broken else 0)


if __name__ == "__main__":
    main()

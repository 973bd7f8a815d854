"""
Let an exception strike in the middle of a submit or of a drainer's step, and look what lands.

A queue holds locks of `threading`, so an exception strikes where a function is
entered or left, and not before every instruction.
"""

from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path

from tornproof.chain import connect, verify
from tornproof.drainer import DeferredAuditQueue
from tornproof.errors import TornproofError

from tests.reference.drainer_world import event
from tests.reference.interruptions import Interruption, Striker

STEPS = ("submit a", "submit b", "step", "step", "step", "submit c", "drain", "close")
"""What is done with a queue; each is interrupted at each of its calls and returns."""

Run = Callable[[Callable[[], object]], object]


def _open(directory: Path) -> DeferredAuditQueue:
    return DeferredAuditQueue.open(
        directory / "audit.db", spool=directory / "spool", paused=True, sleep=lambda _: None
    )


def _do(queue: DeferredAuditQueue, step: str, admitted: set[str], run: Run) -> None:
    name = step.removeprefix("submit ")
    if name != step:
        if run(lambda: queue.submit(event(event_id=name))):
            admitted.add(name)
    elif step == "step":
        run(queue.step)
    elif step == "drain":
        run(queue.drain_pending)
    else:
        run(queue.close_and_flush)


def points(directory: Path) -> list[int]:
    """Count the calls and returns of each step."""
    directory.mkdir()
    queue, found = _open(directory), []
    for step in STEPS:
        striker = Striker(between_calls=True)
        _do(queue, step, set(), striker.run)
        found.append(striker.count)
    return found


def interrupt(directory: Path, number: int, at: int) -> tuple[str, list[str]]:
    """Interrupt one step at one call or return; say where, and what broke."""
    directory.mkdir()
    queue, striker, admitted = _open(directory), Striker(at, between_calls=True), set[str]()
    wrong: list[str] = []
    for index, step in enumerate(STEPS):
        try:
            _do(queue, step, admitted, striker.run if index == number else _plain)
        except (Interruption, TornproofError):
            pass
        except Exception as error:
            wrong.append(f"{step} raises {error!r}")
    for _ in range(2):
        with suppress(TornproofError):
            queue.close_and_flush(timeout=1)
    return striker.place, wrong + _judge(directory, admitted)


def _judge(directory: Path, admitted: set[str]) -> list[str]:
    """Open again, drain, and look whether each admitted event is there once (DRN-1)."""
    try:
        with _open(directory) as queue:
            drained = queue.drain_pending()
    except TornproofError as error:
        return [f"it does not open: {error!r}"]
    with closing(connect(directory / "audit.db")) as database:
        rows = [name for (name,) in database.execute("SELECT id FROM signed_events")]
        dead = [name for (name,) in database.execute("SELECT id FROM signed_events_dlq")]
        holds = verify(database).holds
    landed, wrong = rows + dead, []
    if not drained or not holds:
        wrong.append(f"drained: {drained!r}, chain holds: {holds}")
    if len(set(landed)) != len(landed):
        wrong.append(f"an event is there twice: {landed}")
    if missing := admitted - set(landed):
        wrong.append(f"admitted and gone: {missing}")
    return wrong


def everywhere(root: Path, share: int = 1) -> Iterator[tuple[str, str, list[str]]]:
    """Interrupt at every call and return of every step, or at one in `share`."""
    number = 0
    for index, instructions in enumerate(points(root / "count")):
        for at in range(1 + number % share, instructions + 1, share):
            number += 1
            place, wrong = interrupt(root / str(number), index, at)
            yield f"{STEPS[index]}, call or return {at}", place, wrong


def _plain(action: Callable[[], object]) -> object:
    return action()

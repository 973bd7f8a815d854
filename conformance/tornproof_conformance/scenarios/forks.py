"""
Scenarios about a process that forks while something is open.

The protocol has no request to fork, so they are played in this process alone.
"""

from collections.abc import Callable, Iterator
from typing import Any, cast

from tornproof_models.contract.delivery import Mode, Outcome
from tornproof_models.contract.journal import Violation
from tornproof_models.crash.subject import Options, Subject
from tornproof_models.queues.delivery_program import event_of
from tornproof_models.queues.delivery_run import Subject as Queue
from tornproof_models.queues.delivery_run import ids_of

from tornproof_conformance.lifetime.forking import in_child
from tornproof_conformance.scenarios.cursors_and_cleanup import has_cursors
from tornproof_conformance.scenarios.drainer_rules import closes_in_time
from tornproof_conformance.scenarios.queue_delivery import DURABLE, land, opened
from tornproof_conformance.scenarios.scenario import (
    GROUP_COMMIT,
    READER,
    Situation,
    claims,
    error_code,
    is_simulated,
    scenario,
)
from tornproof_conformance.scenarios.shared_batches import (
    group_on_a_held_disk,
    has_groups,
    under_way,
)
from tornproof_conformance.subjects.group_commits import PATIENCE


def _told(action: Callable[..., object], *arguments: object) -> str:
    """Return what a child is told when it does something, or that it hangs."""
    try:
        return in_child(lambda: error_code(action, *arguments))
    except TimeoutError:
        return "nothing: it hangs"


def _is_refused(told: str) -> bool:
    return not told.startswith(("success", "nothing"))


@scenario("JRN-13", simulated=True)
def a_forked_child_has_no_journal(subject: Subject) -> Iterator[Violation]:
    """A forked child may only close; every other call is refused, and the parent goes on."""
    situation = Situation(subject)
    journal = situation.open(Options(durability="eventual"))
    offset = journal.append(b"before")
    for words, action in (
        ("an append", lambda: journal.append(b"of the child")),
        ("a sync", journal.sync),
        ("a rotation", journal.rotate),
        ("a read", lambda: journal.read(offset)),
        ("a scan", lambda: list(journal.scan())),
    ):
        if not _is_refused(told := _told(action)):
            yield Violation("JRN-13", f"{words} in a forked child is told {told}")
    if not (told := _told(journal.close)).startswith("success"):
        yield Violation("JRN-13", f"a close in a forked child is told {told}")
    journal.append(b"after")
    journal.close()
    shown = [payload for _, payload in situation.open().scan()]
    if shown != [b"before", b"after"]:
        yield Violation("JRN-13", f"after a fork, the parent's journal holds {shown}")


def reads(subject: Subject) -> bool:
    """Tell whether a subject has readers in this process."""
    return hasattr(subject, "open_reader") and is_simulated(subject)


@scenario("RDR-7", claim=READER, where=reads)
def a_forked_child_has_no_reader(subject: Subject) -> Iterator[Violation]:
    """A scan in a forked child is refused, also one under way; the parent's scan goes on."""
    situation = Situation(subject)
    journal = situation.open()
    for payload in (b"one", b"two", b"three"):
        journal.append(payload)
    journal.close()
    reader = cast("Any", subject).open_reader(situation.filesystem, durable_only=True)
    under_way = reader.scan(0)
    next(under_way)
    for words, action in (
        ("a scan", lambda: list(reader.scan(0))),
        ("the rest of a scan", lambda: next(under_way)),
    ):
        if not _is_refused(told := _told(action)):
            yield Violation("RDR-7", f"{words} in a forked child is told {told}")
    if [payload for _, payload in under_way] != [b"two", b"three"]:
        yield Violation("RDR-7", "after a fork, the parent's scan does not go on where it was")


def moves_cursors(subject: Subject) -> bool:
    """Tell whether a subject has cursors in this process."""
    return has_cursors(subject) and is_simulated(subject)


@scenario("CUR-4", claim=READER, where=moves_cursors)
def a_forked_child_moves_no_cursor(subject: Subject) -> Iterator[Violation]:
    """A cursor is not moved in a forked child."""
    situation = Situation(subject)
    journal = situation.open()
    offsets = [journal.append(payload) for payload in (b"one", b"two")]
    cursor = cast("Any", subject).open_cursor(situation.filesystem, "consumer")
    if not _is_refused(told := _told(cursor.advance, offsets[1])):
        yield Violation("CUR-4", f"moving a cursor in a forked child is told {told}")
    cursor.advance(offsets[1])
    positions = cast("Any", subject).positions(situation.filesystem)
    if positions["consumer"] != offsets[1]:
        yield Violation("CUR-4", f"after a fork, the parent's cursor is at {positions}")


@scenario("GRP-8", claim=GROUP_COMMIT, where=has_groups)
def a_forked_child_commits_nothing(subject: Subject) -> Iterator[Violation]:
    """In a forked child records and waits are refused at once, and closing does not wait."""
    with group_on_a_held_disk(subject) as (group, disk):
        waiting = under_way(group, disk)
        for words, action in (
            ("a record", lambda: group.append(b"of the child").result(2 * PATIENCE)),
            ("a future of the parent's", lambda: waiting.result(2 * PATIENCE)),
        ):
            if not _is_refused(told := _told(action)):
                yield Violation("GRP-8", f"{words} in a forked child is told {told}")
        if not (told := _told(group.close)).startswith("success"):
            yield Violation("GRP-8", f"a close in a forked child is told {told}")
        disk.let_go()
        if not (told := error_code(waiting.result, PATIENCE)).startswith("success"):
            yield Violation("GRP-8", f"after a fork, whoever waited in the parent is told {told}")


@scenario("DRN-28", claim=DURABLE, where=closes_in_time)
def a_forked_child_admits_nothing(subject: Subject) -> Iterator[Violation]:
    """A forked child refuses submits and drains nothing; the parent's events land."""
    modes = [mode for mode in Mode if claims(subject, mode.value)]
    for mode in modes:
        with opened(subject, mode) as queue:
            for found in _forked(queue):
                yield Violation("DRN-28", f"{mode.value}: {found}")


def _forked(queue: Queue) -> Iterator[str]:
    """Let a child try what it must not, and say what is wrong."""
    queue.submit(event_of(1))
    told = in_child(lambda: queue.submit(event_of(2)).value)
    if told != Outcome.REFUSED.value:
        yield f"a submit in a forked child is {told}"
    told = in_child(lambda: str(queue.drain()))
    if "drained=True" in told:
        yield f"a drain in a forked child is told {told}"
    in_child(lambda: str(queue.close()))
    queue.submit(event_of(3))
    land(queue)
    if (chain := ids_of(queue.look().state)[0]) != ("e1", "e3"):
        yield f"after a fork, the parent has landed {chain}"

"""
Scenarios about a writer: its lock, and its behaviour after an error.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import product
from typing import Any

from tornproof.errors import Locked
from tornproof_models.contract.journal import PROMISED, Violation
from tornproof_models.crash.explorer import Explorer
from tornproof_models.crash.program import Append, grow_payload
from tornproof_models.crash.run import run
from tornproof_models.crash.subject import Options, Subject
from tornproof_models.disk.crash_models import CLAIMED, CRASH_MODELS
from tornproof_models.disk.faults import Fault, Kind

from tornproof_conformance.scenarios.scenario import Situation, error_code, judge_code, scenario


@scenario("JRN-9")
def one_writer(subject: Subject) -> Iterator[Violation]:
    """A second open for writing fails as locked, and succeeds once the first has closed."""
    situation = Situation(subject)
    journal = situation.open()
    journal.append(b"mine")
    code = error_code(situation.open)
    yield from judge_code("JRN-9", code, "locked", "a second open for writing")
    if code.startswith("success"):
        return
    journal.append(b"still mine")
    journal.close()
    if [payload for _, payload in situation.open().scan()] != [b"mine", b"still mine"]:
        yield Violation("JRN-9", "a refused second writer changed what the first one wrote")


@scenario("JRN-7", simulated=True)
def a_failed_sync_poisons(subject: Subject) -> Iterator[Violation]:
    """After a failed fsync every append and every sync fails until the journal is reopened."""
    for durability in ("immediate", "eventual"):
        situation = Situation(subject)
        journal = situation.open(Options(durability=durability))
        journal.append(b"before")
        journal.sync()
        nth = _operations_until(subject, Options(durability=durability), Kind.SYNC)
        if nth is None:
            continue
        situation.filesystem.fail(nth, Fault.ERROR)
        results = [error_code(journal.append, b"failing"), error_code(journal.sync)]
        if all(result.startswith("success") for result in results):
            yield Violation("JRN-7", "an fsync failed, and neither append nor sync reports it")
            return
        codes = {"append": error_code(journal.append, b"after"), "sync": error_code(journal.sync)}
        for name, code in codes.items():
            if code.startswith("success"):
                yield Violation("JRN-7", f"{name} after a failed fsync gives {code}, not an error")
                return
        error_code(journal.close)
        situation.filesystem.release_locks()
        situation.open().append(b"again")


@scenario("JRN-10", simulated=True)
def a_batched_append_is_durable_when_it_returns(subject: Subject) -> Iterator[Violation]:
    """Under `batched`, an append that shares its sync with no other does a sync of its own."""
    for claim in CLAIMED:
        at_once = {each.requirement for each in _broken_promises(subject, "immediate", claim)}
        for each in _broken_promises(subject, "batched", claim):
            if each.requirement not in at_once:  # what every level loses is no matter of this one
                message = f"after an append under batched ({claim}): {each.message}"
                yield Violation("JRN-10", message, each.cause)


def _broken_promises(subject: Subject, durability: str, claim: str) -> Iterator[Violation]:
    """Crash three appends of a durability level everywhere; yield what they promised in vain."""
    options = Options(durability=durability)
    trace = run((Append(5), Append(600), Append(5)), subject, options).filesystem.trace
    for finding in Explorer(subject, options, CRASH_MODELS[claim]).explore(trace):
        if finding.violation.requirement in PROMISED.values():
            yield finding.violation


@scenario("JRN-8", simulated=True)
def no_record_behind_a_fragment(subject: Subject) -> Iterator[Violation]:
    """After a short write or a full disk, the next append can be read, also after reopening."""
    for fault in (Fault.SHORT_THEN_NO_SPACE, Fault.SHORT_WRITE, Fault.NO_SPACE, Fault.NO_QUOTA):
        situation = Situation(subject)
        journal = situation.open()
        kept = [grow_payload(30, 1)]
        journal.append(kept[0])
        nth = _operations_until(subject, Options(), Kind.WRITE)
        if nth is None:
            return
        situation.filesystem.fail(nth, fault)
        failing = grow_payload(200, 2)
        if error_code(journal.append, failing).startswith("success"):
            kept.append(failing)
        situation.filesystem.disarm()
        after = grow_payload(31, 3)
        if error_code(journal.append, after).startswith("success"):
            kept.append(after)
        error_code(journal.close)
        situation.filesystem.release_locks()
        found = [payload for _, payload in situation.open().scan()]
        if set(found) - {failing} != set(kept) - {failing}:
            yield Violation("JRN-8", f"after a {fault.value}, {len(found)} records can be read")


def _operations_until(subject: Subject, options: Options, kind: Kind) -> int | None:
    """Count the disk operations of a second append, and a sync, up to one of a kind, if any."""
    situation = Situation(subject)
    journal = situation.open(options)
    journal.append(b"before")
    journal.sync()
    before = situation.filesystem.operations
    journal.append(b"failing")
    journal.sync()
    done = situation.filesystem.kinds[before:]
    return done.index(kind) + 1 if kind in done else None


@scenario("JRN-6", simulated=True)
def a_failed_append_is_there_once_at_most(subject: Subject) -> Iterator[Violation]:
    """If any disk operation of an append fails, its record is in the journal at most once."""
    for nth in range(1, 10):
        for fault in Fault:
            situation = Situation(subject)
            journal = situation.open()
            journal.append(b"before")
            situation.filesystem.fail(nth, fault)
            error_code(journal.append, b"failing")
            situation.filesystem.disarm()
            error_code(journal.append, b"after")
            error_code(journal.close)
            situation.filesystem.release_locks()
            found = [payload for _, payload in situation.open().scan()]
            if found.count(b"failing") > 1 or set(found) - {b"before", b"failing", b"after"}:
                message = f"disk operation {nth} had a fault ({fault.value}); then it holds {found}"
                yield Violation("JRN-6", message)
                return


@scenario("JRN-12", simulated=True)
def an_interrupted_append_is_the_last(subject: Subject) -> Iterator[Violation]:
    """After Ctrl-C at a write or a sync of an append, no record is lost and none is invented."""
    phantom = Situation(subject)
    journal = phantom.open()
    journal.append(b"nobody appended this")
    [hidden] = phantom.segments.values()
    following = ((b"12345",), (b"after", grow_payload(400, 3)))
    for name, payloads in product(("write_inode", "sync_inode"), following):
        situation = Situation(subject)
        journal = situation.open(Options(segment_bytes=512))
        kept, interrupted = [b"before"], b"....." + hidden + bytes(200)
        journal.append(kept[0])
        undo = _interrupt_after(situation, name)
        with suppress(KeyboardInterrupt):
            journal.append(interrupted)
        undo()  # an append that neither writes nor syncs was not interrupted
        for payload in payloads:
            if error_code(journal.append, payload).startswith("success"):
                kept.append(payload)
        error_code(journal.close)
        situation.filesystem.release_locks()
        shown: list[bytes] = []
        code = error_code(_collect, situation, shown)
        where = f"after an interruption behind a {name.removesuffix('_inode')} of an append"
        if not code.startswith("success"):
            yield Violation("JRN-12", f"{where}, opening again gives {code}")
        elif [payload for payload in shown if payload != interrupted] != kept:
            message = f"{where}, {kept} were acknowledged, and it holds {shown}"
            yield Violation("JRN-12", message)


def _collect(situation: Situation, shown: list[bytes]) -> None:
    shown += [payload for _, payload in situation.open().scan()]


def _interrupt_after(situation: Situation, name: str) -> Callable[[], None]:
    """
    Let Ctrl-C strike once, when the next operation of this name has had its effect.

    Returns what takes that back.
    """
    operation = getattr(situation.filesystem, name)

    def undo() -> None:
        setattr(situation.filesystem, name, operation)

    def strike(*arguments: Any) -> None:
        undo()
        operation(*arguments)
        raise KeyboardInterrupt

    setattr(situation.filesystem, name, strike)
    return undo


@scenario("JRN-14", simulated=True)
def closing_lets_go(subject: Subject) -> Iterator[Violation]:
    """A close that fails, or that follows a failure, still releases the lock."""
    for moment in ("before it", "in it"):
        situation = Situation(subject)
        journal = situation.open(Options(durability="eventual"))
        journal.append(b"first")
        nth = _operations_until(subject, Options(durability="eventual"), Kind.SYNC)
        if nth is None:
            return
        situation.filesystem.fail(nth if moment == "before it" else 1, Fault.ERROR)
        if moment == "before it":
            error_code(journal.append, b"second")
            error_code(journal.sync)
        error_code(journal.close)
        situation.filesystem.disarm()
        try:
            situation.open()
        except Locked:
            yield Violation("JRN-14", f"a sync failed {moment}; after close it is still locked")


@scenario("ADP-6")
def closed_is_closed(subject: Subject) -> Iterator[Violation]:
    """A closed journal refuses appends: no later close would make them durable."""
    journal = Situation(subject).open()
    journal.append(b"last")
    journal.close()
    if error_code(journal.append, b"later").startswith("success"):
        yield Violation("ADP-6", "an append after close is acknowledged, and no close covers it")
        error_code(journal.close)  # the append may have opened it, and its process is used again

"""Taking a sync away shows what it was for."""

from collections.abc import Sequence

import pytest
from tornproof_conformance.subjects.reference import find_subject
from tornproof_models import barriers as barriers_module
from tornproof_models.barriers import Barrier, BarrierSearch, Verdict, call_of, score, without
from tornproof_models.crash import program as steps
from tornproof_models.crash.explorer import Explorer
from tornproof_models.crash.program import Append, Kill, Program, Reopen, Step
from tornproof_models.crash.run import run
from tornproof_models.crash.subject import Options
from tornproof_models.disk.crash_models import CLAIMED, CRASH_MODELS
from tornproof_models.disk.faults import Fault
from tornproof_models.disk.trace import Acked, Failed, Flushed, Invoked, Observed, Sync, Trace

REFERENCE = find_subject("reference")
EVENTUAL = Options(durability="eventual", segment_bytes=4096)
IMMEDIATE = Options(segment_bytes=4096)


def trace_of(program: Program, options: Options, subject: str = "reference") -> Trace:
    """Run a program that nothing goes wrong in."""
    running = run(program, find_subject(subject), options)
    assert running.violations == []
    return running.filesystem.trace


def search(program: Program, options: Options, subject: str = "reference") -> list[Barrier]:
    """Take away each sync of a program."""
    finder = BarrierSearch(find_subject(subject), options)
    trace = trace_of(program, options, subject)
    assert finder.broken(trace) is None
    return list(finder.barriers(trace))


def shown(found: Sequence[Barrier]) -> list[tuple[str, str, str | None, str | None]]:
    """Return (what is synced, for which call, weakest crash model, requirement) of each."""
    return [
        (b.path, b.call, b.crash_model, b.finding.violation.requirement if b.finding else None)
        for b in found
    ]


def test_one_append_needs_its_three_syncs() -> None:
    """Those of the journal's name, of the segment's name and of the record."""
    assert shown(search((Append(5),), IMMEDIATE)) == [
        ("/", "open", "adversarial", "JRN-3"),
        ("/journal", "append, call 0", "adversarial", "REC-1"),
        ("/journal/0000000000000000.wal", "append, call 0", "prefix", "JRN-3"),
    ]


@pytest.mark.parametrize(
    ("program", "options", "requirement"),
    [
        ((Append(5), Kill()), EVENTUAL, "REC-8"),
        ((Append(5), steps.Fail(2, Fault.ERROR), Append(5), Kill()), IMMEDIATE, "REC-8"),
        ((Append(5), steps.Fail(1, Fault.ERROR_AFTER), Append(5), Kill()), IMMEDIATE, "REC-8"),
        ((Append(5), Reopen()), IMMEDIATE, None),
    ],
    ids=["killed", "fsync failed", "write took back", "closed"],
)
def test_what_recovery_syncs_matters_where_something_was_unsynced(
    program: Program, options: Options, requirement: str | None
) -> None:
    """After a kill or a failure the sync of recovery is needed; after a close it is idle."""
    last = search(program, options)[-1]
    assert last.call == "open"
    assert (last.finding and last.finding.violation.requirement) == requirement


def test_sealing_matters_under_ext4() -> None:
    """Unsynced records of a sealed segment may be lost while the next segment's survive."""
    program: tuple[Step, ...] = (Append(600), steps.Rotate(), Append(5), steps.Sync())
    found = {(b.path, b.event): b for b in search(program, EVENTUAL)}
    sealing = next(b for (path, _), b in found.items() if path.endswith("0000.wal"))
    assert sealing.crash_model == "ext4"


def test_of_two_equal_syncs_neither_is_needed() -> None:
    """Syncs are taken away one at a time, so a doubled one covers for its double."""
    trace = trace_of((Append(5),), IMMEDIATE)
    number = max(n for n, event in enumerate(trace.events) if isinstance(event, Sync))
    events = (*trace.events[:number], trace.events[number], *trace.events[number:])
    found = list(BarrierSearch(REFERENCE, IMMEDIATE).barriers(Trace(trace.initial, events)))
    assert [b.verdict for b in found if b.event in (number, number + 1)] == [Verdict.NOT_NEEDED] * 2


def test_what_is_skipped_before_the_sync_shows_nothing_new() -> None:
    """Exploring from the missing sync on finds the same as exploring the whole trace."""
    trace = trace_of((Append(5), Kill()), EVENTUAL)
    for barrier in BarrierSearch(REFERENCE, EVENTUAL).barriers(trace):
        weakest = None
        for crash_model in CLAIMED:
            explorer = Explorer(REFERENCE, EVENTUAL, CRASH_MODELS[crash_model])
            if weakest is None and explorer.explore(without(trace, barrier.event)):
                weakest = crash_model
        assert weakest == barrier.crash_model


def test_a_crash_model_is_the_mildest_that_suffices() -> None:
    """In the crash model before the one named, nothing breaks."""
    trace = trace_of((Append(5),), IMMEDIATE)
    for barrier in BarrierSearch(REFERENCE, IMMEDIATE).barriers(trace):
        milder = CLAIMED[: CLAIMED.index(barrier.crash_model)] if barrier.crash_model else CLAIMED
        finder = BarrierSearch(REFERENCE, IMMEDIATE, crash_models=milder)
        again = {each.event: each for each in finder.barriers(trace)}
        assert again[barrier.event].finding is None


def test_a_kill_shows_no_missing_sync() -> None:
    """In `process-kill` not one sync is load-bearing: why kill tests cannot find these bugs."""
    trace = trace_of((Append(5), Kill(), Append(5)), EVENTUAL)
    finder = BarrierSearch(REFERENCE, EVENTUAL, crash_models=("process-kill",))
    assert score(list(finder.barriers(trace))) == 0


def test_a_trace_that_breaks_with_all_its_syncs_is_told_apart() -> None:
    """A journal that acknowledges too early breaks in `prefix` before any sync is taken away."""
    subject = find_subject("acknowledged-before-fsync")
    trace = run((Append(5),), subject, IMMEDIATE).filesystem.trace
    broken = BarrierSearch(subject, IMMEDIATE).broken(trace)
    assert broken is not None
    assert (broken[0], broken[1].violation.requirement) == ("prefix", "JRN-3")


def test_a_search_that_takes_nothing_away_finds_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Were the syncs left where they are, none would seem load-bearing."""
    monkeypatch.setattr(barriers_module, "without", lambda trace, _: trace)
    assert score(search((Append(5),), IMMEDIATE)) == 0


def test_the_score_is_the_share_of_load_bearing_syncs() -> None:
    """Three of three make 1, of which those of a close and a recovery are none; none make 1."""
    assert score(search((Append(5),), IMMEDIATE)) == 1
    assert 0 < score(search((Append(5), Reopen()), IMMEDIATE)) < 1
    assert score([]) == 1


def test_a_call_is_told_by_its_marks() -> None:
    """An append by both its ends, sync and close by their return, an open by what it shows."""
    sync = Sync(1)
    events = (
        sync,
        Observed(()),
        sync,
        Invoked(0, "append", b""),
        sync,
        Failed(0, definite=False),
        Invoked(1, "append", b""),
        sync,
        Acked(1, 0, durable=True),
        sync,
        Flushed("close"),
        sync,
    )
    positions = [n for n, event in enumerate(events) if event is sync]
    assert [call_of(events, n) for n in positions] == [
        "open",
        "between calls",
        "append, call 0",
        "append, call 1",
        "close",
        "after the last call",
    ]

"""Deciding lazily judges the same images as building each, and fewer recoveries are run."""

from itertools import product

import pytest
from tornproof_conformance.checks.exploration import ALPHABET
from tornproof_conformance.targets import find_target
from tornproof_models.contract.journal import History, Violation
from tornproof_models.disk import parts
from tornproof_models.disk.images import ImageSpace
from tornproof_models.disk.parts import Part
from tornproof_models.disk.profiles import CLAIMED, PROFILES
from tornproof_models.disk.registers import Registers
from tornproof_models.explore import explorer as explorer_module
from tornproof_models.explore.explorer import Coverage, Explorer, Recovered
from tornproof_models.explore.workload import Append, Kill, Options, Program, Reopen, run

Judged = set[tuple[History, object, str]]

PROGRAMS: list[Program] = [
    *product(ALPHABET, repeat=2),
    (Append(472), Append(472), Append(5)),
    (Append(600), Kill(), Append(5)),
    (Append(5), Append(600), Reopen(), Append(5)),
]


def explore(
    program: Program, name: str, profile: str, *, lazy: bool, monkeypatch: pytest.MonkeyPatch
) -> tuple[Judged, Coverage]:
    """Explore a program and collect every (debt, outcome) that the contract was asked about."""
    judged: Judged = set()

    def record(history: History, outcome: Recovered) -> list[Violation]:
        judged.add((history, outcome.records, outcome.error))
        return []

    monkeypatch.setattr(explorer_module, "judge", record)
    monkeypatch.setattr(explorer_module, "LAZY_FROM", 0)
    target, options = find_target(name), Options(durability="eventual", segment_bytes=2048)
    trace = run(program, target, options).filesystem.trace
    explorer = Explorer(target, options, PROFILES[profile], lazy=lazy)
    explorer.explore(trace)
    assert explorer.coverage.complete
    return judged, explorer.coverage


@pytest.mark.parametrize("profile", CLAIMED)
@pytest.mark.parametrize("name", ["reference", "stale-tail-reused", "appends-behind-a-torn-tail"])
def test_lazy_and_plain_exploration_judge_the_same(
    name: str, profile: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For each program, both ways ask the contract exactly the same questions."""
    for program in PROGRAMS:
        lazy, _ = explore(program, name, profile, lazy=True, monkeypatch=monkeypatch)
        plain, _ = explore(program, name, profile, lazy=False, monkeypatch=monkeypatch)
        assert lazy == plain, program


def test_a_journal_that_stops_at_a_bad_frame_needs_few_recoveries() -> None:
    """A billion images of sixteen unsynced records are decided by two thousand recoveries."""
    target, options = (
        find_target("reference"),
        Options(durability="eventual", segment_bytes=1 << 20),
    )
    trace = run((Append(472),) * 16, target, options).filesystem.trace
    explorer = Explorer(target, options, PROFILES["adversarial"], depth=1)
    assert explorer.explore(trace) == []
    assert explorer.coverage.complete
    assert explorer.coverage.images > 1_000_000_000
    assert explorer.coverage.recovered < 2_500


@pytest.mark.parametrize("profile", CLAIMED)
def test_the_parts_of_a_split_make_up_the_whole(profile: str) -> None:
    """However a space is split, its parts are disjoint and contain every choice once."""
    target, options = find_target("reference"), Options(durability="eventual", segment_bytes=2048)
    trace = run((Append(600), Append(5), Append(600)), target, options).filesystem.trace
    registers = Registers.of(trace.initial, PROFILES[profile].floors)
    registers.replay(trace.events)
    space = ImageSpace(registers, PROFILES[profile])
    pending, whole = [Part()], 0
    while pending:
        part = pending.pop()
        register = next(parts.doubtful(space, part), None)
        if register is None:
            whole += parts.count(space, part)
            assert parts.count(space, part) == 1
            continue
        pieces = list(parts.split(space, part, register))
        assert sum(parts.count(space, piece) for piece in pieces) == parts.count(space, part)
        pending += pieces
    assert whole == space.count() == len(set(space.choices()))


def test_a_splitter_that_forgets_a_piece_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """If a split drops a piece, the images that were judged no longer add up."""
    target, options = find_target("reference"), Options(durability="eventual", segment_bytes=2048)
    trace = run((Append(472), Append(472)), target, options).filesystem.trace
    monkeypatch.setattr(explorer_module, "LAZY_FROM", 0)
    whole = parts.split
    monkeypatch.setattr(parts, "split", lambda *arguments: list(whole(*arguments))[1:])
    explorer = Explorer(target, options, PROFILES["adversarial"], depth=1)
    explorer.explore(trace)
    assert not explorer.coverage.complete

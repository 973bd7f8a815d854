"""A certificate convinces who distrusts its writer, and nothing false in it passes."""

import ast
import copy
import json
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import ANY

import pytest
from tornproof.errors import Invalid
from tornproof_conformance.targets import find_target
from tornproof_models.contract.journal import History
from tornproof_models.disk import images, parts, profiles
from tornproof_models.disk.images import ImageSpace
from tornproof_models.disk.parts import Part
from tornproof_models.disk.profiles import CLAIMED
from tornproof_models.disk.registers import Registers
from tornproof_models.disk.trace import Acked, Event, Image, Sync
from tornproof_models.disk.versions import Register
from tornproof_models.explore import (
    certificate,
    doubts,
    explorer,
    plain_crash,
    plain_disk,
    watching,
)
from tornproof_models.explore import check_certificate as checker
from tornproof_models.explore.certificate import certify, encode_certificate, write_outcome
from tornproof_models.explore.check_certificate import Checked, check_certificate
from tornproof_models.explore.explorer import Explorer
from tornproof_models.explore.plain_crash import Crash
from tornproof_models.explore.plain_disk import Disk
from tornproof_models.explore.recovering import recover
from tornproof_models.explore.watching import WatchedFilesystem
from tornproof_models.explore.workload import Append, Kill, Options, Reopen, run

from tests.models.brute_force import images as images_by_brute_force
from tests.models.judge import space_of
from tests.models.traces import random_run
from tests.models.versions import BLOCK, SECTOR

REFERENCE = find_target("reference")
OPTIONS = Options(durability="eventual", segment_bytes=2048)
PROGRAM = (Append(5), Append(600), Kill(), Append(472), Append(472), Reopen())
Document = dict[str, Any]


def write(profile: str = "adversarial") -> Document:
    """Certify a program with all kinds of promises, and read it as a stranger does."""
    trace = run(PROGRAM, REFERENCE, OPTIONS).filesystem.trace
    document, _ = certify(REFERENCE, OPTIONS, trace, profile)
    return dict(json.loads(encode_certificate(document)))


@cache
def _good() -> bytes:
    return encode_certificate(write())


def good() -> Document:
    """Return a good certificate, to be spoilt."""
    return dict(json.loads(_good()))


def again(image: Image) -> tuple[dict[str, Any], list[Event]]:
    """Recover an image once more."""
    disk = WatchedFilesystem(image, 512)
    return write_outcome(recover(REFERENCE, OPTIONS, disk).outcome), disk.events


# Good ones


@pytest.mark.parametrize("profile", CLAIMED)
def test_a_certificate_of_the_reference_is_valid(profile: str) -> None:
    """Two crashes deep, all is as it says, and both ends of every part recover so."""
    document = write(profile)
    assert document["crashes"] == 2
    assert len(document["recoveries"]) > 10
    checked = check_certificate(document, again)
    assert checked.refutation == ""
    assert checked.images == document["images"]
    assert checked.recovered >= checked.parts == document["parts"]


def test_parts_are_fewer_than_images() -> None:
    """A certificate shows the naive count beside what was really recovered."""
    options = Options(durability="eventual", segment_bytes=1 << 20)
    trace = run((Append(472),) * 16, REFERENCE, options).filesystem.trace
    document, findings = certify(REFERENCE, options, trace, "adversarial", crashes=1)
    assert findings == []
    assert document["images"] > 1_000_000_000
    assert document["parts"] < 10_000
    assert document["ran"] < 500
    assert document["recoveries"] == []
    assert check_certificate(json.loads(encode_certificate(document))).refutation == ""


def test_the_same_exploration_gives_the_same_bytes() -> None:
    """Nothing in a certificate depends on a clock or on chance."""
    assert write() == write()


def test_the_certificate_of_a_broken_journal_is_refuted() -> None:
    """The checker judges outcomes by itself and finds the promise that is broken."""
    target = find_target("acknowledged-before-fsync")
    trace = run((Append(5),), target, Options()).filesystem.trace
    document, findings = certify(target, Options(), trace, "prefix")
    assert "JRN-3" in [finding.violation.requirement for finding in findings]
    checked = check_certificate(json.loads(encode_certificate(document)))
    assert "the promises do not hold: the record at offset 0 is gone" in checked.refutation


@pytest.mark.parametrize("profile", CLAIMED)
def test_the_checker_counts_as_the_enumerator_does(
    profile: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On random traces both count the same, and the ends of the whole are images of brute force."""
    monkeypatch.setattr(plain_disk, "BLOCK", BLOCK)
    for seed in range(250):
        trace = random_run(seed).trace
        disk = Disk(profile, SECTOR)
        disk.begin(trace.initial)
        for event in trace.events:
            disk.replay(event)
        crash = Crash(disk)
        assert crash.count(crash.all) == space_of(trace, profile).count(), seed
        if seed % 5 == 0:
            possible = images_by_brute_force(trace, profile)
            assert {image.key for image in crash.ends(0, 0, {})} <= possible, seed


def verdict(document: Document) -> str:
    """Say what is wrong with a certificate, if anything."""
    try:
        return check_certificate(document).refutation
    except Invalid as error:
        return str(error)


# Forgeries


def nodes(tree: Any) -> list[Any]:
    """List a tree's branches, from its root."""
    if "branches" not in tree:
        return []
    return [tree, *(node for _, _, child in tree["branches"] for node in nodes(child))]


def node_of(document: Document) -> Any:
    """Return the last branch of the largest tree: its leaves are parts."""
    return max((nodes(point["parts"]) for point in document["crash_points"]), key=len)[-1]


def part_of(document: Document) -> Any:
    """Return a part, of a crash point with several parts."""
    return node_of(document)["branches"][0][2]


def drop_point(document: Document) -> None:
    """Leave a crash point out."""
    del document["crash_points"][len(document["crash_points"]) // 2]


def drop_part(document: Document) -> None:
    """Leave a part out."""
    node_of(document)["branches"].pop()


def double_part(document: Document) -> None:
    """Put a part in place of another of equal size."""
    branches = node_of(document)["branches"]
    branches[1] = copy.deepcopy(branches[0])


def inflate_part(document: Document) -> None:
    """Count one image too many in a part."""
    part_of(document)["images"] += 1


def inflate_point(document: Document) -> None:
    """Count one image too many at a crash point."""
    document["crash_points"][-1]["images"] += 1


def inflate_total(document: Document) -> None:
    """Count one image too many in all."""
    document["images"] += 1


def count_parts_wrongly(document: Document) -> None:
    """Boast with a part that is not there."""
    document["parts"] += 1


def forget_debt(document: Document) -> None:
    """Owe nothing at the end."""
    document["crash_points"][-1]["owed"] = []


def last_outcome(document: Document) -> Any:
    """Return what recovery does with the images of a crash at the end that lose nothing."""
    leaf = document["crash_points"][-1]["parts"]
    while "branches" in leaf:
        leaf = leaf["branches"][-1][2]
    return document["outcomes"][leaf["outcome"]]


def lose_a_record(document: Document) -> None:
    """Let recovery show one record less than it did, at the end."""
    outcome = last_outcome(document)
    outcome["records"].pop()


def move_a_record(document: Document) -> None:
    """Let recovery show a record at another offset."""
    outcome = last_outcome(document)
    outcome["records"][-1][0] += 1


def invent_a_record(document: Document) -> None:
    """Let recovery show what nobody appended."""
    document["outcomes"][0]["records"].append([1 << 20, "0" * 64])


def refuse(document: Document) -> None:
    """Let recovery refuse."""
    document["outcomes"][0] |= {"records": None, "error": "Corrupt"}


def keep_too_many(document: Document) -> None:
    """Let a part keep a version that there is not."""
    node_of(document)["branches"][-1][0] = 99


def hold_something_else(document: Document) -> None:
    """Let a sector hold what it cannot."""
    branch = next(
        branch
        for point in document["crash_points"]
        for node in nodes(point["parts"])
        for branch in node["branches"]
        if branch[1]
    )
    branch[1] = "0" * 64


def drop_an_event(document: Document) -> None:
    """Take the last sync out of the trace, and leave the hash."""
    events = document["trace"]["events"]
    number = max(n for n, event in enumerate(events) if event["event"] == "sync")
    del events[number]


def hash_another(document: Document) -> None:
    """Name another trace."""
    document["trace_sha256"] = "0" * 64


def drop_a_second_crash(document: Document) -> None:
    """Leave out a crash of a recovery."""
    del document["recoveries"][0]["crash_points"][0]


def inflate_a_second_crash(document: Document) -> None:
    """Count one image too many where a recovery was crashed."""
    document["recoveries"][-1]["crash_points"][0]["images"] += 1


def drop_an_event_of_a_recovery(document: Document) -> None:
    """Leave out that a recovery has synced something."""
    events = document["recoveries"][-1]["events"]
    del events[next(n for n, event in enumerate(events) if event["event"] == "sync")]


def crash_once(document: Document) -> None:
    """Call the second crashes off, and leave them in."""
    document["crashes"] = 1


def exchange_recoveries(document: Document) -> None:
    """Take one recovery for another."""
    recoveries = document["recoveries"]
    recoveries[0], recoveries[-1] = recoveries[-1], recoveries[0]


FORGERIES: tuple[Callable[[Document], None], ...] = (
    drop_point,
    drop_part,
    double_part,
    inflate_part,
    inflate_point,
    inflate_total,
    count_parts_wrongly,
    forget_debt,
    lose_a_record,
    move_a_record,
    invent_a_record,
    refuse,
    keep_too_many,
    hold_something_else,
    drop_a_second_crash,
    inflate_a_second_crash,
    drop_an_event_of_a_recovery,
    crash_once,
    exchange_recoveries,
    drop_an_event,
    hash_another,
)


@pytest.mark.parametrize("forge", FORGERIES)
def test_a_forgery_is_refuted(forge: Callable[[Document], None]) -> None:
    """Whatever is changed in a good certificate, the check says what is not so."""
    document = good()
    forge(document)
    assert verdict(document)


@pytest.mark.parametrize(
    "document",
    [
        None,
        [],
        {},
        {"format": "tornproof-certificate/1"},
        {"format": "tornproof-certificate/2"},
        {"format": "tornproof-certificate/2", "trace": {}, "profile": "prefix"},
    ],
)
def test_what_is_no_certificate_is_refused(document: Any) -> None:
    """Something else, another version, or half of one is an `Invalid`."""
    with pytest.raises(Invalid):
        check_certificate(document)


def test_a_damaged_certificate_is_refused_or_refuted() -> None:
    """Whichever field goes missing, there is a typed answer and never another exception."""
    document = write("prefix")
    for key in document:
        damaged = {name: value for name, value in document.items() if name != key}
        if key in ("target", "options", "ran"):
            continue  # what the writer says of itself, on which nothing rests
        with pytest.raises(Invalid):
            check_certificate(damaged)


# Bugs in what writes them


def sync_covers_all(registers: Registers, _: int) -> Any:
    """Believe that a sync makes everything durable."""
    return registers.pending


def looks_nowhere(*_: Any) -> None:
    """Let recovery read what is in doubt without deciding it."""


def same_answers(*arguments: Any) -> list[tuple[Any, Any]]:
    """Take all images for one that differ in what they answer to a question."""
    given = list(ANSWERS_OF(*arguments))
    return [(given[-1][0], piece) for _, piece in given]


def splits_too_often(space: ImageSpace, part: Part, register: Register) -> list[Part]:
    """Return a piece twice of what has not been split before."""
    pieces = WHOLE_SPLIT(space, part, register)
    return [*pieces, pieces[0]] if part == Part() else pieces


def takes_down_little(writer: certificate.Writer, asked: Any, part: Any, ending: Any) -> None:
    """Leave out the part that loses nothing, if there is another."""
    if not asked or part.lost:
        DECIDE(writer, asked, part, ending)


WHOLE_SPLIT, DECIDE = parts.split, certificate.Writer.decide
DECISION = certificate.decision
ANSWERS_OF = doubts.answers_of
IS_CRASH_POINT = Explorer._is_crash_point


BUGS: dict[str, tuple[Any, str, Any]] = {
    "splitter drops a part": (parts, "split", lambda *a: list(WHOLE_SPLIT(*a))[1:]),
    "splitter repeats a part": (parts, "split", splits_too_often),
    "parts are counted without fillings": (
        certificate,
        "count",
        lambda space, part: 1 << (space.everything & ~part.kept & ~part.lost).bit_count(),
    ),
    "pruner looks at nothing": (watching.WatchedFilesystem, "_look", looks_nowhere),
    "dedup ignores contents": (explorer, "answers_of", same_answers),
    "no crash before an acknowledgement": (
        Explorer,
        "_is_crash_point",
        lambda self, event: not isinstance(event, Acked) and IS_CRASH_POINT(self, event),
    ),
    "no crash before a sync": (
        Explorer,
        "_is_crash_point",
        lambda self, event: not isinstance(event, Sync) and IS_CRASH_POINT(self, event),
    ),
    "a sync covers everything": (Registers, "_covered_by", sync_covers_all),
    "adversarial keeps an order": (
        profiles.Profile,
        "implications",
        lambda _, versions: [
            *profiles._register_order(versions),
            *profiles._program_order(versions),
        ],
    ),
    "garbage is forgotten": (images, "unwritten_contents", lambda *_: {}),
    "an observation changes nothing": (History, "observe", lambda self, _: self),
    "the writer forgets what sectors hold": (
        certificate,
        "decision",
        lambda *a: (DECISION(*a)[0], None),
    ),
    "the writer forgets what was written": (certificate, "b64encode", lambda _: b""),
    "the writer takes down an empty journal": (
        certificate,
        "write_outcome",
        lambda _: {"records": [], "error": ""},
    ),
    "the writer skips a part": (certificate.Writer, "decide", takes_down_little),
    "the writer hashes something else": (certificate, "hash_trace", lambda _: "0" * 64),
}


@pytest.mark.parametrize("name", BUGS)
def test_a_bug_in_the_explorer_is_noticed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each bug makes a certificate that the checker refutes."""
    place, attribute, bug = BUGS[name]
    with monkeypatch.context() as patch:
        patch.setattr(place, attribute, bug)
        document = write()
    assert check_certificate(document, again).refutation


# Bugs in the checker


def misjudged() -> Iterator[str]:
    """Yield what the checker gets wrong: good certificates it refutes, forgeries it passes."""
    if verdict(good()):
        yield "good"
    for forge in FORGERIES:
        document = good()
        forge(document)
        if not verdict(document):
            yield forge.__name__


def same_but(subject: str) -> Callable[[str, Any, Any], None]:
    """Compare everything but what concerns a subject."""
    compare = checker.same

    def same(what: str, claimed: Any, found: Any) -> None:
        if subject not in what:
            compare(what, claimed, found)

    return same


class Forgetful(set[Any]):
    """A set that has never seen anything."""

    def __contains__(self, _: object) -> bool:
        return False


REPLAY = Disk.replay

CHECKER_BUGS: dict[str, tuple[Any, str, Any]] = {
    "believes every hash": (checker, "hash_trace", lambda _: ANY),
    "believes every count": (checker, "same", same_but("images")),
    "believes all about second crashes": (checker, "same", same_but("of recovery")),
    "sees no overlap": (plain_crash, "set", Forgetful),
    "pays every debt": (checker.Debt, "judge", lambda *_: ""),
    "owes nothing": (checker.Debt, "owed", property(lambda _: [])),
    "compares nothing": (checker, "same", lambda *_: None),
    "forgets the garbage": (Crash, "contents", lambda self, r: [self.durable.get(r)]),
    "forgets syncs": (
        Disk,
        "replay",
        lambda self, event: None if isinstance(event, Sync) else REPLAY(self, event),
    ),
    "counts chains as free": (
        Disk,
        "forces",
        lambda _, a, b: a is b,
    ),
}


def test_the_checker_misjudges_nothing() -> None:
    """A good certificate passes, and no forgery does."""
    assert list(misjudged()) == []


@pytest.mark.parametrize("name", CHECKER_BUGS)
def test_a_bug_in_the_checker_is_noticed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each bug makes it pass a forgery, or refute what is good."""
    place, attribute, bug = CHECKER_BUGS[name]
    monkeypatch.setattr(place, attribute, bug, raising=False)
    assert any(misjudged())


# Independence

JUDGES = (
    "explore/check_certificate.py",
    "explore/plain_crash.py",
    "explore/plain_disk.py",
)
SHARED = {
    "tornproof.errors",
    "tornproof_models.disk",
    "tornproof_models.disk.trace_file",
    "tornproof_models.explore.plain_crash",
    "tornproof_models.explore.plain_disk",
}


@pytest.mark.parametrize("name", JUDGES)
def test_the_checker_shares_no_code_with_the_enumerator(name: str) -> None:
    """It imports the form of a trace and errors; it has at most 300 lines."""
    path = Path(checker.__file__).parents[1] / name
    source = path.read_text(encoding="utf-8")
    imported = {
        node.module or ""
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.ImportFrom)
    }
    assert {each for each in imported if each.startswith("tornproof")} <= SHARED
    assert len(source.splitlines()) <= 300


def test_a_verdict_without_a_refutation_is_a_pass() -> None:
    """What was checked is counted: a kill leaves one image wherever it strikes."""
    checked = check_certificate(write("process-kill"))
    points = checked.crash_points
    assert points > 10
    assert checked == Checked("", images=points, parts=points, crash_points=points)

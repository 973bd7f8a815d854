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
from attrs import evolve
from tornproof.errors import Invalid
from tornproof_conformance.subjects.reference import find_subject
from tornproof_models.certificates import certificate
from tornproof_models.certificates.certificate import (
    certify,
    encode_certificate,
    without_records,
    write_outcome,
)
from tornproof_models.certificates.checker import check_certificate as checker
from tornproof_models.certificates.checker.check_certificate import check_certificate
from tornproof_models.certificates.checker.plain_crash import WHOLE, Crash
from tornproof_models.certificates.checker.plain_disk import Disk
from tornproof_models.crash import access_log, crash_points, explorer, undecided
from tornproof_models.crash.access_log import WatchedFilesystem
from tornproof_models.crash.program import Append, Kill, Reopen
from tornproof_models.crash.recovery import recover
from tornproof_models.crash.run import run
from tornproof_models.crash.subject import Options
from tornproof_models.disk import crash_models, image_sets, images, implications
from tornproof_models.disk.crash_models import CLAIMED
from tornproof_models.disk.image_sets import Part
from tornproof_models.disk.images import ImageSpace
from tornproof_models.disk.registers import Registers
from tornproof_models.disk.trace import Acked, Event, Image, Sync, Write
from tornproof_models.disk.versions import Register

from tests.models.brute_force import BLOCK, SECTOR
from tests.models.brute_force import images as images_by_brute_force
from tests.models.judge import space_of
from tests.models.traces import random_run

REFERENCE = find_subject("reference")
OPTIONS = Options(durability="eventual", segment_bytes=2048)
PROGRAM = (Append(5), Append(600), Kill(), Append(472), Reopen())
Document = dict[str, Any]


def write(crash_model: str = "adversarial") -> Document:
    """Certify a program with all kinds of promises, and read it as a stranger does."""
    trace = run(PROGRAM, REFERENCE, OPTIONS).filesystem.trace
    document, _, _ = certify(REFERENCE, OPTIONS, trace, crash_model)
    return dict(json.loads(encode_certificate(document)))


@cache
def _good(crash_model: str) -> bytes:
    return encode_certificate(write(crash_model))


def good(crash_model: str = "adversarial") -> Document:
    """Return a good certificate, to be spoilt."""
    return dict(json.loads(_good(crash_model)))


def again(image: Image) -> tuple[dict[str, Any], list[Event]]:
    """Recover an image once more."""
    disk = WatchedFilesystem(image, 512)
    recovered = recover(REFERENCE, OPTIONS, disk)
    return write_outcome(recovered.outcome), list(without_records(disk.events))


def crashed(document: Document) -> list[Any]:
    """Return the endings of recoveries that were crashed as well."""
    return [ending for ending in document["endings"] if "events" in ending]


# Good ones


@pytest.mark.parametrize("crash_model", CLAIMED)
def test_a_certificate_of_the_reference_is_valid(crash_model: str) -> None:
    """Two crashes deep, all is as it says, and both ends of every part recover so."""
    document = write(crash_model)
    assert document["crashes"] == 2
    assert len(crashed(document)) > 10
    checked = check_certificate(document, again)
    assert checked.refutation == ""
    assert checked.images == document["images"]
    assert checked.recovered >= checked.parts == document["parts"]


def test_parts_are_fewer_than_images() -> None:
    """A certificate shows the naive count beside what was really recovered."""
    options = Options(durability="eventual", segment_bytes=1 << 20)
    trace = run((Append(472),) * 16, REFERENCE, options).filesystem.trace
    document, findings, coverage = certify(REFERENCE, options, trace, "adversarial", crashes=1)
    assert findings == []
    assert document["images"] > 1_000_000_000
    assert document["parts"] < 10_000
    assert coverage.recovered < 500
    assert crashed(document) == []
    assert check_certificate(json.loads(encode_certificate(document))).refutation == ""


def test_the_same_exploration_gives_the_same_bytes() -> None:
    """Nothing in a certificate depends on a clock or on chance."""
    assert write() == write()


def test_the_certificate_of_a_broken_journal_is_refuted() -> None:
    """The checker judges outcomes by itself and finds the promise that is broken."""
    subject = find_subject("acknowledged-before-fsync")
    trace = run((Append(5),), subject, Options()).filesystem.trace
    document, findings, _ = certify(subject, Options(), trace, "prefix")
    assert "JRN-3" in [finding.violation.requirement for finding in findings]
    checked = check_certificate(json.loads(encode_certificate(document)))
    assert "the promises do not hold: the record at offset 0 is gone" in checked.refutation


@pytest.mark.parametrize("crash_model", CLAIMED)
def test_the_checker_counts_as_the_enumerator_does(crash_model: str) -> None:
    """On random traces both count the same, and the ends of the whole are images of brute force."""
    for seed in range(250):
        trace = random_run(seed).trace
        disk = Disk(crash_model, SECTOR, BLOCK)
        disk.begin(trace.initial)
        for event in trace.events:
            disk.replay(event)
        crash = Crash(disk)
        assert crash.count() == space_of(trace, crash_model).count(), seed
        if seed % 5 == 0:
            possible = images_by_brute_force(trace, crash_model)
            assert {image.key for image in crash.ends(WHOLE)} <= possible, seed


def verdict(document: Document) -> str:
    """Say what is wrong with a certificate, if anything."""
    try:
        return check_certificate(document).refutation
    except Invalid as error:
        return str(error)


# Forgeries


def nodes(tree: Any) -> list[Any]:
    """List a tree's branches, from its root."""
    if isinstance(tree, int):
        return []
    return [tree, *(node for _, _, child in tree["branches"] for node in nodes(child))]


def node_of(document: Document) -> Any:
    """Return the last branch of the largest tree: its leaves are parts."""
    return max((nodes(point["parts"]) for point in document["crash_points"]), key=len)[-1]


def drop_point(document: Document) -> None:
    """Leave a crash point out."""
    del document["crash_points"][len(document["crash_points"]) // 2]


def drop_part(document: Document) -> None:
    """Leave a part out."""
    node_of(document)["branches"].pop()


def double_part(document: Document) -> None:
    """Put a part in place of another."""
    branches = node_of(document)["branches"]
    branches[1] = copy.deepcopy(branches[0])


def decide_twice(document: Document) -> None:
    """Decide a register once more where it is decided, as if it were not."""
    node = node_of(document)
    node["branches"][0][2] = copy.deepcopy(node)


def decide_nothing(document: Document) -> None:
    """Leave all parts out, and ask for what is not there."""
    document["crash_points"][-1]["parts"] = {"register": ["data", 99, 0], "branches": []}


def inflate_point(document: Document) -> None:
    """Count one image too many at a crash point."""
    document["crash_points"][-1]["images"] += 1


def inflate_total(document: Document) -> None:
    """Count one image too many in all."""
    document["images"] += 1


def count_parts_wrongly(document: Document) -> None:
    """Boast with a part that is not there."""
    document["parts"] += 1


def last_ending(document: Document) -> Any:
    """Return what comes of the images of a crash at the end that lose nothing."""
    leaf = document["crash_points"][-1]["parts"]
    while not isinstance(leaf, int):
        leaf = leaf["branches"][-1][2]
    return document["endings"][leaf]


def lose_a_record(document: Document) -> None:
    """Let recovery show one record less than it did, at the end."""
    outcome = last_ending(document)["outcome"]
    outcome["records"].pop()


def move_a_record(document: Document) -> None:
    """Let recovery show a record at another offset."""
    outcome = last_ending(document)["outcome"]
    outcome["records"][-1][0] += 1


def invent_a_record(document: Document) -> None:
    """Let recovery show what nobody appended."""
    last_ending(document)["outcome"]["records"].append([1 << 20, "0" * 64])


def refuse(document: Document) -> None:
    """Let recovery refuse."""
    last_ending(document)["outcome"] = {"records": None, "error": "Corrupt"}


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
        if node["register"][0] == "data"
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
    del crashed(document)[0]["crash_points"][0]


def inflate_a_second_crash(document: Document) -> None:
    """Count one image too many where a recovery was crashed."""
    crashed(document)[-1]["crash_points"][0]["images"] += 1


def drop_an_event_of_a_recovery(document: Document) -> None:
    """Leave out that a recovery has synced something."""
    events = crashed(document)[-1]["events"]
    del events[next(n for n, event in enumerate(events) if event["event"] == "sync")]


def crash_once(document: Document) -> None:
    """Call the second crashes off, and leave them in."""
    document["crashes"] = 1


def exchange_recoveries(document: Document) -> None:
    """Take one recovery for another."""
    one, other = crashed(document)[0], crashed(document)[-1]
    for key in ("events", "crash_points"):
        one[key], other[key] = other[key], one[key]


FORGERIES: tuple[Callable[[Document], None], ...] = (
    drop_point,
    drop_part,
    double_part,
    decide_twice,
    decide_nothing,
    inflate_point,
    inflate_total,
    count_parts_wrongly,
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
        {"format": "tornproof-certificate/3"},
        {"format": "tornproof-certificate/4"},
        {"format": "tornproof-certificate/4", "trace": {}, "crash_model": "prefix"},
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
        with pytest.raises(Invalid):
            check_certificate(damaged)


# Bugs in what writes them


def sync_covers_all(registers: Registers, _: int, **__: bool) -> Any:
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


def emptied(event: Event) -> Event:
    """Take the bytes out of a write."""
    return evolve(event, data=b"") if isinstance(event, Write) else event


WHOLE_SPLIT, DECIDE = image_sets.split, certificate.Writer.decide
DECISION, WITHOUT_RECORDS = certificate.decision, certificate.without_records
ANSWERS_OF = undecided.answers_of
IS_CRASH_POINT = crash_points.is_crash_point


BUGS: dict[str, tuple[Any, str, Any]] = {
    "splitter drops a part": (image_sets, "split", lambda *a: list(WHOLE_SPLIT(*a))[1:]),
    "splitter repeats a part": (image_sets, "split", splits_too_often),
    "pruner looks at nothing": (access_log.WatchedFilesystem, "_look", looks_nowhere),
    "dedup ignores contents": (explorer, "answers_of", same_answers),
    "no crash before an acknowledgement": (
        crash_points,
        "is_crash_point",
        lambda event, model: not isinstance(event, Acked) and IS_CRASH_POINT(event, model),
    ),
    "no crash before a sync": (
        crash_points,
        "is_crash_point",
        lambda event, model: not isinstance(event, Sync) and IS_CRASH_POINT(event, model),
    ),
    "a sync covers everything": (Registers, "_covered_by", sync_covers_all),
    "adversarial keeps an order": (
        crash_models.CrashModel,
        "implications",
        lambda _, versions: [
            *implications.register_order(versions),
            *implications.program_order(versions),
        ],
    ),
    "garbage is forgotten": (images, "unwritten_contents", lambda *_: {}),
    "the writer forgets what sectors hold": (
        certificate,
        "decision",
        lambda *a: (DECISION(*a)[0], None),
    ),
    "the writer forgets what was written": (
        certificate,
        "without_records",
        lambda events: tuple(map(emptied, WITHOUT_RECORDS(events))),
    ),
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
    for crash_model in ("adversarial", "ext4"):
        if verdict(good(crash_model)):
            yield f"good in {crash_model}"
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


def leaves_as_told(self: Crash, tree: Any, part: Any) -> Any:
    """Believe that the branches of a tree are all that there could be."""
    if isinstance(tree, int):
        yield tree, part
        return
    pieces = dict(self.decide(tuple(tree["register"]), part))
    for number, holds, child in tree["branches"]:
        yield from leaves_as_told(self, child, pieces.get((number, holds), part))


REPLAY, UNKEPT = Disk.replay, Disk.unkept

CHECKER_BUGS: dict[str, tuple[Any, str, Any]] = {
    "believes every hash": (checker, "hash_trace", lambda _: ANY),
    "believes every count": (checker, "same", same_but("images")),
    "believes all about second crashes": (checker, "same", same_but("of recovery")),
    "believes every tree": (Crash, "leaves", leaves_as_told),
    "pays every debt": (checker.Debt, "judge", lambda *_: ""),
    "owes nothing": (checker.Debt, "note", lambda *_: None),
    "compares nothing": (checker, "same", lambda *_: None),
    "forgets the garbage": (Disk, "unkept", lambda self, r: UNKEPT(self, r)[:1]),
    "forgets syncs": (
        Disk,
        "replay",
        lambda self, event: None if isinstance(event, Sync) else REPLAY(self, event),
    ),
    "lets nothing wait for anything": (Disk, "forces", lambda _, a, b: a.register == b.register),
    "crashes before no sync": (checker, "matters", lambda _, event: isinstance(event, Acked)),
    "counts a part for each branch": (Crash, "count", lambda self: len(self.histories)),
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

LINES = 370
"""The checker has at most so many, and can be read at a sitting."""

CHECKER = ("check_certificate.py", "plain_crash.py")
SHARED = {
    "tornproof.errors",
    "tornproof_models.disk",
    "tornproof_models.disk.trace_file",
    "tornproof_models.documents.values",
    "tornproof_models.certificates.checker.form",
    "tornproof_models.certificates.checker.plain_crash",
    "tornproof_models.certificates.checker.plain_disk",
}


def source(name: str) -> str:
    """Return a module of the models as it is written."""
    return (Path(checker.__file__).parent / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", [*CHECKER, "plain_disk.py"])
def test_the_checker_shares_no_code_with_the_enumerator(name: str) -> None:
    """It imports the form of a trace, and errors."""
    imported = {
        node.module or ""
        for node in ast.walk(ast.parse(source(name)))
        if isinstance(node, ast.ImportFrom)
    }
    assert {each for each in imported if each.startswith("tornproof")} <= SHARED


def test_the_checker_is_short() -> None:
    """Who checks the checker reads 370 lines, and 350 more of a plain disk."""
    assert sum(len(source(name).splitlines()) for name in CHECKER) <= LINES
    assert len(source("plain_disk.py").splitlines()) <= 350


def test_a_verdict_without_a_refutation_is_a_pass() -> None:
    """What was checked is counted: a kill leaves one image wherever it strikes."""
    checked = check_certificate(write("process-kill"))
    assert checked.refutation == ""
    assert checked.images == checked.parts == checked.crash_points > 10

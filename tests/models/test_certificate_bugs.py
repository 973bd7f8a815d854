"""Bugs in what writes certificates, and in what checks them, are noticed."""

from collections.abc import Callable, Iterator
from typing import Any
from unittest.mock import ANY

import pytest
from attrs import evolve
from tornproof_models.certificates import certificate
from tornproof_models.certificates.checker import check_certificate as checker
from tornproof_models.certificates.checker.check_certificate import check_certificate
from tornproof_models.certificates.checker.plain_crash import Crash
from tornproof_models.certificates.checker.plain_disk import Disk
from tornproof_models.crash import access_log, crash_points, explorer, undecided
from tornproof_models.disk import crash_models, image_sets, images, implications
from tornproof_models.disk.image_sets import Part
from tornproof_models.disk.images import ImageSpace
from tornproof_models.disk.registers import Registers
from tornproof_models.disk.trace import Acked, Event, Sync, Write
from tornproof_models.disk.versions import Register

from tests.models.spoilt_certificates import FORGERIES, again, good, verdict, write


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

# Bugs in what writes them


@pytest.mark.parametrize("name", BUGS)
def test_a_bug_in_the_explorer_is_noticed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each bug makes a certificate that the checker refutes."""
    place, attribute, bug = BUGS[name]
    with monkeypatch.context() as patch:
        patch.setattr(place, attribute, bug)
        document = write()
    assert check_certificate(document, again).refutation


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

# Bugs in the checker


def test_the_checker_misjudges_nothing() -> None:
    """A good certificate passes, and no forgery does."""
    assert list(misjudged()) == []


@pytest.mark.parametrize("name", CHECKER_BUGS)
def test_a_bug_in_the_checker_is_noticed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each bug makes it pass a forgery, or refute what is good."""
    place, attribute, bug = CHECKER_BUGS[name]
    monkeypatch.setattr(place, attribute, bug, raising=False)
    assert any(misjudged())

"""Good certificates, and the ways to spoil one."""

import copy
import json
from collections.abc import Callable
from functools import cache
from typing import Any

from tornproof.errors import Invalid
from tornproof_conformance.subjects.reference import find_subject
from tornproof_models.certificates.certificate import (
    certify,
    encode_certificate,
    without_records,
    write_outcome,
)
from tornproof_models.certificates.checker.check_certificate import check_certificate
from tornproof_models.crash.access_log import WatchedFilesystem
from tornproof_models.crash.program import Append, Kill, Reopen
from tornproof_models.crash.recovery import recover
from tornproof_models.crash.run import run
from tornproof_models.crash.subject import Options
from tornproof_models.disk.trace import Event, Image

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


def verdict(document: Document) -> str:
    """Say what is wrong with a certificate, if anything."""
    try:
        return check_certificate(document).refutation
    except Invalid as error:
        return str(error)


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

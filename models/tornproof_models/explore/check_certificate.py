"""
Check a certificate, taking nothing from whoever wrote it.

Shares with the enumerator the form of a trace, and not a line more.  The disk is
`plain_disk`, what a crash may leave of it `plain_crash`.  From them come the places where
a crash matters, the number of images, the size of each part, and what was owed.  A
certificate is good if it says the same, if its parts make up the whole, and if every
outcome pays what was owed.

Whether recovery really does what the outcomes say, only recovery can tell.  Given one,
the check runs it on the two ends of each part: its image that loses least, and its
image that loses most.
"""

from collections.abc import Callable, Iterator
from hashlib import sha256
from itertools import pairwise
from typing import Any

from attrs import define, field
from tornproof.errors import Invalid

from tornproof_models.disk import trace as t
from tornproof_models.disk.trace_file import hash_trace, trace_document, trace_of
from tornproof_models.explore.plain_crash import Crash, Refuted
from tornproof_models.explore.plain_disk import BLOCK, Disk

PROFILES = ("process-kill", "prefix", "ext4-ordered", "adversarial")
Recovery = Callable[[t.Image], tuple[dict[str, Any], list[t.Event]]]
"""Recovers an image; returns an outcome, as in a certificate, and what was asked of the disk."""


@define
class Checked:
    """What a certificate is worth."""

    refutation: str = ""
    """The first thing in it that is not so; empty if all is."""

    images: int = 0
    parts: int = 0
    crash_points: int = 0
    recovered: int = 0
    """Images that were recovered once more."""


def check_certificate(document: Any, recovery: Recovery | None = None) -> Checked:
    """Check a certificate; raises `Invalid` for what is none."""
    try:
        if document["format"] != "tornproof-certificate/2":
            raise Invalid(f"the format is {document['format']!r}, not 'tornproof-certificate/2'")
        if document["profile"] not in PROFILES or not 1 <= document["sector_bytes"] <= BLOCK:
            raise Invalid(f"no profile {document['profile']!r}, or no such sector size")
        return Check(document, recovery).run()
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        reason = f"{type(error).__name__}: {error}"
        raise Invalid(f"the certificate is damaged, or none: {reason}") from None
    except Refuted as refuted:
        return Checked(str(refuted))


@define
class Check:
    """A check on its way through a certificate."""

    document: Any
    recovery: Recovery | None
    checked: Checked = field(factory=Checked)
    recovered: dict[int, tuple[t.Image, Any]] = field(factory=dict)
    """For each recovery that is crashed as well: from what image, and how it ends."""

    def run(self) -> Checked:
        """Check the first crash, then the second ones."""
        document, checked = self.document, self.checked
        trace, twice = trace_of(document["trace"]), document["crashes"] == 2
        same("the trace's hash", document["trace_sha256"], hash_trace(trace))
        self.check_trace("", trace, Debt(), document["crash_points"], twice=twice)
        same("the recoveries", sorted(self.recovered), list(range(len(document["recoveries"]))))
        for number, (image, outcome) in self.recovered.items():
            written, where = document["recoveries"][number], f" of recovery {number}"
            inner = self.events(image, written["events"])
            if self.recovery is not None:
                again = self.recovery(image)[1]
                shown = [e for e in again if not isinstance(e, t.Observed)]
                told = [e for e in inner.events if not isinstance(e, t.Observed)]
                same(f"the number of events{where}", len(told), len(shown))
                same(f"the events{where}", told == shown, True)
            debt = Debt(list(outcome["records"]))
            self.check_trace(where, inner, debt, written["crash_points"], twice=False)
        same("the number of all images", int(document["images"]), checked.images)
        same("the number of parts", document["parts"], checked.parts)
        return checked

    def events(self, image: t.Image, events: Any) -> t.Trace:
        """Read what a recovery asked of the disk; contents are given by their numbers."""
        initial = trace_document(t.Trace(image, ()))
        listed = [dict(event) for event in events]
        for event in listed:
            if event["event"] == "write":
                event["data"] = self.document["contents"][event["data"]]
        return trace_of({**initial, "events": listed})

    def check_trace(
        self, of: str, trace: t.Trace, debt: "Debt", written: Any, *, twice: bool
    ) -> None:
        """Check all crashes of a trace; in a recovery, what it shows is what is owed."""
        profile, checked = self.document["profile"], self.checked
        disk = Disk(profile, self.document["sector_bytes"])
        disk.begin(trace.initial)
        points = {point["event"]: point for point in written}
        needed = [n for n, event in enumerate(trace.events) if matters(profile, event)]
        same(f"the crash points{of}", list(points), [*needed, len(trace.events)])
        for number, event in enumerate((*trace.events, None)):
            if number in points:
                crash, where = Crash(disk), f"crash point {number}{of}"
                same(f"what is owed at {where}", points[number].get("owed", debt.owed), debt.owed)
                total, whole = crash.count(crash.all), 0
                for leaf, kept, lost, settled in crash.parts(points[number]["parts"], 0, 0, {}):
                    size = crash.weigh(lost, settled) * crash.count(crash.all & ~kept & ~lost)
                    same(f"the images in a part of {where}", int(leaf["images"]), size)
                    whole += size
                    self.checked.parts += 1
                    self.check_leaf(where, leaf, debt, crash.ends(kept, lost, settled), twice)
                same(f"the number of images at {where}", int(points[number]["images"]), total)
                same(f"the images in all parts of {where}", whole, total)
                checked.images += total
                checked.crash_points += 1
            if event is not None:
                disk.replay(event)
                if not (of and isinstance(event, t.Observed)):
                    debt.note(event)

    def check_leaf(
        self, where: str, leaf: Any, debt: "Debt", ends: Iterator[t.Image], twice: bool
    ) -> None:
        """Check what recovery does with a part."""
        outcome = self.document["outcomes"][leaf["outcome"]]
        if problem := debt.judge(outcome):
            raise Refuted(f"at {where} the promises do not hold: {problem}")
        if twice and outcome["records"] is not None:
            image, number = next(ends), leaf["recovery"]
            first = self.recovered.setdefault(number, (image, outcome))
            same(f"how recovery {number} ends", first[1], outcome)
            ends = (each for each in (image, *ends))
        if self.recovery is not None:
            for image in ends:
                self.checked.recovered += 1
                same(f"what an image of {where} recovers to", outcome, self.recovery(image)[0])


def same(what: str, claimed: Any, found: Any) -> None:
    if claimed != found:
        raise Refuted(f"{what}: the certificate says {claimed!s:.200}, and it is {found!s:.200}")


def matters(profile: str, event: t.Event) -> bool:
    """Could a crash just before this event show what no other does?"""
    if profile == "process-kill":  # whatever is written is durable: syncs change nothing
        return not isinstance(event, (*t.SYNCS, t.SyncFailed, t.Invoked, t.Failed))
    return isinstance(event, (*t.SYNCS, t.Acked, t.Flushed, t.Observed))


# What is owed


@define
class Debt:
    """What was promised, as [offset, SHA-256] and what is known of each append."""

    settled: list[Any] = field(factory=list)  # [offset, SHA-256]
    attempts: dict[int, list[Any]] = field(factory=dict)  # offset or none, SHA-256, promise

    def note(self, event: t.Event) -> None:
        """Let a mark change it."""
        match event:
            case t.Invoked(call, _, payload):
                self.attempts[call] = [None, sha256(payload).hexdigest(), "unknown"]
            case t.Acked(call, offset, durable):
                self.attempts[call][::2] = offset, "durable" if durable else "accepted"
            case t.Failed(call, definite):
                self.attempts[call][2] = "refused" if definite else "unknown"
            case t.Flushed():
                for attempt in self.attempts.values():
                    attempt[2] = attempt[2].replace("accepted", "durable")
            case t.Observed(records):
                self.settled = [
                    [offset, sha256(payload).hexdigest()] for offset, payload in records
                ]
                self.attempts = {}

    @property
    def owed(self) -> list[Any]:
        """The records that must be there."""
        durable = [attempt[:2] for attempt in self.attempts.values() if attempt[2] == "durable"]
        return self.settled + durable

    def judge(self, outcome: Any) -> str:
        """Say what is wrong with an outcome, if anything."""
        records, attempts, last = outcome["records"], list(self.attempts.values()), -1
        if records is None or outcome["error"]:
            return outcome["error"] or "recovery refused"
        if any(one[0] >= other[0] for one, other in pairwise(records)):
            return "offsets do not increase"
        if records[: len(self.settled)] != self.settled:
            return "what had been shown is not there, in its place"
        kept = set()
        for offset, content in records[len(self.settled) :]:
            later = [n for n, each in enumerate(attempts) if n > last and each[1] == content]
            fits = [n for n in later if attempts[n][0] == offset]
            fits += [n for n in later if attempts[n][0] is None]
            if not fits or attempts[fits[0]][2] == "refused":
                return f"nobody appended what is at offset {offset}"
            last = fits[0]
            kept.add(last)
        for n, (offset, _, promise) in enumerate(attempts):
            if n not in kept and (promise == "durable" or (promise == "accepted" and n < last)):
                return f"the record at offset {offset} is gone"
        return ""

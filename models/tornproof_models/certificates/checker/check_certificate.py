"""
Check a certificate without trusting the program that wrote it.

Shares with the enumerator the form of a trace, and not a line more.  The disk is
`plain_disk`, what a crash may leave of it `plain_crash`.  From them come the places where
a crash matters, the number of images, and their parts; from the trace, what was owed.
A certificate is good if it says the same, leaves no image out, and every debt is paid.

Whether recovery really ends so, only recovery can tell.  Given one, the check runs it on
the two ends of each part: its image that loses least, and its image that loses most.
"""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

from attrs import define, field
from tornproof.errors import Invalid

from tornproof_models.certificates.checker.form import read_count, require_form
from tornproof_models.certificates.checker.plain_crash import WHOLE, Crash, Refuted, hashed
from tornproof_models.certificates.checker.plain_disk import Disk
from tornproof_models.disk import trace as t
from tornproof_models.disk.marks import Batched, Truncating
from tornproof_models.disk.trace_file import hash_trace, trace_document, trace_of
from tornproof_models.documents.values import Value

Recovery = Callable[[t.Image], tuple[dict[str, Any], list[t.Event]]]
"""Recovers an image; returns an outcome and events, as in a certificate."""


def check_certificate(
    document: Any,
    recovery: Recovery | None = None,
    *,
    again: t.Trace | None = None,
    file: str = "the certificate",
) -> "Check":
    """
    Check a certificate; raises `Invalid` for what is none.

    `again` is what its program does on the disk when it is run once more, to be compared.
    """
    require_form(document, file)
    check = Check(document, recovery, again, file)
    try:
        check.run()
    except Refuted as refuted:
        check.refutation = str(refuted)
    except (KeyError, IndexError, TypeError, ValueError, AttributeError, RecursionError) as error:
        reason = f"{type(error).__name__}: {error}"
        raise Invalid(f"{file} is damaged, or none: {reason}") from None
    return check


@define
class Check:
    """A check of a certificate, and what the certificate is worth."""

    document: Any = field(repr=False)
    recovery: Recovery | None
    again: t.Trace | None
    file: str
    refutation: str = ""
    """The first thing in it that is not so; empty if all is."""

    images: int = 0
    parts: int = 0
    crash_points: int = 0
    recovered: int = 0  # once more, to compare
    first: dict[int, t.Image] = field(factory=dict, repr=False)
    """For each ending, an image that comes to it: its recovery is crashed as well."""

    used: set[int] = field(factory=set, repr=False)  # numbers of contents

    def run(self) -> None:
        """Check the first crash, then the second ones."""
        document = self.document
        trace = trace_of(Value(document["trace"], self.file, "$.trace"))
        same("the trace's hash", document["trace_sha256"], hash_trace(trace))
        if document["options"]["durability"] == "immediate":
            for n, event in enumerate(trace.events):
                if isinstance(event, t.Acked) and not event.durable:
                    raise Refuted(f"event {n} acknowledges an append as not durable; all are")
        if self.again is not None:
            same("what is there before the program", trace.initial, self.again.initial)
            for n, (event, found) in enumerate(zip(trace.events, self.again.events, strict=False)):
                same(f"event {n} of the program", event, found)
            same("the events of the program", len(trace.events), len(self.again.events))
        self.check_trace("", trace, Debt(), document["crash_points"])
        crashed = dict(self.first) if document["crashes"] == 2 else {}
        written = {n for n, ending in enumerate(document["endings"]) if "events" in ending}
        same("the recoveries that are crashed", sorted(written), sorted(crashed))
        for number, image in crashed.items():
            ending, where = document["endings"][number], f" of recovery {number}"
            trace, debt = self.read_events(image, ending["events"]), Debt()
            debt.show(ending["outcome"]["records"])
            if self.recovery is not None:
                same(f"the events{where}", list(trace.events), self.recovery(image)[1])
            self.check_trace(where, trace, debt, ending["crash_points"])
        same("the number of all images", read_count(document["images"]), self.images)
        same("the number of parts", document["parts"], self.parts)
        same("the endings that are reached", len(document["endings"]), len(self.first))
        same(
            "the contents that are written",
            sorted(self.used),
            list(range(len(document["contents"]))),
        )

    def read_events(self, image: t.Image, written: Any) -> t.Trace:
        """Read what a recovery asked of the disk; contents are given by their numbers."""
        events, contents = [dict(event) for event in written], self.document["contents"]
        for event in events:
            if event["event"] == "write":
                number = event["data"]
                if type(number) is not int or not 0 <= number < len(contents):
                    raise Refuted(f"a recovery writes content {number!s:.20}, which is not there")
                self.used.add(number)
                event["data"] = contents[number]
        document = {**trace_document(t.Trace(image, ())), "events": events}
        return trace_of(Value(document, f"{self.file}, the events of a recovery"))

    def check_trace(self, of: str, trace: t.Trace, debt: "Debt", written: Any) -> None:
        """Check all crashes of a trace: where they strike, and what comes of them."""
        crash_model = self.document["crash_model"]
        disk = Disk(crash_model, self.document["sector_bytes"])
        disk.begin(trace.initial)
        needed = [n for n, event in enumerate(trace.events) if matters(crash_model, event)]
        needed += [len(trace.events)]
        same(f"the crash points{of}", [point["event"] for point in written], needed)
        begun = 0
        for point, number in zip(written, needed, strict=True):
            for event in trace.events[begun:number]:
                disk.replay(event)
                if not (of and isinstance(event, t.Observed)):  # that is owed from the beginning
                    debt.note(event)
            begun = number
            self.check_crash(f"crash point {number}{of}", Crash(disk), debt, point)

    def check_crash(self, where: str, crash: Crash, debt: "Debt", written: Any) -> None:
        """Check how many images a crash leaves, and what recovery does with each part."""
        images, paid = crash.count(), set[int]()
        same(f"the number of images at {where}", read_count(written["images"]), images)
        self.images += images
        self.crash_points += 1
        for number, part in crash.leaves(written["parts"], WHOLE):
            outcome = self.document["endings"][number]["outcome"]
            if number not in paid and (problem := debt.judge(outcome)):
                raise Refuted(f"at {where} the promises do not hold: {problem}")
            paid.add(number)
            self.parts += 1
            if number not in self.first:
                self.first[number] = next(crash.ends(part))
            if self.recovery is not None:
                for image in crash.ends(part):
                    recovered = self.recovery(image)[0]
                    same(f"what an image of {where} recovers to", outcome, recovered)
                    self.recovered += 1


def same(what: str, claimed: Any, found: Any) -> None:
    """Refute a certificate that claims another thing than was found."""
    if claimed != found:
        raise Refuted(f"{what}: the certificate says {claimed!s:.200}, and it is {found!s:.200}")


def matters(crash_model: str, event: t.Event) -> bool:
    """Could a crash just before this event show what no other does?"""
    if crash_model == "process-kill":  # whatever is written is durable: syncs change nothing
        return not isinstance(event, (*t.SYNCS, *t.PROMISE_NOTHING, t.Invoked, t.Failed))
    return isinstance(event, (*t.SYNCS, t.Acked, t.Flushed, t.Observed, t.Printed))


@define
class Attempt:
    """An append, and what is known of it."""

    content: str  # SHA-256
    offset: int | None = None
    promise: str = "unknown"  # or "refused", "accepted", "durable"


@define
class Debt:
    """What was appended since the last recovery, after what that showed."""

    attempts: list[Attempt] = field(factory=list)
    calls: dict[int, Attempt] = field(factory=dict)

    def show(self, records: Any) -> None:
        """Let a recovery show records, as offset and SHA-256: they must stay for ever."""
        self.attempts = [Attempt(content, offset, "durable") for offset, content in records]

    def note(self, event: t.Event) -> None:
        """Let a mark change what is owed."""
        match event:
            case t.Invoked(call, _, payload):
                self.calls[call] = Attempt(hashed(payload))
                self.attempts.append(self.calls[call])
            case Batched() | Truncating():
                raise Refuted("a certificate says nothing of batches and truncations")
            case t.Acked(call, offset, durable):
                self.calls[call].offset = offset
                self.calls[call].promise = "durable" if durable else "accepted"
            case t.Failed(call, definite):
                self.calls[call].promise = "refused" if definite else "unknown"
            case t.Flushed():
                for attempt in self.attempts:
                    attempt.promise = attempt.promise.replace("accepted", "durable")
            case t.Observed(records):
                self.show((offset, hashed(payload)) for offset, payload in records)

    def judge(self, outcome: Any) -> str:
        """Say what is wrong with an outcome, if anything."""
        records, last, kept = outcome["records"], -1, set[int]()
        if records is None or outcome["error"]:
            return outcome["error"] or "recovery refused"
        if any(one[0] >= other[0] for one, other in pairwise(records)):
            return "offsets do not increase"
        for offset, content in records:
            later = range(last + 1, len(self.attempts))
            fitting = (
                n
                for where in (offset, None)
                for n in later
                if (self.attempts[n].offset, self.attempts[n].content) == (where, content)
            )
            last = next(fitting, -1)
            if last < 0 or self.attempts[last].promise == "refused":
                return f"the record at offset {offset} was never appended"
            kept.add(last)
        for n, attempt in enumerate(self.attempts):
            owed = attempt.promise == "durable" or (attempt.promise == "accepted" and n < last)
            if owed and n not in kept:
                return f"the record at offset {attempt.offset} is gone"
        return ""

"""
Check a certificate, taking nothing from whoever wrote it.

Shares with the enumerator the form of a trace, and not a line more.  The disk is
`plain_disk`, as short as this.  From it come the places where a crash matters, the
number of images, the size of each part, and what was owed.  A certificate is good if it
says the same, if its parts are disjoint and make up the whole, and if every outcome
pays what was owed.

Whether recovery really does what the outcomes say, only recovery can tell.  Given one,
the check runs it on the two ends of each part: its image that loses least, and its
image that loses most.
"""

from collections.abc import Callable, Iterator
from functools import reduce
from hashlib import sha256
from itertools import combinations, pairwise
from math import prod
from random import Random
from typing import Any

from attrs import define, field, frozen
from tornproof.errors import Invalid

from tornproof_models.disk import trace as t
from tornproof_models.disk.trace_file import hash_trace, trace_of
from tornproof_models.explore.plain_disk import BLOCK, Disk, Register, state_of

PROFILES = ("process-kill", "prefix", "ext4-ordered", "adversarial")
Recovery = Callable[[t.Image], dict[str, Any]]
"""Recovers an image and returns an outcome, as it stands in a certificate."""


class Refuted(Exception):
    """A certificate says what is not so."""


@frozen
class Checked:
    """What a certificate is worth."""

    refutation: str
    """The first thing in it that is not so; empty if all is."""

    images: int = 0
    parts: int = 0
    crash_points: int = 0
    recovered: int = 0
    """Images that were recovered once more."""


def check_certificate(document: Any, recovery: Recovery | None = None) -> Checked:
    """Check a certificate; raises `Invalid` for what is none."""
    try:
        if document["format"] != "tornproof-certificate/1":
            raise Invalid(f"the format is {document['format']!r}, not 'tornproof-certificate/1'")
        return _check(document, recovery)
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        reason = f"{type(error).__name__}: {error}"
        raise Invalid(f"the certificate is damaged, or none: {reason}") from None
    except Refuted as refuted:
        return Checked(str(refuted))


def _check(document: Any, recovery: Recovery | None) -> Checked:
    trace, profile = trace_of(document["trace"]), document["profile"]
    _same("the trace's hash", document["trace_sha256"], hash_trace(trace))
    if profile not in PROFILES or not 1 <= document["sector_bytes"] <= BLOCK:
        raise Invalid(f"no profile {profile!r}, or no sector size {document['sector_bytes']!r}")
    disk, debt, images, recovered = Disk(profile, document["sector_bytes"]), Debt(), 0, 0
    disk.begin(trace.initial)
    points = {point["event"]: point for point in document["crash_points"]}
    needed = [n for n, event in enumerate(trace.events) if matters(profile, event)]
    _same("the crash points", list(points), [*needed, len(trace.events)])
    for number, event in enumerate((*trace.events, None)):
        if number in points:
            crash, where = Crash(disk), f"crash point {number}"
            _same(f"what is owed at {where}", points[number]["owed"], debt.owed)
            images += crash.check(where, points[number])
            for part in points[number]["parts"]:
                outcome = document["outcomes"][part["outcome"]]
                if problem := debt.judge(outcome):
                    raise Refuted(f"at {where} the promises do not hold: {problem}")
                if recovery is not None:
                    for image in crash.ends(part):
                        recovered += 1
                        _same(f"what an image of {where} recovers to", outcome, recovery(image))
        if event is not None:
            disk.replay(event)
            debt.note(event)
    parts = sum(len(point["parts"]) for point in points.values())
    _same("the number of all images", int(document["images"]), images)
    _same("the number of parts", document["parts"], parts)
    return Checked("", images, parts, len(points), recovered)


def _same(what: str, claimed: Any, found: Any) -> None:
    if claimed != found:
        raise Refuted(f"{what}: the certificate says {claimed!s:.200}, and it is {found!s:.200}")


def matters(profile: str, event: t.Event) -> bool:
    """Could a crash just before this event show what no other does?"""
    if profile == "process-kill":  # whatever is written is durable: syncs change nothing
        return not isinstance(event, (*t.SYNCS, t.SyncFailed, t.Invoked, t.Failed))
    return isinstance(event, (*t.SYNCS, t.Acked, t.Flushed, t.Observed))


# One crash


class Crash:
    """The versions that a crash may keep or lose, as positions in bit masks."""

    def __init__(self, disk: Disk) -> None:
        self.disk, self.versions = disk, disk.pending()
        self.durable = state_of(version for version in disk.versions if version in disk.durable)
        self.all, self.counts = (1 << len(self.versions)) - 1, dict[int, int]()
        self.below = [
            sum(1 << j for j, b in enumerate(self.versions) if disk.forces(a, b))
            for a in self.versions
        ]
        closed: list[int] = []
        while closed != self.below:
            closed = self.below
            self.below = [reduce(int.__or__, (closed[j] for j in bits(m)), m) for m in closed]
        self.above = [
            sum(1 << j for j, mask in enumerate(self.below) if mask >> i & 1)
            for i in range(len(self.versions))
        ]
        self.histories: dict[Register, list[int]] = {}
        for i, version in enumerate(self.versions):
            self.histories.setdefault(version.register, []).append(i)
        self.unwritten = {h[0]: self.contents(r) for r, h in self.histories.items()}

    def contents(self, register: Register) -> list[Any]:
        """What a register may hold of which no version was kept."""
        kind, inode, *rest = register
        if kind != "data":
            return [self.durable.get(register)]
        size = self.disk.sector
        found = [self.durable.get(register, bytes(size))]
        if self.disk.profile == "adversarial" and rest[0] * size >= self.durable["size", inode]:
            garbage = Random(rest[0]).randbytes(size)
            cut = [old for owner, n, old in self.disk.cut if [owner, n] == [inode, *rest]]
            found += dict.fromkeys(content for content in (garbage, *cut) if any(content))
        return found

    def weigh(self, lost: int, settled: dict[int, Any]) -> int:
        """Count what sectors may hold that have lost all, but for those that are settled."""
        return prod(len(self.unwritten.get(i, " ")) for i in bits(lost) if i not in settled)

    def count(self, remaining: int) -> int:
        """Count what may be kept of some versions, the others being decided."""
        total = 1
        while remaining:
            group, reached = 0, remaining & -remaining  # that nothing relates to the rest
            while reached != group:
                group = reached
                reached = reduce(int.__or__, (self.below[i] | self.above[i] for i in bits(group)))
                reached &= remaining
            remaining &= ~group
            if group not in self.counts:
                self.counts[group] = self.count_group(group)
            total *= self.counts[group]
        return total

    def count_group(self, group: int) -> int:
        """Count with one version lost, then with it kept: one that halves the group."""
        sides = {i: (self.below[i] & group, self.above[i] & group) for i in bits(group)}
        below, above = max(sides.values(), key=lambda s: min(m.bit_count() for m in s))
        return self.weigh(above, {}) * self.count(group & ~above) + self.count(group & ~below)

    def region(self, part: Any) -> tuple[int, int, dict[int, Any]]:
        """Return what a part keeps, what it loses, and what sectors hold that lost all."""
        kept = lost = 0
        settled: dict[int, Any] = {}
        for register, least, most, content in part["decided"]:
            history = self.histories.get(tuple(register), [])
            if not 0 <= least <= most <= len(history):
                raise Refuted(f"there are no {least} to {most} versions of {register}")
            kept |= reduce(int.__or__, (self.below[i] for i in history[:least]), 0)
            lost |= reduce(int.__or__, (self.above[i] for i in history[most:]), 0)
            if content is not None:
                hashes = [sha256(each).hexdigest() for each in self.unwritten[history[0]]]
                if most or content not in hashes:
                    raise Refuted(f"{register} cannot hold {content}")
                settled[history[0]] = self.unwritten[history[0]][hashes.index(content)]
        if kept & lost:
            raise Refuted(f"no image is in a part that decides {part['decided']}")
        return kept, lost, settled

    def check(self, where: str, point: Any) -> int:
        """Check that the parts are what they claim, overlap nowhere and leave nothing out."""
        total, whole = self.count(self.all), 0
        regions = [self.region(part) for part in point["parts"]]
        for part, (kept, lost, settled) in zip(point["parts"], regions, strict=True):
            size = self.weigh(lost, settled) * self.count(self.all & ~kept & ~lost)
            _same(f"the images in a part of {where}", int(part["images"]), size)
            whole += size
        for (kept, lost, one), (others, gone, other) in combinations(regions, 2):
            apart = any(other.get(i, content) != content for i, content in one.items())
            if not (kept & gone or others & lost or apart):
                raise Refuted(f"two parts of {where} overlap")
        _same(f"the number of images at {where}", int(point["images"]), total)
        _same(f"the images in all parts of {where}", whole, total)
        return total

    def ends(self, part: Any) -> Iterator[t.Image]:
        """Build the images of a part that lose the least and the most."""
        kept, lost, settled = self.region(part)
        for keep, filling in ((self.all & ~lost, 0), (kept, -1)):
            state = dict(self.durable)
            for register, history in self.histories.items():
                held = [self.versions[i].value for i in history if keep >> i & 1]
                unheld = settled.get(history[0], self.unwritten[history[0]][filling])
                state[register] = held[-1] if held else unheld
            tree = dict(self.disk.tree(state))
            files = {path: content for path, content in tree.items() if content is not None}
            yield t.Image(files, frozenset(tree) - frozenset(files))
            if self.all & ~kept & ~lost == 0 and self.weigh(lost, settled) == 1:
                return


def bits(mask: int) -> Iterator[int]:
    """Yield the positions of a mask."""
    return (i for i in range(mask.bit_length()) if mask >> i & 1)


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

"""
The contract of a journal, given what it was asked and what it answered.

A history knows three kinds of append.  One that was *acknowledged as durable*
must survive.  One that was *accepted*, with an offset but no promise, may be
lost, though not while a later one is kept.  One whose call failed or had not
returned is *indeterminate*: it may be there, once, or not.  What was never
invoked must not appear.

Recovery changes the debt.  What it has shown is settled: those records must be
there for ever, in that order, and everything else from before is gone for good.

`History.judge` compares what a recovery returned with all of that and names the
requirement that each difference violates.  It knows nothing of files, frames or
crashes.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

from attrs import evolve, frozen

from tornproof_models.contract.attempts import JUDGES_BATCHES, Attempt, Promise, torn_batches
from tornproof_models.contract.records import Record, describe, parting
from tornproof_models.contract.truncation import Drop, End
from tornproof_models.contract.violations import Violation, refuses

__all__ = [
    "JUDGES",
    "JUDGES_BY_LOSS",
    "JUDGES_CLAIMED",
    "PROMISED",
    "RECOVERED",
    "Attempt",
    "End",
    "History",
    "Promise",
    "Record",
    "Violation",
    "describe",
]


PROMISED = {"append": "JRN-3", "sync": "JRN-10", "close": "JRN-11"}
"""The requirement that is violated when what an operation promised does not last."""

RECOVERED = frozenset({"REC-1", "REC-8"})
"""The requirements that are violated when a recovery shows other records than it must."""

JUDGES = RECOVERED | {
    *PROMISED.values(),
    *("JRN-1", "JRN-2", "JRN-4", "JRN-5", "JRN-6", "JRN-15", "SEG-9"),
}
"""
The requirements that `History` names, and that `History.at_stake` counts.

Every contract declares `JUDGES`, and a check derives from it which requirements it covers.
"""

JUDGES_CLAIMED = JUDGES_BATCHES | {"JRN-17"}
"""The requirements that `History` names of operations that a journal need not have."""

JUDGES_BY_LOSS = frozenset({"JRN-7", "JRN-8", "REC-11"})
"""
Requirements whose breach shows only by what it leads to.

Where an operation of the disk has failed, a journal that breaks one of these loses, alters or
invents records afterwards; `History.judge` then names one of `JUDGES`.
"""


@frozen
class History:
    """Everything that was asked and answered, as far as it still matters."""

    settled: tuple[Record, ...] = ()
    """What the latest recovery showed."""

    attempts: tuple[Attempt, ...] = ()
    """The appends since then, in the order of their invocation."""

    discarded: frozenset[bytes] = frozenset()
    """Payloads that a recovery did not show, and that may not come back."""

    drops: tuple[Drop, ...] = ()
    """The truncations of which nobody knows how far they came."""

    dropped: frozenset[bytes] = frozenset()
    """Payloads that a truncation has dropped."""

    # What happened

    def invoke(self, call: int, payload: bytes) -> "History":
        """Note that an append began."""
        return self._with((*self.attempts, Attempt(call, payload)))

    def join(self, calls: Sequence[int]) -> "History":
        """Note that some appends are one batch."""
        return self._with(
            evolve(each, batch=calls[0]) if each.call in calls else each for each in self.attempts
        )

    def truncate(self, call: int, end: End, offset: int) -> "History":
        """Note that a truncation began: from an offset on, or below it, nothing is owed now."""
        there = (*self.settled, *((each.offset, each.payload) for each in self.attempts))
        affected = tuple(
            (at, payload)
            for at, payload in there
            if at is not None and (at >= offset if end is End.TAIL else at < offset)
        )
        return evolve(self, drops=(*self.drops, Drop(call, end, affected)))

    def acknowledge(self, call: int, offset: int, *, durable: bool) -> "History":
        """Note that an append returned its offset, or that a truncation is done."""
        for drop in self.drops:
            if drop.call == call:
                return self._drop(drop, len(drop.records))
        promise = Promise.DURABLE if durable else Promise.ACCEPTED
        return self._change(call, promise, offset)

    def fail(self, call: int, *, definite: bool) -> "History":
        """Note that a call returned an error; if definite, it had no effect."""
        if definite and any(drop.call == call for drop in self.drops):
            return evolve(self, drops=tuple(each for each in self.drops if each.call != call))
        return self._change(call, Promise.REFUSED if definite else Promise.INDETERMINATE, None)

    def flush(self, operation: str) -> "History":
        """Note that a sync or close promised that everything accepted so far will last."""
        return self._with(
            evolve(each, promise=Promise.DURABLE, promised_by=operation)
            if each.promise is Promise.ACCEPTED
            else each
            for each in self.attempts
        )

    def observe(self, records: Sequence[Record]) -> "History":
        """Note what a recovery showed: from now on that, and only that, is owed."""
        shown = {payload for _, payload in records}
        lost = {attempt.payload for attempt in self.attempts} - shown
        return History(
            settled=tuple(records),
            discarded=(self.discarded | lost) - shown,
            dropped=(self.dropped | {payload for _, payload in self.settled}) - shown,
        )

    def _drop(self, drop: Drop, count: int) -> "History":
        """Return what is owed if a truncation has dropped so many records, from the far end."""
        gone = frozenset(drop.outermost(count))
        return History(
            tuple(record for record in self.settled if record not in gone),
            tuple(each for each in self.attempts if (each.offset, each.payload) not in gone),
            self.discarded,
            tuple(each for each in self.drops if each.call != drop.call),
            self.dropped | {payload for _, payload in gone},
        )

    @property
    def _possible(self) -> "Iterator[History]":
        """Yield what may be owed: one history for each way in which truncations came so far."""
        if not self.drops:
            yield self
            return
        first = self.drops[0]
        for count in range(len(first.records) + 1):
            yield from self._drop(first, count)._possible

    def _change(self, call: int, promise: Promise, offset: int | None) -> "History":
        return self._with(
            evolve(each, promise=promise, offset=offset) if each.call == call else each
            for each in self.attempts
        )

    def _with(self, attempts: Iterable[Attempt]) -> "History":
        return History(self.settled, tuple(attempts), self.discarded, self.drops, self.dropped)

    # What is owed

    @property
    def owed(self) -> tuple[Record, ...]:
        """The records that every recovery must return."""
        durable = tuple(
            (attempt.offset, attempt.payload)
            for attempt in self.attempts
            if attempt.promise is Promise.DURABLE and attempt.offset is not None
        )
        return self.settled + durable

    @property
    def at_stake(self) -> frozenset[str]:
        """
        The requirements that a recovery from a crash at this moment could show violated.

        A verdict of *holds* rests on how often a requirement was at stake: where nothing was
        closed that had not been synced, no recovery can show JRN-11 violated.
        """
        if not self.attempts and not self.settled and not self.discarded:
            return frozenset({"REC-1"})
        stakes = {"REC-1", "JRN-5"}
        promises = [attempt.promise for attempt in self.attempts]
        stakes |= {
            PROMISED[attempt.promised_by]
            for attempt in self.attempts
            if attempt.promise is Promise.DURABLE
        }
        if "JRN-3" in stakes:
            stakes.add("JRN-10")  # an append that returned too early is told as JRN-3
        if any(attempt.offset is not None for attempt in self.attempts):
            stakes.add("JRN-15")
        if len(self.settled) + len(self.attempts) > 1:
            stakes |= {"JRN-1", "JRN-2"}
        if Promise.ACCEPTED in promises and len(promises) > 1:
            stakes.add("JRN-4")
        if Promise.INDETERMINATE in promises or Promise.REFUSED in promises:
            stakes.add("JRN-6")
        if self.settled or self.discarded:
            stakes |= {"REC-8", "SEG-9"}
        if self.drops or self.dropped:
            stakes.add("JRN-17")
        if any(attempt.batch is not None for attempt in self.attempts):
            stakes.add("JRN-18")
        return frozenset(stakes)

    def judge_error(self, error: str) -> list[Violation]:
        """Judge a recovery that refused to show anything: no legal crash excuses it."""
        message = f"recovery failed after a legal crash: {error}"
        return [Violation("REC-1", message, refuses(error))]

    def judge_reading(
        self, scanned: Sequence[Record], read: Sequence[Record], appended: Sequence[Record]
    ) -> list[Violation]:
        """
        Judge what an open journal shows: in a scan, and of what was appended one by one.

        Here nothing that was accepted may be missing, durable or not.
        """
        lost = PROMISED.values()
        found = [each for each in self.judge(scanned) if each.requirement not in lost]
        for record, answered in zip(appended, read, strict=True):
            if record not in scanned:
                message = f"the journal is open, and a scan does not show {describe(record)}"
                return [*found, Violation("JRN-15", message)]
            if record != answered:
                message = f"a read at {record[0]} gives another payload than was appended there"
                return [*found, Violation("JRN-15", message)]
        return found

    def judge(self, recovered: Sequence[Record]) -> list[Violation]:
        """
        Judge what a recovery returned, in the order in which it was read.

        Where a truncation may have come any way, what is found is held against the way that
        explains most of it.
        """
        return min((each._judge(recovered) for each in self._possible), key=len)

    def _judge(self, recovered: Sequence[Record]) -> list[Violation]:
        violations = _offsets_increase(recovered)

        # settled
        count = len(self.settled)
        for expected, found in zip(self.settled, recovered, strict=False):
            if expected != found:
                return [*violations, _settled_changed(expected, found)]
        if len(recovered) < count:
            missing = self.settled[len(recovered)]
            message = f"{describe(missing)} was shown by an earlier recovery and is gone"
            return [*violations, Violation("REC-8", message)]

        # matched, in order
        used: list[int] = []
        for record in recovered[count:]:
            match = self._match(record, used)
            if isinstance(match, Violation):
                violations.append(match)
            else:
                used.append(match)

        # missing
        last = used[-1] if used else -1
        for position, attempt in enumerate(self.attempts):
            if position in used or attempt.offset is None:
                continue
            record = (attempt.offset, attempt.payload)
            if record in recovered:
                continue  # it is there, in another place
            if attempt.promise is Promise.DURABLE:
                promise = f"acknowledged as durable by {attempt.promised_by}"
                message = f"{describe(record)} was {promise} and is gone"
                cause = f"what {attempt.promised_by} has promised is lost"
                violations.append(Violation(PROMISED[attempt.promised_by], message, cause))
            if position < last:
                message = f"{describe(record)} is gone although a later record is there"
                violations.append(Violation("JRN-4", message))
        return violations + torn_batches(self.attempts, used)

    def _match(self, record: Record, used: Sequence[int]) -> int | Violation:
        """Find the attempt that a recovered record stems from, after the last one used."""
        offset, payload = record
        candidates = [
            position
            for position, attempt in enumerate(self.attempts)
            if attempt.payload == payload and attempt.offset in (offset, None)
        ]
        # an attempt known to be at this offset explains it better than one of unknown fate
        candidates.sort(key=lambda position: self.attempts[position].offset is None)
        last = used[-1] if used else -1
        for position in candidates:
            if position > last:
                if self.attempts[position].promise is Promise.REFUSED:
                    message = f"{describe(record)} is there although its append definitely failed"
                    return Violation("JRN-6", message)
                return position
        if any(position in used for position in candidates):
            return Violation("JRN-6", f"{describe(record)} is there more often than appended")
        if candidates:
            return Violation("JRN-2", f"{describe(record)} is not in the order of the appends")
        if payload in self.discarded:
            return Violation("REC-8", f"{describe(record)} had been discarded and has come back")
        if payload in self.dropped:
            message = f"{describe(record)} had been dropped by a truncation and has come back"
            return Violation("JRN-17", message)
        if any(self.attempts[position].payload == payload for position in used):
            return Violation("JRN-6", f"{describe(record)} is there more often than appended")
        elsewhere = [a.offset for a in self.attempts if a.payload == payload]
        if elsewhere:
            message = f"{describe(record)} was appended at offset {elsewhere[0]}, not there"
            return Violation("JRN-5", message)
        like = parting(payload, (attempt.payload for attempt in self.attempts))
        more = f"; one that is {like} was" if like else ""
        return Violation("JRN-5", f"{describe(record)} was never appended{more}")


def _offsets_increase(recovered: Sequence[Record]) -> list[Violation]:
    for (before, _), (after, _) in pairwise(recovered):
        if after <= before:
            message = f"offset {after} follows offset {before} in a scan"
            return [Violation("JRN-1", message)]
    return []


def _settled_changed(expected: Record, found: Record) -> Violation:
    like = parting(expected[1], [found[1]])
    message = f"an earlier recovery showed {describe(expected)}; now {describe(found)} is there"
    if like and expected[1] != found[1]:
        message += f", {like}"
    requirement = "SEG-9" if expected[0] == found[0] else "REC-8"
    return Violation(requirement, message)

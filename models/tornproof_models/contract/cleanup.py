"""
The contract of cursors and cleanup.

Cleanup is the one operation of a journal that destroys, so it needs a reason.
The reason is a cursor: a consumer has said that it is done with everything below
an offset.  A cursor that a crash can take back is no reason, since the consumer
will then ask again for what it had done with.

A crash may strike at any instruction of either.  Then each cursor must be where
it was or where it was going (CUR-1), never behind what it promised (CUR-2); what
is left of the journal must reach back at least to the lowest of the cursors *as
they now are* (SEG-7, CUR-3), and up to its end without a gap.
"""

from collections.abc import Mapping, Sequence

from attrs import evolve, field, frozen

from tornproof_models.contract.journal import History, Record, Violation, describe

JUDGES = frozenset({"CUR-1", "CUR-2", "CUR-3", "SEG-7"})
"""The requirements that this module names, beside those of the journal's contract."""


@frozen
class Position:
    """What is known of one cursor: what it promised, and where it may have got to."""

    promised: int | None
    """Offset that it must not fall behind; none if it need not exist."""

    attempted: frozenset[int] = frozenset()
    """Offsets to which a move began and did not return."""

    @property
    def furthest(self) -> int:
        """Offset at which somebody who looks now may see it."""
        return max((*self.attempted, self.promised or 0))


@frozen
class Held:
    """What consumers hold on to, and what cleanup was entitled to remove."""

    cursors: Mapping[str, Position] = field(factory=dict)
    released: int = 0
    """Offset below which records may be gone."""

    # What happened

    def begin_move(self, name: str, offset: int) -> "Held":
        """Note that a cursor is on its way to an offset."""
        position = self.cursors.get(name, Position(None))
        return self._change(name, evolve(position, attempted=position.attempted | {offset}))

    def finish_move(self, name: str, offset: int) -> "Held":
        """Note that it has arrived, for good."""
        return self._change(name, Position(offset))

    def begin_cleanup(self) -> "Held":
        """Note that cleanup may remove what lies below every cursor, as far as it can see."""
        positions = self.cursors.values()
        sure = [position for position in positions if position.promised is not None]
        lowest = min((position.furthest for position in sure or positions), default=0)
        return evolve(self, released=max(self.released, lowest))

    def observe(self, found: Mapping[str, int]) -> "Held":
        """Note where the cursors were shown to be: there they must stay."""
        return evolve(self, cursors={name: Position(offset) for name, offset in found.items()})

    def _change(self, name: str, position: Position) -> "Held":
        return evolve(self, cursors={**self.cursors, name: position})

    # What is owed

    def judge(
        self, history: History, recovered: Sequence[Record], found: Mapping[str, int]
    ) -> list[Violation]:
        """Judge a recovery: what it returned, in order, and where the cursors were found."""
        first = recovered[0][0] if recovered else self.released
        removed = [
            record
            for record in known_records(history)
            if record[0] < first and record[0] < self.released
        ]
        return [
            *self._judge_cursors(found),
            *self._judge_first(first, found, removed),
            *history.judge([*removed, *recovered]),
        ]

    def _judge_cursors(self, found: Mapping[str, int]) -> list[Violation]:
        violations = []
        for name, position in self.cursors.items():
            offset = found.get(name)
            if offset == position.promised or offset in position.attempted:
                continue
            if position.promised is not None and (offset is None or offset < position.promised):
                message = f"cursor {name} was at {position.promised} and is at {offset}"
                violations.append(Violation("CUR-2", message))
            else:
                violations.append(Violation("CUR-1", f"cursor {name} is at {offset}: it never was"))
        return violations

    def _judge_first(
        self, first: int, found: Mapping[str, int], removed: Sequence[Record]
    ) -> list[Violation]:
        for name, offset in found.items():
            needed = [record for record in removed if record[0] >= offset]
            if needed and first > offset:
                message = f"cursor {name} is at {offset}, and {describe(needed[0])} was removed"
                return [Violation("CUR-3", message)]
        return []


def known_records(history: History) -> list[Record]:
    """Return the records whose place is known, in order."""
    attempts = (
        (attempt.offset, attempt.payload)
        for attempt in history.attempts
        if attempt.offset is not None
    )
    return [*history.settled, *attempts]


def judge_refusal(error: str) -> Violation:
    """Judge a recovery that refused a journal in which cleanup had been at work."""
    return Violation("SEG-7", f"after a crash, the journal does not open: {error}")


def judge_cleanup(
    held: Held, history: History, left: Sequence[Record], *, active: bool
) -> list[Violation]:
    """
    Judge what cleanup has left, while the process lives.

    `active` says whether the segment that is being written to is still there.
    """
    if not active:
        return [Violation("SEG-7", "cleanup removed the active segment")]
    expected = [record for record in known_records(history) if record[0] >= held.released]
    if list(left)[len(left) - len(expected) :] != expected:
        message = f"cleanup removed more than lies below {held.released}, the lowest cursor"
        return [Violation("SEG-7", message)]
    return []

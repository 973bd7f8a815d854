"""
The contract of an audit index, given what was stored and what it answered.

The oracle is a list and a sort.  `by_agent`, `recent`, `has` and `layout` say in
a few lines each what the answer is when it is known which audits are stored,
and no index could be simpler to believe.

What is stored is not always known.  A put that failed, or had not returned when
the process died, may have happened, wholly or not at all (AUD-10).  `Audits`
keeps such puts apart, and every answer tells more: an audit that an answer
shows is there, from then on for ever, and one that an answer should have shown
and did not is not there, for ever either.

An audit is a mapping of plain fields.  The oracle looks at `query_id`,
`agent_id` and `timestamp`, and compares the rest as a whole.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from attrs import define, field

from tornproof_models.contract.journal import Violation

Audit: TypeAlias = Mapping[str, Any]
Question: TypeAlias = Callable[[Iterable[Audit]], list[Audit]]

MAX_TIMESTAMP = 2**64 - 1

JUDGES_ANSWERS = frozenset(f"AUD-{number}" for number in (*range(3, 12), 13, 14, 15))
"""The requirements that answers can violate."""

JUDGES_KEYS = frozenset({"AUD-1", "AUD-2"})
"""Those that the keys of the store can violate; `Audits.answered_keys` names them AUD-1."""

JUDGES = JUDGES_ANSWERS | JUDGES_KEYS


# The oracle


def by_agent(
    audits: Iterable[Audit], agent_id: bytes, earliest: int, latest: int | None, limit: int
) -> list[Audit]:
    """Filter by agent and inclusive bounds, oldest first, ties by id (AUD-5, AUD-6, AUD-9)."""
    highest = MAX_TIMESTAMP if latest is None else latest
    matching = [
        audit
        for audit in audits
        if audit["agent_id"] == agent_id and earliest <= audit["timestamp"] <= highest
    ]
    return sorted(matching, key=lambda audit: (audit["timestamp"], audit["query_id"]))[:limit]


def recent(audits: Iterable[Audit], limit: int) -> list[Audit]:
    """Take the newest, newest first, ties by ascending id (AUD-7)."""
    return sorted(audits, key=lambda audit: (-audit["timestamp"], audit["query_id"]))[:limit]


def has(audits: Iterable[Audit], agent_id: bytes) -> bool:
    """Say whether any audit is by that agent (AUD-8)."""
    return any(audit["agent_id"] == agent_id for audit in audits)


def layout(audits: Iterable[Audit], *, by_time: bool) -> list[bytes]:
    """List the keys of these audits in the order of their bytes (AUD-1, AUD-2, AUD-12)."""
    keys = []
    for audit in audits:
        timestamp = bytes(audit["timestamp"] >> shift & 255 for shift in range(56, -1, -8))
        keys.append(b"\x00AUD:" + audit["query_id"])
        if audit["agent_id"] is not None:
            keys.append(
                b"\x00AUDA:" + audit["agent_id"] + b":" + timestamp + b":" + audit["query_id"]
            )
        if by_time:
            keys.append(b"\x00AUDT:" + timestamp + b":" + audit["query_id"])
    return sorted(keys)


# The judge


@define
class Audits:
    """Everything that is known of an index from outside."""

    stored: dict[bytes, Audit] = field(factory=dict)
    """Audits that must be there, by id: acknowledged, or shown by an answer."""

    possible: list[Audit] = field(factory=list)
    """Audits whose put had no answer: each may be there, at most one for an id."""

    acknowledged: set[bytes] = field(factory=set)
    """The ids of audits whose put returned: no later put explains that one is gone."""

    interrupted: list[Audit] = field(factory=list)
    """Every audit whose put had no answer: if one is there by half, that is why."""

    offered: list[Audit] = field(factory=list)
    """Audits that were refused as conflicts and must never be seen."""

    # Puts

    def put_acknowledged(self, audit: Audit) -> list[Violation]:
        """Note that a put returned, which means that the audit is stored."""
        known = self.stored.get(audit["query_id"])
        if known is not None and known != audit:
            return [Violation("AUD-11", f"{name(audit)} was put again with other content")]
        self.acknowledged.add(audit["query_id"])
        self._settle([audit])
        return []

    def put_refused(self, audit: Audit) -> list[Violation]:
        """Note that a put was refused as a conflict, which means that another is stored."""
        query_id = audit["query_id"]
        self.offered.append(audit)
        others = [each for each in self.possible if each["query_id"] == query_id]
        others = [self.stored[query_id]] if query_id in self.stored else others
        rivals = [each for each in others if each != audit]
        if not rivals:
            requirement = self._blamed("AUD-11", query_id)
            return [Violation(requirement, f"{name(audit)} was refused and contradicts nothing")]
        self.possible = [each for each in self.possible if each != audit]
        if len(rivals) == 1:
            self._settle(rivals)
        return []

    def put_interrupted(self, audit: Audit) -> None:
        """Note that a put had no answer: it may have happened unless it was bound to fail."""
        self.interrupted.append(audit)
        known = self.stored.get(audit["query_id"])
        if known is None:
            self.possible.append(audit)
        elif known != audit:
            self.offered.append(audit)

    # Answers

    def got(self, query_id: bytes, answer: Audit | None) -> list[Violation]:
        """Judge the answer to a get (AUD-3, AUD-4, AUD-11, AUD-13)."""
        if answer is not None:
            self._settle(each for each in self.possible if each == answer)
        else:
            self.possible = [each for each in self.possible if each["query_id"] != query_id]
        expected = self.stored.get(query_id)
        if answer == expected:
            return []
        if answer is None:
            is_acknowledged = query_id in self.acknowledged
            requirement = "AUD-13" if is_acknowledged else self._blamed("AUD-13", query_id)
            return [Violation(requirement, f"{short(query_id)} was stored and is gone")]
        if expected is None:
            requirement = self._blamed("AUD-4", query_id)
            return [Violation(requirement, f"{short(query_id)} is unknown, and a get gave it")]
        return [self._altered(answer)]

    def answered_by_agent(
        self,
        agent_id: bytes,
        earliest: int,
        latest: int | None,
        limit: int,
        answer: Sequence[Audit],
    ) -> list[Violation]:
        """Judge the audits of an agent (AUD-5, AUD-6, AUD-9, AUD-14, AUD-15)."""
        for audit in answer:
            if audit["agent_id"] is None:
                return [Violation("AUD-9", f"{name(audit)} is anonymous and in an index")]
            if audit["agent_id"] != agent_id:
                return [Violation("AUD-14", f"{name(audit)} is another agent's")]
        if answer and (limit == 0 or (latest is not None and earliest > latest)):
            return [
                Violation("AUD-15", "a query with its lower bound above its upper returned audits")
            ]
        return self._judge(
            "AUD-5",
            lambda audits: by_agent(audits, agent_id, earliest, latest, limit),
            answer,
            unbounded=latest is None,
        )

    def answered_recent(self, limit: int, answer: Sequence[Audit]) -> list[Violation]:
        """Judge the most recent audits (AUD-7, AUD-15)."""
        if answer and limit == 0:
            return [Violation("AUD-15", "a query with limit 0 returned audits")]
        return self._judge("AUD-7", lambda audits: recent(audits, limit), answer)

    def answered_has(self, agent_id: bytes, *, answer: bool) -> list[Violation]:
        """Judge whether an agent has audits (AUD-8)."""
        theirs = [each for each in self.possible if each["agent_id"] == agent_id]
        if answer == has(self.stored.values(), agent_id):
            if not answer:
                self._rule_out(theirs)
            return []
        if answer and theirs:
            if len(theirs) == 1:
                self._settle(theirs)
            return []
        half = has(self.interrupted, agent_id)
        found = "has" if answer else "has no"
        message = f"has_audits said that agent {short(agent_id)} {found} audits"
        return [Violation("AUD-10" if half else "AUD-8", message)]

    def answered_keys(self, answer: Sequence[bytes]) -> list[Violation]:
        """
        Judge the keys of the store (AUD-1, AUD-10).

        Ask for every id first: keys of audits that are still merely possible are
        passed over.  An index of time is whole or not there (AUD-12).
        """
        unknown = {each["query_id"] for each in self.possible}
        found = [key for key in answer if key[-32:] not in unknown]
        by_time = any(key.startswith(b"\x00AUDT:") for key in found)
        expected = layout(self.stored.values(), by_time=by_time)
        if found == expected:
            return []
        wrong = sorted(set(found) ^ set(expected)) or found
        state = "is there" if wrong[0] in found else "is missing"
        requirement = self._blamed("AUD-1", wrong[0][-32:])
        return [Violation(requirement, f"key {wrong[0].hex()} {state}")]

    def failed(self, requirement: str, question: str, error: str) -> list[Violation]:
        """Judge a question that had an error for an answer."""
        blamed = "AUD-10" if self.interrupted else requirement
        return [Violation(blamed, f"{question} failed: {error}")]

    # What an answer tells

    def _judge(
        self,
        requirement: str,
        question: Question,
        answer: Sequence[Audit],
        *,
        unbounded: bool = False,
    ) -> list[Violation]:
        """Compare an answer with what the oracle gives, and learn from it."""
        self._settle([each for each in self.possible if each in answer])
        expected = question(self.stored.values())
        if list(answer) == expected:
            self._rule_out(
                [
                    each
                    for each in self.possible
                    if question([*self.stored.values(), each]) != expected
                ]
            )
            return []
        for audit in answer:
            if self.stored.get(audit["query_id"]) != audit:
                return [self._altered(audit)]
        for audit in expected:
            if audit not in answer:
                if unbounded and audit["timestamp"] == MAX_TIMESTAMP:
                    requirement = "AUD-6"
                requirement = self._blamed(requirement, audit["query_id"])
                return [Violation(requirement, f"{name(audit)} is missing from an answer")]
        order = ", ".join(map(name, answer))  # all are there as a whole, so no put explains it
        return [Violation(requirement, f"out of order, too many or twice: {order}")]

    def _settle(self, audits: Iterable[Audit]) -> None:
        """Note that audits are there, so no other of their ids can be."""
        for audit in list(audits):
            self.stored[audit["query_id"]] = audit
        self.possible = [each for each in self.possible if each["query_id"] not in self.stored]

    def _rule_out(self, audits: Collection[Audit]) -> None:
        """Note that audits are not there, and must never be."""
        self.possible = [each for each in self.possible if each not in audits]

    def _altered(self, audit: Audit) -> Violation:
        """Name what an audit violates that nobody stored."""
        if audit in self.offered:
            return Violation("AUD-11", f"{name(audit)} has the content of a put that was refused")
        requirement = self._blamed("AUD-3", audit["query_id"])
        return Violation(requirement, f"{name(audit)} is not what was put")

    def _blamed(self, requirement: str, *query_ids: bytes) -> str:
        """Name AUD-10 instead, where an interrupted put explains what is wrong."""
        interrupted = any(audit["query_id"] in query_ids for audit in self.interrupted)
        return "AUD-10" if interrupted else requirement


def name(audit: Audit) -> str:
    """Name an audit in a few words."""
    return f"audit {short(audit['query_id'])} at {audit['timestamp']}"


def short(identifier: bytes) -> str:
    """Show the ends of an id, which is where neighbours differ."""
    return f"{identifier[:3].hex()}…{identifier[-2:].hex()}"

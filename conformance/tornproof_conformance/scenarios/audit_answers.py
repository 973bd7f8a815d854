"""
Scenarios about an audit index: long answers, puts beside another writer, reading evidence.

An index may fetch its keys in pages, so the limits lie on both sides of usual sizes of a page,
and more audits share a moment than one page holds.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol, cast, runtime_checkable

from tornproof.errors import Conflict
from tornproof.kv import MemoryKeyValueStore, SqliteKeyValueStore
from tornproof.kv.protocol import NOTHING
from tornproof_models.contract.audit_index import Audit, by_agent, recent
from tornproof_models.contract.hash_chain import WRITES
from tornproof_models.contract.journal import Violation
from tornproof_models.crash.subject import Subject
from tornproof_models.machines.audit_machine import ReferenceStore

from tornproof_conformance.scenarios.audit_indexes import AGENT, INDEX, example, has_audits, opened
from tornproof_conformance.scenarios.audit_refusals import has_an_index
from tornproof_conformance.scenarios.scenario import scenario
from tornproof_conformance.subjects.indexes import audits_of

OTHER_AGENT = b"b" * 32

MANY, TIED = 120, 40
"""Audits of one agent, and how many of them share each moment."""

LIMITS = (1, 15, 16, 17, 47, 48, 49, 99, 100, 101, 1000)


@scenario("AUD-5", "AUD-7", "AUD-14", claim=INDEX, where=has_an_index)
def a_long_answer_is_whole(subject: Subject) -> Iterator[Violation]:
    """A query with any limit returns as many audits as there are, in order, among many ties too."""
    audits = [example(number, timestamp=number // TIED) for number in range(MANY)]
    audits += [example(MANY + number, OTHER_AGENT, number) for number in range(3)]
    with opened(subject) as index:
        for audit in reversed(audits):
            index.put(audit)
        for limit in LIMITS:
            found = index.by_agent(AGENT, 0, None, limit=limit)
            expected = by_agent(audits, AGENT, 0, None, limit)
            yield from _differs("AUD-5", f"a query by agent with limit {limit}", found, expected)
            found, expected = index.recent(limit), recent(audits, limit)
            yield from _differs("AUD-7", f"a query for the recent {limit}", found, expected)
        for earliest, latest in ((0, 0), (0, 1), (1, 1), (2, None)):
            found = index.by_agent(AGENT, earliest, latest, limit=1000)
            expected = by_agent(audits, AGENT, earliest, latest, 1000)
            asked = f"a query by agent from {earliest} to {latest}"
            yield from _differs("AUD-5", asked, found, expected)


def _differs(
    requirement: str, asked: str, found: Sequence[Audit], expected: Sequence[Audit]
) -> Iterator[Violation]:
    names, right = ([each["query_id"] for each in audits] for audits in (found, expected))
    others = {each["agent_id"] for each in found} - {each["agent_id"] for each in expected}
    if requirement == "AUD-5" and others:
        yield Violation("AUD-14", f"{asked} returns audits of another agent")
    elif len(names) != len(right):
        message = f"{asked} returns {len(names)} audits, and there are {len(right)}"
        yield Violation(requirement, f"{message}, {TIED} of them at each moment")
    elif names != right:
        first = next(n for n, pair in enumerate(zip(names, right, strict=True)) if len({*pair}) > 1)
        yield Violation(requirement, f"{asked} is out of order from number {first + 1} on")


# Two who write


class SharedStore(MemoryKeyValueStore):
    """A store that somebody else writes to just before the next write."""

    def __init__(self) -> None:
        super().__init__()
        self.before_next_write: Callable[[], object] | None = None

    def write(
        self,
        changes: Mapping[bytes, bytes | None],
        *,
        expected: Mapping[bytes, bytes | None] = NOTHING,
    ) -> bool:
        """Let the other one write first."""
        meddle, self.before_next_write = self.before_next_write, None
        if meddle is not None:
            meddle()
        return super().write(changes, expected=expected)


@scenario("AUD-11", claim=INDEX, where=has_audits)
def a_put_looks_and_writes_at_once(subject: Subject) -> Iterator[Violation]:
    """If another process puts an id just before the write of a put, the first content stays."""
    for timestamp, words in ((1, "the same"), (2, "other content")):
        store = SharedStore()
        one, another = (audits_of(subject).make_audits(store) for _ in range(2))
        first, second = example(1), example(1, timestamp=timestamp)
        store.before_next_write = lambda index=another, audit=first: index.put(audit)
        refused = False
        try:
            one.put(second)
        except Conflict:
            refused = True
        said = f"two processes put an id, and the second puts {words}: it is "
        said += "refused" if refused else "acknowledged"
        if refused != (first != second):
            yield Violation("AUD-11", said)
        if one.get(first["query_id"]) != first:
            yield Violation("AUD-11", f"{said}, and the first content is not what a get returns")


# Evidence


@runtime_checkable
class ReadsIndexes(Protocol):
    """A subject that reads an index in a file that it must not change."""

    def read_index(self, path: Path) -> Sequence[Audit]:
        """Return the most recent audits of the index."""
        ...


def reads_indexes(subject: Subject) -> bool:
    """Tell whether a subject does."""
    return isinstance(subject, ReadsIndexes)


@scenario("AUD-17", claim=INDEX, where=reads_indexes)
def reading_an_index_changes_nothing(subject: Subject) -> Iterator[Violation]:
    """An index that is read, with or without a log beside it, is as it was, and so is its log."""
    for words, logged in (("was closed", 0), ("has a log of a process that was killed", 1)):
        with TemporaryDirectory(prefix="tornproof-index-") as directory:
            path = Path(directory) / "evidence" / "index.db"
            path.parent.mkdir()
            _leave_an_index(path, 2, logged)
            before = _files(path.parent)
            found = cast("ReadsIndexes", subject).read_index(path)
            if (after := _files(path.parent)) != before:
                touched = sorted(
                    name for name in before | after if before.get(name) != after.get(name)
                )
                message = f"reading an index that {words} has changed {', '.join(touched)}"
                yield Violation("AUD-17", message, WRITES)
            if len(found) != 2 + logged:
                message = f"an index that {words} has {2 + logged} audits: {len(found)} are read"
                yield Violation("AUD-17", message)


def _leave_an_index(path: Path, stored: int, logged: int) -> None:
    """Write an index whose last audits are in its log, as a process that was killed leaves it."""
    live = path.parent.with_name("live.db")
    with closing(SqliteKeyValueStore(live)) as store:
        for number in range(stored):
            ReferenceStore(store).put(example(number))
    with closing(SqliteKeyValueStore(live)) as store:
        for number in range(stored, stored + logged):
            ReferenceStore(store).put(example(number))
        for suffix in ("", "-wal") if logged else ("",):
            content = live.with_name(f"{live.name}{suffix}").read_bytes()
            path.with_name(f"{path.name}{suffix}").write_bytes(content)


def _files(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir()}

"""
Audit indexes as subjects.

A subject that has one offers `make_audits`, which puts an index on a key-value store
that whoever judges it provides.  So the store can be looked into, its process can die
between any two statements, and the keys that a question reads can be counted.

The frozen vectors of the index are judged here, for indexes in this process and for
those behind an adapter alike.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Protocol, runtime_checkable

from attrs import frozen
from tornproof.errors import Invalid, TornproofError
from tornproof.kv import KeyValueStore, MemoryKeyValueStore
from tornproof_models.contract.audit_index import Audit
from tornproof_models.contract.journal import Violation
from tornproof_models.crash.subject import Subject
from tornproof_models.machines.audit_machine import StoreUnderTest

from tornproof_conformance.vectors.vector import cases

RECORD, TIME = b"\x00AUD:", b"\x00AUDT:"
"""What the keys of records, and of the index of time, begin with."""

KINDS = frozenset({"layout", "query", "puts", "record", "no-record"})
"""The kinds of frozen vectors that are about an audit index."""

SPOILT = b"a" * 32
"""The id that is in every record of the frozen vectors that is none."""

BYTES = frozenset({"query_id", "agent_id", "result_hash", "assertion_hash", "source_hash"})
INTEGERS = frozenset({"timestamp", "epoch", "from", "to", "limit"})


@runtime_checkable
class HasAudits(Protocol):
    """A subject with an audit index."""

    def make_audits(self, store: KeyValueStore) -> StoreUnderTest:
        """Put an index on a store, which may hold one already."""
        ...


class Index(StoreUnderTest, Protocol):
    """An index that can be asked, and whose records and costs can be looked at."""

    @property
    def cost(self) -> int:
        """What its questions have cost so far, in a unit of its own."""
        ...

    def record(self, query_id: bytes) -> bytes | None:
        """Return the bytes that are stored of an audit."""
        ...


class CountingStore(MemoryKeyValueStore):
    """A store that counts what is read from it."""

    def __init__(self) -> None:
        super().__init__()
        self.reads = 0

    def get(self, key: bytes) -> bytes | None:
        """Count the value."""
        self.reads += 1
        return super().get(key)

    def keys(self, start: bytes, end: bytes, *, reverse: bool = False) -> Iterator[bytes]:
        """Count each key as it is read."""
        for key in super().keys(start, end, reverse=reverse):
            self.reads += 1
            yield key


@frozen
class LocalIndex:
    """An index in this process, on a store of its own."""

    store: CountingStore
    audits: StoreUnderTest

    @classmethod
    def of(cls, subject: Subject) -> "LocalIndex":
        """Make one.  Raises `Invalid` if the subject has none."""
        store = CountingStore()
        return cls(store, audits_of(subject).make_audits(store))

    @property
    def cost(self) -> int:
        """Keys and values that questions have read so far."""
        return self.store.reads

    def __getattr__(self, name: str) -> Any:
        return getattr(self.audits, name)

    def record(self, query_id: bytes) -> bytes | None:
        """Look a record up by its key."""
        return self.store.get(RECORD + query_id)

    def plant(self, query_id: bytes, record: bytes) -> None:
        """Write it under its key."""
        self.store.write({RECORD + query_id: record})


def audits_of(subject: Subject) -> HasAudits:
    """Return what makes the audit index of a subject.  Raises `Invalid` if it has none."""
    if not isinstance(subject, HasAudits):
        raise Invalid(f"{subject.name} has no audit index")
    return subject


# Vectors


def audit_cases(*kinds: str) -> list[Mapping[str, Any]]:
    """Return the frozen vectors of these kinds."""
    return [case for case in cases() if case["kind"] in kinds]


def judge_case(case: Mapping[str, Any], index: Index) -> list[Violation]:
    """Hold an index in which nothing is stored to a frozen vector."""
    try:
        answer: Any = _answer(index, case)
    except TornproofError as error:
        answer = {"error": error.code}
    expected = _parsed(_expected(case))
    if answer == expected:
        return []
    message = f"{case['id']}: {case['comment']} Instead: {answer!r:.200}"
    cause = "the keys of an index are laid out otherwise" if case["kind"] == "layout" else ""
    return [Violation(_blamed(case, expected, answer), message, cause)]


def _expected(case: Mapping[str, Any]) -> Any:
    return [step["expect"] for step in case["steps"]] if "steps" in case else case["expect"]


def _blamed(case: Mapping[str, Any], expected: Any, answer: Any) -> str:
    """Name the requirement; where nothing but the index of time is missing, it is AUD-12."""
    blamed: str = case["requirements"][-1 if case["kind"] == "record" else 0]
    if case["kind"] == "layout" and "keys" in answer:
        without_time = [key for key in expected["keys"] if not key.startswith(TIME.hex())]
        if answer["keys"] == without_time:
            return "AUD-12"
    if case["kind"] == "query" and _gives_those_of_others(case, answer):
        return "AUD-14"
    return blamed


def _gives_those_of_others(case: Mapping[str, Any], answer: Mapping[str, Any]) -> bool:
    """Tell whether an answer about one agent holds audits of another."""
    asked = case["query"]["args"].get("agent_id")
    agents = {each["query_id"]: each["agent_id"] for each in case["audits"]}
    return asked is not None and any(
        agents.get(each, asked) != asked for each in answer.get("audits", ())
    )


def _answer(index: Index, case: Mapping[str, Any]) -> Any:
    """Do what a case says, and give the answer in the form in which it is expected."""
    match case["kind"]:
        case "puts":
            return [_outcome(index, _parsed(step["audit"])) for step in case["steps"]]
        case "record":
            query_id = index.put(_parsed(case["audit"]))
            return {"record": (index.record(query_id) or b"").hex()}
        case "no-record":
            assert isinstance(index, LocalIndex), "nothing can be planted in another process"
            index.plant(SPOILT, bytes.fromhex(case["record"]))
            return {"audit": index.get(SPOILT)}
    for audit in case["audits"]:
        index.put(_parsed(audit))
    if case["kind"] == "layout":
        return {"keys": [key.hex() for key in index.keys()]}  # noqa: SIM118
    return _asked(index, case["query"]["op"], _parsed(case["query"]["args"]))


def _asked(index: Index, op: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    match op:
        case "audit.by_agent":
            bounds = arguments["from"], arguments.get("to")
            found = index.by_agent(arguments["agent_id"], *bounds, limit=arguments["limit"])
        case "audit.recent":
            found = index.recent(arguments["limit"])
        case "audit.has":
            return {"has": index.has(arguments["agent_id"])}
        case _:
            return {"audit": index.get(arguments["query_id"])}
    return {"audits": [audit["query_id"].hex() for audit in found]}


def _outcome(index: Index, audit: Audit) -> str:
    try:
        index.put(audit)
    except TornproofError as error:
        return error.code
    return "ok"


def _parsed(value: Any, name: str = "") -> Any:
    """Turn the hexadecimal and decimal digits of a case back into bytes and integers."""
    match value:
        case Mapping():
            return {each: _parsed(content, each) for each, content in value.items()}
        case list():
            return [_parsed(each) for each in value]
        case str() if name in BYTES:
            return bytes.fromhex(value)
        case str() if name in INTEGERS:
            return int(value)
        case _:
            return value

"""
Ask an adapter once for every operation of its claims.

It is the plainest use there is, so whatever goes wrong with the process here is
the adapter's fault (ADP-1, ADP-4, ADP-5).  Every operation of every claimed claim
is asked for once.  The answers do not matter yet, only that there is one (ADP-2).
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from typing import Any

from attrs import frozen
from tornproof_models.contract.job_queue import Claim
from tornproof_models.contract.violations import JUDGES_SILENCE, Violation
from tornproof_models.crash.subject import Subject
from tornproof_models.queues.delivery_program import event_of

from tornproof_conformance.adapter.adapter_subject import AdapterSubject
from tornproof_conformance.adapter.directory_disk import DirectoryDisk
from tornproof_conformance.adapter.introduction import introduction
from tornproof_conformance.adapter.job_queue_processes import end_server, start_server
from tornproof_conformance.adapter.speaking import diagnosis
from tornproof_conformance.adapter.speaking.messages import Refusal, Unsupported
from tornproof_conformance.cases.case import ExerciseCase, try_case
from tornproof_conformance.cases.exercises import exercise
from tornproof_conformance.checks import Budget, Check, Covered, Findings, counted
from tornproof_conformance.stream.run_events import Progress


@frozen
class Asked:
    """A request, and the claims that have to have it."""

    op: str
    claims: frozenset[str]
    arguments: Mapping[str, Any]


def _asked(op: str, *claims: str, **arguments: Any) -> Asked:
    return Asked(op, frozenset(claims), arguments)


AUDIT: Mapping[str, Any] = {
    "query_id": bytes(range(32)),
    "agent_id": bytes(32),
    "timestamp": 1,
    "params": {},
    "result_hash": None,
    "result_confidence": 0.5,
    "contributing_assertions": [],
}
BY_AGENT = {"agent_id": bytes(32), "from": 0, "limit": 1}

BATCH, TRUNCATE = "journal/batch", "journal/truncate"
CORE, SEGMENTS, READER, INDEX = "journal/core", "journal/segments", "journal/reader", "audit/core"
DRAINERS = ("drainer/durable", "drainer/volatile")
QUEUES = tuple(claim.value for claim in Claim)

REQUESTS: Sequence[Asked] = (
    _asked("journal.open", CORE),
    _asked("journal.append", CORE, payload=b"first", durable=True),
    _asked("journal.append", CORE, payload=b"second", durable=False),
    _asked("journal.append_many", "journal/group-commit", payloads=[b"third", b"fourth"]),
    _asked("journal.append_batch", BATCH, payloads=[b"fifth", b"sixth"]),
    _asked("journal.scan", CORE),
    _asked("journal.truncate", TRUNCATE, end="head", offset=0),
    _asked("journal.read", SEGMENTS, offset=0),
    _asked("journal.rotate", SEGMENTS),
    _asked("journal.segments", SEGMENTS),
    _asked("journal.cleanup", SEGMENTS, cursor=0),
    _asked("reader.open", READER),
    _asked("reader.scan", READER),
    _asked("reader.read", READER, offset=0),
    _asked("reader.close", READER),
    _asked("journal.close", CORE),
    _asked("journal.open", CORE),
    _asked("journal.scan", CORE),
    _asked("journal.close", CORE),
    _asked("audit.open", INDEX),
    _asked("audit.put", INDEX, audit=AUDIT),
    _asked("audit.get", INDEX, query_id=AUDIT["query_id"]),
    _asked("audit.by_agent", INDEX, **BY_AGENT),
    _asked("audit.recent", INDEX, limit=1),
    _asked("audit.has", INDEX, agent_id=AUDIT["agent_id"]),
    _asked("audit.keys", "audit/keys"),
    _asked("audit.close", INDEX),
    _asked("drainer.open", *DRAINERS, paused=True),
    _asked("drainer.submit", *DRAINERS, **event_of(1)),
    _asked("drainer.drain", *DRAINERS, timeout_ms=1000),
    _asked("drainer.metrics", *DRAINERS),
    _asked("drainer.chain", *DRAINERS),
    _asked("drainer.dlq", *DRAINERS),
    _asked("drainer.verify", "chain/v1"),
    _asked("drainer.close", *DRAINERS),
    _asked("queue.open", *QUEUES, worker="A", lease_ms=60_000, max_attempts=3),
    _asked("queue.enqueue", *QUEUES, worker="A", job="j1"),
    _asked("queue.take", *QUEUES, worker="A", seconds=1.0),
    _asked("queue.finish", *QUEUES, worker="A", how="ok"),
    _asked("queue.tend", Claim.LEASES_TENDED.value, worker="A"),
    _asked("queue.state", *QUEUES),
    _asked("queue.effects", Claim.EXACTLY_ONCE.value),
)
"""What is asked, in an order that makes sense."""


@exercise("conversation")
def converse(subject: AdapterSubject, _: Sequence[str] = ()) -> Iterator[Violation]:
    """Hold the conversation: yield what is claimed and not there, raise a `Diagnosis`."""
    disks: dict[str, DirectoryDisk] = {}
    with subject.start_session() as session, ExitStack() as until_the_end:
        introduction(session)
        for asked in requests_of(subject):
            arguments = dict(asked.arguments)
            if asked.op.endswith(".open"):
                # a reader reads the journal's; every other subject has a directory of its own
                kind = "journal" if asked.op == "reader.open" else asked.op.split(".")[0]
                disk = disks.setdefault(kind, subject.new_disk())
                arguments["dir"] = str(disk.directory)
            if asked.op == "queue.open" and subject.server:
                until_the_end.callback(end_server, start_server(subject.server, disk))
            if asked.op == "drainer.open":
                arguments["durable"] = "drainer/durable" in subject.claims
            try:
                with suppress(Refusal):
                    session.call(asked.op, **arguments)
            except Unsupported:
                claimed = min(asked.claims & subject.claims)
                message = f"claims {claimed}, and answers {asked.op} with unsupported"
                yield Violation("ADP-2", message)
    for disk in disks.values():
        disk.require_inside()


def requests_of(subject: AdapterSubject) -> list[Asked]:
    """Choose the requests that belong to what an adapter claims."""
    return [asked for asked in REQUESTS if asked.claims & subject.claims]


def _conversation(subject: Subject, _: Budget) -> Findings:
    assert isinstance(subject, AdapterSubject)
    yield Progress("conversation", 0, 1, "asking for everything once")
    yield from try_case(ExerciseCase("conversation"), subject)
    asked = len(requests_of(subject))
    claims = counted(len(subject.claims), "claim")
    words = f"{counted(asked, 'request')}: every operation of {claims}"
    return Covered(words, {"requests": asked})


JUDGES = diagnosis.JUDGES | JUDGES_SILENCE | {"ADP-2"}

CONVERSATION = Check(
    "conversation",
    "every operation that is claimed, once",
    JUDGES,
    _conversation,
)

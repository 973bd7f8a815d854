"""
An audit index that is open in another process.

It answers like one of this process, and it is also the process that a machine kills: here a
death is a SIGKILL, some time after a put was requested.
"""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

from tornproof.errors import Conflict, Invalid
from tornproof_models.contract.audit_index import Audit
from tornproof_models.machines.sqlite_process import Died

from tornproof_conformance.adapter.directory_disk import DirectoryDisk
from tornproof_conformance.adapter.lender import Lender
from tornproof_conformance.adapter.speaking.messages import Refusal, decode_ok, decode_reply
from tornproof_conformance.adapter.speaking.resources import computing_time

DEATH_SECONDS = 0.0002
"""How much later the process dies for each statement of a death."""


class AdapterAudits:
    """An audit index in another process; also that process, for the machine."""

    def __init__(self, subject: Lender, disk: DirectoryDisk | None = None) -> None:
        self._subject = subject
        self._disk = disk or subject.new_disk()
        self._session = subject.session_for(self._disk)
        self._death: int | None = None
        self._open()

    # The store

    def put(self, audit: Audit) -> bytes:
        """Store an audit, or die on the way."""
        if self._death is not None:
            return self._put_and_die(audit, self._death)
        query_id: bytes = self._ask("audit.put", audit=dict(audit))["query_id"]
        return query_id

    def get(self, query_id: bytes) -> Audit | None:
        """Return an audit, or none."""
        audit = self._ask("audit.get", query_id=query_id)["audit"]
        return None if audit is None else completed(audit)

    def record(self, query_id: bytes) -> bytes | None:
        """Return the bytes that are stored of an audit, where the adapter shows them."""
        record: bytes | None = self._ask("audit.get", query_id=query_id).get("record")
        return record

    def by_agent(
        self, agent_id: bytes, earliest: int, latest: int | None, *, limit: int
    ) -> list[Audit]:
        """Return the audits of an agent between two timestamps."""
        bounds = {"from": earliest, "to": latest}
        found = self._ask("audit.by_agent", agent_id=agent_id, limit=limit, **bounds)
        return [completed(audit) for audit in found["audits"]]

    def recent(self, limit: int) -> list[Audit]:
        """Return the most recent audits."""
        return [completed(audit) for audit in self._ask("audit.recent", limit=limit)["audits"]]

    def has(self, agent_id: bytes) -> bool:
        """Return whether an agent has audits."""
        has: bool = self._ask("audit.has", agent_id=agent_id)["has"]
        return has

    def keys(self) -> list[bytes]:
        """List every key."""
        keys: list[bytes] = self._ask("audit.keys")["keys"]
        return keys

    # The process

    @property
    def cost(self) -> int:
        """Nanoseconds of computing so far."""
        return computing_time(self._session.pid)

    @property
    def store(self) -> "AdapterAudits":
        """The store, which is as good as the process."""
        return self

    def reopen(self) -> None:
        """Close the index and open it again."""
        self._ask("audit.close")
        self._open()

    @contextmanager
    def dying_after(self, statements: int | None) -> Iterator[None]:
        """Let the process die during the next put; one that starts slowly dies less often."""
        self._death = None if self._subject.is_slow and statements != 0 else statements
        try:
            yield
        finally:
            self._death = None

    def close(self) -> None:
        """Close the index and leave the process to the next one."""
        if not self._session.process.is_released:
            self._ask("audit.close")
            self._subject.give_back(self._session)

    def _open(self) -> None:
        self._ask("audit.open", dir=str(self._disk.directory))

    def _put_and_die(self, audit: Audit, death: int) -> bytes:
        """Ask for a put, kill the process, and see whether it had answered."""
        self._session.begin("audit.put", audit=dict(audit))
        if death:  # else not even the processor is left to it
            time.sleep(death * DEATH_SECONDS)
        lines = self._session.kill_and_listen()
        self._session = self._subject.take_session()
        self._open()
        if not lines:
            raise Died
        ok = _understood(decode_reply(lines[0], "audit.put").outcome)
        query_id: bytes = decode_ok("audit.put", ok)["query_id"]
        return query_id

    def _ask(self, op: str, **arguments: Any) -> Mapping[str, Any]:
        return decode_ok(op, _understood(partial(self._session.call, op, **arguments)))


def _understood(ask: Any) -> Mapping[str, Any]:
    """Give a refusal the type that it has in this process."""
    try:
        answer: Mapping[str, Any] = ask()
    except Refusal as error:
        for kind in (Conflict, Invalid):
            if error.code == kind.code:
                raise kind(str(error)) from None
        raise
    return answer


def completed(audit: Mapping[str, Any]) -> Audit:
    """Fill in the fields that an adapter may leave out."""
    empty: Audit = {
        "agent_id": None,
        "params": {},
        "result_hash": None,
        "contributing_assertions": [],
    }
    params = dict.fromkeys(("subject", "predicate", "lifecycle", "epoch", "lens"))
    whole = {**empty, **audit}
    return {**whole, "params": {**params, **whole["params"]}}

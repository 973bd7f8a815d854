"""
A journal or reader in another process, with the interface of one in this process.

A journal and a reader answer as those of this process do: with values, or with the
error that the adapter has named.
"""

import time
from collections.abc import Iterator, Sequence
from typing import Any

from attrs import define
from tornproof_models.contract.journal import End, Record
from tornproof_models.crash.subject import Answer, Options

from tornproof_conformance.adapter.directory_disk import DirectoryDisk
from tornproof_conformance.adapter.lender import Lender
from tornproof_conformance.adapter.speaking.diagnosis import Diagnosis, Exited, ProcessFailed
from tornproof_conformance.adapter.speaking.messages import (
    Refusal,
    decode_reply,
    refusal_of,
    to_bytes,
    to_integer,
)
from tornproof_conformance.adapter.speaking.session import Session


@define(eq=False, repr=False)
class AdapterJournal:
    """A journal that is open in another process."""

    subject: Lender
    session: Session
    disk: DirectoryDisk
    options: Options
    discarded_bytes: int
    _failure: BaseException | None = None
    """What its process failed with; whoever asks on is told the same."""

    def __repr__(self) -> str:
        return "an open journal"

    @property
    def has_ended(self) -> bool:
        """Whether its process has ended by itself."""
        return isinstance(self._failure, Exited)

    def append(self, payload: bytes) -> int:
        """Append a record, durably if the options say so."""
        return to_integer(
            self._call("journal.append", payload=payload, durable=self._durable)["offset"]
        )

    def submit(self, payloads: Sequence[bytes]) -> list[int]:
        """Hand records over at the same time."""
        answer = self._call("journal.append_many", payloads=list(payloads), durable=True)
        return [to_integer(offset) for offset in answer["offsets"]]

    def append_batch(self, payloads: Sequence[bytes]) -> list[int]:
        """Append records that are kept all or none, durably if the options say so."""
        answer = self._call("journal.append_batch", payloads=list(payloads), durable=self._durable)
        return [to_integer(offset) for offset in answer["offsets"]]

    def truncate(self, end: End, offset: int) -> None:
        """Drop the records from an offset on (the tail), or those below it (the head)."""
        self._call("journal.truncate", end=end.value, offset=offset)

    def sync(self) -> None:
        """Make everything durable."""
        self._call("journal.sync")

    def rotate(self) -> int:
        """Start a new segment."""
        return to_integer(self._call("journal.rotate").get("base", 0))

    def clean_up(self, cursor: int) -> int:
        """Remove the segments that lie wholly below a cursor."""
        return to_integer(self._call("journal.cleanup", cursor=cursor)["first"])

    def read(self, offset: int) -> bytes:
        """Read a record; what has no segments need not have reads, and is scanned."""
        if "journal/segments" not in self.subject.claims:
            found = dict(self.scan())
            if offset not in found:
                message = f"a scan shows no record at {offset}, which an append has answered"
                raise refusal_of("not_a_boundary", message, definite=True)
            return found[offset]
        return to_bytes(self._call("journal.read", offset=offset)["payload"])

    def scan(self) -> Iterator[Record]:
        """Yield every record; an end that is called corrupt is an error."""
        answer = self._call("journal.scan")
        for record in answer["records"]:
            yield to_integer(record["offset"]), to_bytes(record["payload"])
        if answer["end"] == "corrupt":
            raise refusal_of("corrupt", "the scan says that its end is corrupt", definite=True)

    def close(self) -> None:
        """Close it, and leave the process to the next one."""
        self._call("journal.close")
        if self.subject.forget(self):
            self.subject.give_back(self.session)
        self.disk.require_inside()

    def kill(self) -> None:
        """Kill the process."""
        self.subject.forget(self)
        self.session.kill()

    def interrupt(self, payloads: Sequence[bytes], answers: int, microseconds: int) -> list[Answer]:
        """
        Hand appends over without waiting, and kill the process after so many answers.

        Returns the answers that the process has given before it died, in order.
        """
        session, op = self.session, "journal.append"
        found: list[Answer] = []
        try:
            requests = [session.begin(op, payload=each, durable=self._durable) for each in payloads]
            for request in requests[:answers]:
                try:
                    found.append(to_integer(session.finish(op, request)["offset"]))
                except Refusal as error:
                    found.append(error)
            time.sleep(microseconds / 1e6)
        except ProcessFailed:
            pass  # it dies in any case, perhaps by a kill that was ordered before
        self.subject.forget(self)
        for line in session.kill_and_listen():
            found.append(_answer(line, op))
        return found

    @property
    def _durable(self) -> bool:
        return self.options.durability == "immediate"

    def _call(self, op: str, **arguments: Any) -> Any:
        if self._failure is not None:
            raise self._failure
        try:
            return self.session.call(op, **arguments)
        except Diagnosis as failure:
            self._failure = self.disk.outcome(failure)
            self.kill()
            raise self._failure from None


@define(eq=False)
class AdapterReader:
    """A reader that is open in another process."""

    subject: Lender
    session: Session
    disk: DirectoryDisk

    def read(self, offset: int) -> bytes:
        """Read a record."""
        return to_bytes(self.session.call("reader.read", offset=offset)["payload"])

    def scan(self, start: int | None = None) -> Iterator[Record]:
        """Yield the records from an offset on, or from the first."""
        arguments = {} if start is None else {"from": start}
        for record in self.session.call("reader.scan", **arguments)["records"]:
            yield to_integer(record["offset"]), to_bytes(record["payload"])

    def close(self) -> None:
        """Close it, and leave the process to the next one."""
        self.session.call("reader.close")
        if self.subject.forget(self):
            self.subject.give_back(self.session)

    def kill(self) -> None:
        """Kill the process."""
        self.subject.forget(self)
        self.session.kill()


def _answer(line: bytes, op: str) -> Answer:
    try:
        return to_integer(decode_reply(line, op).outcome()["offset"])
    except Refusal as error:
        return error

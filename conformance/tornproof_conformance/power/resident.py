"""
A process of an adapter that recovers thousands of images one after the other.

Each image gets a directory of its own, in memory, and five requests: open it, scan it,
append a record, scan again, close.  The requests for many images are written before the
first answer is read, so that the adapter works on some images while others are being
laid out and cleared away.

An adapter that dies over an image, or keeps silent twice, has not recovered it, and that is
its outcome; a fresh process goes on with the next.
"""

import json
import re
import time
from base64 import b64encode
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from attrs import define, field, frozen
from tornproof.errors import TornproofError
from tornproof_models.contract.journal import History, Record
from tornproof_models.contract.violations import SILENCE
from tornproof_models.crash.program import grow_payload
from tornproof_models.crash.recovery import PROBE, PROBE_BYTES, Recovered
from tornproof_models.crash.subject import DIRECTORY, Options
from tornproof_models.disk.trace import Image, Trace

from tornproof_conformance.adapter.speaking.diagnosis import Diagnosis, Nonsense, WrongId
from tornproof_conformance.adapter.speaking.messages import (
    PROTOCOL,
    Unreadable,
    decode_ok,
    decode_reply,
)
from tornproof_conformance.adapter.speaking.own_time import Delayed
from tornproof_conformance.adapter.speaking.patience import (
    MOMENT,
    STARTING,
    OutOfPatience,
    Patience,
)
from tornproof_conformance.adapter.speaking.process import (
    Deadline,
    Ended,
    LineProcess,
)
from tornproof_conformance.adapter.speaking.session import TIMEOUT
from tornproof_conformance.lifetime.next_boot import NextBoot
from tornproof_conformance.power.image_directories import clear_away, lay_out

BATCH = 32
"""Images whose requests are written at once: what they and their replies take fits a pipe."""

STEPS = ("journal.open", "journal.scan", "journal.append", "journal.scan", "journal.close")
"""What is asked of an adapter for each image."""

GREETED = 1
"""How many requests there were when a process was asked for no more than to say hello."""

NOBODY_WATCHED = Trace(Image(), ())

PROBE_PAYLOAD = grow_payload(PROBE_BYTES, PROBE)

REMEMBERED = 4096
"""Replies that are remembered: most images recover to one of a few things."""

_NUMBERED = re.compile(rb'\{\s*"id"\s*:\s*(\d+)\s*,')
"""How a reply begins that names its request first."""


@frozen
class Answer:
    """What a reply says, read once."""

    ok: Mapping[str, Any] = field(factory=dict)
    records: tuple[Record, ...] = ()
    """The records, if it is that of a scan."""

    refusal: str = ""
    """Why it is a refusal; empty if it is none."""


@frozen
class Given:
    """An image that the adapter was given."""

    directory: str
    first: int
    """The id of the first of its requests."""


@define(eq=False)
class Resident:
    """An adapter that stays, and the directories that it is given."""

    command: tuple[str, ...]
    root: Path
    timeout: float = TIMEOUT
    patience: Patience = field(factory=Patience)
    boot: NextBoot | None = None
    """The machine that has started again since the crash; none if only processes were killed."""

    left_alone: str = ""
    """Why it is given no more images, such as silences or the end of the budget; empty if it is."""

    recovered: int = 0
    """How many images it was given."""

    started: int = 0
    """How many processes it took."""

    _process: LineProcess | None = None
    _requests: int = 0
    _directories: int = 0
    _waited: float = 0
    """How long the latest reply may take, in seconds of the adapter's own time."""

    _is_second: bool = False
    """Whether the next image is asked for alone, as a reply did not come the first time."""

    _answers: dict[tuple[str, bytes], Answer] = field(factory=dict)
    """Answers by operation and what stands in the reply after its id."""

    def recover(self, images: Sequence[Image], options: Options) -> list[Recovered | None]:
        """
        Let the adapter recover each image; return what came of them, in order.

        Nothing comes of those that are left when it has kept silent too often.  A reply that
        breaks the protocol is what came of its image.  Where no reply comes, a fresh process is
        given the image once more, alone: only a silence that repeats is what came of it.
        """
        outcomes: list[Recovered | None] = []
        given: deque[Given] = deque()
        while len(outcomes) < len(images):
            if self.left_alone:
                return [*outcomes, *[None] * (len(images) - len(outcomes))]
            ahead = len(outcomes) + len(given)
            try:
                if len(given) <= BATCH and ahead < len(images) and not (given and self._is_second):
                    batch = 1 if self._is_second else BATCH
                    given += self._give(images[ahead : ahead + batch], options)
                outcomes.append(self._outcome(given[0]))
                self._is_second = False
                clear_away(given.popleft().directory)
            except (Deadline, Delayed, Ended, OutOfPatience, Nonsense) as failure:
                outcome = self._failed(failure)
                is_first = isinstance(failure, Deadline) and not self._is_second
                self._is_second = is_first and not self.left_alone
                if not self._is_second:
                    outcomes.append(outcome)
                self.stop()  # what was given after it is given again
                for each in given:
                    clear_away(each.directory)
                given.clear()
        self.recovered += len(images)
        return outcomes

    def stop(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.release()
            self._process = None

    # Asking

    def _give(self, images: Sequence[Image], options: Options) -> list[Given]:
        """Lay out images, and ask for each what there is to ask."""
        process = self._running()
        requests = _requests(options)
        given, lines = [], []
        for image in images:
            self._directories += 1
            directory = f"{self.root}/{self._directories}"
            lay_out(image, directory)
            given.append(Given(directory, self._requests + 1))
            for request in requests:
                self._requests += 1
                lines.append(request % {"id": self._requests, "dir": f"{directory}{DIRECTORY}"})
        with suppress(Deadline, Ended):  # over which image it died, the replies tell
            process.send("".join(lines).encode(), time.monotonic() + self.timeout)
        return given

    def _running(self) -> LineProcess:
        """Return the process, started and greeted."""
        if self._process is None:
            self._process = LineProcess.start(
                self.boot.command(self.command) if self.boot else self.command
            )
            self.started += 1
            self._requests = GREETED
            hello = json.dumps({"id": 1, "op": "hello", "args": {"protocol": PROTOCOL}})
            self._process.send(f"{hello}\n".encode(), time.monotonic() + self.timeout)
            self._answer("hello", 1)
        return self._process

    # Listening

    def _outcome(self, given: Given) -> Recovered:
        """Return what came of an image; an answer that breaks the protocol is what came of it."""
        try:
            return self._judged(given)
        except Diagnosis as broken:
            self.stop()  # which reply belongs to which request is not known any more
            raise Nonsense.of(broken) from None

    def _judged(self, given: Given) -> Recovered:
        opened, scanned, appended, again, _ = (
            self._answer(op, given.first + number) for number, op in enumerate(STEPS)
        )
        if opened.refusal or scanned.refusal:
            return Recovered(None, opened.refusal or scanned.refusal, NOBODY_WATCHED)
        error = _judge_append(scanned.records, appended, again)
        cut = int(opened.ok.get("discarded_bytes", 0)) > 0
        return Recovered(scanned.records, error, NOBODY_WATCHED, cut)

    def _answer(self, op: str, identifier: int) -> Answer:
        """
        Return what a reply says.

        A reply that is one of before, but for its id, was held to the schema then.
        """
        assert self._process is not None
        timeout = self.timeout * (STARTING if op == "hello" else 1)
        granted = self._waited = self.patience.grant(timeout)
        line = self._process.await_line(granted, self.patience.latest(granted))
        if op == "hello":
            self.patience.greet()
        numbered = _NUMBERED.match(line)
        if numbered is None or int(numbered[1]) != identifier:
            return self._read(line, op, identifier)
        key = op, line[numbered.end() :]
        if key not in self._answers:
            if len(self._answers) >= REMEMBERED:
                self._answers.clear()
            self._answers[key] = self._read(line, op, identifier)
        return self._answers[key]

    def _read(self, line: bytes, op: str, identifier: int) -> Answer:
        try:
            reply = decode_reply(line, op)
        except Unreadable as error:
            raise error.kind(error.message, command=self.command, reply=line) from None
        if reply.id != identifier:
            message = f"answered {reply.id!r}, when asked for {op} ({identifier})"
            raise WrongId(message, command=self.command, reply=line)
        try:
            ok = decode_ok(op, reply.outcome())
        except TornproofError as refusal:
            return Answer(refusal=f"{type(refusal).__name__}: {refusal}")
        if ok.get("end") == "corrupt":
            return Answer(refusal="the scan says that its end is corrupt")
        records = tuple((each["offset"], each["payload"]) for each in ok.get("records", ()))
        return Answer(ok, records)

    def _failed(self, failure: Exception | OutOfPatience) -> Recovered | None:
        """Return what came of an image that was not answered; nothing if it had no time for it."""
        try:
            if isinstance(failure, OutOfPatience):
                raise failure
            if isinstance(failure, Nonsense):
                return Recovered(None, str(failure), NOBODY_WATCHED)
            if isinstance(failure, Delayed):
                self.patience.delay(self._waited, "no reply over an image")
            if isinstance(failure, Deadline) and self._requests == GREETED:
                raise OutOfPatience("a process did not say hello in time")
            if isinstance(failure, Deadline):
                self.patience.lose(self._waited, self.timeout, "no reply over an image")
                twice = f"{SILENCE} over this image in {self.timeout:g} s, twice"
                return Recovered(None, twice, NOBODY_WATCHED)
            if self._requests == GREETED:
                self.patience.bury()
        except OutOfPatience as reason:
            self.left_alone = str(reason)
            return None
        assert self._process is not None
        code = self._process.wait(MOMENT)
        how = f"the process ended with exit code {code}" if code is not None else "no reply"
        return Recovered(None, how, NOBODY_WATCHED)


def _requests(options: Options) -> tuple[str, ...]:
    """Return the requests for an image, with places for an id and a directory."""
    durable = options.durability == "immediate"
    arguments: tuple[dict[str, Any], ...] = (
        {
            "dir": "%(dir)s",
            "segment_bytes": options.segment_bytes,
            "max_payload": options.max_payload,
        },
        {},
        {"payload": b64encode(PROBE_PAYLOAD).decode(), "durable": durable},
        {},
        {},
    )
    return tuple(
        f'{{"id": %(id)d, "op": "{op}", "args": {json.dumps(args)}}}\n'
        for op, args in zip(STEPS, arguments, strict=True)
    )


def _judge_append(records: tuple[Record, ...], appended: Answer, again: Answer) -> str:
    """Say what is wrong with the append that followed a recovery, if anything."""
    if appended.refusal:
        return f"an append after recovery failed: {appended.refusal}"
    if again.refusal:
        return f"cannot read what was just appended: {again.refusal}"
    offset = appended.ok["offset"]
    if again.records == (*records, (offset, PROBE_PAYLOAD)):
        return ""
    history = History(settled=records).invoke(PROBE, PROBE_PAYLOAD)
    history = history.acknowledge(PROBE, offset, durable=True)
    return "; ".join(violation.message for violation in history.judge(again.records))

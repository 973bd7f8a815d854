"""
Run a program on a subject and keep its history.

`run` gives a program to an implementation on a simulated disk and records the
trace, with a mark for every promise.  The same program gives the same trace, to
the byte: payloads are grown from the number of the call.

A run is judged even before anything crashes.  Whatever is read back while the
process lives must be what was appended.
"""

from collections.abc import Sequence
from contextlib import nullcontext
from typing import cast

from attrs import Factory, define, field
from tornproof.errors import TornproofError

from tornproof_models.contract.journal import End, History, Record
from tornproof_models.contract.violations import Violation
from tornproof_models.crash.debt import advance
from tornproof_models.crash.program import (
    Append,
    Batch,
    Content,
    Crash,
    DropHead,
    DropTail,
    Fail,
    Interrupt,
    Kill,
    KillAt,
    Reopen,
    Rotate,
    Settle,
    Step,
    Submit,
    Sync,
    grow_payload,
)
from tornproof_models.crash.subject import (
    Interruptible,
    JournalUnderTest,
    Killing,
    Options,
    Subject,
    TakesBatches,
    TakesMany,
    Truncates,
    new_disk,
)
from tornproof_models.disk import marks, trace
from tornproof_models.disk.crash_models import CRASH_MODELS
from tornproof_models.disk.filesystem import ModelFilesystem
from tornproof_models.disk.images import ImageSpace


@define
class Run:
    """A program on its way through an implementation."""

    subject: Subject
    options: Options
    filesystem: ModelFilesystem = field(
        default=Factory(lambda self: new_disk(self.subject), takes_self=True)
    )
    history: History = field(factory=History)
    violations: list[Violation] = field(factory=list)
    """What was wrong while the process lived."""

    refused: str = ""
    """Why the latest append that failed did so."""

    journal: JournalUnderTest | None = None
    calls: int = 0
    appended: list[Record] = field(factory=list)
    """Every append that was acknowledged since the last open, for reading back."""

    armed_after: int = 0
    """How many events had happened when the last fault was armed."""

    began: History = field(factory=History)
    """What was owed when this disk began: something, after a crash."""

    _killing: Killing | None = None
    """The disk that was told to kill, until it has."""

    _revived_after: int = 0
    """How many operations the disk had done when a process was last started again."""

    def open(self) -> bool:
        """Open the journal and judge what it shows; tell whether it opened."""
        shown = self.open_unjudged()
        if isinstance(shown, str):
            self.violations += self.history.judge_error(shown)
            return False
        self.violations += self.history.judge(shown)
        self.history = self.history.observe(shown)
        return True

    def open_unjudged(self) -> tuple[Record, ...] | str:
        """Open the journal and return what it shows, or why it refused."""
        before = self.filesystem.operations
        try:
            self.journal = self.subject.open(self.filesystem, self.options)
            records = tuple(self.journal.scan())
        except Exception as error:
            self.journal = None
            self.filesystem.release_locks()
            if self.filesystem.struck_since(before):
                return self.open_unjudged()  # the disk failed, and the journal said so
            return f"{type(error).__name__}: {error}"
        self.filesystem.events.append(trace.Observed(records))
        self.appended = list(records)
        return records

    def step(self, step: Step) -> None:
        """Take one step, if the journal is open for it; errors are part of what is recorded."""
        self.revive()
        if self.journal is None:
            return  # what a kill has left does not open, and that has been noted
        match step:
            case Append(size, content):
                self.append(size, content)
            case Sync():
                self._flushing("sync")
            case Rotate():
                self._attempt("rotate")
            case Reopen():
                self.close()
                self.open()
            case Kill():
                self.filesystem.release_locks()
                self.open()
            case Settle():
                self.filesystem.events.append(trace.Settled())
            case Submit(sizes):
                self.submit(sizes)
            case Batch(sizes):
                self.batch(sizes)
            case DropTail(count) | DropHead(count):
                self.truncate(End.TAIL if isinstance(step, DropTail) else End.HEAD, count)
            case Interrupt():
                self.interrupt(step)
            case Fail(nth, fault):
                self.armed_after = len(self.filesystem.events)
                self.filesystem.fail(nth, fault)
            case KillAt(nth, is_after):
                self.armed_after = len(self.filesystem.events)
                self._killing = cast("Killing", self.filesystem)
                self._killing.kill_at(nth, is_after=is_after)
            case Crash():
                self.crash(step)

    def revive(self) -> None:
        """Open what is left, if a kill was ordered and has struck, or a failed call ended it."""
        is_killed = self._killing is not None and self._killing.has_killed
        if is_killed or self._has_ended_on_failure:
            self._killing = None
            self._revived_after = self.filesystem.operations
            self.filesystem.release_locks()
            self.open()

    @property
    def _has_ended_on_failure(self) -> bool:
        """Whether a process has ended that met an error: whoever watches it starts it again."""
        has_ended = getattr(self.journal, "has_ended", False)
        return has_ended and self.filesystem.struck_since(self._revived_after)

    def append(self, size: int, content: Content = Content.RANDOM) -> None:
        """Append a fresh payload and record what the journal promises about it."""
        assert self.journal is not None
        call, payload = self._invoke(size, content)
        try:
            offset = self.journal.append(payload)
        except Exception as error:
            self._fail(call, error)
            return
        self._acknowledge(call, offset, payload)

    def submit(self, sizes: Sequence[int]) -> None:
        """
        Append fresh payloads at the same time, and record what is promised about them.

        In which order they were taken, only the offsets tell; the calls are noted in
        that order, as of the moment at which they were handed over.
        """
        events = self.filesystem.events
        began, first = len(events), self.calls
        self.calls += len(sizes)
        calls = range(first, self.calls)
        payloads = [grow_payload(size, call) for size, call in zip(sizes, calls, strict=True)]
        failure, offsets = None, [0] * len(sizes)
        try:
            offsets = list(cast("TakesMany", self.journal).submit(payloads))
        except Exception as error:
            failure = error
        taken = sorted(zip(offsets, calls, payloads, strict=True))
        events[began:began] = [trace.Invoked(call, "append", payload) for _, call, payload in taken]
        for _, call, payload in taken:
            self.history = self.history.invoke(call, payload)
        for offset, call, payload in taken:
            if failure is not None:
                self._fail(call, failure)
                continue
            events.append(trace.Acked(call, offset, True))
            self.history = self.history.acknowledge(call, offset, durable=True)
            self.appended.append((offset, payload))

    def batch(self, sizes: Sequence[int]) -> None:
        """Append fresh payloads as one batch, which is there as a whole or not at all."""
        calls = range(self.calls, self.calls + len(sizes))
        invoked = [self._invoke(size) for size in sizes]
        self.filesystem.events.append(marks.Batched(calls[0], len(calls)))
        self.history = self.history.join(calls)
        try:
            offsets = cast("TakesBatches", self.journal).append_batch([p for _, p in invoked])
        except Exception as error:
            for call in calls:
                self._fail(call, error)
            return
        for (call, payload), offset in zip(invoked, offsets, strict=True):
            self._acknowledge(call, offset, payload)

    def truncate(self, end: End, count: int) -> None:
        """Drop so many records from one end, unless none would be left."""
        at = count if end is End.HEAD else len(self.appended) - count
        if not 0 < at < len(self.appended):
            return
        before, after = self.appended[:at], self.appended[at:]
        offset, self.appended = after[0][0], before if end is End.TAIL else after
        call, self.calls = self.calls, self.calls + 1
        self.filesystem.events.append(marks.Truncating(call, end.value, offset))
        self.history = self.history.truncate(call, end, offset)
        try:
            cast("Truncates", self.journal).truncate(end, offset)
        except Exception as error:
            self._fail(call, error)
            return
        self.filesystem.events.append(trace.Acked(call, offset, True))
        self.history = self.history.acknowledge(call, offset, durable=True)

    def interrupt(self, step: Interrupt) -> None:
        """Append several records, die on the way, and open what that leaves."""
        invoked = [self._invoke(size) for size in step.sizes]
        payloads = [payload for _, payload in invoked]
        journal = cast("Interruptible", self.journal)
        answers = journal.interrupt(payloads, step.answers, step.microseconds)
        for (call, payload), answer in zip(invoked, answers, strict=False):
            if isinstance(answer, int):
                self._acknowledge(call, answer, payload)
            else:
                self._fail(call, answer)
        self.open()

    def _invoke(self, size: int, content: Content = Content.RANDOM) -> tuple[int, bytes]:
        """Note that an append begins; return its number and its payload."""
        call = self.calls
        self.calls += 1
        payload = grow_payload(size, call, content)
        self.filesystem.events.append(trace.Invoked(call, "append", payload))
        self.history = self.history.invoke(call, payload)
        return call, payload

    def _acknowledge(self, call: int, offset: int, payload: bytes) -> None:
        durable = self.options.durability != "eventual"
        self.filesystem.events.append(trace.Acked(call, offset, durable))
        self.history = self.history.acknowledge(call, offset, durable=durable)
        self.appended.append((offset, payload))

    def _fail(self, call: int, error: Exception) -> None:
        self.refused = f"{type(error).__name__}: {error}"
        definite = isinstance(error, TornproofError) and error.definite
        self.filesystem.events.append(trace.Failed(call, definite))
        self.history = self.history.fail(call, definite=definite)

    def crash(self, crash: Crash) -> None:
        """Lose power, keep one of the images that this leaves, and open it."""
        history = self.began
        for event in self.filesystem.events[: crash.point]:
            history = advance(history, event)
        image = self.images(crash.crash_model, crash.point).image(crash.image)
        self.filesystem = ModelFilesystem(image)
        self.history = self.began = history
        self.open()

    def images(self, crash_model: str, point: int) -> ImageSpace:
        """Return the images among which a crash after so many events chooses."""
        disk = self.filesystem
        return ImageSpace.after(disk.initial, disk.events[:point], CRASH_MODELS[crash_model])

    def close(self) -> None:
        """Close the journal, which promises that everything accepted will last."""
        self._flushing("close")
        self.filesystem.release_locks()

    def read_back(self) -> None:
        """Read everything, and each record alone: what lives must be what was appended."""
        if self.journal is None:
            return
        try:
            found = tuple(self.journal.scan())
            alone = tuple((offset, self.journal.read(offset)) for offset, _ in self.appended)
        except Exception as error:
            if self._has_ended_on_failure:
                self.revive()
                self.read_back()
                return
            message = f"cannot read what was just appended: {type(error).__name__}: {error}"
            self.violations.append(Violation("JRN-15", message))
            return
        self.violations += self.history.judge_reading(found, alone, self.appended)

    def _attempt(self, operation: str) -> bool:
        assert self.journal is not None
        try:
            getattr(self.journal, operation)()
        except Exception:
            return False
        return True

    def _flushing(self, operation: str) -> None:
        if self._attempt(operation):
            self.history = self.history.flush(operation)
            self.filesystem.events.append(trace.Flushed(operation))


def run(
    program: Sequence[Step], subject: Subject, options: Options, image: trace.Image | None = None
) -> Run:
    """
    Run a program from an empty disk, or an image, to its end.

    Stops early if the journal does not open.  The journal is not closed at the
    end, so that a crash may strike there too.
    """
    prepare = getattr(subject, "prepared_for", None)  # who must know of faults beforehand
    with prepare(program, options) if prepare else nullcontext(subject) as prepared:
        running = Run(prepared, options, new_disk(prepared, image))
        if not running.open():
            return running
        for step in program:
            running.step(step)
            if running.journal is None:
                return running
        running.filesystem.disarm()
        running.revive()
        running.read_back()
        return running

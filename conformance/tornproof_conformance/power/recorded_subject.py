"""
An adapter as a target whose power can be cut.

To whoever explores, shrinks or looks for barriers it is a target like any other: it
brings its own disks, and recovers images by itself.  Most recoveries go unwatched, by a
resident process.  Some are recorded, so that they can be crashed as well.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import cast

from attrs import define, field
from tornproof_models.contract.journal import Violation
from tornproof_models.crash.program import Fail, Step
from tornproof_models.crash.recovery import Recovered, recover
from tornproof_models.crash.run import run
from tornproof_models.crash.subject import Options, Subject
from tornproof_models.disk.faults import Fault
from tornproof_models.disk.filesystem import ModelFilesystem
from tornproof_models.disk.trace import Image

from tornproof_conformance.adapter.adapter_subject import AdapterSubject, introduction
from tornproof_conformance.adapter.directory_disk import DirectoryDisk
from tornproof_conformance.adapter.opened_journal import AdapterJournal
from tornproof_conformance.adapter.speaking.diagnosis import ProcessFailed
from tornproof_conformance.adapter.speaking.patience import OutOfPatience
from tornproof_conformance.adapter.speaking.session import Session
from tornproof_conformance.power.injection import Injection, inject
from tornproof_conformance.power.recorded_session import RecordedDisk, RecordedSession
from tornproof_conformance.power.resident import Resident
from tornproof_conformance.recorder.recording import Performed
from tornproof_conformance.recorder.strace import CannotRecord

SAMPLED = 64
"""One in so many distinct images is recovered twice, the second time recorded."""

REPEATING = 1 << 10
"""Recoveries that are recorded to repeat a case: all that were when it was found, and more."""

MORE_OFTEN = 4
"""One in so many where recovery has discarded something: there it has most to do."""


@define(eq=False)
class RecordedSubject(AdapterSubject):
    """A command, recorded while it works, and resident while it recovers."""

    strace_options: tuple[str, ...] = ()
    recordings: int = 0
    """How many recoveries may yet be recorded, and crashed in turn."""

    disagreements: list[Violation] = field(factory=list)
    """Where the same image has recovered to different things."""

    warnings: dict[str, None] = field(factory=dict)
    """What is worth knowing of what it does to its files."""

    watched: int = 0
    """How many images were recovered twice."""

    _resident: Resident = field(init=False)
    _outcomes: dict[tuple[bytes, Options], Recovered] = field(factory=dict)
    _rehearsals: dict[tuple[tuple[Step, ...], Options], tuple[Performed, ...]] = field(factory=dict)
    _attended: RecordedDisk | None = None
    _logs: int = 0

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        images = self._root / "images"
        images.mkdir()
        self._resident = Resident(self.command, images, self.timeout, self.patience)

    @classmethod
    @contextmanager
    def of(cls, adapter: AdapterSubject, *strace_options: str) -> "Iterator[RecordedSubject]":
        """
        Give an adapter's implementation processes that are recorded, and end them all at the end.

        Raises `CannotRecord` where that is not possible.
        """
        subject = cls(
            adapter.command,
            adapter.timeout,
            patience=adapter.patience,
            strace_options=strace_options,
        )
        subject.implementation = adapter.implementation
        subject.start_seconds = adapter.start_seconds
        try:
            subject._idle.append(subject._start())
        except ProcessFailed as failed:
            reason = failed.log or failed.message
            raise CannotRecord(f"the adapter does not start under strace: {reason}") from None
        try:
            yield subject
        finally:
            subject.stop()

    def stop(self) -> None:
        """End every process."""
        super().stop()
        self._resident.stop()

    @property
    def recovered(self) -> int:
        """How many distinct images were recovered."""
        return len(self._outcomes)

    @property
    def outcomes(self) -> Iterable[Recovered]:
        """What came of each of them."""
        return self._outcomes.values()

    # Recording

    def new_disk(self, image: Image | None = None) -> RecordedDisk:
        """Make a fresh directory with the files of an image, on which everything is recorded."""
        self._disks += 1
        root = self._root / f"{self._disks:08}"
        return RecordedDisk(root, self._kill_on, image, self.warnings)

    def open(self, disk: ModelFilesystem | DirectoryDisk, options: Options) -> AdapterJournal:
        """Open the journal on a disk, through a process that is recorded."""
        assert isinstance(disk, RecordedDisk), "a recorded adapter works on a disk of its own"
        self._attended = disk
        return super().open(disk, options)

    def session_for(self, disk: DirectoryDisk) -> Session:
        """Return a process that is recorded while it works on a disk."""
        assert isinstance(disk, RecordedDisk), "a recorded adapter works on a disk of its own"
        self._attended = disk
        self._lent.append(self.take_session())
        return self._lent[-1]

    def take_session(self) -> Session:
        """Return a recorded process that has nothing to do, and let it attend to the disk."""
        session = self._idle.pop() if self._idle else self._start()
        assert isinstance(session, RecordedSession)
        assert self._attended is not None
        session.attend(self._attended)
        return session

    @contextmanager
    def prepared_for(self, program: Sequence[Step], options: Options) -> Iterator[Subject]:
        """
        Return the target to run a program on: one that is told what will fail, if anything does.

        What strace lets fail must be said when it starts.  So the program is rehearsed, to
        see which system call it is that a fault strikes, and run again by a new process.
        A fault beyond the last call, or one that no real disk has, strikes nowhere.
        """
        failing = next((step for step in program if isinstance(step, Fail)), None)
        if failing is None:
            yield self
            return
        struck = self._foresee(program, options, failing)
        reached = failing.nth <= len(struck)
        injection = inject(struck[failing.nth - 1], failing.fault) if reached else Injection()
        injected = self._alike(injection)
        try:
            yield injected
        finally:
            injected.stop()

    def rehearse(self, program: Sequence[Step], options: Options) -> tuple[Performed, ...]:
        """Return the calls that change or sync files after the first `Fail` of a program."""
        rehearsed = _harmless(program)
        key = rehearsed, options
        if key not in self._rehearsals:
            rehearsal = self._alike(Injection())
            try:
                disk = run(rehearsed, rehearsal, options).filesystem
                assert isinstance(disk, RecordedDisk)
                self._rehearsals[key] = disk.performed[disk.armed_at :]
            finally:
                rehearsal.stop()
        return self._rehearsals[key]

    def _foresee(
        self, program: Sequence[Step], options: Options, failing: Fail
    ) -> tuple[Performed, ...]:
        """Return calls up to the one that fails, from what was rehearsed of a program so far."""
        for end in range(program.index(failing) + 1, len(program)):
            begun = self._rehearsals.get((_harmless(program[:end]), options), ())
            if len(begun) >= failing.nth:
                return begun
        return self.rehearse(program, options)

    def _alike(self, injection: "Injection") -> "InjectedSubject":
        """Return a target with the same implementation, and processes of its own."""
        alike = InjectedSubject(
            self.command, self.timeout, patience=self.patience, injection=injection
        )
        alike.implementation = self.implementation
        alike.start_seconds = self.start_seconds
        return alike

    def _start(self) -> RecordedSession:
        self._logs += 1
        session = RecordedSession.record(
            self.command,
            self._root / f"{self._logs}.log",
            options=self._options_of_next(),
            timeout=self.timeout,
            patience=self.patience,
        )
        try:
            introduction(session)
        except BaseException:
            session.kill()
            raise
        return session

    def _options_of_next(self) -> tuple[str, ...]:
        """Return the options of strace for the next process."""
        return self.strace_options

    # Recovering

    def recover_images(self, images: Sequence[Image], options: Options) -> list[Recovered | None]:
        """
        Recover images as `explorer.recover` does, each distinct one once.

        Some are recovered a second time and recorded: to see whether the same comes of
        them, and to crash the recovery as well.  Of those that come when the adapter has kept
        silent too often, nothing is known, and there is none.
        """
        new = {
            image.digest: image for image in images if (image.digest, options) not in self._outcomes
        }
        outcomes = self._resident.recover(list(new.values()), options)
        for (digest, image), outcome in zip(new.items(), outcomes, strict=True):
            if outcome is None:
                continue
            known = outcome
            if self.recordings > 0 and _is_sampled(digest, outcome):
                self.recordings -= 1
                known = self._watch(image, options) or outcome
                self._compare(outcome, known)
            self._outcomes[digest, options] = known
        return [self._outcomes.get((image.digest, options)) for image in images]

    def require_patience(self) -> None:
        """Raise `OutOfPatience` if some images were left alone for want of it."""
        if self._resident.is_left_alone:
            raise OutOfPatience("the adapter keeps silent: no reply over an image, once more")

    def _watch(self, image: Image, options: Options) -> Recovered | None:
        disk = cast("ModelFilesystem", self.new_disk(image))
        try:
            return recover(self, options, disk)
        except OutOfPatience:
            self._resident.is_left_alone = True
            return None

    def _compare(self, one: Recovered, other: Recovered) -> None:
        """Note where two recoveries of the same image differ."""
        self.watched += 1
        if (one.records, one.error) != (other.records, other.error):
            message = (
                f"the same image was recovered twice, and differently: first {_describe(one)}, "
                f"then {_describe(other)}"
            )
            self.disagreements.append(Violation("REC-3", message))


@define(eq=False)
class InjectedSubject(RecordedSubject):
    """A recorded target whose first process meets one fault; those after it meet none."""

    injection: Injection = field(kw_only=True)

    def new_disk(self, image: Image | None = None) -> RecordedDisk:
        """Make a disk that may become full."""
        disk = super().new_disk(image)
        disk.limit = self.injection.limit
        return disk

    @contextmanager
    def prepared_for(self, program: Sequence[Step], options: Options) -> Iterator[Subject]:  # noqa: ARG002
        """Return itself: it is prepared."""
        yield self

    def _start(self) -> RecordedSession:
        try:
            return super()._start()
        except ProcessFailed:  # the fault has struck what starts it; the next one meets none
            return super()._start()

    def _options_of_next(self) -> tuple[str, ...]:
        return (*self.strace_options, *self.injection.options) if self._logs == 1 else ()


def _harmless(program: Sequence[Step]) -> tuple[Step, ...]:
    """Let each fault of a program be the same one, which a rehearsal does not inject."""
    return tuple(Fail(1, Fault.ERROR) if isinstance(step, Fail) else step for step in program)


def _is_sampled(digest: bytes, outcome: Recovered) -> bool:
    """Choose images to look at twice: one in some, more where something was cut."""
    return digest[0] % (MORE_OFTEN if outcome.cut else SAMPLED) == 0


def _describe(outcome: Recovered) -> str:
    if outcome.records is None:
        return f"it was refused ({outcome.error})"
    return f"{len(outcome.records)} records" + (f" ({outcome.error})" if outcome.error else "")

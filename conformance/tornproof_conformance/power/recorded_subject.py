"""
An adapter as a subject whose power can be cut.

To whoever explores, shrinks or looks for barriers it is a subject like any other: it
brings its own disks, and recovers images by itself.  Most recoveries go unwatched, by a
resident process.  Some are recorded, so that they can be crashed as well.
"""

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import cast

from attrs import define, field
from tornproof_models.contract.journal import Violation
from tornproof_models.crash.program import Fail, Step
from tornproof_models.crash.recovery import Recovered, recover
from tornproof_models.crash.run import run
from tornproof_models.crash.subject import Options, Subject
from tornproof_models.disk.filesystem import ModelFilesystem
from tornproof_models.disk.trace import Image

from tornproof_conformance.adapter.adapter_subject import AdapterSubject
from tornproof_conformance.adapter.directory_disk import DirectoryDisk
from tornproof_conformance.adapter.introduction import introduction
from tornproof_conformance.adapter.opened_journal import AdapterJournal
from tornproof_conformance.adapter.speaking.diagnosis import Diagnosis, ProcessFailed
from tornproof_conformance.adapter.speaking.patience import OutOfPatience
from tornproof_conformance.adapter.speaking.session import Session
from tornproof_conformance.lifetime.next_boot import NextBoot
from tornproof_conformance.power.recorded_session import RecordedDisk, RecordedSession
from tornproof_conformance.power.residents import Residents
from tornproof_conformance.recorder.ptrace.injection import CallMade
from tornproof_conformance.recorder.strace import CannotRecord

SAMPLED = 64
"""One in so many distinct images is recovered twice, the second time recorded."""

REPEATING = 1 << 10
"""Recoveries that are recorded to repeat a case: all that were when it was found, and more."""

REPEATED = 3
"""One in so many recordings, at the most, is of a recovery that comes to nothing new."""

MORE_OFTEN = 4
"""One in so many where recovery has discarded something: there it has most to do."""


NEVER = 1 << 30
"""The number of a call that no program comes to."""


@define(eq=False)
class RecordedSubject(AdapterSubject):
    """A command, recorded while it works, and resident while it recovers."""

    late: float = 0.0
    """Seconds that every sync returns late."""

    every_store: bool = False
    """Whether stores through mappings are seen one by one: for short programs."""

    recordings: int = 0
    """How many recoveries may yet be recorded, and crashed in turn."""

    disagreements: list[Violation] = field(factory=list)
    """Where the same image has recovered to different things."""

    warnings: dict[str, None] = field(factory=dict)
    """What is worth knowing of what it does to its files."""

    watched: int = 0
    """How many images were recovered twice."""

    _boots: tuple[NextBoot, NextBoot] = field(init=False)
    """
    Machines that have started again, for recoveries that are recorded and for others.

    What a crash of the first leaves finds yet another start.
    """

    _knows_boots: bool = False
    """Whether the adapter was started on such a machine."""

    _residents: Mapping[bool, Residents] = field(init=False)
    """What recovers where the machine has started again, and where processes were killed."""

    _outcomes: dict[tuple[int, Options, bool], Recovered] = field(factory=dict)
    _met: set[tuple[Hashable, Options]] = field(factory=set)
    """What recoveries have come to so far."""

    _repeated: int = 0
    """How many recoveries were recorded that came to nothing new."""

    _attended: RecordedDisk | None = None
    _logs: int = 0

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        self._boots = NextBoot(self._root), NextBoot(self._root)
        self._residents = {
            reboots: Residents(
                self.command,
                self._root / ("rebooted" if reboots else "killed"),
                self.timeout,
                self.patience,
                self.jobs,
                self._boots[1] if reboots else None,
            )
            for reboots in (True, False)
        }

    @classmethod
    @contextmanager
    def of(
        cls, adapter: AdapterSubject, *, late: float = 0.0, every_store: bool = False
    ) -> "Iterator[RecordedSubject]":
        """
        Give an adapter's implementation processes that are recorded, and end them all at the end.

        Raises `CannotRecord` where that is not possible.
        """
        subject = cls(
            adapter.command,
            adapter.timeout,
            patience=adapter.patience,
            jobs=adapter.jobs,
            late=late,
            every_store=every_store,
        )
        subject.implementation, subject.hello = adapter.implementation, adapter.hello
        subject.start_seconds = adapter.start_seconds
        try:
            subject._idle.append(subject._start())
        except ProcessFailed as failed:
            reason = failed.log or failed.message
            raise CannotRecord(
                f"the adapter does not start while it is recorded: {reason}"
            ) from None
        try:
            yield subject
        finally:
            subject.stop()

    def stop(self) -> None:
        """End every process."""
        super().stop()
        for residents in self._residents.values():
            residents.stop()
        for boot in self._boots:
            boot.stop()

    @property
    def recovered(self) -> int:
        """How many distinct images were recovered."""
        return len(self._outcomes)

    @property
    def outcomes(self) -> Iterable[Recovered]:
        """What came of each of them."""
        return self._outcomes.values()

    # Recording

    def new_disk(self, image: Image | None = None, *, reboots: bool = True) -> RecordedDisk:
        """
        Make a fresh directory with the files of an image, on which everything is recorded.

        An image is what a crash has left; with `reboots` the machine has started again since.
        """
        boot = self._boots[0] if reboots and image is not None else None
        self._disks += 1
        root = self._root / f"{self._disks:08}"
        disk = RecordedDisk(root, self._kill_on, image, self.warnings, boot)
        disk.injector.late = self.late
        return disk

    def open(self, disk: ModelFilesystem | DirectoryDisk, options: Options) -> AdapterJournal:
        """Open the journal on a disk, through a process that is recorded."""
        assert isinstance(disk, RecordedDisk), "a recorded adapter works on a disk of its own"
        self._attended = disk
        return super().open(disk, options)

    def session_for(self, disk: DirectoryDisk) -> Session:
        """Return a process that is recorded while it works on a disk."""
        assert isinstance(disk, RecordedDisk), "a recorded adapter works on a disk of its own"
        self._attended = disk
        return self.take_session()

    def take_session(self) -> Session:
        """Return a recorded process that has nothing to do, and let it attend to the disk."""
        assert self._attended is not None
        boot = self._attended.boot
        idle = (each for each in self._idle if cast("RecordedSession", each).boot is boot)
        if session := next(idle, None):
            self._idle.remove(session)
        session = session or self._start(boot)
        assert isinstance(session, RecordedSession)
        self._lend(session)
        session.attend(self._attended)
        return session

    @contextmanager
    def prepared_for(self, program: Sequence[Step], options: Options) -> Iterator[Subject]:  # noqa: ARG002
        """
        Return itself, and end its processes after a program in which something fails.

        Who has met an error need not be what he was; and a process whose number stands in a file
        must not be alive when its images are recovered.
        """
        try:
            yield self
        finally:
            fails = any(isinstance(step, Fail) and step.nth != NEVER for step in program)
            session = None if self._attended is None else self._attended.session
            if fails or (session is not None and session.is_named_on_disk):
                super().stop()

    def calls_of(self, program: Sequence[Step], options: Options) -> tuple[CallMade, ...]:
        """Run a program in which nothing fails; return its calls after its first `Fail`."""
        harmless = tuple(
            Fail(NEVER, step.fault) if isinstance(step, Fail) else step for step in program
        )
        disk = run(harmless, self, options).filesystem
        assert isinstance(disk, RecordedDisk)
        return disk.calls

    def _start(self, boot: NextBoot | None = None) -> RecordedSession:
        self._logs += 1
        session = RecordedSession.record(
            self.command,
            self._root / f"{self._logs}.log",
            timeout=self.timeout,
            patience=self.patience,
            every_store=self.every_store,
            boot=boot,
        )
        try:
            introduction(session)
        except BaseException:
            session.kill()
            raise
        return session

    # Recovering

    def recover_images(
        self, images: Sequence[Image], options: Options, *, reboots: bool = True
    ) -> list[Recovered | None]:
        """
        Recover images as `explorer.recover` does, each distinct one once.

        One of those to which something new happens is recovered a second time and recorded, to
        crash the recovery, and what is appended after it, as well; so are some others, to see
        whether the same comes of them.  Of those that come when the adapter has kept
        silent too often, nothing is known, and there is none.
        """
        if reboots and not self._knows_boots:
            self._try_boots()
        circumstances = options, reboots
        new = {
            image.digest: image
            for image in images
            if (image.digest, *circumstances) not in self._outcomes
        }
        outcomes = self._residents[reboots].recover(list(new.values()), options)
        for (digest, image), outcome in zip(new.items(), outcomes, strict=True):
            if outcome is None:
                continue
            known = outcome
            if self.recordings > 0 and self._is_worth_recording(digest, outcome, options):
                self.recordings -= 1
                known = self._watch(image, options, reboots=reboots) or outcome
                self._compare(outcome, known)
            self._outcomes[digest, options, reboots] = known
        return [self._outcomes.get((image.digest, *circumstances)) for image in images]

    @property
    def is_left_alone(self) -> bool:
        """Whether some images were left alone: silences, or the end of the budget."""
        return bool(self._reason)

    def leave_alone(self, reason: str) -> None:
        """Recover no more images, for a reason; what was recovered stays known."""
        for residents in self._residents.values():
            residents.leave_alone(reason)

    def require_patience(self) -> None:
        """Raise `OutOfPatience` if some images were left alone for want of it."""
        if self.is_left_alone:
            raise OutOfPatience(f"not every image was recovered: {self._reason}")

    def _try_boots(self) -> None:
        """Start a process on a machine that has started again; do without if it does not start."""
        self._knows_boots = True
        try:
            self._idle.append(self._start(self._boots[0]))
        except (Diagnosis, CannotRecord):
            for boot in self._boots:
                boot.forgo("the adapter does not start without")
        self.warnings |= dict.fromkeys(self._boots[0].notes)

    @property
    def _reason(self) -> str:
        return next(filter(None, (each.left_alone for each in self._residents.values())), "")

    def _is_worth_recording(self, digest: int, outcome: Recovered, options: Options) -> bool:
        """Choose what is new, and a sample of the rest."""
        is_new = (outcome.outcome.gist, options) not in self._met
        self._met.add((outcome.outcome.gist, options))
        if is_new:
            return True
        if self._repeated * REPEATED >= self.watched or not _is_sampled(digest, outcome):
            return False
        self._repeated += 1
        return True

    def _watch(self, image: Image, options: Options, *, reboots: bool) -> Recovered | None:
        disk = cast("ModelFilesystem", self.new_disk(image, reboots=reboots))
        try:
            return recover(self, options, disk)
        except OutOfPatience as reason:
            self.leave_alone(str(reason))
            return None

    def _compare(self, one: Recovered, other: Recovered) -> None:
        """
        Note where two recoveries of the same image differ.

        Messages are written for people, and may hold a path or an address: only what was
        recovered counts, and whether anything was refused.
        """
        self.watched += 1
        if (one.records, bool(one.error)) != (other.records, bool(other.error)):
            message = (
                f"the same image was recovered twice, and differently: first {_describe(one)}, "
                f"then {_describe(other)}"
            )
            self.disagreements.append(Violation("REC-3", message))


def _is_sampled(digest: int, outcome: Recovered) -> bool:
    """Choose images to look at twice: one in some, more where something was cut."""
    return digest % (MORE_OFTEN if outcome.cut else SAMPLED) == 0


def _describe(outcome: Recovered) -> str:
    if outcome.records is None:
        return f"it was refused ({outcome.error})"
    return f"{len(outcome.records)} records" + (f" ({outcome.error})" if outcome.error else "")

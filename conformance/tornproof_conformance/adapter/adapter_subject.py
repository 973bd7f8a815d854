"""
An adapter as a subject, judged by the same checks as what runs in this process.

`open` gives a journal to a process and returns what looks like one in this
process.  The processes stay: a journal that has been closed leaves one behind for
the next, so that thousands of openings cost no more than their messages.  Whoever
opens a second journal on the same directory speaks through a second process, and
a kill is a SIGKILL.
"""

import shlex
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

from attrs import define, field
from tornproof.errors import TornproofError
from tornproof_models.contract.delivery import Mode
from tornproof_models.contract.hash_chain import COLUMNS
from tornproof_models.crash.subject import Options
from tornproof_models.disk.filesystem import ModelFilesystem
from tornproof_models.disk.trace import Image

from tornproof_conformance.adapter.directory_disk import DirectoryDisk
from tornproof_conformance.adapter.introduction import introduction
from tornproof_conformance.adapter.opened_chain import (
    AdapterChain,
    BreakSeen,
    columns_of,
    open_queue,
)
from tornproof_conformance.adapter.opened_journal import AdapterJournal, AdapterReader
from tornproof_conformance.adapter.opened_queue import AdapterQueue, land_in
from tornproof_conformance.adapter.scratch import claim
from tornproof_conformance.adapter.speaking.diagnosis import Diagnosis
from tornproof_conformance.adapter.speaking.patience import Patience
from tornproof_conformance.adapter.speaking.session import TIMEOUT, Session
from tornproof_conformance.stream.run_events import Implementation

SLOW_START = 0.03
"""Seconds: a compiled program takes a tenth of it, an interpreter several times as many."""

SHRINKING = 10
"""Seconds that shrinking one program may take if every step of it starts a process."""


@define(eq=False)
class AdapterSubject:
    """A command, and the processes of it that are running."""

    command: tuple[str, ...]
    timeout: float = TIMEOUT
    patience: Patience = field(factory=Patience, kw_only=True)
    """How long all its silences may take together."""

    jobs: int = field(default=1, kw_only=True)
    """How many processes may recover images side by side."""

    implementation: Implementation = field(init=False)
    """What it says of itself, with the claims that it claims."""

    hello: Mapping[str, Any] = field(factory=dict, init=False)
    """All that it says of itself."""

    start_seconds: float = field(init=False)
    """How long it took to start and to say hello."""

    _root: Path = field(init=False)
    _disks: int = 0
    _idle: list[Session] = field(factory=list)
    _lent: list[Session] = field(factory=list)
    """Processes that somebody has taken, to be ended if they are not given back."""

    _spare: Session | None = None
    """A process that starts while the others work, and has not said hello."""

    _open: list[AdapterJournal | AdapterReader] = field(factory=list)
    _columns: frozenset[str] | None = None
    """Of its table of events, once somebody has looked."""

    def __attrs_post_init__(self) -> None:
        self._root = claim(self)

    @classmethod
    @contextmanager
    def running(
        cls,
        command: Sequence[str],
        *,
        timeout: float = TIMEOUT,
        patience: Patience | None = None,
        jobs: int = 1,
    ) -> "Iterator[AdapterSubject]":
        """
        Start an adapter, and end all its processes at the end.

        `timeout` is in seconds, for each reply, and `patience` is for all of them.  Raises a
        `Diagnosis` if it does not start, or does not say who it is.
        """
        subject = cls(tuple(command), timeout, patience=patience or Patience(), jobs=jobs)
        try:
            began = time.monotonic()
            session = subject.start_session()
            subject._idle.append(session)
            subject.implementation = introduction(session)
            subject.hello = session.hello
            subject.start_seconds = time.monotonic() - began
            yield subject
        finally:
            subject.stop()

    @property
    def name(self) -> str:
        """The command, as one would type it."""
        return shlex.join(self.command)

    @property
    def claims(self) -> frozenset[str]:
        """The claims that it claims."""
        return frozenset(self.implementation.claims)

    @property
    def returns_everything(self) -> bool:
        """Whether its library returns all records when it opens, by its own account."""
        return bool(self.hello.get("limits", {}).get("open_returns_everything", False))

    @property
    def geometry(self) -> Mapping[str, int]:
        """Sizes in bytes at which its format does something else, by its own account."""
        return cast("Mapping[str, int]", self.hello.get("geometry", {}))

    @property
    def survives(self) -> tuple[str, ...]:
        """The crash models that its documentation promises to survive; all if there are none."""
        return tuple(self.hello.get("survives", ()))

    @property
    def server(self) -> Sequence[str]:
        """The command of the server that its job queues live in; empty without one."""
        return cast("Sequence[str]", self.hello.get("queue", {}).get("server", ()))

    @property
    def is_slow(self) -> bool:
        """Whether starting it is what most of the time goes into."""
        return self.start_seconds > SLOW_START

    @property
    def attempts(self) -> int:
        """How many programs to try in order to shrink one: some seconds' worth."""
        return max(20, min(400, int(SHRINKING / self.start_seconds)))

    # Disks and journals

    def new_disk(self, image: Image | None = None) -> DirectoryDisk:
        """Make a fresh directory, with the files of an image."""
        self._disks += 1
        return DirectoryDisk(self._root / f"{self._disks:08}", self._kill_on, image)

    def open(self, disk: ModelFilesystem | DirectoryDisk, options: Options) -> AdapterJournal:
        """Open the journal on a disk, through a process that has none open."""
        assert isinstance(disk, DirectoryDisk), "an adapter works on a disk of its own"
        self._abandon_others(disk)
        session = self.take_session()
        try:
            opened = session.call(
                "journal.open",
                dir=str(disk.directory),
                segment_bytes=options.segment_bytes,
                max_payload=options.max_payload,
            )
            disk.require_inside()
        except Diagnosis as failure:
            session.kill()
            raise disk.outcome(failure) from None
        except TornproofError:
            self.give_back(session)
            disk.require_inside()
            raise
        journal = AdapterJournal(self, session, disk, options, opened.get("discarded_bytes", 0))
        self._open.append(journal)
        return journal

    def open_queue(self, claim: Mode) -> AdapterQueue:  # noqa: ARG002
        """Make a queue, of the crash model that promises most, for which events are to be seen."""
        return AdapterQueue(self)

    def land_in(self, directory: Path, event: Mapping[str, Any]) -> None:
        """Let its durable queue land an event in a directory."""
        land_in(self, directory, event)

    def open_chain(self) -> AdapterChain:
        """Open the chain of a drainer in a database of its own."""
        return AdapterChain.open(self)

    @property
    def shows_its_database(self) -> bool:
        """Whether it names the database of a drainer that it has opened, and with our columns."""
        return self.named_columns >= frozenset(COLUMNS)

    @property
    def named_columns(self) -> frozenset[str]:
        """The columns of `signed_events` in the database that it names; none without one."""
        if self._columns is None:
            self._columns = self._look_at_columns()
        return self._columns

    def _look_at_columns(self) -> frozenset[str]:
        session, disk = self.take_session(), self.new_disk()
        try:
            path = open_queue(session, disk, self.best_drainer)
            columns = frozenset[str]() if path is None else columns_of(path)
            session.call("drainer.close")
        except (TornproofError, Diagnosis):
            session.kill()
            return frozenset()
        self.give_back(session)
        return columns

    def verify_pairwise(
        self, database: Path, *, head: bytes | None = None, keys: Sequence[bytes] = ()
    ) -> tuple[list[BreakSeen], list[str]]:
        """Let it verify a chain of v0.7: the breaks, and what it says it cannot see."""
        session = self.take_session()
        answer = session.call(
            "drainer.verify", pairwise=str(database), head=head, keys=list(keys) or None
        )
        self.give_back(session)
        return list(map(BreakSeen.read, answer["breaks"])), answer.get("cannot_see", [])

    @property
    def best_drainer(self) -> Mode:
        """The crash model in which its drainer promises most."""
        return Mode.DURABLE if Mode.DURABLE.value in self.claims else Mode.VOLATILE

    @property
    def is_told_of_cursors(self) -> bool:
        """Whether its cleanup is told how far consumers have got."""
        return "journal/segments" in self.claims

    @property
    def takes_many(self) -> bool:
        """Whether it has group commit."""
        return "journal/group-commit" in self.claims

    def open_reader(
        self, disk: ModelFilesystem | DirectoryDisk, *, durable_only: bool
    ) -> AdapterReader:
        """Open a reader of the journal on a disk, in a process other than the writer's."""
        assert isinstance(disk, DirectoryDisk), "an adapter works on a disk of its own"
        self._abandon_others(disk)
        session = self.take_session()
        try:
            session.call("reader.open", dir=str(disk.directory), durable_only=durable_only)
        except Diagnosis:
            session.kill()
            raise
        except TornproofError:
            self.give_back(session)
            raise
        reader = AdapterReader(self, session, disk)
        self._open.append(reader)
        return reader

    def take_session(self) -> Session:
        """Return a process that has nothing to do; whoever takes it gives it back, or kills it."""
        session = self._idle.pop() if self._idle else self._start_another()
        self._lend(session)
        return session

    def _lend(self, session: Session) -> None:
        """Note who has to be ended with this, whatever keeps its user from giving it back."""
        self._lent = [each for each in self._lent if not each.process.is_released]
        self._lent.append(session)

    def session_for(self, disk: DirectoryDisk) -> Session:  # noqa: ARG002
        """Return a process that is going to work on a disk; for whom no journal is opened."""
        return self.take_session()

    def start_session(self, environment: Mapping[str, str] | None = None) -> Session:
        """Start a process that has not said hello."""
        return Session.start(
            self.command, timeout=self.timeout, patience=self.patience, environment=environment
        )

    def _start_another(self) -> Session:
        session = self._spare or self.start_session()
        self._spare = self.start_session()
        try:
            introduction(session)
        except BaseException:
            session.kill()
            raise
        return session

    def give_back(self, session: Session) -> None:
        """Keep a process for the next one who needs it."""
        self._idle.append(session)
        if session in self._lent:
            self._lent.remove(session)

    def forget(self, opened: AdapterJournal | AdapterReader) -> bool:
        """Note that a journal or reader is not open any more, and say whether it was."""
        was_open = opened in self._open
        if was_open:
            self._open.remove(opened)
        return was_open

    def stop(self) -> None:
        """End every process; whoever goes on gets new ones."""
        spare = [self._spare] if self._spare else []
        opened = [each.session for each in self._open]
        for session in (*self._idle, *self._lent, *opened, *spare):
            session.kill()
        self._idle.clear()
        self._lent.clear()
        self._open.clear()
        self._spare = None

    def _abandon_others(self, disk: DirectoryDisk) -> None:
        """Close what was left open on other disks: whoever opened it has gone on."""
        for opened in [each for each in self._open if each.disk is not disk]:
            try:
                opened.close()
            except TornproofError:
                opened.kill()

    def _kill_on(self, disk: DirectoryDisk) -> None:
        for opened in [each for each in self._open if each.disk is disk]:
            opened.kill()

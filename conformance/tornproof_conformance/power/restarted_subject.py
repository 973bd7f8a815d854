"""
An adapter whose processes run on a machine that has lost power and started again.

Drainers, audit indexes and workers of job queues go on from what a crash has left.  They find
another boot, no process of before and no shared memory; `next_boot` says how, and what they see
where that is not to be had.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from attrs import define, field

from tornproof_conformance.adapter.adapter_subject import AdapterSubject
from tornproof_conformance.adapter.speaking.diagnosis import Diagnosis
from tornproof_conformance.adapter.speaking.session import Session
from tornproof_conformance.lifetime.next_boot import NextBoot


@define(eq=False)
class RestartedSubject(AdapterSubject):
    """A command, and the processes of it that run after a restart."""

    _boot: NextBoot = field(init=False)

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        self._boot = NextBoot(self._root)

    @classmethod
    @contextmanager
    def of(cls, adapter: AdapterSubject) -> "Iterator[RestartedSubject]":
        """Give an adapter's implementation such processes, and end them all at the end."""
        subject = cls(
            adapter.command, adapter.timeout, patience=adapter.patience, jobs=adapter.jobs
        )
        subject.implementation, subject.hello = adapter.implementation, adapter.hello
        subject.start_seconds = adapter.start_seconds
        try:
            subject._try_boot()
            yield subject
        finally:
            subject.stop()
            subject._boot.stop()

    @property
    def notes(self) -> tuple[str, ...]:
        """What its processes see of the time before the restart, in a sentence; none if nothing."""
        return self._boot.notes

    def start_session(self, environment: Mapping[str, str] | None = None) -> Session:
        """Start a process on the machine that has started again."""
        return Session.start(
            self._boot.command(self.command),
            timeout=self.timeout,
            patience=self.patience,
            environment=environment,
        )

    def _try_boot(self) -> None:
        """Start a process; do without a restart if it does not start."""
        try:
            self.give_back(self.take_session())
        except Diagnosis:
            self.stop()
            self._boot.forgo("the adapter does not start without")

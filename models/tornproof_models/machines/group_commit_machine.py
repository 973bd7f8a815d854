"""
A group commit with a real journal, on a disk that fails and crashes.

Here the promise is a future that resolves.  A `GroupRun` hands records over,
lets the committer take its steps one at a time, and puts a mark into the trace
at the moment at which a waiter is told something.  From there on the judging is
that of any journal: whatever was promised must survive every crash.

What arrives while a step is under way finds its way into the next batch, as it
would if another thread had brought it.
"""

from concurrent.futures import Future
from functools import partial

from attrs import define, field, frozen
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule
from tornproof.errors import TornproofError
from tornproof.journal import Journal
from tornproof.journal.batching import Batcher, Limits, State, Ticket
from tornproof.journal.committer import Arrival, Cancellation, Closing, Committer
from tornproof.record import frame_size

from tornproof_models.contract.journal import Violation
from tornproof_models.crash.debt import advance
from tornproof_models.crash.program import Crash, Kill, grow_payload
from tornproof_models.crash.run import Run
from tornproof_models.crash.subject import DIRECTORY, Options
from tornproof_models.disk.crash_models import CLAIMED
from tornproof_models.disk.faults import Fault
from tornproof_models.disk.filesystem import ModelFilesystem
from tornproof_models.disk.trace import Acked, Event, Failed, Invoked
from tornproof_models.machines.batcher_machine import Then
from tornproof_models.machines.violated import Violated

OPTIONS = Options(segment_bytes=512, durability="batched")
LIMITS = Limits(max_records=4, max_bytes=1024, max_delay=3)
"""Small enough that batches fill, span segments and are too large."""

SIZES = st.sampled_from([4, 20, 200, 472, 1200])
SMALL = st.sampled_from([4, 20, 200])


@frozen
class GroupSubject:
    """The reference's journal, opened for group commit."""

    name: str = "group commit"

    def open(self, filesystem: ModelFilesystem, options: Options) -> Journal:
        """Open it, recovering it first."""
        return Journal.open(
            DIRECTORY,
            segment_bytes=options.segment_bytes,
            durability=options.durability,
            filesystem=filesystem,
        )


@define
class GroupRun:
    """A group commit on its way through a workload."""

    run: Run = field(factory=lambda: Run(GroupSubject(), OPTIONS))
    waiters: "dict[int, Future[int]]" = field(factory=dict)
    """The futures of this process, by the number of the call."""

    now: float = 0.0
    committer: Committer = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.run.open()
        self._begin()

    # What happens

    def hand_over(self, size: int) -> None:
        """Hand a fresh record over; nothing happens to it before `work`."""
        call = self.run.calls
        self.run.calls += 1
        payload = grow_payload(size, call)
        self._mark(Invoked(call, "append", payload))
        future: Future[int] = Future()
        future.add_done_callback(partial(self._told, call))
        self.waiters[call] = future
        self.committer.inbox.put(Arrival(Ticket(call, frame_size(size)), payload, future))

    def cancel(self, call: int) -> None:
        """Let the waiter of a call go away, if it is not too late."""
        if self.waiters[call].cancel():
            self.committer.inbox.put(Cancellation(call))

    def work(self) -> None:
        """Let the committer take steps until it would wait."""
        while not self.committer.inbox.empty() or self._overdue():
            self.committer.step()

    def pass_time(self, time: float) -> None:
        """Let time pass, and whatever is due happen."""
        self.now += time
        self.work()

    def reopen(self) -> None:
        """Close, which tells every waiter, and open again."""
        self.committer.inbox.put(Closing())
        while not self.committer.closed:
            self.committer.step()
        lost = [call for call, future in self.waiters.items() if not future.done()]
        if lost:
            message = f"closed, and the waiters of calls {lost} got no answer"
            self.run.violations.append(Violation("GRP-7", message))
        self.run.close()
        self.run.open()
        self._begin()

    def kill(self) -> None:
        """Kill the process; the kernel lives."""
        self.run.step(Kill())
        self._begin()

    def crash(self, crash: Crash) -> None:
        """Lose power, keep one of the images, and open it."""
        self.run.crash(crash)
        self._begin()

    def read_back(self) -> None:
        """Read every record whose waiter was told its offset."""
        for call, future in self.waiters.items():
            if future.done() and not future.cancelled() and future.exception() is None:
                payload = next(a.payload for a in self.run.history.attempts if a.call == call)
                if self.committer.journal.read(future.result()) != payload:
                    message = f"another record is at the offset that call {call} was told"
                    self.run.violations.append(Violation("JRN-5", message))

    @property
    def stuck(self) -> bool:
        """Whether only opening the journal again helps."""
        return self.committer.batcher.state is State.POISONED

    # Bookkeeping

    def _begin(self) -> None:
        """Start a committer on the journal as it was opened."""
        self.waiters = {}
        journal = self.run.journal
        assert isinstance(journal, Journal), self.run.violations
        self.committer = Committer(journal, Batcher(LIMITS), clock=lambda: self.now)

    def _overdue(self) -> bool:
        deadline = self.committer.batcher.deadline
        return deadline is not None and deadline <= self.now

    def _told(self, call: int, future: "Future[int]") -> None:
        """Mark the moment at which a waiter is told something."""
        if future.cancelled():
            return
        error = future.exception()
        if error is None:
            self._mark(Acked(call, future.result(), durable=True))
        else:
            self._mark(Failed(call, isinstance(error, TornproofError) and error.definite))

    def _mark(self, mark: Event) -> None:
        self.run.filesystem.events.append(mark)
        self.run.history = advance(self.run.history, mark)


class GroupCommitMachine(RuleBasedStateMachine):
    """Records, cancellations, delays, faults, kills and crashes, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.group = GroupRun()
        self._judge()

    @rule(sizes=st.lists(SIZES, min_size=1, max_size=8))
    def hand_over(self, sizes: list[int]) -> None:
        """Hand some records over at once."""
        for size in sizes:
            self.group.hand_over(size)

    @rule(sizes=st.lists(SMALL, min_size=3, max_size=4), then=st.sampled_from(Then))
    def come_again(self, sizes: list[int], then: Then) -> None:
        """Hand a crowd over, and one more, who waits for as many as came last."""
        self.hand_over(sizes)
        self.work()
        self.hand_over(sizes[:1])
        self.work()
        match then:
            case Then.TIME_PASSES:
                self.pass_time(4)
            case Then.LEAVES:
                self.cancel(-1)
                self.work()
            case Then.CLOSES:
                self.reopen()
            case Then.NOTHING:
                pass

    @rule()
    def work(self) -> None:
        """Let the thread run until it would wait."""
        self.group.work()
        self._judge()

    @rule(time=st.integers(1, 4))
    def pass_time(self, time: int) -> None:
        """Let time pass."""
        self.group.pass_time(time)
        self._judge()

    @precondition(lambda self: self.group.waiters)
    @rule(which=st.integers(0, 7))
    def cancel(self, which: int) -> None:
        """Let one of the last waiters go away."""
        calls = list(self.group.waiters)[-8:]
        self.group.cancel(calls[which % len(calls)])

    @rule(nth=st.integers(1, 12), fault=st.sampled_from(Fault))
    def fail(self, nth: int, fault: Fault) -> None:
        """Let a disk operation fail soon."""
        self.group.run.filesystem.fail(nth, fault)

    @rule()
    def reopen(self) -> None:
        """Close and open again."""
        self.group.reopen()
        self._judge()

    @rule()
    def kill(self) -> None:
        """Kill the process; the kernel lives."""
        self.group.kill()
        self._judge()

    @rule(
        crash_model=st.sampled_from(CLAIMED),
        before=st.integers(0, 40),
        image=st.integers(0, 1 << 16),
    )
    def crash(self, crash_model: str, before: int, image: int) -> None:
        """Lose power a few events ago, and recover."""
        point = max(len(self.group.run.filesystem.events) - before, 0)
        self.group.crash(Crash(crash_model, point, image))
        self._judge()

    @precondition(lambda self: not self.group.run.filesystem.armed)
    @rule()
    def read_back(self) -> None:
        """Read what was promised."""
        self.group.read_back()
        self._judge()

    def _judge(self) -> None:
        if self.group.run.violations:
            raise Violated(self.group.run.violations)

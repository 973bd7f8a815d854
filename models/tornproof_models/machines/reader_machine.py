"""
Random programs of a reader beside a writer, with many crashes.

The writer is ahead; the reader sees what it has done little by little.  Rules let
the writer take steps, let some of its smallest operations become visible and the
reader look while others do, and end the writer's life in the middle of a write.
"""

from typing import ClassVar

from attrs import frozen
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule
from tornproof.filesystem import Filesystem
from tornproof.journal import JournalReader

from tornproof_models.crash.program import Append, Rotate, Sync
from tornproof_models.crash.subject import DIRECTORY, Options
from tornproof_models.disk.crash_models import CLAIMED
from tornproof_models.machines.violated import Violated
from tornproof_models.readers.following import Following, ReaderSubject
from tornproof_models.readers.programs import Clean, Consume, ConsumerStep, ConsumerSubject

WRITER_STEPS: st.SearchStrategy[ConsumerStep] = st.one_of(
    st.sampled_from([Append(4), Append(5), Append(88), Append(472), Append(600)]),
    st.sampled_from([Sync(), Rotate(), Clean()]),
    st.integers(0, 4).map(Consume),
)

JUMPS = st.dictionaries(st.integers(1, 12), st.integers(1, 15), max_size=3)
"""Before which operation of a look how many events go by."""

QUIET = 4
"""Steps that a writer lives at the least: who dies young leaves little behind."""


@frozen
class ReferenceReader:
    """The reader of this project."""

    name: str = "reference"

    def open(self, filesystem: Filesystem, *, durable_only: bool) -> JournalReader:
        """Open a reader."""
        return JournalReader(DIRECTORY, durable_only=durable_only, filesystem=filesystem)


class ReaderMachine(RuleBasedStateMachine):
    """Appends, rotations, cleanups, looks, kills and crashes, in any order."""

    writer: ClassVar[ConsumerSubject]
    readers: ClassVar[ReaderSubject]
    options: ClassVar[Options]
    durable_only: ClassVar[bool]

    def __init__(self) -> None:
        super().__init__()
        self.story: list[str] = []
        self.age = 0
        self.following = Following.begin(
            self.writer, self.readers, self.options, durable_only=self.durable_only
        )

    @rule(steps=st.lists(WRITER_STEPS, min_size=1, max_size=3))
    def write(self, steps: list[ConsumerStep]) -> None:
        """Let the writer get on, out of sight."""
        for step in steps:
            self.following.step(step)
            self._judge(str(step))

    @rule(events=st.integers(0, 40), jumps=JUMPS)
    def look(self, events: int, jumps: dict[int, int]) -> None:
        """Look after each of so many events, and once more while others go by."""
        for _ in range(events):
            self.following.pass_by(1)
            self.following.look()
            if self.following.violations:
                break
        else:
            self.following.look(jumps)
        self._judge(f"{events} events go by; look, while {jumps}")

    @precondition(lambda self: self.age >= QUIET)
    @rule(crash_model=st.sampled_from((None, *CLAIMED)), image=st.integers(0, 1 << 16))
    def die(self, crash_model: str | None, image: int) -> None:
        """Kill the writer where it has been seen to be, or lose power there."""
        self.age = 0
        if crash_model is None:
            self.following.kill()
        else:
            self.following.crash(crash_model, image)
        self._judge(
            f"crash({crash_model}, image {image}); open()" if crash_model else "SIGKILL; open()"
        )

    def _judge(self, event: str) -> None:
        self.story.append(event)
        self.age += 1
        if self.following.violations:
            raise Violated(self.following.violations, "; ".join(self.story))


def reader_machine(
    writer: ConsumerSubject, readers: ReaderSubject, options: Options, *, durable_only: bool
) -> type[ReaderMachine]:
    """Return a machine for a reader beside a writer, in the form that Hypothesis runs."""
    attributes = {
        "writer": writer,
        "readers": readers,
        "options": options,
        "durable_only": durable_only,
    }
    return type("ReaderMachine", (ReaderMachine,), attributes)

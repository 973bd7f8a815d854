"""The scenarios about readers, cursors and cleanup: who is judged by them, and that they fail."""

from collections.abc import Iterator, Mapping

import pytest
from attrs import frozen
from tornproof.filesystem import Filesystem
from tornproof_conformance.checks.situations import SCENARIOS_CHECK
from tornproof_conformance.scenarios import (
    consumer_answers,
    consumer_refusals,
    cursors_and_cleanup,
)
from tornproof_conformance.scenarios.scenario import Scenario
from tornproof_conformance.subjects.reference import ReferenceSubject
from tornproof_models.contract.journal import Record
from tornproof_models.crash.subject import Options
from tornproof_models.disk.filesystem import ModelFilesystem
from tornproof_models.machines.cursor_machine import ReferenceConsumers
from tornproof_models.miniatures.cleanup_miniatures import (
    CLEANERS,
    CONSUMERS,
    CURSORS,
    SMALL_CONSUMERS,
)
from tornproof_models.miniatures.journal_miniatures import SMALL
from tornproof_models.miniatures.reader_miniatures import READERS, SMALL_READER, SmallReaderSubject
from tornproof_models.miniatures.small_reader import SmallReader
from tornproof_models.readers.following import ReaderSubject, ReaderUnderTest
from tornproof_models.readers.programs import CleaningJournal, ConsumerSubject, CursorUnderTest

SCENARIOS = [each for each in vars(cursors_and_cleanup).values() if isinstance(each, Scenario)]
BESIDE = {f"RDR-{number}" for number in range(1, 7)} | {"CUR-1", "CUR-2", "CUR-3", "SEG-7"}


@frozen
class Assembled:
    """A subject put together: a journal with cursors, and a reader of another make."""

    consumers: ConsumerSubject
    reader: ReaderSubject
    name: str = "assembled"

    def open(self, filesystem: ModelFilesystem, options: Options) -> CleaningJournal:
        return self.consumers.open(filesystem, options)

    def open_cursor(self, filesystem: Filesystem, name: str) -> CursorUnderTest:
        return self.consumers.open_cursor(filesystem, name)

    def positions(self, filesystem: Filesystem) -> Mapping[str, int]:
        return self.consumers.positions(filesystem)

    def open_reader(self, filesystem: Filesystem, *, durable_only: bool) -> ReaderUnderTest:
        return self.reader.open(filesystem, durable_only=durable_only)


def test_a_check_has_them() -> None:
    """`tornproof check` judges readers, cursors, cleanup and watermark; `make check` has it."""
    assert SCENARIOS_CHECK.covers(ReferenceSubject()) >= BESIDE | {"REC-12"}


def test_who_has_none_hears_nothing_of_them() -> None:
    """A journal without readers and cursors is not judged on them."""
    assert not any(scenario.applies(SMALL) for scenario in SCENARIOS)
    assert not SCENARIOS_CHECK.covers(SMALL) & BESIDE


def test_twins_of_another_make_pass() -> None:
    """A small reader beside the reference, and small cursors and a small cleaner."""
    subject = Assembled(ReferenceConsumers(), SMALL_READER)
    assert [SCENARIOS[number].judge(subject) for number in (1, 3)] == [[], []]
    assert SCENARIOS[0].judge(SMALL_CONSUMERS) == []
    assert [scenario.applies(SMALL_CONSUMERS) for scenario in SCENARIOS] == [True] + [False] * 4


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("never-refreshes", 1),
        ("shows-beyond-the-watermark", 1),
        ("skips-at-rotation", 2),
        ("waits-for-the-rest", 3),
    ],
)
def test_wrong_readers_are_caught(name: str, number: int) -> None:
    """Each scenario convicts somebody; the models' kill table has all of them."""
    subject = Assembled(ReferenceConsumers(), SmallReaderSubject(name, READERS[name]))
    found = {each.requirement for each in SCENARIOS[number].judge(subject)}
    assert found & READERS[name].breaks


def test_what_was_shown_and_is_gone_is_caught() -> None:
    """A reader that shows too early, judged by crashes alone."""
    reader = SmallReaderSubject("eager", READERS["shows-beyond-the-watermark"])
    subject = Assembled(ReferenceConsumers(), reader)
    assert {each.requirement for each in SCENARIOS[4].judge(subject)} == {"RDR-6"}


@pytest.mark.parametrize("name", ["newest-first", "moves-backwards", "name-not-synced"])
def test_wrong_cursors_and_cleaners_are_caught(name: str) -> None:
    """By the scenario that crashes them; the models' kill table has all of them."""
    breaks = CLEANERS[name].breaks if name in CLEANERS else CURSORS[name].breaks
    found = {each.requirement for each in SCENARIOS[0].judge(CONSUMERS[name])}
    assert found & breaks


ANSWERS = [each for each in vars(consumer_answers).values() if isinstance(each, Scenario)]


def test_twins_answer_rightly() -> None:
    """The small reader beside the reference, and the small cursors and cleaner."""
    readers = Assembled(ReferenceConsumers(), SMALL_READER)
    assert [scenario.judge(readers) for scenario in ANSWERS] == [[]] * 8
    assert [s.judge(SMALL_CONSUMERS) for s in ANSWERS if s.applies(SMALL_CONSUMERS)] == [[]] * 5


@pytest.mark.parametrize(
    "name",
    ["reads-anywhere", "damage-is-the-tail", "passes-over-what-it-cannot-read", "lists-once"],
)
def test_wrong_answers_are_caught(name: str) -> None:
    """Of a reader, and of a cleaner; each as a breach of what it was made to break."""
    if name in READERS:
        reader = SmallReaderSubject(name, READERS[name])
        subject: ConsumerSubject = Assembled(ReferenceConsumers(), reader)
        breaks = READERS[name].breaks
    else:
        subject, breaks = CONSUMERS[name], CLEANERS[name].breaks
    asked = [scenario for scenario in ANSWERS if scenario.applies(subject)]
    found = {each.requirement for scenario in asked for each in scenario.judge(subject)}
    assert found == breaks


def test_a_cursor_that_goes_anywhere_is_caught() -> None:
    """Inside a record, and beyond the end."""
    stands = consumer_answers.a_cursor_stands_where_a_record_begins
    assert {each.requirement for each in stands.judge(CONSUMERS["goes-anywhere"])} == {"CUR-5"}


REFUSALS = [each for each in vars(consumer_refusals).values() if isinstance(each, Scenario)]


def test_twins_refuse_rightly() -> None:
    """The reference, and small readers, cursors and cleaner."""
    twins = Assembled(SMALL_CONSUMERS, SMALL_READER)
    for subject in (ReferenceSubject(), twins):
        assert [scenario.judge(subject) for scenario in REFUSALS] == [[]] * 10


@pytest.mark.parametrize(
    "name",
    [
        "believes-a-torn-slot",
        "forgets-what-was-durable",
        "damage-is-the-tail",
        "remembers-its-place",
        "arrives-before-it-is-stored",
        "made-again",
        "takes-any-name",
    ],
)
def test_wrong_refusals_are_caught(name: str) -> None:
    """Of a reader or a cursor; each as a breach of what it was made to break."""
    if name in READERS:
        reader = SmallReaderSubject(name, READERS[name])
        subject, breaks = Assembled(ReferenceConsumers(), reader), READERS[name].breaks
    else:
        subject, breaks = Assembled(CONSUMERS[name], SMALL_READER), CURSORS[name].breaks
    found = {each.requirement for scenario in REFUSALS for each in scenario.judge(subject)}
    assert found == breaks


def test_who_begins_before_what_is_kept_is_caught() -> None:
    """A cursor that begins at 0 behind a cleanup, and a reader that does."""

    class BeginsAtZero(SmallReader):
        def scan(self, start: int | None = None) -> Iterator[Record]:
            return super().scan(start or 0)

    subject = Assembled(ReferenceConsumers(), SmallReaderSubject("zero", BeginsAtZero))
    late = consumer_refusals.who_comes_after_a_cleanup_begins_with_what_is_kept
    assert {each.requirement for each in late.judge(subject)} == {"RDR-4"}


def test_who_takes_a_negative_offset_is_caught() -> None:
    """A reader that counts from the first record."""

    class CountsFromTheFirst(SmallReader):
        def scan(self, start: int | None = None) -> Iterator[Record]:
            return super().scan(None if start is None else max(start, 0))

    subject = Assembled(ReferenceConsumers(), SmallReaderSubject("first", CountsFromTheFirst))
    negative = consumer_refusals.a_negative_offset_is_refused
    assert {each.requirement for each in negative.judge(subject)} == {"RDR-8"}

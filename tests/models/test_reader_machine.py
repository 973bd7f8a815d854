"""Readers beside a writer: the reference and a twin pass, and each wrong one is caught."""

from collections.abc import Callable, Iterator, Sequence
from itertools import product

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from tornproof_conformance.pytest_support.plugin import requirement
from tornproof_models.contract.journal import Violation
from tornproof_models.crash.program import Append, Reopen, Rotate, Sync
from tornproof_models.crash.subject import Options
from tornproof_models.disk.crash_models import CLAIMED, CRASH_MODELS
from tornproof_models.machines.cursor_machine import ReferenceConsumers
from tornproof_models.machines.reader_machine import ReferenceReader, reader_machine
from tornproof_models.miniatures.reader_miniatures import READERS, SMALL_READER, SmallReaderSubject
from tornproof_models.readers import following
from tornproof_models.readers.following import Following, ReaderSubject
from tornproof_models.readers.programs import Clean, Consume, ConsumerStep
from tornproof_models.readers.shown import ShowingExplorer

Program = tuple[ConsumerStep, ...]

MODES = tuple(product(("immediate", "eventual"), (True, False)))
ALPHABET: Program = (Append(5), Append(600), Sync(), Rotate(), Reopen(), Consume(2), Clean())
SHORT: Program = (Append(5), Rotate(), Append(6))
CLEANED: Program = (*SHORT, Consume(1), Clean())

READERS_UNDER_TEST = (ReferenceReader(), SMALL_READER)
NAMES = [reader.name for reader in READERS_UNDER_TEST]


def begin(
    reader: ReaderSubject, durability: str, *, durable_only: bool, pieces: bool = True
) -> Following:
    return Following.begin(
        ReferenceConsumers(),
        reader,
        Options(durability=durability),
        durable_only=durable_only,
        pieces=pieces,
    )


def programs(steps: int) -> Iterator[Program]:
    for length in range(1, steps + 1):
        yield from product(ALPHABET, repeat=length)


# Everything small


@requirement("RDR-1", "RDR-2", "RDR-3", "RDR-4", "RDR-5", "RDR-6")
@pytest.mark.parametrize(("durability", "durable_only"), MODES)
@pytest.mark.parametrize("reader", READERS_UNDER_TEST, ids=NAMES)
def test_follows_every_small_program(
    reader: ReaderSubject, durability: str, durable_only: bool
) -> None:
    """With a look after each of the writer's smallest steps."""
    shown = 0
    for program in programs(3 if reader.name == "reference" else 2):
        follower = begin(reader, durability, durable_only=durable_only)
        assert following.follow(follower, program) == [], program
        shown += len(follower.shown)
    assert shown > 5


@requirement("RDR-1", "RDR-3", "RDR-5", "RDR-6")
@pytest.mark.parametrize("durable_only", [True, False])
@pytest.mark.parametrize("reader", READERS_UNDER_TEST, ids=NAMES)
def test_no_interruption_of_a_look_misleads_it(reader: ReaderSubject, durable_only: bool) -> None:
    """The writer rotates, and cleans up, between any two operations of a look."""
    for program, since in ((SHORT, 0), (CLEANED, 4)):
        follower = begin(reader, "eventual", durable_only=durable_only, pieces=False)
        assert following.race(follower, program, since=since) == []


@requirement("RDR-3", "RDR-5", "SEG-9")
@pytest.mark.parametrize(("durability", "durable_only"), MODES)
@pytest.mark.parametrize("reader", READERS_UNDER_TEST, ids=NAMES)
def test_goes_on_after_the_writer_was_killed_anywhere(
    reader: ReaderSubject, durability: str, durable_only: bool
) -> None:
    """In the middle of a write, too: recovery cuts the fragment under the reader."""
    follower = begin(reader, durability, durable_only=durable_only)
    assert following.kill(follower, SHORT, (Append(4), Sync())) == []


@requirement("RDR-6", "SEG-9")
@pytest.mark.parametrize("durability", ["immediate", "eventual"])
@pytest.mark.parametrize("crash_model", CLAIMED)
def test_what_was_shown_no_crash_takes_away(crash_model: str, durability: str) -> None:
    """Every image, whenever a reader of durable records has shown more; and it reads on."""
    explorer = ShowingExplorer(CRASH_MODELS[crash_model])
    for program in programs(3 if crash_model == "adversarial" else 2):
        follower = begin(ReferenceReader(), durability, durable_only=True)
        assert explorer.explore(follower, program) == [], program
    assert explorer.images > 0


# Everything large


@pytest.mark.parametrize(("durability", "durable_only"), MODES)
def test_long_random_programs(durability: str, durable_only: bool) -> None:
    """Many looks, kills and crashes deep."""
    machine = reader_machine(
        ReferenceConsumers(),
        ReferenceReader(),
        Options(durability=durability),
        durable_only=durable_only,
    )
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=15,
            stateful_step_count=25,
            suppress_health_check=list(HealthCheck),
        ),
    )


# Miniatures


Check = Callable[[Following], Sequence[Violation]]

CHECKS: dict[str, tuple[bool, Check]] = {
    "follow": (True, lambda follower: following.follow(follower, SHORT)),
    "kill": (True, lambda follower: following.kill(follower, SHORT, (Append(4), Sync()))),
    "follow, cleanup": (True, lambda follower: following.follow(follower, CLEANED)),
    "race": (False, lambda follower: following.race(follower, SHORT)),
    "race, cleanup": (False, lambda follower: following.race(follower, CLEANED, since=4)),
}
"""How a reader is judged: whether writes come in pieces, and what is done."""


JUDGED = frozenset(f"RDR-{number}" for number in range(1, 7))
"""What a writer beside shows; forks and answers are for scenarios."""


IN_SCENARIOS = frozenset({"believes-a-torn-slot"})
"""Those that only spoilt files convict."""


def caught(name: str) -> tuple[str, str, str, str] | None:
    """Return (check, durability, records shown, requirement) of what catches a miniature first."""
    reader = READERS[name]
    for check, (pieces, judge) in CHECKS.items():
        for durability, durable_only in MODES[:2] if check.startswith("race") else MODES:
            subject = SmallReaderSubject(name, reader)
            follower = begin(subject, durability, durable_only=durable_only, pieces=pieces)
            for violation in judge(follower):
                if violation.requirement in reader.breaks:
                    shows = "durable" if durable_only else "all"
                    return check, durability, shows, violation.requirement
    return None


def test_every_miniature_is_caught(capsys: pytest.CaptureFixture[str]) -> None:
    """The kill table: what catches each wrong reader, and as a violation of what."""
    judged = {name for name, each in READERS.items() if each.breaks & JUDGED}
    table = {name: caught(name) for name in READERS if name in judged - IN_SCENARIOS}
    with capsys.disabled():
        print(f"\n{'reader':<30}{'check':<18}{'durability':<12}{'shows':<9}violates")
        for name, row in table.items():
            check, durability, shows, requirement_id = row or ("NOT CAUGHT", "", "", "")
            print(f"{name:<30}{check:<18}{durability:<12}{shows:<9}{requirement_id}")
    assert [name for name, row in table.items() if row is None] == []
    assert len(table) >= 8


@pytest.mark.parametrize("name", ["never-refreshes", "shows-beyond-the-watermark"])
def test_the_machine_catches_some_by_itself(name: str) -> None:
    """A random search finds what a person thought of."""
    subject = SmallReaderSubject(name, READERS[name])
    machine = reader_machine(ReferenceConsumers(), subject, Options(), durable_only=True)
    with pytest.raises(AssertionError, match="RDR-"):
        run_state_machine_as_test(
            machine,
            settings=settings(
                max_examples=60,
                stateful_step_count=25,
                suppress_health_check=list(HealthCheck),
                phases=[Phase.generate],
            ),
        )

"""What the disk model says a crash may leave is exactly what brute force finds."""

import ast
import inspect
from collections import Counter
from functools import cache
from itertools import combinations, islice
from types import ModuleType

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from tornproof_models.certificates.checker import plain_crash, plain_disk, plain_names
from tornproof_models.disk.crash_models import CRASH_MODELS, MILDER
from tornproof_models.disk.image_builder import Choice
from tornproof_models.disk.image_digests import digested
from tornproof_models.disk.images import ImageSpace
from tornproof_models.disk.registers import Registers
from tornproof_models.disk.trace import (
    SYNCS,
    Create,
    Event,
    Image,
    Rename,
    Stored,
    SyncDirectory,
    SyncFailed,
    SyncFilesystem,
    Trace,
    Truncate,
    Unlink,
    Write,
)

from tests.models import brute_force
from tests.models.brute_force import BLOCK, SECTOR, Key
from tests.models.judge import PROGRAMS, images_of, random_programs, space_of, truth
from tests.models.traces import random_run, traces

SOME = 150
"""How many of them the costlier properties are tried on."""

POWER_LOST = [name for name in CRASH_MODELS if name != "process-kill"]

all_crash_models = pytest.mark.parametrize("crash_model", CRASH_MODELS)
crash_models = st.sampled_from(list(CRASH_MODELS))


@cache
def steps(crash_model: str) -> list[tuple[Event, set[Key], set[Key]]]:
    """Return events of random programs, with the images that were possible before and after."""
    found: list[tuple[Event, set[Key], set[Key]]] = []
    for trace in random_programs()[:SOME]:
        starts = (Trace(trace.initial, trace.events[:end]) for end in range(len(trace.events) + 1))
        possible = [images_of(space_of(start, crash_model)) for start in starts]
        found += zip(trace.events, possible, possible[1:], strict=False)
    return found


@all_crash_models
def test_finds_what_brute_force_finds(crash_model: str) -> None:
    """On a thousand random traces the two sets of images are equal."""
    differing = [
        trace
        for number, trace in enumerate(random_programs())
        if images_of(space_of(trace, crash_model)) != truth(number, crash_model)
    ]

    assert differing == []


SIXTEEN_ZEROS = Image({"/a": bytes(16)}, frozenset())
ZEROED: dict[str, tuple[Event, ...]] = {
    "cut off and written": (Truncate(1, 8), Write(1, 8, b"LLLL")),
    "cut off twice": (Truncate(1, 8), Truncate(1, 16), Truncate(1, 4), Write(1, 12, b"L")),
    "cut off, and its sync has failed": (
        Unlink(0, "a"),
        Truncate(1, 8),
        Write(1, 8, b"LLLL"),
        SyncFailed(1),
    ),
    "cut off, stored to": (Truncate(1, 4), Truncate(1, 16), Stored(1, ((9, b"L"),))),
    "cut off, and written as zeros": (
        Truncate(1, 2),
        Truncate(1, 12),
        Write(1, 6, bytes(6)),
        Write(1, 12, b"LLLL"),
        SyncFilesystem(),
    ),
    "written as zeros in a new block": (Write(1, 16, bytes(8)), Write(1, 20, b"L")),
}
"""What becomes of zeros: those that make no version imply something to what replaces them."""


@all_crash_models
@pytest.mark.parametrize("events", ZEROED.values(), ids=ZEROED)
def test_finds_the_same_where_zeros_made_no_version(
    events: tuple[Event, ...], crash_model: str
) -> None:
    """What is written where zeros were cut off is on disk no sooner than their truncation."""
    trace = Trace(SIXTEEN_ZEROS, events)
    assert images_of(space_of(trace, crash_model)) == brute_force.images(trace, crash_model)


@all_crash_models
@pytest.mark.parametrize("events", ZEROED.values(), ids=ZEROED)
def test_the_checker_counts_these_images_as_the_model_does(
    events: tuple[Event, ...], crash_model: str
) -> None:
    """A certificate of such a trace would be refuted if it did not."""
    disk = plain_disk.Disk(crash_model, SECTOR, BLOCK)
    disk.begin(SIXTEEN_ZEROS)
    for event in events:
        disk.replay(event)
    space = space_of(Trace(SIXTEEN_ZEROS, events), crash_model)
    assert plain_crash.Crash(disk).count() == space.count()


def test_random_programs_do_everything() -> None:
    """No kind of operation is rare among the random traces, or the comparison means little."""
    kinds = Counter(type(event) for trace in random_programs() for event in trace.events)

    assert len(kinds) == 14
    assert min(kinds.values()) > PROGRAMS / 10


@pytest.mark.parametrize("oracle", [brute_force, plain_disk])
def test_brute_force_shares_only_the_trace(oracle: ModuleType) -> None:
    """An oracle that shares code with what it judges is no oracle."""
    tree = ast.parse(inspect.getsource(oracle))

    imported = {
        f"{node.module}.{name.name}"
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for name in node.names
        if "tornproof" in (node.module or "")
        and node.module not in (plain_disk.__name__, plain_crash.__name__, plain_names.__name__)
    }

    assert imported == {"tornproof_models.disk.trace"}


# Counting, listing and drawing


@given(traces(), crash_models)
def test_counts_the_choices(trace: Trace, crash_model: str) -> None:
    """The count, made without building anything, is the number of choices; no two are equal."""
    space = space_of(trace, crash_model)

    choices = list(space.choices())

    assert len(choices) == len(set(choices)) == space.count()


@given(traces(), crash_models)
def test_lists_from_all_lost_to_all_kept(trace: Trace, crash_model: str) -> None:
    """The first choice keeps nothing, and the last everything, which is what a program sees."""
    space = space_of(trace, crash_model)

    choices = list(space.choices())

    assert choices[0] == Choice(0)
    assert choices[-1] == space.all_kept


@given(traces(), crash_models)
def test_numbers_each_choice(trace: Trace, crash_model: str) -> None:
    """Each number below the count stands for one choice, and each choice has a number."""
    space = space_of(trace, crash_model)
    assume(space.count() <= 1_000)

    numbered = [space.unrank(number) for number in range(space.count())]

    assert len(set(numbered)) == len(numbered)
    assert set(numbered) == set(space.choices())


@all_crash_models
def test_digests_tell_images_apart(crash_model: str) -> None:
    """Two choices have equal digests if and only if they make the same image, however found."""
    for trace in random_programs()[:SOME]:
        space = space_of(trace, crash_model)

        found = dict(digested(space))

        images = {choice: space.builder.build(choice).key for choice in found}
        pairs = {(digest, images[choice]) for choice, digest in found.items()}
        assert len(found) == space.count()
        assert len(pairs) == len(set(found.values())) == len(set(images.values()))
        assert all(space.builder.digest(choice) == digest for choice, digest in found.items())


@given(traces(), crash_models, st.integers(0, 2**32))
def test_draws_legal_choices(trace: Trace, crash_model: str, seed: int) -> None:
    """A sample has as many choices as were asked for, all of them legal."""
    space = space_of(trace, crash_model)

    drawn = list(space.sample(20, seed))

    assert len(drawn) == 20
    assert set(drawn) <= set(space.choices())


@given(traces(), crash_models, st.integers(0, 2**32))
def test_draws_the_same_for_the_same_seed(trace: Trace, crash_model: str, seed: int) -> None:
    """A sample can be drawn again, from a space that was made again."""
    one, other = space_of(trace, crash_model), space_of(trace, crash_model)

    assert list(one.sample(20, seed)) == list(other.sample(20, seed))


def test_draws_uniformly() -> None:
    """Every choice turns up about as often as every other."""
    space = space_of(random_run(3).trace, "adversarial")
    number = space.count()

    drawn = Counter(space.sample(60 * number, seed=0))

    assert len(drawn) == number > 10
    assert min(drawn.values()) > 20
    assert max(drawn.values()) < 120


@given(traces(), crash_models, st.integers(0, 3))
def test_few_deviations_are_legal(trace: Trace, crash_model: str, deviations: int) -> None:
    """Choices within a number of deviations are choices, without repetition."""
    space = space_of(trace, crash_model)

    near = list(islice(space.within(deviations), 500))

    assert len(near) == len(set(near))
    assert set(near) <= set(space.choices())
    assert near[0] == space.all_kept


@given(traces(), crash_models)
def test_enough_deviations_reach_everything(trace: Trace, crash_model: str) -> None:
    """With as many deviations as there are versions, every choice is within them."""
    space = space_of(trace, crash_model)
    moves = sum(1 + len(options) for options in space.fillings.values()) + len(space.versions)
    assume(moves <= 12)  # two to this power combinations

    assert set(space.within(len(space.versions))) == set(space.choices())


@given(traces(), crash_models)
def test_counts_deviations_as_within_does(trace: Trace, crash_model: str) -> None:
    """A choice that drops so many things deviates by so many, and by no fewer would do."""
    space = space_of(trace, crash_model)
    assume(len(space.versions) <= 7)

    for choice in islice(space.choices(), 60):
        if not choice.fillings:
            assert space.deviations(choice) == _fewest_drops(space, choice)


def _fewest_drops(space: ImageSpace, choice: Choice) -> int:
    """Try dropping one version after another, with all that hangs on each."""
    lost = space.everything & ~choice.kept
    droppable = {mask for mask in space.above if mask & ~lost == 0}
    for number in range(len(droppable) + 1):
        for masks in combinations(droppable, number):
            union = 0
            for mask in masks:
                union |= mask
            if union == lost:
                return number
    raise AssertionError("no drops lead to this choice")


PREALLOCATED = (
    Create(0, "a", 1),
    SyncDirectory(0),
    Write(1, 0, bytes(6 * brute_force.BLOCK)),
    Write(1, 3 * brute_force.BLOCK, b"record"),
)


@pytest.mark.parametrize("crash_model", [*POWER_LOST[:-2], "process-kill"])
def test_zeros_between_zeros_are_a_hole(crash_model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a preallocated file fewer images are told apart, each of which may really be left."""
    trace = Trace(Image(), PREALLOCATED)
    told_apart = images_of(space_of(trace, crash_model))
    monkeypatch.setattr(plain_disk.Disk, "inside_zeros", lambda *_: set())

    possible = brute_force.images(trace, crash_model)

    assert told_apart <= possible
    assert crash_model == "process-kill" or len(told_apart) < len(possible)
    contents = [dict(key).get("/a") or b"" for key in told_apart]
    assert any(b"record" in content for content in contents)


@pytest.mark.parametrize("size", [1 << 14, 1 << 20])
@pytest.mark.parametrize("crash_model", POWER_LOST)
def test_preallocated_space_is_a_few_versions(crash_model: str, size: int) -> None:
    """Zeros that a file grows by are told apart in the first and the last block alone."""
    registers = Registers.of(Image(), CRASH_MODELS[crash_model].floors)
    registers.replay([Create(0, "a", 1), SyncDirectory(0), Write(1, 0, bytes(size))])

    space = ImageSpace(registers, CRASH_MODELS[crash_model])

    assert 16 <= len(space.versions) <= 2 * 16


@pytest.mark.parametrize("crash_model", POWER_LOST)
def test_large_writes_can_be_counted(crash_model: str) -> None:
    """Half a megabyte in one write is thousands of versions, and they are counted all the same."""
    registers = Registers.of(Image(), CRASH_MODELS[crash_model].floors)
    registers.replay([Create(0, "a", 1), SyncDirectory(0), Write(1, 0, b"1" * (1 << 19))])

    space = ImageSpace(registers, CRASH_MODELS[crash_model])

    assert len(space.versions) == 2 * 1024
    if crash_model in ("prefix", "ext4-journal"):
        assert space.count() == 2 * 1024 + 1
    elif crash_model in ("adversarial", "recycled-blocks"):
        assert space.count() > 2**1024
    else:  # of each of 128 blocks all or nothing, and it may have grown by any number of blocks
        assert space.count() == 2**128 * 129


# How sets of images compare


TELLING = (
    Trace(Image({"/a": b"AAAA"}), (Truncate(1, 2), Write(1, 4, b"CCCC"))),
    Trace(
        Image({"/a": b"old"}),
        (Create(0, "b", 2), Write(2, 0, b"NEW!"), Rename(0, "b", 0, "a")),
    ),
)
"""What tells data=writeback and XFS from ext4 is rare among random programs."""


def at_least_as_harsh(crash_model: str) -> set[str]:
    """Return the crash models that `MILDER` says allow all that this one allows."""
    found, pending = set[str](), [crash_model]
    while pending:
        new = set(MILDER.get(pending.pop(), ())) - found
        found |= new
        pending += new
    return found


def test_the_order_of_crash_models_is_as_the_table_says() -> None:
    """A harsher one allows all that a milder one does, and of no other two is that so."""
    contradicted = set[tuple[str, str]]()
    for trace in [*random_programs()[:SOME], *TELLING]:
        allowed = {name: images_of(space_of(trace, name)) for name in CRASH_MODELS}
        contradicted |= {
            (one, other)
            for one in CRASH_MODELS
            for other in CRASH_MODELS
            if not allowed[one] <= allowed[other]
        }

    for one in CRASH_MODELS:
        ordered = {other for other in CRASH_MODELS if (one, other) not in contradicted}
        assert ordered - {one} == at_least_as_harsh(one) - {one}, one


@pytest.mark.parametrize("crash_model", POWER_LOST)
def test_images_only_become_more_until_a_sync(crash_model: str) -> None:
    """
    What a crash may leave at one moment, it may leave at every later one before a sync.

    So it is enough to look just before each sync, and the explorer does.
    """
    for event, before, after in steps(crash_model):
        assert before <= after or isinstance(event, SYNCS)


@pytest.mark.parametrize("crash_model", [each for each in POWER_LOST if each != "btrfs"])
def test_a_sync_only_rules_images_out(crash_model: str) -> None:
    """
    A sync makes something durable; it brings about no image that was not possible before.

    Not so on btrfs: fsync of a file puts its name on disk before the earlier names of others.
    """
    for event, before, after in steps(crash_model):
        assert after <= before or not isinstance(event, SYNCS)


@given(traces(), crash_models)
def test_the_live_tree_is_always_possible(trace: Trace, crash_model: str) -> None:
    """A crash may lose nothing at all; when only the process dies, it does."""
    space = space_of(trace, crash_model)

    assert {space.builder.build(space.all_kept).key} == brute_force.images(trace, "process-kill")

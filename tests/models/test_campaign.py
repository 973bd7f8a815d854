"""A campaign leaves nothing out, does nothing twice, and comes to the same however it is cut."""

import json
import socket
from collections.abc import Callable, Iterator
from functools import partial
from hashlib import blake2b
from itertools import product
from pathlib import Path

import pytest
from distributed import LocalCluster
from tornproof.errors import Invalid
from tornproof_conformance.checks.exploration import ALPHABET
from tornproof_conformance.subjects.reference import find_subject
from tornproof_models.campaigns import engine
from tornproof_models.campaigns.archive import Archive
from tornproof_models.campaigns.campaign import (
    Campaign,
    Explored,
    Plan,
    Unit,
    Word,
    explore_shard,
    merge,
    plan,
)
from tornproof_models.campaigns.engine import Engine, Workers
from tornproof_models.crash.explorer import Explorer
from tornproof_models.crash.findings import Coverage
from tornproof_models.crash.program import Append, Reopen, Rotate
from tornproof_models.crash.subject import Options
from tornproof_models.disk.crash_models import CLAIMED, CRASH_MODELS
from tornproof_models.disk.trace import Event
from tornproof_models.miniatures.journal_miniatures import MiniatureSubject
from tornproof_models.miniatures.small_journal import SmallJournal

HERE = Workers(1)
MILD = ("prefix", "ext4")
FAULTY = (
    "acknowledged-before-fsync",
    "cut-not-synced",
    "appends-behind-a-torn-tail",
    "newest-segment-first",
)


def campaign(subject: str = FAULTY[0], operations: int = 1, shards: int = 5) -> Campaign:
    """Make a small campaign."""
    return Campaign(find_subject(subject), ALPHABET, operations, shards=shards)


def explore(campaign: Campaign, workers: Workers = HERE) -> Explored:
    """Do all of it."""
    planned = plan(campaign, workers)
    results = workers.run(partial(explore_shard, campaign), planned.shards)
    return merge(
        campaign,
        [*(each for _, each in results), Explored(Coverage(), planned.alive)],
    )


# What the plan leaves out


def prefixes(events: list[Event]) -> list[bytes]:
    """Hash each beginning of a trace, the empty one first."""
    hashes = [b""]
    for event in events:
        hashes.append(blake2b(hashes[-1] + repr(event).encode(), digest_size=16).digest())
    return hashes


@pytest.mark.parametrize("durability", ["immediate", "eventual"])
def test_a_plan_looks_at_every_moment_of_every_program_once(durability: str) -> None:
    """The moments in which units are crashed are all there are, without repetition."""
    small = Campaign(find_subject("reference"), ALPHABET, 3, durabilities=(durability,))
    everything = {
        moment
        for length in range(4)
        for word in product(range(len(ALPHABET)), repeat=length)
        for moment in prefixes(small.run(word, durability).filesystem.events)
    }

    looked_at = [
        prefixes(small.run(unit.word, durability).filesystem.events)[unit.since :]
        for unit in plan(small, HERE).units
    ]

    # the moment at which a unit begins is the one at which its parent ends
    added = [moment for moments in looked_at for moment in moments[1:]]
    assert {moment for moments in looked_at for moment in moments} == everything
    assert len(added) == len(set(added)) == len(everything) - 1


def test_equal_traces_are_explored_once() -> None:
    """Programs that only do what others did, like a second rotation of nothing, are left out."""
    small = Campaign(
        find_subject("reference"), (Append(5), Rotate()), 2, durabilities=("immediate",)
    )
    append, rotate = 0, 1

    words = [unit.word for unit in plan(small, HERE).units]

    assert (rotate, rotate) not in words  # an empty segment is not followed by another
    assert set(words) == {
        (),
        (append,),
        (rotate,),
        (append, append),
        (append, rotate),
        (rotate, append),
    }


class Shy(SmallJournal):
    """Does not give its only record away."""

    def read(self, offset: int) -> bytes:
        """Read, unless there is but one."""
        return b"" if self.end == 45 else super().read(offset)


def test_a_program_that_is_wrong_while_it_lives_covers_nothing() -> None:
    """It is not crashed, so the program that goes on from it is crashed in its place."""
    small = Campaign(MiniatureSubject("shy", Shy), (Append(5),), 2, durabilities=("immediate",))
    planned = plan(small, HERE)
    opened = len(small.run((), "immediate").filesystem.events)

    assert [(each.requirement, each.crash_model, each.word) for each in planned.alive] == [
        ("JRN-15", None, (0,))
    ]
    assert planned.units == (Unit((), 0), Unit((0, 0), opened))


def first_violations(small: Campaign) -> dict[str, tuple[str | None, Word]]:
    """Explore every program from its beginning to its end, the plain way."""
    words = [
        word
        for length in range(small.operations + 1)
        for word in product(range(len(small.alphabet)), repeat=length)
    ]
    running = {each: small.run(*each) for each in product(words, small.durabilities)}
    found: dict[str, tuple[str | None, Word]] = {}
    for (word, _), run in running.items():
        for violation in run.violations:
            found.setdefault(violation.requirement, (None, word))
    for crash_model in CLAIMED:
        for (word, durability), run in running.items():
            if not run.violations:
                options = Options(durability=durability)
                explorer = Explorer(small.subject, options, CRASH_MODELS[crash_model])
                for finding in explorer.explore(run.filesystem.trace):
                    found.setdefault(finding.violation.requirement, (crash_model, word))
    return found


@pytest.mark.parametrize("subject", FAULTY)
def test_a_campaign_finds_what_plain_exploration_finds(subject: str) -> None:
    """Each requirement is violated by the same shortest program in the same mildest crash model."""
    small = Campaign(find_subject(subject), (Append(5), Append(600), Reopen()), 2)

    found = {each.requirement: (each.crash_model, each.word) for each in explore(small).discoveries}

    assert found == first_violations(small)
    assert found


# However it is cut


def test_the_sum_does_not_depend_on_the_shards_nor_on_their_order() -> None:
    """One shard, seven, or more than there are pieces, forwards or backwards."""
    results = []
    for shards in (1, 7, 100):
        small = Campaign(
            find_subject("appends-behind-a-torn-tail"), ALPHABET, 2, MILD, shards=shards
        )
        explored = [explore_shard(small, shard) for shard in plan(small, HERE).shards]
        assert sorted(number for number, _ in explored) == list(range(shards))
        results.append(merge(small, (each for _, each in explored)))
        results.append(merge(small, (each for _, each in reversed(explored))))

    assert all(result == results[0] for result in results)
    assert results[0].coverage.complete
    assert results[0].discoveries


def test_two_processes_come_to_the_same() -> None:
    """joblib's processes add up to what this one does."""
    small = campaign()
    with Engine(processes=2).workers() as workers:
        assert workers.number == 2
        assert explore(small, workers) == explore(small)


def test_a_dask_cluster_comes_to_the_same() -> None:
    """A real cluster of two worker processes adds up to what this process does."""
    small = campaign()
    with LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        processes=True,
        dashboard_address=None,
        host="127.0.0.1",
    ) as cluster:
        address = cluster.scheduler_address.replace("tcp://", "dask://")
        with Engine.parse(address).workers() as workers:
            assert workers.number == 2
            assert explore(small, workers) == explore(small)


# Engines


def test_an_engine_is_read_from_a_word() -> None:
    """`local` counts processes; `dask://` names a scheduler."""
    assert Engine.parse("local", 3) == Engine(processes=3)
    assert Engine.parse("dask://example.org:8786") == Engine(scheduler="example.org:8786")


@pytest.mark.parametrize(
    "text", ["", "dask", "dask://", "dask://host", "dask://host:x", "mpi://a:1"]
)
def test_another_engine_is_refused(text: str) -> None:
    """The message shows the two forms there are."""
    with pytest.raises(Invalid, match="`local` or `dask://host:port`"):
        Engine.parse(text)


def test_a_scheduler_that_does_not_answer_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """An address at which nobody listens is a mistake of one line."""
    monkeypatch.setattr(engine, "PATIENCE", 0.2)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, and not listening
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with (
            pytest.raises(Invalid, match=f"no Dask scheduler answers at {address}"),
            Engine.parse(f"dask://{address}").workers(),
        ):
            pass


# The archive


@pytest.fixture
def small() -> Campaign:
    """Return the campaign that is kept."""
    return campaign()


@pytest.fixture
def planned(small: Campaign) -> Plan:
    """Return its plan."""
    return plan(small, HERE)


def test_what_is_saved_is_loaded(small: Campaign, planned: Plan, tmp_path: Path) -> None:
    """Every shard comes back as it was, from a directory opened again."""
    explored = dict(explore_shard(small, shard) for shard in planned.shards)
    archive = Archive.open(tmp_path / "new" / "one", small, planned)
    for number, each in explored.items():
        archive.save(number, each)

    again = Archive.open(tmp_path / "new" / "one", small, planned)

    assert dict(again.load()) == explored
    assert any(each.discoveries for each in explored.values())


def other_campaigns() -> Iterator[tuple[str, Campaign]]:
    """Yield campaigns that differ in one thing, and the thing."""
    yield "subject", campaign("reference")
    yield "operations", campaign(operations=2)
    yield "shards", campaign(shards=6)
    yield "crash_models", Campaign(find_subject(FAULTY[0]), ALPHABET, 1, MILD, shards=5)


@pytest.mark.parametrize(
    ("name", "other"), [pytest.param(*each, id=each[0]) for each in other_campaigns()]
)
def test_a_directory_of_another_campaign_is_refused(
    name: str, other: Campaign, small: Campaign, planned: Plan, tmp_path: Path
) -> None:
    """The message names the setting that differs."""
    Archive.open(tmp_path, small, planned)
    with pytest.raises(Invalid, match=f"its {name} is"):
        Archive.open(tmp_path, other, plan(other, HERE))


def test_results_of_other_code_are_refused(small: Campaign, planned: Plan, tmp_path: Path) -> None:
    """A changed implementation, seen by its traces or its source, needs a fresh directory."""
    Archive.open(tmp_path, small, planned)
    path = tmp_path / "campaign.json"
    settings = json.loads(path.read_text())
    for name in ("traces", "code"):
        path.write_text(json.dumps({**settings, name: "0" * 32}))
        with pytest.raises(Invalid, match=f"its {name} is"):
            Archive.open(tmp_path, small, planned)


def torn(path: Path) -> None:
    """Leave half of a file."""
    path.write_text(path.read_text()[: path.stat().st_size // 2])


def of_another_kind(path: Path) -> None:
    """Leave JSON that is something else."""
    path.write_text("[]")


def without_a_field(path: Path) -> None:
    """Leave out what is needed."""
    path.write_text(json.dumps({"shard": 0}))


@pytest.mark.parametrize("damage", [torn, of_another_kind, without_a_field])
def test_a_damaged_file_is_named(
    damage: Callable[[Path], None], small: Campaign, planned: Plan, tmp_path: Path
) -> None:
    """A file that nobody here wrote is not guessed at."""
    archive = Archive.open(tmp_path, small, planned)
    archive.save(*explore_shard(small, planned.shards[0]))
    damage(tmp_path / "shard-00000.json")
    with pytest.raises(Invalid, match=r"shard-00000\.json is damaged .* explored again"):
        list(archive.load())


def test_a_file_in_the_place_of_the_directory_is_named(
    small: Campaign, planned: Plan, tmp_path: Path
) -> None:
    """What cannot be a directory is refused."""
    (tmp_path / "file").write_text("")
    with pytest.raises(Invalid, match="cannot use"):
        Archive.open(tmp_path / "file", small, planned)

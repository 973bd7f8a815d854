"""The fuzzer finds what is there, can be had again by its seed, and ends when it is told to."""

import json
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any, get_args

import pytest
from attrs import evolve, frozen
from click.testing import CliRunner
from hypothesis.database import (
    DirectoryBasedExampleDatabase,
    GitHubArtifactDatabase,
    InMemoryExampleDatabase,
    MultiplexedDatabase,
    ReadOnlyDatabase,
)
from jsonschema import Draft202012Validator
from redis import Redis
from referencing import Registry, Resource
from tornproof.errors import Invalid
from tornproof_conformance.adapter.adapter_subject import AdapterSubject
from tornproof_conformance.cases.case import ExerciseCase, Problem, ProgramCase
from tornproof_conformance.cases.hypothesis_search import Order
from tornproof_conformance.checks import kills
from tornproof_conformance.cli import main
from tornproof_conformance.commands.fuzz import command
from tornproof_conformance.fuzzing import adapter_hunts
from tornproof_conformance.fuzzing import fuzzer as fuzzing_module
from tornproof_conformance.fuzzing.examples import open_database
from tornproof_conformance.fuzzing.fuzz_events import (
    FuzzEvent,
    FuzzFinished,
    FuzzProgress,
    FuzzStarted,
)
from tornproof_conformance.fuzzing.fuzzer import Fuzzing, FuzzingTask, fuzz, play, rounds, seed_of
from tornproof_conformance.recorder import recorders
from tornproof_conformance.report.fuzz import consume, exit_code
from tornproof_conformance.search import hunts as hunts_module
from tornproof_conformance.search.hunts import Catch, ExplorerHunt, hunts_of
from tornproof_conformance.specification.places import specification_directory
from tornproof_conformance.stream.run_events import Diagnosed, ViolationFound, encode_event
from tornproof_conformance.subjects.reference import find_subject
from tornproof_models.campaigns.engine import Engine
from tornproof_models.contract.journal import Violation
from tornproof_models.crash.program import Append, Kill, Reopen, Sync
from tornproof_models.crash.subject import Options, Subject

FEW = 8
"""Programs of a hunt: the miniatures here are caught by the first few."""


def fuzzing(tmp_path: Path, subject: str = "torn-tail-refused", seed: int = 1) -> Fuzzing:
    """Describe a small search with a database of its own."""
    return Fuzzing(subject, seed, examples=FEW, database=str(tmp_path / "examples"))


def requirements(catch: Catch) -> set[str]:
    """Name what was found violated."""
    return {problem.violation.requirement for problem in catch.problems}


# What it finds


def test_a_bug_is_found_saved_and_replayed(tmp_path: Path) -> None:
    """A run with a fixed seed finds the miniature's bug, and its reproducer fails again."""
    saved = tmp_path / "saved"

    events = list(fuzz(fuzzing(tmp_path), minutes=0, reproducers=saved))

    (found,) = (event for event in events if isinstance(event, ViolationFound))
    assert found.requirement == "REC-1"
    assert len(found.program) <= 3  # the opening and two steps: it is shrunk
    assert [str(path) for path in saved.iterdir()] == [found.reproducer]
    replayed = CliRunner().invoke(main, ["replay", found.reproducer])
    assert replayed.exit_code == 1
    assert "FAILED" in replayed.output


def test_nothing_is_found_where_nothing_is(tmp_path: Path) -> None:
    """Every hunt, each machine among them, plays against the reference in vain."""
    search = evolve(fuzzing(tmp_path, "reference"), examples=3)
    names = {hunt.name for hunt in hunts_of("reference")}
    assert {"explorer", "journal-immediate", "audit-machine", "drainer-machine"} <= names
    for name in names:
        _, catch = play(search, FuzzingTask(name, 0))
        assert catch.problems == []
        assert catch.programs >= 3


def test_the_outcomes_of_recoveries_are_told_apart(tmp_path: Path) -> None:
    """A search sees more than one thing that a recovery can do, and counts the images."""
    _, catch = play(fuzzing(tmp_path, "reference"), FuzzingTask("explorer", 0))
    assert len(catch.outcomes) > 3
    assert catch.images > 50


def test_what_is_known_is_passed_over() -> None:
    """A hunt told of every violation finds none; told of one, it finds the others."""
    hunt = ExplorerHunt(find_subject("torn-tail-refused"))

    found = requirements(hunt.play(Order(4, 12)))
    others = requirements(hunt.play(Order(4, 12, frozenset({"REC-1"}))))
    nothing = requirements(hunt.play(Order(4, 12, frozenset(found | others))))

    assert "REC-1" in found
    assert others == {"REC-2", "REC-3"}
    assert nothing == set()


def test_a_failure_of_a_machine_is_kept_as_its_choices(tmp_path: Path) -> None:
    """What an audit's machine finds is saved, replayed as FAILED, and FIXED once it is."""
    events = list(
        fuzz(fuzzing(tmp_path, "conflict-passed-over"), minutes=0, reproducers=tmp_path / "saved")
    )
    (found,) = (event for event in events if isinstance(event, ViolationFound))
    assert found.requirement == "AUD-11"
    assert "state = AuditMachine()" in found.program

    path = Path(found.reproducer)
    failed = CliRunner().invoke(main, ["replay", str(path)])
    path.write_text(path.read_text().replace("conflict-passed-over", "reference"))
    fixed = CliRunner().invoke(main, ["replay", str(path)])
    document = json.loads(path.read_text())
    document["case"]["hypothesis"] = "1.0"
    path.write_text(json.dumps(document))
    other = CliRunner().invoke(main, ["replay", str(path)])

    assert (failed.exit_code, "FAILED" in failed.output) == (1, True)
    assert (fixed.exit_code, "FIXED" in fixed.output) == (0, True)
    assert (other.exit_code, other.output.startswith("ERROR")) == (2, True)
    assert "its choices are those of Hypothesis 1.0" in other.output


def test_two_processes_find_it_as_well(tmp_path: Path) -> None:
    """The same search, in the processes of an engine."""
    events = list(
        fuzz(
            fuzzing(tmp_path), minutes=0, reproducers=tmp_path / "saved", engine=Engine(processes=2)
        )
    )
    found = [event.requirement for event in events if isinstance(event, ViolationFound)]
    assert found == ["REC-1"]


def test_an_unknown_subject_is_refused(tmp_path: Path) -> None:
    """The message says where the names are."""
    with pytest.raises(Invalid, match="no miniature 'nobody'"):
        next(fuzz(fuzzing(tmp_path, "nobody"), minutes=0, reproducers=tmp_path))


# The same again


@pytest.fixture
def programs(monkeypatch: pytest.MonkeyPatch) -> list[ProgramCase]:
    """Collect the programs that the explorer's hunt tries."""
    tried: list[ProgramCase] = []

    def collect(subject: Subject, case: ProgramCase, catch: Catch) -> list[Violation]:
        del subject, catch
        tried.append(case)
        return []

    monkeypatch.setattr(hunts_module, "_explore", collect)
    return tried


def tried_by(programs: list[ProgramCase], search: Fuzzing, number: int) -> list[ProgramCase]:
    """Play one round of the explorer and return the programs it tried."""
    programs.clear()
    play(search, FuzzingTask("explorer", number))
    return list(programs)


def test_a_seed_and_a_round_stand_for_the_same_programs(
    tmp_path: Path, programs: list[ProgramCase]
) -> None:
    """Seed and round decide; neither the database nor the number of shards has a say."""
    search = fuzzing(tmp_path)
    first = tried_by(programs, search, 5)
    stored = DirectoryBasedExampleDatabase(search.database)
    stored.save(b"torn-tail-refused/explorer/", b"anything")

    assert len(first) >= FEW
    assert tried_by(programs, search, 5) == first
    assert tried_by(programs, evolve(search, shard=1, shards=4), 5) == first
    assert tried_by(programs, search, 6) != first
    assert tried_by(programs, evolve(search, seed=2), 5) != first


def test_shards_share_the_rounds_out(tmp_path: Path) -> None:
    """Each round belongs to one shard of three, and every hunt has a seed of its own in it."""
    search = fuzzing(tmp_path)
    shares = [list(islice(rounds(evolve(search, shard=shard, shards=3)), 4)) for shard in range(3)]
    seeds = {seed_of(search, FuzzingTask(hunt, 0)) for hunt in ("explorer", "journal-immediate")}

    assert sorted(number for share in shares for number in share) == list(range(12))
    assert len(seeds) == 2


# When it ends


@frozen
class QuietHunt:
    """A hunt that finds nothing, or always the same, and remembers what it was told."""

    name: str
    orders: list[Order]
    problems: Callable[[], list[Problem]] = list

    def play(self, order: Order) -> Catch:
        """Pretend to search."""
        self.orders.append(order)
        new = {str(len(self.orders)).encode()} if len(self.orders) < 4 else set()
        return Catch(10, 100, new, self.problems())


def acknowledged_early() -> list[Problem]:
    """Return a violation of one requirement."""
    case = ProgramCase((Append(5),), Options(), "prefix")
    return [Problem(Violation("JRN-3", "gone"), case)]


@pytest.fixture
def orders(monkeypatch: pytest.MonkeyPatch) -> list[Order]:
    """Let a run have two hunts, the second of which always finds the same."""
    orders: list[Order] = []
    both = (QuietHunt("quiet", orders), QuietHunt("lucky", orders, acknowledged_early))
    monkeypatch.setattr(fuzzing_module, "hunts_of", lambda _: both)
    return orders


class Clock:
    """Tells the times it was given, the last one for ever; an exception is raised."""

    def __init__(self, *times: float | type[BaseException]) -> None:
        self._times = list(times)

    def __call__(self) -> float:
        time = self._times.pop(0) if len(self._times) > 1 else self._times[0]
        if isinstance(time, type):
            raise time
        return time


@pytest.mark.usefixtures("orders")
def run(tmp_path: Path, minutes: float, clock: Clock) -> list[FuzzEvent]:
    """Run the fuzzer against the reference with hunts that cost nothing."""
    return list(
        fuzz(
            fuzzing(tmp_path, "acknowledged-before-fsync"),
            minutes=minutes,
            reproducers=tmp_path / "saved",
            clock=clock,
        )
    )


def test_it_ends_when_the_time_is_up(tmp_path: Path, orders: list[Order]) -> None:
    """Three seconds are three tasks after the first round; each is an event."""
    events = run(tmp_path, 6 / 60, Clock(0, 1, 2, 3, 4, 5, 6, 7))

    progress = [event for event in events if isinstance(event, FuzzProgress)]
    finished = events[-1]
    assert isinstance(events[0], FuzzStarted)
    assert [event.seconds for event in progress] == [1, 2, 3, 4, 5, 6]
    assert [event.programs for event in progress] == [10, 20, 30, 40, 50, 60]
    assert [event.new_outcomes for event in progress] == [1, 1, 1, 0, 0, 0]
    assert isinstance(finished, FuzzFinished)
    assert (finished.rounds, finished.images, finished.interrupted) == (2, 600, False)
    assert len(orders) == 6


def test_a_round_is_played_however_short_the_time(tmp_path: Path, orders: list[Order]) -> None:
    """First each hunt tries what the database holds, then each makes programs up once."""
    run(tmp_path, 0, Clock(0))
    assert [order.seed is None for order in orders] == [True, True, False, False]


def test_a_violation_is_told_once_and_then_passed_over(tmp_path: Path, orders: list[Order]) -> None:
    """The same reproducer is one; the hunt that found it looks for others from then on."""
    events = run(tmp_path, 1, Clock(0, *range(10, 100, 10)))

    found = [event for event in events if isinstance(event, ViolationFound)]
    overlooked = [order.overlooked for order in orders]
    assert [event.requirement for event in found] == ["JRN-3"]
    assert len(list((tmp_path / "saved").iterdir())) == 1
    assert overlooked[:4] == [frozenset()] * 3 + [frozenset({"JRN-3"})]


@pytest.mark.usefixtures("orders")
def test_ctrl_c_ends_it_with_what_was_found(tmp_path: Path) -> None:
    """An interrupt in the middle of the search is an end like any other."""
    events = run(tmp_path, 60, Clock(0, 1, 2, KeyboardInterrupt, 9))

    finished = events[-1]
    assert isinstance(finished, FuzzFinished)
    assert finished.interrupted
    assert finished.seconds == 9
    assert len(finished.reproducers) == 1


@pytest.mark.usefixtures("orders")
def test_ctrl_c_while_something_is_shown_ends_it_too(tmp_path: Path) -> None:
    """Whoever consumes the events is interrupted, and still hears the last one."""
    taken: list[FuzzEvent] = []

    def take(event: FuzzEvent) -> None:
        taken.append(event)
        if isinstance(event, ViolationFound):
            raise KeyboardInterrupt

    search = fuzzing(tmp_path, "acknowledged-before-fsync")
    consume(fuzz(search, minutes=60, reproducers=tmp_path / "saved", clock=Clock(0)), take)

    assert isinstance(taken[-1], FuzzFinished)
    assert taken[-1].interrupted


# Databases


def test_an_example_that_failed_is_tried_first(tmp_path: Path) -> None:
    """A second run, of another seed, finds in the database what the first one left there."""
    search = fuzzing(tmp_path)
    from_database = FuzzingTask("explorer", None)

    _, before = play(search, from_database)
    play(search, FuzzingTask("explorer", 0))
    _, after = play(evolve(search, seed=99), from_database)
    _, elsewhere = play(evolve(search, subject="reference"), from_database)

    assert (before.programs, before.problems) == (0, [])
    assert requirements(after) == {"REC-1"}
    assert elsewhere.programs == 0  # another subject has a shelf of its own


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[str]:
    """Run a real Redis server and return its address."""
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("redis-server is not installed: apt-get install redis-server")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = subprocess.Popen(
        [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert server.stdout is not None
        for line in server.stdout:
            if "Ready to accept connections" in line:
                break
        yield f"redis://127.0.0.1:{port}/1"
    finally:
        server.terminate()
        server.communicate()


def test_a_fleet_shares_examples_through_redis(tmp_path: Path, redis_server: str) -> None:
    """What one machine found, another finds at once, through a real server."""
    search = evolve(fuzzing(tmp_path), database=redis_server)
    play(search, FuzzingTask("explorer", 0))

    _, elsewhere = play(evolve(search, seed=99), FuzzingTask("explorer", None))

    with Redis.from_url(redis_server) as server:
        keys = list(server.scan_iter("tornproof:*"))
    assert requirements(elsewhere) == {"REC-1"}
    assert keys


def test_examples_of_a_workflow_are_read_and_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A GitHub artifact stands behind the directory; what is saved goes to the directory."""
    monkeypatch.chdir(tmp_path)
    remote = InMemoryExampleDatabase()
    remote.save(b"key", b"found by the workflow")
    monkeypatch.setattr(GitHubArtifactDatabase, "fetch", lambda _, key: remote.fetch(key))

    database = open_database("github:acme/ledger")
    database.save(b"key", b"found here")

    directory = DirectoryBasedExampleDatabase(".tornproof/examples")
    artifact = GitHubArtifactDatabase(
        "acme", "ledger", "tornproof-examples", path=Path(".tornproof/artifacts/acme/ledger")
    )
    assert database == MultiplexedDatabase(directory, ReadOnlyDatabase(artifact))
    assert set(database.fetch(b"key")) == {b"found here", b"found by the workflow"}
    assert list(directory.fetch(b"key")) == [b"found here"]
    assert list(remote.fetch(b"key")) == [b"found by the workflow"]


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("ftp://somewhere", "no database 'ftp://somewhere': it is a directory"),
        ("github:acme", "it is github:owner/repository"),
        ("github:acme/ledger/more", "it is github:owner/repository"),
        ("redis://127.0.0.1:1/0", "no Redis server answers at redis://127.0.0.1:1/0"),
        ("redis://host:port/", "no Redis server answers"),
        ("{file}", "cannot keep examples in"),
    ],
)
def test_a_database_that_cannot_be_used_is_named(place: str, message: str, tmp_path: Path) -> None:
    """A mistake in the address is one line, before the search begins."""
    (tmp_path / "file").write_text("")
    with pytest.raises(Invalid, match=message):
        open_database(place.format(file=tmp_path / "file"))


# Adapters

PLAIN = (sys.executable, "-I", "-S", str(Path(__file__).parent / "plain_adapter.py"))
"""An adapter that starts at once; the names of mistakes may follow."""


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let each hunt of an adapter try few programs in a round."""
    monkeypatch.setattr(adapter_hunts, "rounds_of", lambda _: 1)
    monkeypatch.setattr(adapter_hunts, "BOUND", 16)
    monkeypatch.setattr(kills, "pace_of", lambda _: kills.Pace(1, 8))


def fuzz_adapter(tmp_path: Path, *mistakes: str, seed: int = 6) -> list[FuzzEvent]:
    """Play one round against the plain adapter."""
    search = Fuzzing.of_adapter((*PLAIN, *mistakes), seed, 0, 1)
    return list(fuzz(search, minutes=0, reproducers=tmp_path))


@pytest.mark.usefixtures("few")
def test_nothing_is_found_in_an_adapter_where_nothing_is(tmp_path: Path) -> None:
    """Power loss, I/O errors and kills are played; nothing is saved."""
    events = fuzz_adapter(tmp_path)

    started, finished = events[0], events[-1]
    assert isinstance(started, FuzzStarted)
    assert started.hunts == ("power-loss", "io-errors", "kills")
    assert isinstance(finished, FuzzFinished)
    assert finished.gave_up == {}
    assert finished.programs == 4
    assert finished.images > 50
    assert finished.outcomes > 3
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("few")
def test_a_bug_of_an_adapter_is_found_saved_and_replayed(tmp_path: Path) -> None:
    """It is shrunk to one append; what is replayed needs the command, and may be fixed by it."""
    events = fuzz_adapter(tmp_path, "no-sync")

    found = {event.requirement: event for event in events if isinstance(event, ViolationFound)}
    assert set(found) == {"JRN-3", "REC-4"}  # gone after a crash, and after one in its recovery
    assert found["JRN-3"].program[1:] == ("append(5 bytes)",)
    assert found["JRN-3"].crash_model == "prefix"
    for each in found.values():
        failed = CliRunner().invoke(main, ["replay", each.reproducer, "--", *PLAIN, "no-sync"])
        assert (failed.exit_code, "FAILED" in failed.output) == (1, True)
        assert "recovery of the image in the file shows" in failed.output
        assert "AssertionError" not in failed.output
    path = found["JRN-3"].reproducer
    fixed = CliRunner().invoke(main, ["replay", path, "--", *PLAIN])
    alone = CliRunner().invoke(main, ["replay", path])
    assert (fixed.exit_code, "FIXED" in fixed.output) == (0, True)
    assert (alone.exit_code, "say which command to run" in alone.output) == (2, True)


def test_the_programs_for_an_adapter_follow_from_the_seed() -> None:
    """The same seed makes the same ones up, of steps that the adapter can take."""
    with AdapterSubject.running(PLAIN) as subject:
        once, again = (
            [adapter_hunts.make_program(source, subject) for _ in range(20)]
            for source in (Random(7), Random(7))
        )
        other = [adapter_hunts.make_program(Random(8), subject) for _ in range(20)]
    steps = {type(step) for program in once for step in program}
    assert once == again
    assert once != other
    assert steps == {Append, Sync, Reopen, Kill}
    assert max(map(len, once)) > 4


@pytest.mark.usefixtures("few")
def test_an_adapter_that_breaks_the_protocol_ends_the_run(tmp_path: Path) -> None:
    """What is wrong is told, and the run has an end like any other."""
    broken = (*PLAIN[:-1], str(Path(__file__).parent / "broken_adapter.py"), "NoReply")
    result = CliRunner().invoke(main, ["fuzz", "--timeout", "0.2", "--", *broken])
    events = fuzz_adapter(tmp_path, "chatters")

    assert result.exit_code == 3
    assert "no reply" in result.output
    assert isinstance(events[-2], Diagnosed)
    assert events[-2].kind == "not JSON"
    assert isinstance(events[-1], FuzzFinished)
    assert exit_code(events) == 3


def test_a_hunt_that_cannot_be_played_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a recorder there is no power loss: nothing was found, and that is no verdict."""
    monkeypatch.setattr(adapter_hunts, "rounds_of", lambda _: 1)
    monkeypatch.setattr(kills, "pace_of", lambda _: kills.Pace(1, 3))
    monkeypatch.setattr(recorders, "why_not_ptrace", lambda: "ptrace is not allowed")
    events = fuzz_adapter(tmp_path)

    finished = events[-1]
    assert isinstance(finished, FuzzFinished)
    assert set(finished.gave_up) == {"power-loss", "io-errors"}
    assert "ptrace is not allowed" in finished.gave_up["power-loss"]
    assert exit_code(events) == 4


def test_a_delivery_is_shrunk_to_the_faults_that_it_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of four armed faults, only two are to blame."""

    def deliver(case: ExerciseCase, requirement: str, subject: Subject) -> Problem | None:
        del subject
        to_blame = {"panic at a, visit 1", "die at b, visit 2"} <= set(case.arguments)
        return Problem(Violation(requirement, "twice"), case) if to_blame else None

    monkeypatch.setattr(adapter_hunts, "repeat", deliver)
    faults = (
        "busy at a, visit 2",
        "panic at a, visit 1",
        "error at c, visit 1",
        "die at b, visit 2",
    )
    case = ExerciseCase("delivery", ("drainer/durable", *faults))
    with AdapterSubject.running(PLAIN) as subject:
        shrunk = adapter_hunts.smallest(Problem(Violation("DRN-5", "twice"), case), subject)

    assert shrunk.case == ExerciseCase("delivery", ("drainer/durable", faults[1], faults[3]))


# Events


def test_every_event_of_the_fuzzer_keeps_to_its_schema(tmp_path: Path, orders: list[Order]) -> None:
    """The schema describes each kind by its name, no others, and what a run emits."""
    schemas = specification_directory() / "schema"
    schema = json.loads((schemas / "fuzz-events.schema.json").read_text())
    other = Resource.from_contents(json.loads((schemas / "events.schema.json").read_text()))
    registry = Registry[Any]().with_resource("events.schema.json", other)
    validator = Draft202012Validator(schema, registry=registry)
    described = [case["if"]["properties"]["event"]["const"] for case in schema["allOf"]]
    events = run(tmp_path, 1, Clock(0, *range(10, 100, 10)))

    assert described == [kind.__name__ for kind in get_args(FuzzEvent)]
    assert orders
    assert {type(event).__name__ for event in events} == set(described) - {"Diagnosed"}
    for event in events:
        document = json.loads(encode_event(event))
        validator.validate(document)
        del document[next(field for field in document if field != "event")]
        assert not validator.is_valid(document)


# The command


@pytest.mark.usefixtures("orders")
def test_the_command_prints_its_seed_and_what_it_saw(tmp_path: Path) -> None:
    """The seed is the way to have the run again; exit code 1 says that something was found."""
    result = CliRunner().invoke(
        command,
        [
            *("--miniature", "acknowledged-before-fsync", "--seed", "7", "--minutes", "0"),
            *("--jobs", "1", "--shard", "2/3", "--database", str(tmp_path / "examples")),
            *("--reproducers", str(tmp_path / "saved")),
        ],
    )
    words = " ".join(result.output.split())
    assert result.exit_code == 1
    assert "fuzzes acknowledged-before-fsync, seed 7, shard 2/3: quiet, lucky" in words
    assert "✗ JRN-3 gone" in words
    assert "JRN-3 is violated" in words
    assert "1 violation in 0.0 minutes and 1 round: 40 programs, 400 images, 3 outcomes" in words


@pytest.mark.usefixtures("orders")
def test_json_is_one_event_a_line(tmp_path: Path) -> None:
    """With --json every line is an event, the seed in the first, the sum in the last."""
    arguments = ["--json", "--minutes", "0", "--jobs", "1", "--seed", "7"]
    places = ["--database", str(tmp_path), "--reproducers", str(tmp_path / "saved")]
    result = CliRunner().invoke(command, [*arguments, *places])
    events = [json.loads(line) for line in result.output.splitlines()]
    assert events[0]["event"] == "FuzzStarted"
    assert events[0]["seed"] == 7
    assert events[-1]["event"] == "FuzzFinished"
    assert events[-1]["programs"] == 40


@pytest.mark.parametrize("share", ["0/3", "4/3", "1", "a/b", "1/0"])
def test_a_share_that_is_none_is_a_usage_error(share: str) -> None:
    """The message shows what a share looks like."""
    result = CliRunner().invoke(command, ["--shard", share])
    assert result.exit_code == 2
    assert "2/8 is the second of eight" in result.output

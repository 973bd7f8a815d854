"""A reproducer is one file that says everything, everywhere the same."""

import json
import os
import subprocess
import sys
from base64 import b64decode
from pathlib import Path
from typing import Any, get_args

import pytest
from attrs import evolve
from jsonschema import Draft202012Validator
from tornproof.errors import Invalid
from tornproof_conformance.cases import reproducer
from tornproof_conformance.cases.case import (
    Problem,
    ProgramCase,
    ScenarioCase,
    VectorCase,
    decode_case,
    try_case,
)
from tornproof_conformance.cases.shrinking import crash_model_of, repeat, shrink_problem
from tornproof_conformance.checks import Budget
from tornproof_conformance.checks.machine import MACHINE
from tornproof_conformance.commands.replay import is_shown_again
from tornproof_conformance.run.runner import check_subject
from tornproof_conformance.stream.run_events import ViolationFound
from tornproof_conformance.subjects.reference import find_subject
from tornproof_models.contract.journal import Violation
from tornproof_models.crash.program import (
    Append,
    Batch,
    Content,
    Crash,
    DropHead,
    DropTail,
    Fail,
    Interrupt,
    Kill,
    KillAt,
    Program,
    Reopen,
    Rotate,
    Settle,
    Step,
    Submit,
    Sync,
)
from tornproof_models.crash.subject import Options
from tornproof_models.disk.faults import Fault
from tornproof_models.disk.trace import Image

SCHEMA = Path(__file__).parents[2] / "spec" / "schema" / "reproducer.schema.json"
FIRST = b"\xcd\x07\x2c\xd8\x62"
"""The payload of a program's first append of five bytes."""


def problem_of(
    miniature: str, requirement: str, program: Program, crash_model: str | None, options: Options
) -> Problem:
    """Shrink what a program shows of a miniature."""
    case = ProgramCase(program, options, crash_model)
    return shrink_problem(Problem(Violation(requirement, ""), case), find_subject(miniature))


@pytest.fixture
def lossy() -> Problem:
    """Return how a journal that acknowledges too early loses a record."""
    program = (Append(700), Rotate(), Append(24))
    return problem_of("acknowledged-before-fsync", "JRN-3", program, "adversarial", Options())


def test_the_file_says_everything(lossy: Problem, tmp_path: Path) -> None:
    """Program, trace, image, crash model, what was owed, what came back, and the version."""
    path = reproducer.save(lossy, "acknowledged-before-fsync", tmp_path)
    document: dict[str, Any] = json.loads(path.read_text())
    assert path.name.startswith("JRN-3-")
    assert document["format"] == "tornproof-reproducer/3"
    assert document["suite"]
    assert document["subject"] == "acknowledged-before-fsync"
    assert document["case"]["program"] == [{"step": "append", "size": 5}]
    assert document["crash_model"] == "prefix"
    assert document["trace"]["format"] == "tornproof-trace/2"
    (crash,) = document["crashes"]
    assert len(document["trace"]["events"]) >= crash["point"] > 0
    assert crash["lost"]
    (content,) = crash["image"]["files"].values()
    assert b64decode(content) == b""
    assert [b64decode(each["payload"]) for each in document["expected"]] == [FIRST]
    assert document["recovered"] == []


EVERY_STEP: Program = (
    Settle(),
    Append(5),
    Append(9, Content.ZEROS),
    Sync(),
    Rotate(),
    Reopen(),
    Kill(),
    Submit((5, 6)),
    Batch((5, 6)),
    DropTail(2),
    DropHead(1),
    Interrupt((5, 6), 1, 20),
    Fail(2, Fault.NO_QUOTA),
    KillAt(3, is_after=True),
    Crash("prefix", 9, 0),
)


@pytest.mark.parametrize("step", EVERY_STEP, ids=str)
def test_every_step_can_be_kept(step: Step) -> None:
    """A program of each kind of step is written and read again, and the schema knows it."""
    case = ProgramCase((step,), Options())
    problem = Problem(Violation("JRN-3", "lost"), case)
    document = json.loads(reproducer.reproducer_of(problem, "nobody").encode())

    Draft202012Validator(json.loads(SCHEMA.read_text())).validate(document)

    assert decode_case(document["case"]) == case


def test_every_step_is_in_the_list() -> None:
    """No kind of step is forgotten above."""
    assert {type(step) for step in EVERY_STEP} == set(get_args(Step))


def test_the_file_keeps_to_its_schema(lossy: Problem) -> None:
    """Every kind of case makes a document that the schema, itself valid, accepts."""
    schema = json.loads(SCHEMA.read_text())
    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schema)
    violation = Violation("JRN-3", "lost")
    stale = (Append(5), Crash("prefix", 9, 0), Append(5))
    problems = [
        lossy,
        Problem(violation, ScenarioCase("one-writer")),
        Problem(violation, VectorCase("rec/append-after-torn-tail")),
        Problem(violation, ProgramCase(stale, Options())),
    ]
    for problem in problems:
        document = json.loads(reproducer.reproducer_of(problem, "reference").encode())
        assert list(validator.iter_errors(document)) == []


def test_what_is_saved_is_loaded(lossy: Problem, tmp_path: Path) -> None:
    """Loading gives what was saved: the trace and the crash image as well."""
    path = reproducer.save(lossy, "acknowledged-before-fsync", tmp_path)
    loaded = reproducer.load(path)
    assert loaded == reproducer.reproducer_of(lossy, "acknowledged-before-fsync")
    assert loaded.trace == lossy.trace
    assert lossy.finding is not None
    assert loaded.crashes[0].image == lossy.finding.image
    assert loaded.encode() == path.read_text()


def test_zeros_at_the_end_of_a_file_are_counted(lossy: Problem, tmp_path: Path) -> None:
    """A segment of 1 MB with one record in it takes a few bytes, and comes back whole."""
    assert lossy.finding is not None
    files = {"/journal/log": b"record".ljust(1_000_000, b"\0"), "/journal/short": b"a\0"}
    image = Image(files, frozenset({"/journal"}))
    path = reproducer.save(evolve(lossy, finding=evolve(lossy.finding, image=image)), "x", tmp_path)

    assert path.stat().st_size < 10_000
    assert reproducer.load(path).crashes[0].image.files == files
    assert (
        list(
            Draft202012Validator(json.loads(SCHEMA.read_text())).iter_errors(
                json.loads(path.read_text())
            )
        )
        == []
    )


@pytest.mark.parametrize("zeros", [{"/journal/none": 5}, {"/journal/log": 1 << 40}])
def test_zeros_that_no_file_can_have_are_refused(
    zeros: dict[str, int], lossy: Problem, tmp_path: Path
) -> None:
    """Neither of a file that is not there, nor more than a judge can hold."""
    document = json.loads(reproducer.reproducer_of(lossy, "x").encode())
    crash = document["crashes"][0]
    crash["image"]["files"]["/journal/log"] = ""
    crash["zeros"] = zeros
    path = tmp_path / "zeros.json"
    path.write_text(json.dumps(document))

    with pytest.raises(Invalid, match="zeros"):
        reproducer.load(path)


def test_two_crashes_are_two_images(tmp_path: Path) -> None:
    """A crash in the recovery from a crash has an image of its own."""
    problem = problem_of(
        "header-zeroed-during-repair", "REC-3", (Append(5), Append(5)), "adversarial", Options()
    )
    loaded = reproducer.load(reproducer.save(problem, "header-zeroed-during-repair", tmp_path))
    assert loaded.crash_model == "process-kill"
    assert len(loaded.crashes) == 2
    assert loaded.crashes[0].image != loaded.crashes[1].image


SCRIPT = """
import sys
from pathlib import Path
from tornproof_conformance.cases import reproducer
from tornproof_conformance.cases.case import Problem, ProgramCase
from tornproof_conformance.checks import Budget
from tornproof_conformance.checks.exploration import EXPLORATION
from tornproof_conformance.checks.machine import MACHINE
from tornproof_conformance.run.runner import check_subject
from tornproof_conformance.subjects.reference import find_subject
from tornproof_models.contract.journal import Violation
from tornproof_models.disk.trace import Image, Trace
from tornproof_models.crash.findings import Finding
from tornproof_models.crash.subject import Options

saved = Path(sys.argv[1])
subject = find_subject("acknowledged-before-fsync")
for _ in check_subject(
    subject, budget=Budget(1, 1, 5), reproducers=saved, checks=(EXPLORATION, MACHINE)
):
    pass

image = Image({}, frozenset(f"/{name}" for name in "abcdefgh"))
violation = Violation("REC-1", "many directories")
finding = Finding(violation, 0, 0, 0, image, (), (), None)
case = ProgramCase((), Options(), "prefix")
reproducer.save(Problem(violation, case, finding, Trace(image, ())), subject.name, saved)
"""


def test_the_bytes_are_the_same_everywhere(tmp_path: Path) -> None:
    """Two processes with different hash seeds, in different places, write the same files."""
    written = []
    for seed in ("1", "4242"):
        home = tmp_path / seed
        home.mkdir()
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        subprocess.run(
            [sys.executable, "-c", SCRIPT, str(home / "found")],
            env=environment,
            cwd=home,
            check=True,
        )
        written.append({path.name: path.read_bytes() for path in (home / "found").iterdir()})
    assert len(written[0]) >= 2
    assert written[0] == written[1]


def test_every_violation_of_a_check_is_shrunk(tmp_path: Path) -> None:
    """What the machine finds is told as a program of a step and the crash of it."""
    subject = find_subject("acknowledged-before-fsync")
    found = [
        event
        for event in check_subject(
            subject, budget=Budget(1, 1, 40), reproducers=tmp_path, checks=(MACHINE,)
        )
        if isinstance(event, ViolationFound) and event.requirement == "JRN-3"
    ]
    event = found[-1]
    (step,) = event.program[1:]
    assert step.startswith("append(")
    assert event.crash_model == "prefix"
    assert event.crashes[0].lost
    assert reproducer.load(Path(event.reproducer)).requirement == "JRN-3"


def test_the_crash_model_of_a_case_is_that_of_its_harshest_crash() -> None:
    """Crashes among the steps count as the one at the end does; no crash, no crash model."""
    crashing = (Append(5), Crash("ext4", 3, 0), Append(5))
    assert crash_model_of(ProgramCase(crashing, Options(), "prefix")) == "ext4"
    assert crash_model_of(ProgramCase((Append(5), Kill()), Options())) is None
    assert crash_model_of(ScenarioCase("one-writer")) is None


def test_a_case_is_repeated_for_its_requirement(lossy: Problem) -> None:
    """Repeating shows the same crash on the same subject, and nothing on a correct one."""
    again = repeat(lossy.case, "JRN-3", find_subject("acknowledged-before-fsync"))
    assert again is not None
    assert again.finding == lossy.finding
    assert repeat(lossy.case, "JRN-3", find_subject("reference")) is None
    assert repeat(lossy.case, "JRN-1", find_subject("acknowledged-before-fsync")) is None


def test_an_image_that_still_shows_the_violation_is_not_fixed(tmp_path: Path) -> None:
    """A search that is bounded may come to other crashes than the file; its image decides."""
    program = (Append(5), Append(24))
    problem = problem_of("no-checksum", "JRN-5", program, "adversarial", Options())
    saved = reproducer.load(reproducer.save(problem, "no-checksum", tmp_path))

    assert saved.recovered == ((0, b""),)  # of a file of zeros
    assert is_shown_again(saved, find_subject("no-checksum"))
    assert not is_shown_again(saved, find_subject("reference"))


def test_a_crash_after_a_crash_is_judged_by_what_was_owed_before() -> None:
    """A disk that is not new begins with debts: its first moments are no invention."""
    program = (Append(5), Crash("adversarial", 100, 0), Append(24))
    for crash_model in ("process-kill", "prefix", "ext4", "adversarial"):
        case = ProgramCase(program, Options(), crash_model)
        assert try_case(case, find_subject("reference")) == []


DAMAGE: dict[str, tuple[tuple[str | int, ...], Any]] = {
    "requirement": (("requirement",), "three"),
    "no program": (("case", "program"), None),
    "unknown step": (("case", "program", 0, "step"), "fly"),
    "missing size": (("case", "program", 0), {"step": "append"}),
    "surplus argument": (("case", "program", 0), {"step": "sync", "size": 5}),
    "unknown fault": (("case", "program", 0), {"step": "fail", "nth": 1, "fault": "fire"}),
    "unknown crash model": (("case", "crash_model"), "mars"),
    "unknown crash crash model": (
        ("case", "program", 0),
        {"step": "crash", "crash_model": "mars", "point": 0, "image": 0},
    ),
    "options": (("case", "options"), {}),
    "trace": (("trace", "format"), "tornproof-trace/99"),
    "trace event": (("trace", "events", 0), {"event": "write"}),
    "image": (("crashes", 0, "image", "files"), {"/journal/a": "?"}),
    "record": (("expected", 0), {"offset": 0}),
    "surplus": (("colour",), "red"),
}


@pytest.mark.parametrize("damage", DAMAGE, ids=str)
def test_a_damaged_file_is_an_error_of_one_line(
    damage: str, lossy: Problem, tmp_path: Path
) -> None:
    """Whatever is wrong with a file, it is refused, by name and in one line."""
    path = reproducer.save(lossy, "acknowledged-before-fsync", tmp_path)
    document = json.loads(path.read_text())
    place, value = DAMAGE[damage]
    inside = document
    for key in place[:-1]:
        inside = inside[key]
    inside[place[-1]] = value
    path.write_text(json.dumps(document))
    with pytest.raises(Invalid) as refused:
        reproducer.load(path)
    assert str(path) in str(refused.value)
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < len(str(path)) + 300


@pytest.mark.parametrize("size", [0, 1, 100, -2])
def test_a_file_cut_short_is_an_error(size: int, lossy: Problem, tmp_path: Path) -> None:
    """A prefix of a reproducer is none."""
    path = reproducer.save(lossy, "acknowledged-before-fsync", tmp_path)
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(Invalid, match="not JSON, or cut short"):
        reproducer.load(path)


OUTSIDE = {
    "a path that climbs": {"directories": [], "files": {"/../../pwned.txt": ""}},
    "a directory that climbs": {"directories": ["/.."], "files": {}},
    "a path that begins nowhere": {"directories": [], "files": {"/a/b": ""}},
    "a name that is a dot": {"directories": [], "files": {"/.": ""}},
    "a file that is a directory": {"directories": ["/a"], "files": {"/a": ""}},
}


@pytest.mark.parametrize("image", OUTSIDE.values(), ids=OUTSIDE.keys())
def test_an_image_that_leads_out_is_refused(
    image: dict[str, Any], lossy: Problem, tmp_path: Path
) -> None:
    """Nobody joins a path of a stranger to a directory of this machine."""
    path = reproducer.save(lossy, "acknowledged-before-fsync", tmp_path)
    document = json.loads(path.read_text())
    document["crashes"][0]["image"] = image
    path.write_text(json.dumps(document))
    with pytest.raises(Invalid, match=r"is damaged: \$\.crashes\[0\]\.image"):
        reproducer.load(path)


TOO_MUCH: dict[str, dict[str, Any]] = {
    "one append of a gigabyte": {"program": [{"step": "append", "size": 1 << 30}]},
    "appends of a gigabyte together": {"program": [{"step": "append", "size": 1 << 24}] * 65},
    "a million steps": {"program": [{"step": "sync"}] * 1025},
    "a sector of an exabyte": {"sector_bytes": 10**18},
    "an image of 4,000 digits": {
        "program": [{"step": "crash", "crash_model": "prefix", "point": 0, "image": 10**3999}]
    },
    "thirty events": {"kind": "schedule", "events": 30, "falls": 9, "faults": 9, "steps": []},
    "a float": {"sector_bytes": 512.0},
}


@pytest.mark.parametrize("asked", TOO_MUCH.values(), ids=TOO_MUCH.keys())
def test_a_case_that_asks_for_too_much_is_refused(
    asked: dict[str, Any], lossy: Problem, tmp_path: Path
) -> None:
    """Before anything runs: a file can ask for more work than a machine can do."""
    path = reproducer.save(lossy, "acknowledged-before-fsync", tmp_path)
    document = json.loads(path.read_text())
    document["case"] = asked if "kind" in asked else document["case"] | asked
    path.write_text(json.dumps(document))
    with pytest.raises(Invalid, match=r"is damaged: \$\.case") as caught:
        reproducer.load(path)
    assert len(str(caught.value)) < 500

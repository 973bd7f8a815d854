"""
Cases: the data needed to show a violation again.

A violation is worth as much as it can be repeated.  A case is the smallest
self-contained thing that repeats one: a program to run and perhaps a crash model to
crash it under, the choices of a machine, or the name of a scenario, vector or exercise.
`try_case` runs a case against a subject and returns what is violated; checking
and replaying both go through it, so a replay cannot tell another story than the
check did.
"""

from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import hypothesis
from attrs import asdict, evolve, frozen
from tornproof.errors import Invalid
from tornproof_models.contract.delivery import Mode as DeliveryMode
from tornproof_models.contract.journal import Violation
from tornproof_models.crash import program as steps
from tornproof_models.crash.explorer import Explorer
from tornproof_models.crash.findings import Finding
from tornproof_models.crash.program import Program, Step
from tornproof_models.crash.run import run
from tornproof_models.crash.subject import Options, Subject
from tornproof_models.disk.crash_models import CRASH_MODELS
from tornproof_models.disk.faults import Fault
from tornproof_models.disk.image_builder import Choice
from tornproof_models.disk.trace import Trace
from tornproof_models.machines.batching_situations import SITUATIONS
from tornproof_models.queues import delivery_program

from tornproof_conformance.cases.exercises import try_exercise
from tornproof_conformance.cases.hypothesis_search import repeat_machine
from tornproof_conformance.scenarios import SCENARIOS
from tornproof_conformance.subjects.group_commits import judge_batches
from tornproof_conformance.subjects.indexes import KINDS, LocalIndex, audit_cases, judge_case
from tornproof_conformance.subjects.machines import make_machine
from tornproof_conformance.subjects.queues import (
    decode_program,
    encode_program,
    judge_delivery,
    judge_schedules,
)
from tornproof_conformance.vectors.judging import judge_vector
from tornproof_conformance.vectors.vector import cases, image_vectors


@frozen
class ProgramCase:
    """Run a program; if a crash model is named, crash it wherever it matters."""

    program: Program
    options: Options
    crash_model: str | None = None
    sector_bytes: int = 512
    every_store: bool = False
    """Whether an adapter's stores through mappings are seen one by one."""


@frozen
class ScenarioCase:
    """Run a scenario of the suite."""

    scenario: str


@frozen
class VectorCase:
    """Recover the image of a frozen vector."""

    vector: str


@frozen
class MachineCase:
    """Let a state machine make the same choices again."""

    machine: str
    hypothesis: str
    """The version of Hypothesis that made the choices, and reads them."""

    choices: str
    """What was chosen, in base64."""

    steps: tuple[str, ...]
    """What that came to, for people."""


@frozen
class ExerciseCase:
    """Put an adapter through an exercise again."""

    exercise: str
    arguments: tuple[str, ...] = ()


@frozen
class DeliveryCase:
    """Run a program through a deferred queue, and judge it by what a crash model promises."""

    crash_model: DeliveryMode
    program: delivery_program.Program


@frozen
class BatchCase:
    """Let everything happen again that can happen to a group commit in a situation."""

    situation: str
    steps: tuple[str, ...]
    """The story that was found, for people."""


@frozen
class WorkloadCase:
    """Crash a recorded workload at a point, and let commands look at what is left."""

    symptom: str
    """What violations of the same mistake have in common."""

    crash_model: str
    point: int
    """How many events of the trace had happened."""

    choice: Choice
    """What the crash keeps of the versions that are pending at this point."""

    recovery: int | None = None
    """Which of the recoveries that were recorded is crashed; none if it is the workload."""


@frozen
class ScheduleCase:
    """Walk every schedule of a drainer within these bounds again."""

    events: int
    falls: int
    faults: int
    steps: tuple[str, ...]
    """The schedule that was found, for people."""


Case: TypeAlias = (
    ProgramCase
    | ScenarioCase
    | VectorCase
    | MachineCase
    | ExerciseCase
    | DeliveryCase
    | ScheduleCase
    | BatchCase
    | WorkloadCase
)


@frozen
class Problem:
    """A violation, with the case that repeats it and the crash that shows it."""

    violation: Violation
    case: Case
    finding: Finding | None = None
    trace: Trace | None = None
    """What the program did on its disk, since the last crash among its steps."""


def try_case(case: Case, subject: Subject) -> list[Problem]:
    """Run a case and return what is violated, nothing if the subject holds it."""
    match case:
        case ProgramCase():
            return _try_program(case, subject)
        case ScenarioCase(name):
            found = SCENARIOS[name].judge(subject)
        case VectorCase(name):
            found = _judge_frozen(name, subject)
        case ExerciseCase(name, arguments):
            found = try_exercise(name, subject, arguments)
        case DeliveryCase(crash_model, delivered):
            found = judge_delivery(subject, crash_model, delivered)
        case ScheduleCase(events, falls, faults):
            found = judge_schedules(subject, events, falls, faults)
        case BatchCase(situation):
            found = judge_batches(subject, situation)
        case WorkloadCase():
            raise Invalid("the crash of a workload is looked at again by `crash --replay`")
        case MachineCase(machine, _, choices):
            caught = repeat_machine(make_machine(machine, subject.name), b64decode(choices))
            found = list(caught.violations) if caught else []
    return [Problem(violation, case) for violation in found]


def _judge_frozen(name: str, subject: Subject) -> list[Violation]:
    for case in audit_cases(*KINDS):
        if case["id"] == name:
            return judge_case(case, LocalIndex.of(subject))
    vector = next(vector for vector in image_vectors() if vector.id == name)
    return judge_vector(vector, subject)


def _try_program(case: ProgramCase, subject: Subject) -> list[Problem]:
    running = run(case.program, subject, case.options)
    alive = evolve(case, crash_model=None)
    trace = running.filesystem.trace
    problems = [Problem(violation, alive, None, trace) for violation in running.violations]
    if case.crash_model is not None and not problems:
        explorer = Explorer(
            subject, case.options, CRASH_MODELS[case.crash_model], sector_bytes=case.sector_bytes
        )
        for finding in explorer.explore(trace, before=running.began):
            problems.append(Problem(finding.violation, case, finding, trace))
    return problems


# JSON

_STEPS: Mapping[str, Callable[..., Step]] = {
    "append": lambda size, content="random": steps.Append(size, steps.Content(content)),
    "sync": steps.Sync,
    "rotate": steps.Rotate,
    "reopen": steps.Reopen,
    "kill": steps.Kill,
    "settle": steps.Settle,
    "submit": lambda sizes: steps.Submit(tuple(sizes)),
    "batch": lambda sizes: steps.Batch(tuple(sizes)),
    "droptail": steps.DropTail,
    "drophead": steps.DropHead,
    "interrupt": lambda sizes, answers, microseconds: steps.Interrupt(
        tuple(sizes), answers, microseconds
    ),
    "fail": lambda nth, fault: steps.Fail(nth, Fault(fault)),
    "kill_at": lambda nth, is_after: steps.KillAt(nth, is_after),
    "crash": lambda crash_model, point, image: steps.Crash(_known(crash_model), point, image),
}


def encode_case(case: Case) -> dict[str, Any]:
    """Turn a case into JSON's types; `decode_case` turns it back."""
    match case:
        case ProgramCase():
            return {
                "kind": "program",
                "program": [_encode_step(step) for step in case.program],
                "options": asdict(case.options),
                "crash_model": case.crash_model,
                "sector_bytes": case.sector_bytes,
                **({"every_store": True} if case.every_store else {}),
            }
        case ScenarioCase(name):
            return {"kind": "scenario", "scenario": name}
        case VectorCase(name):
            return {"kind": "vector", "vector": name}
        case MachineCase():
            return {"kind": "machine", **asdict(case)}
        case DeliveryCase(promised, program):
            steps = encode_program(program)
            return {"kind": "delivery", "mode": promised.value, "program": steps}
        case ScheduleCase():
            return {"kind": "schedule", **asdict(case)}
        case BatchCase():
            return {"kind": "batch", **asdict(case)}
        case WorkloadCase():
            return {
                "kind": "workload",
                "symptom": case.symptom,
                "crash_model": case.crash_model,
                "point": case.point,
                "kept": f"{case.choice.kept:x}",
                "fillings": [list(pair) for pair in case.choice.fillings],
                "recovery": case.recovery,
            }
        case ExerciseCase():
            return {"kind": "exercise", **asdict(case)}


def decode_case(data: Mapping[str, Any]) -> Case:
    """Read a case from JSON's types.  Raises `KeyError`, `TypeError` or `ValueError`."""
    match data["kind"]:
        case "program":
            crash_model = None if data["crash_model"] is None else _known(data["crash_model"])
            return ProgramCase(
                _decode_program(data["program"]),
                Options(**data["options"]),
                crash_model,
                int(data["sector_bytes"]),
                data.get("every_store") is True,
            )
        case "scenario":
            if data["scenario"] not in SCENARIOS:
                raise ValueError(f"no scenario {data['scenario']!r}")
            return ScenarioCase(data["scenario"])
        case "vector":
            if data["vector"] not in {vector["id"] for vector in cases()}:
                raise ValueError(f"no vector {data['vector']!r}")
            return VectorCase(data["vector"])
        case "delivery":
            promised = DeliveryMode(data["mode"])
            return DeliveryCase(promised, decode_program(data["program"]))
        case "schedule":
            events, falls, faults = (int(data[name]) for name in ("events", "falls", "faults"))
            return ScheduleCase(events, falls, faults, tuple(data["steps"]))
        case "batch":
            if data["situation"] not in SITUATIONS:
                raise ValueError(f"no situation {data['situation']!r}")
            return BatchCase(data["situation"], tuple(data["steps"]))
        case "workload":
            pairs = tuple((int(one), int(other)) for one, other in data["fillings"])
            choice = Choice(int(data["kept"], 16), pairs)
            return WorkloadCase(
                data["symptom"],
                _known(data["crash_model"]),
                int(data["point"]),
                choice,
                data["recovery"],
            )
        case "machine":
            if data["hypothesis"] != hypothesis.__version__:
                raise ValueError(
                    f"its choices are those of Hypothesis {data['hypothesis']}; this is "
                    f"{hypothesis.__version__}"
                )
            choices = b64encode(b64decode(data["choices"], validate=True)).decode()
            return MachineCase(data["machine"], data["hypothesis"], choices, tuple(data["steps"]))
        case "exercise":
            return ExerciseCase(data["exercise"], tuple(data["arguments"]))
        case kind:
            raise ValueError(f"no kind of case {kind!r}")


def _encode_step(step: Step) -> dict[str, Any]:
    arguments = asdict(step)
    if arguments.get("content") is steps.Content.RANDOM:
        del arguments["content"]
    name = "kill_at" if isinstance(step, steps.KillAt) else type(step).__name__.lower()
    return {"step": name, **arguments}


def _decode_program(steps: Sequence[Mapping[str, Any]]) -> Program:
    decoded = []
    for step in steps:
        arguments = {name: value for name, value in step.items() if name != "step"}
        decoded.append(_STEPS[step["step"]](**arguments))
    return tuple(decoded)


def _known(crash_model: str) -> str:
    if crash_model not in CRASH_MODELS:
        raise ValueError(f"no crash model {crash_model!r}")
    return crash_model

"""
Audit indexes: frozen questions, and random ones between deaths.

An index in this process lies on a store that can be looked into and that dies between any
two statements of its database.  One behind an adapter is killed by a signal at any moment.
The frozen vectors and the contract are the same.  And it is recorded, and loses its power.
"""

from tornproof_models.crash.subject import Target
from tornproof_models.disk.crash_models import CLAIMED

from tornproof_conformance.adapter.adapter_subject import AdapterTarget
from tornproof_conformance.cases.case import ExerciseCase, VectorCase, try_case
from tornproof_conformance.cases.hypothesis_search import STEPS, Order
from tornproof_conformance.checks import Budget, Check, Clock, Covered, Findings, counted
from tornproof_conformance.checks.adapter_audits import audit_vectors, shows_records
from tornproof_conformance.checks.audit_power_loss import AUDITS as AUDITED
from tornproof_conformance.checks.recorded import try_recorded
from tornproof_conformance.scenarios.scenario import claims
from tornproof_conformance.search.hunts import MachineHunt
from tornproof_conformance.stream.run_events import Progress
from tornproof_conformance.subjects.indexes import KINDS, audit_cases
from tornproof_conformance.subjects.machines import machines_of

NAME = "audits"
TITLE = "frozen questions, and random ones between deaths"

ANSWERED = frozenset(f"AUD-{number}" for number in (*range(1, 12), 13, 14, 15, 16))
"""What shows in answers, keys and records; what they cost (AUD-12) is a scenario."""

MACHINES = ("audit-machine", "indexer-machine")

EXAMPLES_EACH = 10
"""One random program of an index for so many of a journal."""


def _audits(target: Target, budget: Budget) -> Findings:
    vectors = audit_cases(*KINDS)
    for number, case in enumerate(vectors):
        yield Progress(NAME, number, len(vectors), case["id"])
        yield from try_case(VectorCase(case["id"]), target)
    names = [name for name in MACHINES if name in machines_of(target.name)]
    examples = budget.examples // EXAMPLES_EACH
    for number, name in enumerate(names):
        yield Progress(NAME, number, len(names), f"{name}: random programs")
        yield from MachineHunt(name, target.name).play(Order(0, examples)).problems
    count = examples * len(names)
    words = f"{len(vectors)} frozen vectors, {count} random programs of up to {STEPS} steps, "
    words += "with a death between any two statements"
    counts = {"vectors": len(vectors), "random_programs": count}
    return Covered(words, counts, ("process-kill",))


AUDITS = Check(NAME, TITLE, ANSWERED, _audits)


# Behind an adapter

SHARE = 0.1
"""Part of the budget's time."""


def _adapter_audits(target: Target, budget: Budget) -> Findings:
    assert isinstance(target, AdapterTarget)
    vectors = audit_vectors(target)
    for number, case in enumerate(vectors):
        yield Progress(NAME, number, len(vectors), case["id"])
        yield from try_case(ExerciseCase("audit-vector", (case["id"],)), target)
    clock = Clock.start(budget, SHARE)
    programs, steps = (2, 20) if target.is_slow else (10, 40)
    rounds = 0
    while rounds == 0 or clock.has_time:
        yield clock.progress(NAME, f"{rounds * programs} random programs")
        arguments = (str(budget.seed + rounds), str(programs), str(steps))
        yield from try_case(ExerciseCase("audit-programs", arguments), target)
        rounds += 1
    words = (
        f"{len(vectors)} frozen vectors, {counted(rounds * programs, 'random program')} with kills"
    )
    counts = {"vectors": len(vectors), "random_programs": rounds * programs}
    return Covered(words, counts, ("process-kill",))


def _hidden(target: Target) -> frozenset[str]:
    """Name what an adapter does not let anybody see."""
    if not claims(target, "audit/keys"):
        return frozenset({"AUD-1", "AUD-2", "AUD-16"})
    assert isinstance(target, AdapterTarget)
    return frozenset() if shows_records(target) else frozenset({"AUD-16"})


ADAPTER_AUDITS = Check(NAME, TITLE, ANSWERED, _adapter_audits, _hidden)


POWER = "audit-power"


def _power(target: Target, _: Budget) -> Findings:
    yield Progress(POWER, 0, 1, "puts, and then the power")
    words = f"{len(AUDITED)} puts, and a loss of power before every sync and after every answer"
    return (yield from try_recorded(target, [POWER], Covered(words, profiles=CLAIMED)))


AUDIT_POWER = Check(
    POWER,
    "puts into an audit index, recorded, and then the power",
    frozenset({"AUD-10", "AUD-13"}),
    _power,
)

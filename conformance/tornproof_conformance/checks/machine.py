"""
Run long random programs, made and shrunk by Hypothesis.
"""

from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from tornproof_models.contract import journal
from tornproof_models.crash.subject import Options, Subject
from tornproof_models.machines.journal_machine import ProgramViolated, journal_machine

from tornproof_conformance.cases.case import Problem, ProgramCase
from tornproof_conformance.checks import Budget, Check, Covered, Findings
from tornproof_conformance.checks.exploration import DURABILITIES
from tornproof_conformance.stream.run_events import Progress

STEPS = 40
"""Steps of one random program, at most."""

_PHASES = (Phase.generate, Phase.target, Phase.shrink)


def _machine(subject: Subject, budget: Budget) -> Findings:
    for number, durability in enumerate(DURABILITIES if budget.examples else ()):
        yield Progress("machine", number, len(DURABILITIES), f"{durability}: random programs")
        options = Options(durability=durability)
        try:
            run_state_machine_as_test(
                journal_machine(subject, options),
                settings=settings(
                    max_examples=budget.examples,
                    stateful_step_count=STEPS,
                    derandomize=True,
                    database=None,
                    deadline=None,
                    phases=_PHASES,
                    print_blob=False,
                    report_multiple_bugs=False,
                    suppress_health_check=list(HealthCheck),
                ),
            )
        except ProgramViolated as found:
            case = ProgramCase(found.program, options)
            for violation in found.violations:
                yield Problem(violation, case)
    count = budget.examples * len(DURABILITIES)
    words = f"{count} random programs of up to {STEPS} steps, many crashes deep"
    return Covered(words, {"random_programs": count})


MACHINE = Check(
    "machine",
    "long random programs with faults, kills and crashes",
    journal.JUDGES,
    _machine,
)

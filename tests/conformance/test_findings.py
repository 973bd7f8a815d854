"""Which problems of a run are one finding."""

from attrs import evolve
from tornproof_conformance.cases.case import Problem, ProgramCase, ScenarioCase
from tornproof_conformance.run.findings import Findings
from tornproof_models.contract.journal import History
from tornproof_models.contract.violations import Violation
from tornproof_models.crash.program import Append, Fail
from tornproof_models.crash.subject import Options
from tornproof_models.disk.faults import Fault


def scenario(name: str, requirement: str, cause: str = "") -> Problem:
    """Make a problem that a scenario has found."""
    return Problem(Violation(requirement, f"{name} shows it", cause), ScenarioCase(name))


def test_the_same_cause_under_several_requirements_is_one_finding() -> None:
    """Whichever trial shows it; the first is told, and lists the others."""
    findings = Findings()
    for name, requirement in (("one", "CHN-5"), ("two", "CHN-6"), ("three", "CHN-9")):
        findings.add(scenario(name, requirement, "it finds nothing"), "scenarios")

    (found,) = findings
    assert (found.requirement, found.also) == ("CHN-5", ["CHN-6", "CHN-9"])


def test_without_a_cause_each_requirement_is_a_finding() -> None:
    """Nobody knows that they are one."""
    findings = Findings()
    findings.add(scenario("one", "CHN-5"), "scenarios")
    findings.add(scenario("two", "CHN-6"), "scenarios")

    assert len(findings) == 2


def test_what_is_lost_after_a_failed_call_has_a_cause_of_its_own() -> None:
    """A store that loses records after a failed sync may keep them otherwise."""
    findings = Findings()
    appended = (Append(5),)
    for program in (appended, (Fail(1, Fault.ERROR), *appended)):
        for requirement in ("JRN-3", "GRP-1"):
            violation = Violation(requirement, "it is gone", "what append has promised is lost")
            case = ProgramCase((*program, Append(len(requirement))), Options())
            findings.add(Problem(violation, case), "io-errors")
            findings.add(scenario("another trial", "ADP-2"), "scenarios")

    assert [(found.requirement, found.phase, found.also) for found in findings] == [
        ("JRN-3", "later", ["GRP-1"]),
        ("ADP-2", "later", []),
        ("JRN-3", "after a failed call", ["GRP-1"]),
    ]


def test_a_record_that_is_lost_names_the_promise() -> None:
    """JRN-3, JRN-10 and JRN-11 differ in it, and GRP-1, GRP-7 and REC-4 share it."""
    history = History().invoke(0, b"a").acknowledge(0, 0, durable=False).flush("close")

    (found,) = history.judge(())

    assert (found.requirement, found.cause) == ("JRN-11", "what close has promised is lost")


def test_a_finding_says_when_it_was_met_first() -> None:
    """A milder crash that shows the same later does not change how long the search took."""
    findings = Findings(lambda: 1.5)
    case = ProgramCase((Append(5),), Options(), crash_model="adversarial")
    findings.add(Problem(Violation("JRN-3", "it is gone"), case), "power-loss", 40)

    milder = evolve(case, crash_model="prefix")
    findings.elapsed = lambda: 9.0
    found = findings.add(Problem(Violation("JRN-3", "it is gone"), milder), "power-loss", 700)

    assert found is not None
    assert (found.problem.case, found.seconds, found.images) == (milder, 1.5, 40)

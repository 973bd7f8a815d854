"""
Check a program given on the command line.

It runs once, recorded, with the faults that stand in it; then it is crashed at every point,
in every crash model, and what is recovered is judged.  A verdict on it says nothing of other
programs: only the requirements that were at stake in it are judged.
"""

from attrs import define, evolve, field
from tornproof_models.crash.explorer import Explorer
from tornproof_models.crash.findings import Coverage
from tornproof_models.crash.program import Program
from tornproof_models.crash.run import run
from tornproof_models.crash.stakes import COUNTED, Stakes
from tornproof_models.crash.subject import Options, Subject
from tornproof_models.disk.crash_models import CRASH_MODELS

from tornproof_conformance.adapter.adapter_subject import AdapterSubject
from tornproof_conformance.cases.case import Problem, ProgramCase
from tornproof_conformance.cases.recorded_cases import for_case
from tornproof_conformance.checks import Budget, Check, Covered, Findings, count_images, counted
from tornproof_conformance.checks.recorded import NO_TRACE
from tornproof_conformance.power.recorded_subject import RecordedSubject
from tornproof_conformance.stream.run_events import Progress

NAME = "program"


@define(eq=False)
class GivenProgram:
    """A program, what to open the journal with, and what was at stake when it ran."""

    program: Program
    options: Options
    stakes: Stakes = field(factory=Stakes)

    def check(self) -> Check:
        """Make the check that judges it."""
        title = f"{' '.join(map(str, self.program))}, crashed everywhere"
        return Check(NAME, title, COUNTED, self._judge, self._not_at_stake)

    def _judge(self, subject: Subject, budget: Budget) -> Findings:
        yield Progress(NAME, 0, len(budget.crash_models), "running the program")
        case = ProgramCase(self.program, self.options, budget.crash_models[-1])
        try:
            with for_case(subject, case) as judged:
                return (yield from self._crash(judged, case, budget.crash_models))
        except NO_TRACE as reason:
            return Covered(f"nothing: {reason}", is_conclusive=False)

    def _crash(
        self, subject: Subject, case: ProgramCase, crash_models: tuple[str, ...]
    ) -> Findings:
        running = run(case.program, subject, case.options)
        trace = running.filesystem.trace
        alive = evolve(case, crash_model=None)
        for violation in running.violations:
            yield Problem(violation, alive, None, trace)
        coverage = Coverage()
        self.stakes.meet(running.history.at_stake)
        for number, crash_model in enumerate(crash_models):
            yield Progress(NAME, number, len(crash_models), crash_model, coverage.judged)
            explorer = Explorer(
                subject,
                case.options,
                CRASH_MODELS[crash_model],
                bound=_bound(subject),
                coverage=coverage,
                stakes=self.stakes,
            )
            for finding in explorer.explore(trace, before=running.began):
                yield Problem(
                    finding.violation, evolve(case, crash_model=crash_model), finding, trace
                )
        words = f"{coverage}, in {counted(len(crash_models), 'crash model')}"
        missing = "all images within two deviations" if self.stakes.shallow else ""
        return Covered(
            words,
            count_images(coverage),
            crash_models,
            missing=missing,
            notes=tuple(subject.warnings) if isinstance(subject, RecordedSubject) else (),
            at_stake=self.stakes.counts,
        )

    def _not_at_stake(self, subject: Subject) -> frozenset[str]:
        del subject
        return frozenset(name for name, count in self.stakes.counts.items() if not count)


def _bound(subject: Subject) -> int:
    """Return up to how many images of a crash point all are judged."""
    return 1 << 12 if isinstance(subject, AdapterSubject) else 1 << 16

"""
Crash the programs of an adapter, and keep what was found and covered.

A program runs once, recorded.  Then it is crashed at every point and in every crash model, and
the adapter recovers what is left.  Each crash point gets a first round of images at once; what
it has beyond that waits until somebody asks to go on, and small crash points are the first to do
so, whatever program they belong to.  `power_loss` says in which order programs are tried.
"""

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from heapq import heappop, heappush

from attrs import define, evolve, field
from tornproof_models.crash.explorer import Explorer
from tornproof_models.crash.findings import Coverage
from tornproof_models.crash.novelty import Novelty
from tornproof_models.crash.program import Append, Fail, Program, Settle
from tornproof_models.crash.run import Run, run
from tornproof_models.crash.sites import Site
from tornproof_models.crash.stakes import Stakes
from tornproof_models.crash.subject import Options
from tornproof_models.disk.crash_models import CLAIMED, CRASH_MODELS
from tornproof_models.disk.trace import Image, Settled, Stored, Trace

from tornproof_conformance.cases.case import Problem, ProgramCase
from tornproof_conformance.cases.phases import (
    AFTER_FAILED_CALL,
    CREATED,
    IN_RECOVERY,
    LATER,
    harshness_of,
    phase_of,
)
from tornproof_conformance.checks import Clock
from tornproof_conformance.checks.small_programs import LEAST_OPERATIONS
from tornproof_conformance.power.recorded_subject import RecordedSubject

BOUND = 1 << 12
"""Images of one crash point up to which all are judged: 4,096, as each takes a process's time."""

AT_ONCE = 8
"""Crash points that go on at the same time, so that there is something to be shared."""

TOGETHER_SHARE = 0.05
"""Part of the time for one round of a program: some stores take 0.1 s to recover an image."""

AGAIN = 4
"""Recoveries that are recorded and crashed, at the most, before the next program has its turn."""

INNER_IMAGES = 16
"""Images of one crash in or after a recovery: the nearest, of each kind one before a second."""

IN_ORDER = ("process-kill", "prefix")
"""Crash models in which it matters in which order something was stored."""


@define(eq=False)
class Crashing:
    """A crash point of a program in one crash model."""

    case: ProgramCase
    trace: Trace
    explorer: Explorer
    site: Site
    needed: bool
    """Whether a verdict needs it."""


@define
class CrashSearch:
    """What was found and covered so far."""

    subject: RecordedSubject
    clock: Clock
    crash_models: tuple[str, ...] = CLAIMED
    """Where power is lost, from mild to harsh."""

    bound: int = BOUND
    """Images of one crash point up to which all are judged."""

    depth: int = 2
    """How many crashes follow each other."""

    found: list[Problem] = field(factory=list)
    """Problems that have not been told: new ones, and those in a milder crash model than before."""

    _mildest: dict[tuple[str, str], int] = field(factory=dict)
    """How harsh the mildest crash model was, by requirement and phase."""

    programs: int = 0
    least_planned: int = 0
    """Searches of one program in one crash model that a verdict needs: up to two operations."""

    least_spared: int = 0
    """How many of them there is nothing to crash of: the program itself shows a violation."""

    batches: int = 0
    """Batches of stores through mappings, in whose traces nobody knows the order of stores."""

    stores: int = 0
    """Programs of which every store through a mapping was seen by itself."""

    novelty: dict[tuple[str, str], Novelty] = field(factory=dict)
    """How new the outcomes of recoveries were, by phase and crash model."""

    deepened: int = 0
    """Rounds beyond the first."""

    _judged: Counter[bool] = field(factory=Counter)
    """Images that were judged in first rounds (False), and in later ones (True)."""

    _explorers: dict[tuple[Options, str], Explorer] = field(factory=dict)
    _needed: list[list[Site]] = field(factory=list)
    """The crash points of each search that a verdict needs."""

    _waiting: list[tuple[bool, int, int, int, "Crashing"]] = field(factory=list)
    """A heap of crash points that are not done: those that a verdict needs, then the smallest."""

    _sites: int = 0

    @property
    def least_done(self) -> int:
        """Count the searches that were made within two deviations at every crash point."""
        return self.least_spared + sum(
            all(site.suffices for site in sites) for sites in self._needed
        )

    @property
    def is_done(self) -> bool:
        """Whether no crash point has more images to offer."""
        return not self._waiting

    @property
    def is_wanting(self) -> bool:
        """Whether some crash point has more images to offer that a verdict needs."""
        return bool(self._waiting) and not self._waiting[0][0]

    @property
    def is_behind(self) -> bool:
        """Whether later rounds have judged fewer images than first ones, and there are more."""
        return bool(self._waiting) and self._judged[True] < self._judged[False]

    @property
    def coverage(self) -> Coverage:
        """What was tried, over all crash models."""
        total = Coverage()
        for explorer in self._explorers.values():
            total.add(explorer.coverage)
        return total

    @property
    def stakes(self) -> Stakes:
        """What was at stake, over all crash models."""
        total = Stakes()
        for explorer in self._explorers.values():
            total.add(explorer.stakes)
        return total

    def create(self, options: Options) -> None:
        """Crash a store while it is created, and while it takes its first record."""
        self._run((Append(5),), options, needed=False)

    def run(self, program: Program, options: Options, *, needed: bool | None = None) -> None:
        """
        Run a program on a store that is durable, and crash it in every crash model.

        What all programs begin with, the creation of a store, is judged by itself.  Short
        programs are `needed` for a verdict, unless it is said.
        """
        if needed is None:
            needed = len(program) <= LEAST_OPERATIONS
        self._run((Settle(), *program), options, needed=needed)

    def _run(self, program: Program, options: Options, *, needed: bool) -> None:
        self.programs += 1
        running = run(program, self.subject, options)
        self.judge(ProgramCase(program, options), running, needed=needed)

    def judge(
        self, case: ProgramCase, running: Run, *, since: int | None = None, needed: bool = False
    ) -> None:
        """
        Judge a program that ran, and crash it from so many events of its trace on.

        If none are given, what a program lets settle is left out, such as the creation of a store.
        """
        trace = running.filesystem.trace
        self.batches += sum(isinstance(event, Stored) for event in trace.events)
        for violation in running.violations:
            self._keep(Problem(violation, case, None, trace))
        if running.violations:
            # nothing of it is left to be crashed
            self.least_spared += len(self.crash_models) * needed
        else:
            begin = _settled(trace) if since is None else since
            self._crash(case, trace, self.crash_models, since=begin, needed=needed)

    def step(self, stepping: RecordedSubject, program: Program, options: Options) -> None:
        """Run a program again, see every store by itself, and crash it where order matters."""
        case = ProgramCase((Settle(), *program), options, every_store=True)
        running = run(case.program, stepping, options)
        self.stores += 1
        if not running.violations:
            in_order = [name for name in self.crash_models if name in IN_ORDER]
            trace = running.filesystem.trace
            self._crash(case, trace, in_order, since=_settled(trace), needed=False)

    def _crash(
        self,
        case: ProgramCase,
        trace: Trace,
        crash_models: Sequence[str],
        *,
        since: int,
        needed: bool,
    ) -> None:
        """Take a first round at every crash point of a trace, in some crash models."""
        planned: list[Crashing] = []
        for crash_model in crash_models:
            crashed = evolve(case, crash_model=crash_model)
            explorer = self._explorer(case.options, crash_model)
            sites = list(explorer.sites(trace, since=since))
            if needed:
                self._needed.append(sites)
            planned += [Crashing(crashed, trace, explorer, site, needed) for site in sites]
        self._search_together(planned)

    def deepen(self) -> None:
        """Take one more round at the crash points whose turn it is, several at once."""
        number = min(len(self._waiting), AT_ONCE)
        self.deepened += number
        self._search_together([heappop(self._waiting)[-1] for _ in range(number)])

    def conclude(self) -> Iterator[Problem]:
        """
        Judge what was recovered for crash points that wait for their turn; yield what is untold.

        A store that is slow, or silent over some images, takes the time of the search, and what
        it has recovered until then can be judged without it.  Nothing more is recovered.
        """
        self.subject.leave_alone("the search has ended")
        for *_, crashing in sorted(self._waiting):
            if crashing.site.is_planned:
                self._search(crashing)
        yield from self.tell()

    def _search_together(self, crashings: "Sequence[Crashing]") -> None:
        """
        Let the images of several crash points be recovered at once, and judge each point.

        If it recovers no more, what it has recovered until then is judged before the search ends.
        """
        wanted: dict[tuple[Options, bool], dict[int, Image]] = {}
        until = self.clock.part(TOGETHER_SHARE)
        for crashing in crashings:
            crashing.explorer.until = until
            crashing.explorer.novelty = self._novelty_of(crashing)
            reboots = crashing.explorer.crash_model.floors.reboots
            wanted.setdefault((crashing.case.options, reboots), {}).update(crashing.site.plan())
        left = self.subject.recordings
        now = self.subject.recordings = min(left, AGAIN)
        for (options, reboots), images in wanted.items():
            self.subject.recover_images(list(images.values()), options, reboots=reboots)
        used = now - self.subject.recordings
        self.subject.recordings = 0  # what a crash of a recovery leaves is not crashed again
        for number, crashing in enumerate(crashings):
            if number == 0 or time.monotonic() < until or self.subject.is_left_alone:
                self._search(crashing)
            else:
                self._wait(crashing)
        self.subject.recordings = left - used
        self.subject.require_patience()

    def _search(self, crashing: "Crashing") -> None:
        site, explorer = crashing.site, crashing.explorer
        explorer.novelty = self._novelty_of(crashing)
        disagreed, judged = len(self.subject.disagreements), explorer.coverage.judged
        site.search()
        self._judged[site.rounds > 1] += explorer.coverage.judged - judged
        for violation in self.subject.disagreements[disagreed:]:
            self._keep(Problem(violation, crashing.case, None, crashing.trace))
        for finding in site.found:
            self._keep(Problem(finding.violation, crashing.case, finding, crashing.trace))
        if not site.is_over:
            self._wait(crashing)

    def _wait(self, crashing: "Crashing") -> None:
        """Put a crash point back until its turn comes."""
        self._sites += 1
        site = crashing.site
        is_wanted = crashing.needed and not site.suffices
        order = site.rounds, site.images, self._sites
        heappush(self._waiting, (not is_wanted, *order, crashing))

    def _novelty_of(self, crashing: "Crashing") -> list[Novelty]:
        """Return where to note what recoveries come to, and crashes of recoveries."""
        case = crashing.case
        is_settled, has_failed = (
            any(isinstance(step, kind) for step in case.program) for kind in (Settle, Fail)
        )
        phase = AFTER_FAILED_CALL if has_failed else LATER if is_settled else CREATED
        keys = ((each, case.crash_model or "") for each in (phase, IN_RECOVERY))
        return [self.novelty.setdefault(key, Novelty()) for key in keys]

    def _keep(self, problem: Problem) -> None:
        key = problem.violation.requirement, phase_of(problem)
        harshness = harshness_of(problem)
        if key not in self._mildest or harshness < self._mildest[key]:
            self._mildest[key] = harshness
            self.found.append(problem)

    def tell(self) -> Iterator[Problem]:
        """Yield the problems that have not been told."""
        while self.found:
            yield self.found.pop(0)

    def _explorer(self, options: Options, crash_model: str) -> Explorer:
        key = options, crash_model
        if key not in self._explorers:
            self._explorers[key] = Explorer(
                self.subject,
                options,
                CRASH_MODELS[crash_model],
                depth=self.depth,
                bound=self.bound,
                inner_images=INNER_IMAGES,
            )
        return self._explorers[key]


def _settled(trace: Trace) -> int:
    """Return from when on a crash matters: the last time that all became durable; 0 if never."""
    events = enumerate(trace.events, start=1)
    return max((number for number, event in events if isinstance(event, Settled)), default=0)

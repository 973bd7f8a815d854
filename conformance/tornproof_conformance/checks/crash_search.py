"""
Crash the programs of an adapter, and keep what was found and covered.

A program runs once, recorded.  Then it is crashed at every point and in every crash model, and
the adapter recovers what is left.  Each crash point gets a first round of images at once; what
it has beyond that waits until somebody asks to go on, and small crash points are the first to do
so, whatever program they belong to.  `power_loss` says in which order programs are tried.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from heapq import heappop, heappush
from itertools import product

from attrs import define, evolve, field
from tornproof_models.crash.explorer import Explorer
from tornproof_models.crash.findings import Coverage
from tornproof_models.crash.novelty import Novelty
from tornproof_models.crash.program import Append, Fail, Program, Rotate, Settle, Step, Submit
from tornproof_models.crash.run import Run, run
from tornproof_models.crash.sites import Site
from tornproof_models.crash.stakes import Stakes
from tornproof_models.crash.subject import Options
from tornproof_models.disk.crash_models import CLAIMED, CRASH_MODELS
from tornproof_models.disk.trace import Image, Settled, Stored, Trace

from tornproof_conformance.adapter.adapter_subject import AdapterSubject
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
from tornproof_conformance.checks.exploration import ALPHABET, DURABILITIES, ROOMY
from tornproof_conformance.power.recorded_subject import RecordedSubject

BOUND = 1 << 12
"""Images of one crash point up to which all are judged: 4,096, as each takes a process's time."""

TOGETHER: tuple[tuple[Program, ...], ...] = (
    ((Submit((5, 24)),), (Submit((472, 24, 5)),)),
    ((Append(5), Submit((24, 472))), (Submit((5, 24)), Submit((24, 472, 5)))),
)
"""Programs of one and of two operations for those who have group commit."""

LARGE: tuple[Program, ...] = (
    (Append(4096 - 100), Append(256)),
    (Append(20_000), Append(256)),
    (Append(32_768 - 100), Append(256)),
)
"""
Programs that reach the ends of pages and blocks, and exceed buffers, whatever the format.

A record that ends shortly before 4 KiB or 32 KiB lets the next one cross the boundary: a torn
last record of prometheus/tsdb went unnoticed only there (tsdb#451).  20,000 random bytes exceed
the buffers of most writers, and cannot be compressed into them (fjall-rs/fjall#308).
"""

AT_ONCE = 8
"""Crash points that go on at the same time, so that there is something to be shared."""

ONE_ROUND = 0.05
"""Part of the time for one round at one crash point: some stores take 0.1 s to recover an image."""

AGAIN = 4
"""Recoveries that are recorded and crashed, at the most, before the next program has its turn."""

INNER_IMAGES = 16
"""Images of one crash in or after a recovery: the nearest, of each kind one before a second."""

LEAST_OPERATIONS = 2
"""
A verdict needs every program of up to so many operations.

Most published bugs of logs need two: one operation to leave something behind, and one to
meet it (`spec/checks.md`).
"""

IN_ORDER = ("process-kill", "prefix")
"""Crash models in which it matters in which order something was stored."""


def programs_of(subject: AdapterSubject, length: int) -> Iterator[tuple[Options, Program]]:
    """Yield the programs of a length that an adapter can run, with what to open it with."""
    for segment_bytes, alphabet in ((512, ALPHABET), (4096, ROOMY)):
        steps = [step for step in alphabet if can_take(subject, step)]
        for program in product(steps, repeat=length):
            for durability in DURABILITIES:
                if any(isinstance(step, Append) for step in program):
                    yield Options(segment_bytes, durability), program
    if subject.takes_many and length <= len(TOGETHER):
        yield from ((Options(4096), program) for program in TOGETHER[length - 1])


def can_take(subject: AdapterSubject, step: Step) -> bool:
    """Tell whether a step is among what an adapter claims."""
    return not isinstance(step, Rotate) or "journal/segments" in subject.claims


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

    def run(self, program: Program, options: Options) -> None:
        """
        Run a program on a store that is durable, and crash it in every crash model.

        What all programs begin with, the creation of a store, is judged by itself.
        """
        needed = len(program) <= LEAST_OPERATIONS and program not in LARGE
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

        If none are given, the creation of a store is left out where the program lets it settle.
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

    def _search_together(self, crashings: "Sequence[Crashing]") -> None:
        """Let the images of several crash points be recovered at once, and judge each point."""
        wanted: dict[Options, dict[int, Image]] = {}
        for crashing in crashings:
            crashing.explorer.until = self.clock.grace
            crashing.explorer.novelty = self._novelty_of(crashing)
            wanted.setdefault(crashing.case.options, {}).update(crashing.site.plan())
        left = self.subject.recordings
        now = self.subject.recordings = min(left, AGAIN)
        for options, images in wanted.items():
            self.subject.recover_images(list(images.values()), options)
        used = now - self.subject.recordings
        self.subject.recordings = 0  # what a crash of a recovery leaves is not crashed again
        for crashing in crashings:
            self._search(crashing)
        self.subject.recordings = left - used

    def _search(self, crashing: "Crashing") -> None:
        site, explorer = crashing.site, crashing.explorer
        explorer.until = self.clock.part(ONE_ROUND)
        explorer.novelty = self._novelty_of(crashing)
        disagreed, judged = len(self.subject.disagreements), explorer.coverage.judged
        site.search()
        self._judged[site.rounds > 1] += explorer.coverage.judged - judged
        for violation in self.subject.disagreements[disagreed:]:
            self._keep(Problem(violation, crashing.case, None, crashing.trace))
        for finding in site.found:
            self._keep(Problem(finding.violation, crashing.case, finding, crashing.trace))
        self.subject.require_patience()
        if not site.is_over:
            self._sites += 1
            order = site.rounds, site.images, self._sites
            is_wanted = crashing.needed and not site.suffices
            heappush(self._waiting, (not is_wanted, *order, crashing))

    def _novelty_of(self, crashing: "Crashing") -> list[Novelty]:
        """Return where to note what recoveries come to, and crashes of recoveries."""
        program, crash_model = crashing.case.program, crashing.case.crash_model or ""
        phase = LATER if isinstance(program[0], Settle) else CREATED
        if any(isinstance(step, Fail) for step in program):
            phase = AFTER_FAILED_CALL
        return [
            self.novelty.setdefault((each, crash_model), Novelty()) for each in (phase, IN_RECOVERY)
        ]

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
    """Return the first moment at which the store had been created for good; 0 if none was."""
    events = enumerate(trace.events, start=1)
    return next((number for number, event in events if isinstance(event, Settled)), 0)

"""
Explore longer programs, in shards.

The same programs, crashes and images as `exploration`, for bounds that take
hours: shared out over processes or a cluster, and kept on disk as it goes.  What
it finds is told at the end, when it is known which program is the shortest.
"""

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from attrs import define, field, frozen
from tornproof_models.campaigns.archive import Archive
from tornproof_models.campaigns.campaign import (
    Campaign,
    Discovery,
    Explored,
    Plan,
    explore_shard,
    merge,
    plan,
)
from tornproof_models.campaigns.engine import Engine
from tornproof_models.contract.journal import Violation
from tornproof_models.crash.findings import Coverage, count_words
from tornproof_models.crash.subject import Options, Subject

from tornproof_conformance.cases.case import Problem, ProgramCase, try_case
from tornproof_conformance.checks import Budget, Check, Covered, Findings, count_images
from tornproof_conformance.checks.exploration import ALPHABET, DURABILITIES, EXPLORATION
from tornproof_conformance.stream.run_events import Progress

NAME = "campaign"


@frozen
class Course:
    """How a campaign is run; none of it matters to what comes out."""

    shards: int = 64
    engine: Engine = field(factory=Engine)
    archive: Path | None = None
    """Directory of finished shards; none to keep nothing."""

    clock: Callable[[], float] = time.monotonic


def campaign_check(course: Course) -> Check:
    """Make the check of a campaign that is run like this."""
    return Check(
        NAME,
        "every program up to a length, crashed everywhere, in every crash model",
        EXPLORATION.requirements,
        partial(_run, course),
    )


def _run(course: Course, subject: Subject, budget: Budget) -> Findings:
    campaign = Campaign(
        subject,
        ALPHABET,
        budget.operations,
        durabilities=DURABILITIES,
        crash_models=budget.crash_models,
        shards=course.shards,
    )
    with course.engine.workers() as workers:
        # survey
        yield Progress(NAME, 0, course.shards, "running every program once")
        planned = plan(campaign, workers)

        # what is there already
        archive = Archive.open(course.archive, campaign, planned) if course.archive else None
        finished = dict(archive.load()) if archive else {}
        advance = _Advance(course, finished)
        yield advance.progress()

        # the rest
        rest = [shard for shard in planned.shards if shard.number not in finished]
        for number, explored in workers.run(partial(explore_shard, campaign), rest):
            if archive:
                archive.save(number, explored)
            advance.take(number, explored)
            yield advance.progress()

    alive = Explored(Coverage(), planned.alive)
    explored = merge(campaign, [alive, *advance.finished.values()])
    for discovery in explored.discoveries:
        yield _problem(campaign, discovery)
    return _covered(campaign, planned, explored.coverage)


@define
class _Advance:
    """How far a campaign has come, and how fast."""

    _course: Course
    finished: dict[int, Explored]
    _began: float = field(init=False)
    _images: int = 0
    """Images judged since it began; those of an earlier run do not make this one fast."""

    def __attrs_post_init__(self) -> None:
        self._began = self._course.clock()

    def take(self, number: int, explored: Explored) -> None:
        """Note a finished shard."""
        self.finished[number] = explored
        self._images += explored.coverage.judged

    def progress(self) -> Progress:
        """Say it in a line."""
        judged = sum(each.coverage.judged for each in self.finished.values())
        images = sum(each.coverage.images for each in self.finished.values())
        found = {each.requirement for one in self.finished.values() for each in one.discoveries}
        detail = f"{judged:,} of {count_words(images)} images"
        elapsed = self._course.clock() - self._began
        if self._images and elapsed > 0:
            detail += f", {self._images / elapsed:,.0f} a second"
        if found:
            detail += f", {len(found)} requirements violated"
        return Progress(NAME, len(self.finished), self._course.shards, detail)


def _problem(campaign: Campaign, discovery: Discovery) -> Problem:
    """Run a discovery's program again, for the whole story."""
    case = ProgramCase(
        campaign.program(discovery.word),
        Options(durability=discovery.durability),
        discovery.crash_model,
    )
    for problem in try_case(case, campaign.subject):
        if problem.violation.requirement == discovery.requirement:
            return problem
    return Problem(Violation(discovery.requirement, discovery.message), case)


def _covered(campaign: Campaign, planned: Plan, coverage: Coverage) -> Covered:
    words = (
        f"{coverage}, of every program of up to {campaign.operations} operations "
        f"({planned.programs:,}, of which {len(planned.units):,} do something of their own), in "
        f"{len(campaign.crash_models)} crash models, {coverage.recovered:,} distinct ones "
        "recovered and crashed again"
    )
    counts = {"programs": planned.programs, **count_images(coverage)}
    return Covered(words, counts, tuple(campaign.crash_models))

"""
Cut the programs up to a length into shards, and combine their results.

There are many programs, and most of them do what others have done before.  What
a crash may leave, and what is owed then, depends on the trace up to that moment
and on nothing else.  So two moments with equal pasts are one, whichever programs
they belong to, and each is crashed once: a program is explored from the moment
on at which its trace parts from those of all programs before it, and not at all
if it never does.  This takes no argument about which steps commute or do
nothing: the traces are there to be compared.

Programs that begin alike lead to images that are alike.  Those that share all
but their last few steps, a *branch*, are explored together, and what was
recovered once is remembered throughout the branch.

First comes a *survey*, which runs every program and crashes none.  From it
follows the *plan*, a function of the campaign alone.  A shard is the set of
branches to which a hash assigns it, so that shards are explored in any order, in
any process, on any machine, and the sum is always the same.
"""

from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from hashlib import blake2b
from itertools import product
from typing import TypeAlias

from attrs import frozen

from tornproof_models.campaigns.engine import Workers
from tornproof_models.contract.journal import Violation
from tornproof_models.crash.explorer import Explorer
from tornproof_models.crash.findings import Coverage
from tornproof_models.crash.program import Program, Step
from tornproof_models.crash.run import Run, run
from tornproof_models.crash.subject import Options, Subject
from tornproof_models.disk.crash_models import CLAIMED, CRASH_MODELS
from tornproof_models.disk.trace import Event

Word: TypeAlias = tuple[int, ...]
"""A program as the positions of its steps in the alphabet."""

BRANCH_DEPTH = 3
"""
Steps in which the programs of a branch may differ.

One more makes fewer and larger pieces of work, which remember more and can be
shared out less evenly.
"""


@frozen
class Campaign:
    """What is explored, and of what the results are therefore a function."""

    subject: Subject
    alphabet: tuple[Step, ...]
    operations: int
    """Steps of the longest programs."""

    crash_models: tuple[str, ...] = CLAIMED
    durabilities: tuple[str, ...] = ("immediate", "eventual")
    shards: int = 64

    def words(self, beginning: Word) -> Iterator[Word]:
        """Yield the programs that begin with one step, shortest first, or the empty one alone."""
        if not beginning:
            yield beginning
            return
        for length in range(self.operations):
            for rest in product(range(len(self.alphabet)), repeat=length):
                yield (*beginning, *rest)

    def program(self, word: Word) -> Program:
        """Spell a program out."""
        return tuple(self.alphabet[position] for position in word)

    def run(self, word: Word, durability: str) -> Run:
        """Run a program, without a crash."""
        return run(self.program(word), self.subject, Options(durability=durability))


# The survey


@frozen
class Surveyed:
    """A program that has been run."""

    durability: str
    word: Word
    since: int
    """How many events it shares with the program without its last step."""

    moments: tuple[bytes, ...]
    """A hash of the whole past after each event from there on."""

    violations: tuple[Violation, ...]
    """What was wrong though nothing crashed."""


def survey(campaign: Campaign, part: tuple[str, Word]) -> list[Surveyed]:
    """Run every program of one durability that begins with one step, or the empty one."""
    durability, beginning = part
    surveyed: dict[Word, Surveyed] = {}
    for word in campaign.words(beginning):
        running = campaign.run(word, durability)
        moments = _moments(running.filesystem.events)
        since = 0
        if parent := surveyed.get(word[:-1]):
            # a parent that is wrong while it lives is not crashed, so its child takes its place
            since = parent.since + (0 if parent.violations else len(parent.moments))
        violations = tuple(running.violations)
        surveyed[word] = Surveyed(durability, word, since, moments[since:], violations)
    return list(surveyed.values())


def _moments(events: Iterable[Event]) -> tuple[bytes, ...]:
    moments = []
    past = blake2b(digest_size=16)
    for event in events:
        past.update(repr(event).encode())
        moments.append(past.digest())
    return tuple(moments)


# The plan


@frozen
class Unit:
    """A program to crash, and how many events of its trace it shares with earlier ones."""

    word: Word
    since: int


@frozen
class Branch:
    """Programs that begin alike, to be crashed under one crash model."""

    durability: str
    crash_model: str
    units: tuple[Unit, ...]


@frozen
class Shard:
    """A share of the work."""

    number: int
    branches: tuple[Branch, ...]


@frozen
class Discovery:
    """A violation, and the program that shows it."""

    requirement: str
    message: str
    durability: str
    crash_model: str | None
    """The crash model in which it was crashed; none if it takes no crash."""

    word: Word


@frozen
class Plan:
    """What is to be done, and what the survey has found already."""

    programs: int
    """How many programs there are, counting each durability."""

    units: tuple[Unit, ...]
    """The programs that reach a moment of their own, counting each durability."""

    shards: tuple[Shard, ...]
    alive: tuple[Discovery, ...]
    """Violations that took no crash."""

    digest: str
    """A hash of all traces, which changes with what the subject writes."""


def plan(campaign: Campaign, workers: Workers) -> Plan:
    """Survey every program and share out those that reach a moment of their own."""
    beginnings: list[Word] = [(), *((first,) for first in range(len(campaign.alphabet)))]
    parts = product(campaign.durabilities, beginnings)
    surveyed = [each for part in workers.run(partial(survey, campaign), parts) for each in part]
    surveyed.sort(key=lambda each: (each.durability, len(each.word), each.word))
    state = blake2b(digest_size=16)
    for each in surveyed:
        state.update(f"{each.durability} {each.word} {each.moments}\n".encode())
    alive = [
        Discovery(violation.requirement, violation.message, each.durability, None, each.word)
        for each in surveyed
        for violation in each.violations
    ]
    branches = dict(_branches(campaign, surveyed))
    return Plan(
        len(surveyed),
        tuple(unit for units in branches.values() for unit in units),
        tuple(_share(campaign, branches)),
        smallest(campaign, alive),
        state.hexdigest(),
    )


def _branches(
    campaign: Campaign, surveyed: Iterable[Surveyed]
) -> Iterator[tuple[tuple[str, Word], list[Unit]]]:
    """Group the programs that reach a new moment by how they begin."""
    stem = max(campaign.operations - BRANCH_DEPTH, 0)
    branches: dict[tuple[str, Word], list[Unit]] = {}
    known: set[tuple[str, bytes]] = set()
    for each in surveyed:
        if each.violations:
            continue
        moments = [(each.durability, moment) for moment in each.moments]
        shared = sum(moment in known for moment in moments)
        if shared < len(moments):
            known.update(moments)
            unit = Unit(each.word, each.since + shared)
            branches.setdefault((each.durability, each.word[:stem]), []).append(unit)
    yield from branches.items()


def _share(campaign: Campaign, branches: Mapping[tuple[str, Word], list[Unit]]) -> Iterator[Shard]:
    """Assign each branch, under each crash model, to a shard by a hash of its name."""
    shares: list[list[Branch]] = [[] for _ in range(campaign.shards)]
    for (durability, stem), units in branches.items():
        for crash_model in campaign.crash_models:
            name = f"{durability} {crash_model} {stem}"
            number = int.from_bytes(blake2b(name.encode(), digest_size=8).digest(), "big")
            branch = Branch(durability, crash_model, tuple(units))
            shares[number % campaign.shards].append(branch)
    for number, share in enumerate(shares):
        yield Shard(number, tuple(share))


# The work


@frozen
class Explored:
    """What came of a shard, or of several together."""

    coverage: Coverage
    discoveries: tuple[Discovery, ...]
    """The smallest for each requirement."""


def explore_shard(campaign: Campaign, shard: Shard) -> tuple[int, Explored]:
    """Crash the programs of a shard wherever it matters; return its number and what came of it."""
    coverage = Coverage()
    discoveries: list[Discovery] = []
    for branch in shard.branches:
        options = Options(durability=branch.durability)
        explorer = Explorer(campaign.subject, options, CRASH_MODELS[branch.crash_model])
        for unit in branch.units:
            trace = campaign.run(unit.word, branch.durability).filesystem.trace
            discoveries += (
                Discovery(
                    finding.violation.requirement,
                    finding.violation.message,
                    branch.durability,
                    branch.crash_model,
                    unit.word,
                )
                for finding in explorer.explore(trace, since=unit.since)
            )
        coverage.add(explorer.coverage)
    return shard.number, Explored(coverage, smallest(campaign, discoveries))


def merge(campaign: Campaign, parts: Iterable[Explored]) -> Explored:
    """Add up what came of some shards, in whatever order they are given."""
    coverage = Coverage()
    discoveries: list[Discovery] = []
    for part in parts:
        coverage.add(part.coverage)
        discoveries += part.discoveries
    return Explored(coverage, smallest(campaign, discoveries))


def smallest(campaign: Campaign, discoveries: Iterable[Discovery]) -> tuple[Discovery, ...]:
    """
    Choose for each requirement the discovery that says most.

    That is the one in the mildest crash model, then the one with the shortest program,
    then the first.
    """

    def order(discovery: Discovery) -> tuple[int, int, Word, int]:
        crash_model = discovery.crash_model
        return (
            campaign.crash_models.index(crash_model) if crash_model is not None else -1,
            len(discovery.word),
            discovery.word,
            campaign.durabilities.index(discovery.durability),
        )

    chosen: dict[str, Discovery] = {}
    for discovery in sorted(discoveries, key=order):
        chosen.setdefault(discovery.requirement, discovery)
    return tuple(chosen[requirement] for requirement in sorted(chosen))

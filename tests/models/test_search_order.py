"""What is tried first at a crash point, and how much of it before others have their turn."""

from itertools import product

import pytest
from tornproof_models.contract.journal import History
from tornproof_models.crash.enumerated import ROUNDS
from tornproof_models.crash.explorer import Explorer
from tornproof_models.crash.nearest import NearestFirst, kinds_of
from tornproof_models.crash.novelty import Novelty
from tornproof_models.crash.recovery import Recovered
from tornproof_models.crash.sites import Site
from tornproof_models.crash.subject import Options
from tornproof_models.disk.crash_models import CLAIMED, CRASH_MODELS
from tornproof_models.disk.image_builder import bits
from tornproof_models.disk.images import ImageSpace
from tornproof_models.disk.trace import Create, Event, Image, Sync, Trace, Write

from tests.models.judge import random_programs, space_of

TWO_FILES: tuple[Event, ...] = (
    Create(0, "header", 1),
    Create(0, "log", 2),
    Write(1, 0, b"h" * 512),
    Write(2, 0, b"r" * 512 * 40),
)


class Everybody:
    """A subject that recovers everything, and says which images it was given."""

    name = "everybody"

    def __init__(self) -> None:
        self.given: list[Image] = []

    def recover_images(
        self, images: list[Image], options: Options, *, reboots: bool = True
    ) -> list[Recovered]:
        """Recover nothing from each."""
        del options, reboots
        self.given += images
        return [Recovered((), "", Trace(Image(), ())) for _ in images]


@pytest.mark.parametrize("crash_model", CLAIMED)
def test_the_nearest_come_first_and_none_is_left_out(crash_model: str) -> None:
    """On a hundred random traces the order has every choice once, all kept and lost before all."""
    for trace in random_programs()[:100]:
        space = space_of(trace, crash_model)
        order = NearestFirst(space, bound=1 << 16, sample=0)
        choices = list(order)
        assert order.is_near_over
        assert sorted(choices, key=repr) == sorted(space.choices(), key=repr)


def test_beyond_a_bound_all_within_two_deviations_come_before_a_sample() -> None:
    """The near ones are those that the disk model lists as such."""
    space = ImageSpace.after(Image(), TWO_FILES, CRASH_MODELS["adversarial"])
    order, near = NearestFirst(space, bound=1 << 16, sample=10), set(space.within(2))
    assert space.count() > 1 << 16

    choices = list(order)

    assert near <= set(choices)
    assert set(choices[:2]) == {space.all_kept, next(space.choices())}
    assert len(choices) == len(set(choices))


def test_one_change_of_each_kind_comes_before_a_second_of_any() -> None:
    """A record of forty sectors does not keep the header of another file waiting."""
    space = ImageSpace.after(Image(), TWO_FILES, CRASH_MODELS["adversarial"])
    kinds, first = kinds_of(space), list(NearestFirst(space, bound=1 << 12, sample=0))[:40]

    single = [choice for choice in first if space.deviations(choice) == 1]

    lost = {kinds[i] for choice in single for i in bits(space.everything & ~choice.kept)}
    assert lost == set(kinds)


def test_a_crash_point_with_many_images_waits_after_its_first_round() -> None:
    """Of 10^15 images so many are recovered at first, and the next crash point has its turn."""
    subject, trace = Everybody(), Trace(Image(), (*TWO_FILES, Sync(1)))
    explorer = Explorer(subject, Options(), CRASH_MODELS["adversarial"], depth=1)  # type: ignore[arg-type]
    sites: list[Site] = list(explorer.sites(trace))

    for site in sites:
        site.search()

    assert all(site.images > 10**4 and not site.is_over for site in sites)
    assert len(subject.given) <= ROUNDS[0] * len(sites)
    assert explorer.stakes.shallow == len(sites)
    assert not any(site.suffices for site in sites)


def test_a_search_in_rounds_judges_what_a_search_at_once_does() -> None:
    """Whether a crash point is left in between makes no difference to what is recovered."""
    for crash_model, trace in product(CLAIMED, random_programs()[:20]):
        one, other = Everybody(), Everybody()
        at_once, in_rounds = (
            Explorer(each, Options(), CRASH_MODELS[crash_model], depth=1)  # type: ignore[arg-type]
            for each in (one, other)
        )
        at_once.explore(trace)
        sites = list(in_rounds.sites(trace, before=History()))
        while waiting := [site for site in sites if not site.is_over]:
            for site in waiting:
                site.plan()
            for site in waiting:
                site.search()

        assert {each.digest for each in one.given} == {each.digest for each in other.given}
        assert at_once.coverage == in_rounds.coverage
        assert in_rounds.stakes.shallow == 0
        assert all(site.suffices for site in sites)


def test_what_was_met_once_estimates_what_was_not_met() -> None:
    """Of ten trials with outcomes a a a a a a a a b c, two are met once: two tenths are unseen."""
    novelty = Novelty()
    for outcome in "aaaaaaaabc":
        novelty.meet(outcome)
    assert (novelty.outcomes, novelty.trials, novelty.late) == (3, 10, 1)
    assert novelty.unseen == 0.2

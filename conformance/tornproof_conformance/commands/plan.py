"""
Say what a check would run and about how long: `tornproof check --dry-run`.
"""

from collections.abc import Iterator, Mapping, Sequence

from tornproof_conformance.checks import Budget, Check

LONGEST = 1.25
"""A run ends within so many times its budget: the last reply, and making findings small."""


def plan_lines(
    checks: Sequence[Check], budget: Budget, shares: Mapping[str, float]
) -> Iterator[str]:
    """
    Say which checks run, how many requirements each looks at, and the seconds that it gets.

    `shares` are the parts of the budget; without any, nothing limits a run but what there is.
    """
    width = max((len(check.name) for check in checks), default=0)
    total = sum(shares.get(check.name, 0) for check in checks)
    for check in checks:
        share = shares.get(check.name, 0)
        seconds = f"about {budget.seconds * share / total:.0f} s" if share else "all of it"
        count = len(check.requirements)
        looks = f"{count} requirement{'s'[: count != 1]}"
        yield f"{check.name:<{width}}  {seconds:<12} {looks:<16} {check.title}"
    if shares:
        yield (
            f"\nabout {budget.seconds:.0f} s in all, and at most {budget.seconds * LONGEST:.0f} s "
            "(--budget)"
        )
    else:
        yield "\neverything in it is tried, however long that takes"

"""
Programs for two workers on a job queue: fixed situations, many deaths in a row, and random ones.

`opened_job_queue` says what the steps mean.  What is not claimed is not provoked.
"""

import random
from collections.abc import Sequence

from tornproof_models.contract.job_queue import Claim

LONGEST = 10
"""Steps of a random program."""

RACES = 60
"""Of a library that loses one race in two, the first twenty may all be won by one worker."""
MICROSECONDS = (50, 200, 500, 1000, 3000, 10000)
"""How far a call has got when its worker is killed: through its first calls, or nearly done."""

FATES = {Claim.RETRIES: "fails", Claim.POISON: "kills"}
"""What may become of a bad job's starts, where its end was promised."""

SITUATIONS: Sequence[tuple[frozenset[Claim], Sequence[str]]] = tuple(
    (frozenset(claims), tuple(steps.split("; ")))
    for claims, steps in (
        ((), "enqueue j1 A; take A; ok A; take B"),
        ((), "enqueue j1 A; wait; take A; take B; nap; take B; ok A"),
        ((), "enqueue j1 A; take A; die B; take B; ok A"),
        ((), f"race {RACES}"),
        ((), "enqueue j1 A; take A; die A"),
        ((), "enqueue j1 A; enqueue j2 A; take A; take B; ok A; die B; die A"),
        ((), "enqueue j1 A; take A; pause A; ok A; ok B"),
        ((), "enqueue j1 A; enqueue j2 B; enqueue j3 A; take A; take B; ok B; take B; ok A"),
        ((Claim.RETRIES,), "bad j1 fails; enqueue j1 A; enqueue j2 B"),
        ((Claim.POISON,), "bad j1 kills; enqueue j1 A; enqueue j2 B"),
        ((Claim.DEDUPLICATES,), "enqueue j1 A; enqueue j1 B; take A; enqueue j1 B; ok A"),
        ((Claim.OUTBOX,), "enqueue j1 A transaction; enqueue j2 A rollback; enqueue j3 A"),
        (
            (Claim.OUTBOX,),
            "enqueue j1 A transaction; die A; enqueue j2 B transaction; take B",
        ),
    )
)
"""Programs, each for those who claim any of the sentences that it needs, or for all."""

BOUNCES: Sequence[Sequence[str]] = tuple(
    tuple(steps.split("; "))
    for steps in (
        "enqueue j1 A; bounce; take B; ok B",
        "enqueue j1 A; take A; bounce; ok A; take B",
        "bounce A 300 enqueue j1; bounce A 500 take; bounce A 500 ok; enqueue j2 B",
    )
)
"""Programs for those whose server can be killed."""

DEATHS = 30
"""How often a worker is killed while both work."""


def programs_for(claims: frozenset[Claim], has_server: bool = False) -> list[Sequence[str]]:
    """Choose the situations that concern what is claimed."""
    chosen = [steps for needed, steps in SITUATIONS if not needed or needed & claims]
    return [*chosen, *(BOUNCES if has_server else ())]


def deaths(seed: int) -> tuple[str, ...]:
    """Kill a worker again and again, at any moment of its work, while the other one works too."""
    chance = random.Random(seed)
    steps: list[str] = []
    for number in range(1, DEATHS + 1):
        one, other = chance.sample("AB", 2)
        steps += [f"enqueue d{number} {other}", f"take {one}"]
        steps.append(f"die {one} {chance.choice(MICROSECONDS)} work beside work")
    return tuple(steps)


def random_program(
    seed: int, claims: frozenset[Claim], has_server: bool = False
) -> tuple[str, ...]:
    """Make a program up."""
    chance = random.Random(seed)
    steps: list[str] = []
    jobs = 0
    for _ in range(LONGEST):
        odds, worker = chance.random(), chance.choice("AB")
        if odds < 0.3 or not jobs:
            jobs += 1
            fates = [fate for claim, fate in FATES.items() if claim in claims]
            if fates and chance.random() < 0.15:
                steps.append(f"bad j{jobs} {chance.choice(fates)}")
            how = chance.choice([" transaction", " rollback", ""]) if Claim.OUTBOX in claims else ""
            steps.append(f"enqueue j{jobs} {worker}{how}")
        elif odds < 0.55:
            steps.append(f"take {worker}")
        elif odds < 0.75:
            steps.append(f"{chance.choice(['ok', 'ok', 'ok', 'fail'])} {worker}")
        elif odds < 0.9:
            jobs += 1
            call = chance.choice([f"enqueue j{jobs}", "take", "ok"])
            ends = chance.choice(["die", "bounce"]) if has_server else "die"
            steps.append(f"{ends} {worker} {chance.choice(MICROSECONDS)} {call}")
        else:
            steps.append(chance.choice([f"die {worker}", "wait", "nap", "nap", f"pause {worker}"]))
    return tuple(steps)

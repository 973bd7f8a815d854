"""
The contract of any job queue: seventeen requirements, each with its own claim.

- `facts`: what happens, as a history, and what a queue can claim
- `ledger`: what is known after the facts so far
- `judge`: what each fact contradicts
- `ending`: what a look at the queue contradicts
- `situations`: which sentences a history puts to the test
"""

from tornproof_models.contract.job_queue.facts import (
    REQUIREMENTS,
    Asked,
    Call,
    Claim,
    Dead,
    Died,
    Done,
    Enqueue,
    Fact,
    Finish,
    How,
    PowerLost,
    Promise,
    Refused,
    Rest,
    Seen,
    Take,
    Tend,
    Took,
    Unknown,
)
from tornproof_models.contract.job_queue.judge import judge, judge_fact
from tornproof_models.contract.job_queue.ledger import Ledger
from tornproof_models.contract.job_queue.situations import reached, situations

__all__ = [
    "REQUIREMENTS",
    "Asked",
    "Call",
    "Claim",
    "Dead",
    "Died",
    "Done",
    "Enqueue",
    "Fact",
    "Finish",
    "How",
    "Ledger",
    "PowerLost",
    "Promise",
    "Refused",
    "Rest",
    "Seen",
    "Take",
    "Tend",
    "Took",
    "Unknown",
    "judge",
    "judge_fact",
    "reached",
    "situations",
]

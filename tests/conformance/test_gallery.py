"""What is demanded is broken by a miniature that is listed, so that `explain` can show one."""

from tornproof_conformance.specification.requirements import Level, requirements
from tornproof_conformance.subjects.gallery import breakers, find_exhibits
from tornproof_models.miniatures.job_queue import MINIATURES

OF_A_PROCESS = "what breaks it is a process or a thread of the reference's, in test_one_life"
OF_A_COMMAND = "what breaks it is a command, in spec/guide-crash.md"
OF_A_DRAINER = "what breaks it is an adapter of a drainer, in wrong_queues"

WITHOUT = {
    "GRP-8": OF_A_PROCESS,
    "GRP-9": OF_A_PROCESS,
    "AUD-17": OF_A_PROCESS,
    "DRN-28": OF_A_PROCESS,
    "DRN-29": OF_A_PROCESS,
    "DRN-18": "it is of the volatile mode, and each miniature promises the durable one",
    "WRK-1": OF_A_COMMAND,
    "WRK-2": OF_A_COMMAND,
    "WRK-3": OF_A_COMMAND,
    "ADP-9": OF_A_DRAINER,
    "ADP-10": OF_A_DRAINER,
}
"""Demands without a listed miniature, and why."""


def test_every_demand_has_a_miniature_that_breaks_it() -> None:
    """A MUST that nothing breaks has a reason in the list, and has one only then."""
    demanded = {name for name, each in requirements().items() if each.level is Level.MUST}

    assert {name for name in demanded if not breakers(name)} == set(WITHOUT)


def test_job_queues_are_explained_like_the_others() -> None:
    """Each miniature of a job queue is found by its kind and name, with what is wrong with it."""
    for name, miniature in MINIATURES.items():
        (found,) = find_exhibits(f"job-queue/{name}")
        assert set(found.breaks) == miniature.breaks
        assert found.summary

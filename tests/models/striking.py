"""Let an exception from outside strike before or after any operation of a simulated disk."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test
from tornproof_models.disk.filesystem import ModelFilesystem

OPERATIONS = (
    *("open", "open_for_reading", "make_directory", "rename", "unlink", "sync_directory"),
    *("read_inode", "write_inode", "truncate_inode", "sync_inode"),
)


@contextmanager
def striking(disk: ModelFilesystem, nth: int, *, is_after: bool) -> Iterator[None]:
    """Raise `KeyboardInterrupt` before or after the nth operation on a disk."""
    done = 0

    def wrapped(operation: Callable[..., Any]) -> Callable[..., Any]:
        def count(*arguments: Any, **options: Any) -> Any:
            nonlocal done
            done += 1
            if done == nth and not is_after:
                raise KeyboardInterrupt
            result = operation(*arguments, **options)
            if done == nth:
                raise KeyboardInterrupt
            return result

        return count

    for name in OPERATIONS:
        setattr(disk, name, wrapped(getattr(disk, name)))
    try:
        yield
    finally:
        for name in OPERATIONS:
            delattr(disk, name)


def play(machine: type[RuleBasedStateMachine], examples: int, steps: int = 20) -> None:
    """Run so many programs of a machine, the same ones every time, and shrink nothing."""
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            derandomize=True,
            database=None,
            deadline=None,
            phases=(Phase.generate,),
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
        ),
    )

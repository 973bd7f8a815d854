"""Work that waits is done side by side, as many at once as one says."""

from collections.abc import Iterator

import pytest
from tornproof_conformance.adapter.waiting import Waiting, side_by_side, wait_out


def working(name: str, waits: int, log: list[str]) -> Waiting[str]:
    """Write down each time that it goes on, and that it ends; each moment is past, and later."""
    try:
        for _ in range(waits):
            log.append(name)
            yield float(len(log))
        return name
    finally:
        log.append(f"end of {name}")


def test_one_goes_on_while_another_waits() -> None:
    """Of three works two are at it, and the third begins when the shorter one has ended."""
    log: list[str] = []
    works = (working(name, waits, log) for name, waits in (("a", 3), ("b", 1), ("c", 1)))

    assert list(side_by_side(works, 2)) == ["b", "c", "a"]
    assert log == ["a", "b", "a", "end of b", "c", "a", "end of c", "end of a"]


def test_what_was_begun_is_closed() -> None:
    """When nobody wants the rest, and when one of them fails."""
    log: list[str] = []

    def failing() -> Waiting[str]:
        yield 0.0
        raise OSError("no way on")

    def works() -> Iterator[Waiting[str]]:
        yield working("a", 9, log)
        yield failing()

    with pytest.raises(OSError, match="no way on"):
        list(side_by_side(works(), 2))
    first = side_by_side((working(name, waits, log) for name, waits in (("b", 9), ("c", 0))), 2)

    assert next(first) == "c"
    first.close()  # type: ignore[attr-defined]
    assert log[-4:] == ["end of a", "b", "end of c", "end of b"]


def test_work_that_is_waited_out_returns_what_it_returns() -> None:
    """However often it waits."""
    assert wait_out(working("a", 2, [])) == "a"

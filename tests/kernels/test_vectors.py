"""Litmus vectors keep what was seen."""

import pytest
from tornproof_kernels import vectors
from tornproof_kernels.litmus import Litmus, read
from tornproof_kernels.mounting import parse_console
from tornproof_kernels.vectors import BadVector, Observed, Vector

LITMUS = Litmus("x", (), ("create a a", "fsync a"))


def vector(*seen: tuple[str, int, str]) -> Vector:
    """Make a vector of one program."""
    observed = Observed(LITMUS)
    for text, done, schedule in seen:
        observed.add(read(text), done, schedule)
    return Vector("6.12.117+deb12-cloud-amd64", "ext4", "-", (), 1, 2, (observed,))


def test_a_vector_is_read_as_it_was_written() -> None:
    """Nothing of it is lost in the file."""
    one = vector(("nothing", 0, "plain"), ("/a=empty", 1, "C@1"))
    assert vectors.encode(vectors.decode(vectors.encode(one))) == vectors.encode(one)
    assert (one.version, one.states) == ("6.12", 2)


def test_the_mildest_schedule_stays() -> None:
    """Of two schedules that lead to a state, the one with fewer disturbances is told."""
    (seen,) = vector(("nothing", 0, "H@1"), ("nothing", 0, "C@1")).programs[0].seen
    assert seen.schedule == "C@1"


def test_two_runs_are_put_together() -> None:
    """States of both are there, counts are sums."""
    merged = vectors.merge(vector(("nothing", 0, "plain")), vector(("/a=empty", 2, "plain")))
    assert (merged.states, merged.runs, merged.images) == (2, 2, 4)


def test_what_is_no_vector_is_refused() -> None:
    """Another format, or half a file."""
    with pytest.raises(BadVector, match="tornproof-litmus/9"):
        vectors.decode('{"format": "tornproof-litmus/9"}')
    with pytest.raises(BadVector, match="no litmus vector"):
        vectors.decode("{")


def test_what_a_guest_prints_is_read() -> None:
    """Trees by number, with what the guest complained of."""
    console = "IMAGE 0\nD /d\nF /d/a 600 3 41*2,00*1,.\nEND\nIMAGE 1\nFAILED mount image: x\nEND\n"
    (_, first), (_, second) = parse_console(console)
    assert first.image.files == {"/d/a": b"AA\0"}
    assert first.modes == {"/d/a": 0o600}
    assert second.trouble

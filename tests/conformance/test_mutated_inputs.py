"""A spoilt file is refused, or read: one documented exit code, printable lines, nothing left."""

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tornproof.errors import Invalid
from tornproof_models.disk.trace_file import decode_trace, encode_trace

from tests.fuzz.formats import BY_NAME, FORMATS, Format
from tests.fuzz.judging import run, spoil
from tests.fuzz.mutations import spoilt

SHARE = 12
"""Files of each format; `make fuzz` goes on from there."""


FOUND = {"known failures": 1, "reproducer": 1, "vectors": 1}
"""A run and a program that fail, and vectors without checksums: exit codes of the first files."""


@pytest.mark.parametrize("form", FORMATS, ids=lambda form: form.name)
def test_the_good_file_is_read(form: Format, tmp_path: Path) -> None:
    """What is spoilt must have been good, or all are refused for the same reason."""
    good = form.good()[0]
    assert run(form, good, form.commands[0], tmp_path) == FOUND.get(form.name, 0)


@pytest.mark.parametrize("name", BY_NAME)
def test_no_spoilt_file_is_a_fault_of_the_suite(name: str) -> None:
    """Whichever command reads it."""
    count = Counter[str]()
    spoil(BY_NAME[name], 1, SHARE, count)
    assert count.total() >= SHARE / 2


@settings(max_examples=150, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_a_spoilt_trace_is_a_trace_or_an_invalid(data: st.DataObject) -> None:
    """The reader alone, which is quick: what it takes it writes again as the same trace."""
    (good,) = BY_NAME["trace"].good()
    refusal, trace = "", None
    try:
        trace = decode_trace(data.draw(spoilt(good)))
    except Invalid as error:
        refusal = str(error)
    assert refusal.isprintable()
    assert len(refusal) < 2000
    assert trace is None or decode_trace(encode_trace(trace)) == trace

"""Replies that break the protocol over what a crash has left."""

import sys

import pytest
from tornproof_conformance.adapter.adapter_subject import AdapterSubject
from tornproof_conformance.adapter.speaking.diagnosis import BreaksSchema
from tornproof_models.crash.recovery import recover
from tornproof_models.crash.subject import Options
from tornproof_models.disk.trace import Image

RAW = """
import json, sys
for line in sys.stdin:
    request = json.loads(line)
    records = [{"offset": 0, "payload": "\\0"}]
    ok = {"records": records, "end": "clean"} if request["op"] == "journal.scan" else {}
    if request["op"] == "hello":
        ok = {"protocol": 1, "implementation": {"name": "raw"}, "claims": ["journal/core"]}
    print(json.dumps({"id": request["id"], "ok": ok}), flush=True)
"""
"""An adapter that hands on what stands in the file, which it takes for base64."""


def test_over_an_image_nonsense_is_what_came_of_it() -> None:
    """It is judged, with its image, like a recovery that was refused."""
    with AdapterSubject.running([sys.executable, "-c", RAW]) as subject:
        outcome = recover(subject, Options(), subject.new_disk(Image({"/journal/log": b"\0"})))  # type: ignore[arg-type]

    assert outcome.records is None
    assert "the reply breaks the protocol" in outcome.error


def test_where_nothing_has_happened_the_adapter_is_broken() -> None:
    """No crash, kill or failed call excuses it."""
    with AdapterSubject.running([sys.executable, "-c", RAW]) as subject:
        journal = subject.open(subject.new_disk(), Options())

        with pytest.raises(BreaksSchema):
            list(journal.scan())

"""What an adapter in Python is built from."""

import errno
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from tornproof_conformance.adapter.speaking.messages import Refusal
from tornproof_conformance.kit import Adapter, exclusive, refusal

APPEND: tuple[str, dict[str, str]] = ("journal.append", {"payload": "AA=="})
SCAN: tuple[str, dict[str, str]] = ("journal.scan", {})


def test_the_kit_calls_functions_by_their_names() -> None:
    """It leaves out what they do not ask for, and says `unsupported` for what is not there."""
    adapter = Adapter("test", ["journal/core"])

    @adapter.operation
    def journal_scan(start: int = 0) -> dict[str, object]:
        return {"records": [{"offset": start, "payload": b"x"}], "end": "clean"}

    @adapter.operation
    def journal_append(payload: bytes) -> None:
        raise refusal("no_space", f"no room for {payload!r}", definite=False)

    scanned = adapter.answer("journal.scan", {"from": "7"})
    refused = adapter.answer("journal.append", {"payload": "AA==", "durable": True})

    assert scanned["ok"]["records"][0]["offset"] == 7
    assert refused["error"] == {
        "code": "no_space",
        "definite": False,
        "message": "no room for b'\\x00'",
    }
    assert adapter.answer("journal.rotate", {}) == {"unsupported": "journal.rotate"}
    assert adapter.answer("hello", {"protocol": 1})["ok"]["claims"] == ["journal/core"]


class Heard:
    """A journal in memory that fails when it is told to, and remembers how it was left."""

    discarded_bytes = 3

    def __init__(self) -> None:
        self.records: list[bytes] = []
        self.failure: Exception | None = None
        self.left_by: list[BaseException | None] = []

    def append(self, payload: bytes, durable: bool) -> int:
        if self.failure:
            raise self.failure
        self.records.append(payload + bytes([durable]))
        return len(self.records) - 1

    def scan(self) -> Iterator[tuple[int, bytes]]:
        return iter(enumerate(self.records))


@pytest.fixture
def heard() -> Heard:
    """The journal behind `served`."""
    return Heard()


@pytest.fixture
def served(heard: Heard) -> Adapter:
    """An adapter around a generator."""
    adapter = Adapter("test", ["journal/core"])

    @adapter.journal
    def opened(directory: Path) -> Iterator[Heard]:
        with exclusive(directory):
            try:
                yield heard
            except OSError as error:
                heard.left_by.append(error)
                raise
            heard.left_by.append(None)

    return adapter


def code(answer: Mapping[str, Any]) -> str:
    """Return the code of an error."""
    return str(answer["error"]["code"]) if "error" in answer else "ok"


def test_a_generator_is_a_journal(served: Adapter, heard: Heard, tmp_path: Path) -> None:
    """It opens before its yield and closes behind; closing twice is closing once."""
    answers = [
        served.answer("journal.open", {"dir": str(tmp_path)}),
        served.answer("journal.append", {"payload": "AA=="}),
        served.answer("journal.append", {"payload": "AQ==", "durable": False}),
        served.answer("journal.scan", {}),
        served.answer("journal.close", {}),
        served.answer("journal.close", {}),
    ]

    records = [{"offset": 0, "payload": b"\0\1"}, {"offset": 1, "payload": b"\1\0"}]
    expected: list[dict[str, Any]] = [{"discarded_bytes": 3}, {"offset": 0}, {"offset": 1}]
    expected += [{"records": records, "end": "clean"}, {}, {}]
    assert answers == [{"ok": answer} for answer in expected]
    assert heard.left_by == [None]


def test_a_journal_that_is_not_open_is_closed(served: Adapter, tmp_path: Path) -> None:
    """Before it is opened and after it is closed nothing is taken and nothing shown."""
    before = [code(served.answer(op, args)) for op, args in (APPEND, SCAN)]
    served.answer("journal.open", {"dir": str(tmp_path)})
    served.answer("journal.close", {})
    after = [code(served.answer(op, args)) for op, args in (APPEND, SCAN)]

    assert before + after == ["closed"] * 4


def test_an_error_of_an_append_poisons(served: Adapter, heard: Heard, tmp_path: Path) -> None:
    """Nothing is taken until the journal is opened again, and the error is what ends it."""
    heard.failure = OSError(errno.EIO, "the disk is gone")
    served.answer("journal.open", {"dir": str(tmp_path)})

    failed = served.answer(*APPEND)
    failure, heard.failure = heard.failure, None
    poisoned = served.answer(*APPEND)
    closed = served.answer("journal.close", {})
    served.answer("journal.open", {"dir": str(tmp_path)})

    assert [code(answer) for answer in (failed, poisoned, closed)] == ["io", "poisoned", "io"]
    assert [answer["error"]["definite"] for answer in (failed, poisoned)] == [False, True]
    assert heard.left_by == [failure]
    assert "ok" in served.answer(*APPEND)


def test_a_refusal_poisons_nothing(served: Adapter, heard: Heard, tmp_path: Path) -> None:
    """A journal that has rolled its failure back goes on."""
    heard.failure = refusal("no_space", "full", definite=False)
    served.answer("journal.open", {"dir": str(tmp_path)})

    refused = served.answer(*APPEND)
    heard.failure = None

    assert (code(refused), code(served.answer(*APPEND))) == ("no_space", "ok")


def test_a_directory_has_one_writer(served: Adapter, tmp_path: Path) -> None:
    """The second is refused, in this process and in another, until the first has closed."""
    served.answer("journal.open", {"dir": str(tmp_path)})

    again = served.answer("journal.open", {"dir": str(tmp_path)})
    with pytest.raises(Refusal, match="another process writes") as elsewhere, exclusive(tmp_path):
        pass
    served.answer("journal.close", {})

    assert (code(again), elsewhere.value.code) == ("locked", "locked")
    assert "in this process" in again["error"]["message"]
    with exclusive(tmp_path):
        assert code(served.answer("journal.open", {"dir": str(tmp_path)})) == "locked"
    assert code(served.answer("journal.open", {"dir": str(tmp_path)})) == "ok"

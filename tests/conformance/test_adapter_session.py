"""A conversation with a process: lines, deadlines, groups, and what they mean."""

import fcntl
import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tornproof.errors import Invalid
from tornproof_conformance.adapter.adapter_subject import AdapterSubject
from tornproof_conformance.adapter.directory_disk import DirectoryDisk
from tornproof_conformance.adapter.opened_journal import AdapterJournal
from tornproof_conformance.adapter.speaking import messages
from tornproof_conformance.adapter.speaking.diagnosis import CannotStart, Exited, NoReply, quote
from tornproof_conformance.adapter.speaking.messages import Refusal, Unreadable, Unsupported
from tornproof_conformance.adapter.speaking.session import Session
from tornproof_models.crash.subject import Options
from tornproof_models.disk.trace import Image

ECHO = """
import json, sys
for line in sys.stdin:
    request = json.loads(line)
    print(json.dumps({"id": request["id"], "ok": {"offset": len(line)}}), flush=True)
"""

PLAIN = [sys.executable, "-I", "-S", str(Path(__file__).parent / "plain_adapter.py")]

DEAF = "import time; time.sleep(60)"

PARENT = """
import os, sys, time
if os.fork() == 0:
    time.sleep(60)
print(os.getpid(), file=sys.stderr, flush=True)
time.sleep(60)
"""


HOLDER = """
import fcntl, json, os, sys, time
path = sys.stdin.readline().rstrip()
if os.fork() == 0:
    ballast = bytearray(os.urandom(1) * (128 << 20))  # to be given back before the files are
    lock = open(path, "w")
    fcntl.flock(lock, fcntl.LOCK_EX)
    print("held", flush=True)
time.sleep(60)
"""


@contextmanager
def running(program: str, timeout: float = 5) -> Iterator[Session]:
    """Run a Python program as an adapter, and kill it at the end."""
    session = Session.start([sys.executable, "-I", "-S", "-c", program], timeout=timeout)
    try:
        yield session
    finally:
        session.kill()


def test_a_message_of_megabytes_comes_through() -> None:
    """Neither end fills its pipe and waits for the other."""
    payload = bytes(3_000_000)

    with running(ECHO) as session:
        answer = session.call("journal.append", payload=payload)

    assert answer["offset"] > 4_000_000


def test_requests_may_be_sent_ahead() -> None:
    """Their answers come in order."""
    with running(ECHO) as session:
        requests = [session.begin("journal.append", payload=bytes(n)) for n in range(50)]
        offsets = [session.finish("journal.append", each)["offset"] for each in requests]

    assert offsets == sorted(offsets)


def test_a_process_that_does_not_read_is_given_up() -> None:
    """A request larger than the pipe cannot be sent; the deadline holds for that, too."""
    with running(DEAF, timeout=0.2) as session, pytest.raises(NoReply, match="does not read"):
        session.call("journal.append", payload=bytes(1 << 20))


def test_a_kill_takes_the_children_along() -> None:
    """The whole process group ends."""
    with running(PARENT) as session:
        while not session.log.endswith("\n"):
            time.sleep(0.005)
        group = session.pid
        os.killpg(group, 0)

    for _ in range(400):  # the child is nobody's any more; init takes its time
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return
        time.sleep(0.005)
    pytest.fail("a child is still there two seconds after the kill")


def test_after_a_kill_no_child_holds_a_lock(tmp_path: Path) -> None:
    """The first of a group may be gone before the others have let go of their files."""
    path = tmp_path / "lock"
    with running(HOLDER) as session:
        soon = time.monotonic() + 10
        session.process.send(f"{path}\n".encode(), soon)
        session.process.receive(soon)

        session.kill()

        with path.open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_what_was_answered_before_a_kill_is_heard() -> None:
    """An acknowledgement in the pipe is one, whether or not anybody had read it."""
    with running(ECHO) as session:
        for _ in range(3):
            session.begin("journal.append", payload=b"")
        session.finish("journal.append", 1)
        time.sleep(0.2)
        lines = session.kill_and_listen()

    assert [json.loads(line)["id"] for line in lines] == [2, 3]


def test_appends_after_a_kill_are_answered_by_nobody() -> None:
    """A kill that was ordered for a call may strike before all of them have been handed over."""
    with AdapterSubject.running(PLAIN) as subject:
        journal = subject.open(subject.new_disk(), Options())
        assert isinstance(journal, AdapterJournal)
        journal.session.process.kill()

        assert journal.interrupt([b"one", b"two"], 1, 0) == []


def test_a_dead_process_is_not_asked() -> None:
    """It is an error of the process, and no hang."""
    with running(ECHO) as session:
        session.kill()
        with pytest.raises(Exited, match="has ended"):
            session.call("journal.scan")


def test_a_command_that_may_not_be_run_cannot_start(tmp_path: Path) -> None:
    """The message is the operating system's."""
    file = tmp_path / "adapter"
    file.write_text("")

    with pytest.raises(CannotStart, match="Permission denied"):
        Session.start([str(file)])


def test_long_lines_are_quoted_short() -> None:
    """A line may have megabytes, and a report a few."""
    assert quote(b"x" * 1000) == "x" * 200 + "… (1,000 bytes)"
    assert quote(b"\xff\n") == "\\xff"


# What messages mean


def test_bytes_and_large_integers_are_strings() -> None:
    """2^53 is the last integer that every JSON reader has exactly."""
    line = messages.encode_request(1, "audit.by_agent", {"agent_id": b"\0\1", "limit": 2**53 + 1})

    assert json.loads(line)["args"] == {"agent_id": "AAE=", "limit": "9007199254740993"}


def test_what_is_encoded_is_decoded() -> None:
    """Through lists and objects, and where a member may be null."""
    arguments = {"payloads": [b"", b"a"], "durable": True}
    audit = {
        "query_id": bytes(32),
        "agent_id": None,
        "timestamp": 2**64 - 1,
        "result_confidence": 0.5,
        "params": {"epoch": 2**60, "lens": "AAAA"},
    }

    for op, values in (("journal.append_many", arguments), ("audit.put", {"audit": audit})):
        request = json.loads(messages.encode_request(1, op, values))
        assert messages.decode_arguments(op, request["args"]) == values


@pytest.mark.parametrize(
    ("op", "arguments"),
    [
        ("journal.append", {}),
        ("journal.append", {"payload": "not bytes!"}),
        ("journal.read", {"offset": -1}),
        ("fault.arm", {"point": "commit", "nth": 0, "action": "die"}),
        ("no.such", {}),
    ],
)
def test_a_request_that_the_protocol_does_not_have_is_not_sent(
    op: str, arguments: dict[str, object]
) -> None:
    """The schema holds for this side as well."""
    with pytest.raises(Invalid):
        messages.encode_request(1, op, arguments)


@pytest.mark.parametrize(
    "line",
    [
        '{"id": 1}',
        '{"id": 1, "ok": {}, "unsupported": "it"}',
        '{"id": "1", "ok": {"offset": 0}}',
        '{"id": 1, "ok": {}}',
        '{"id": 1, "ok": {"offset": "0x10"}}',
        '{"id": 1, "error": {"code": "ENOSPC"}}',
        '[{"id": 1, "ok": {"offset": 0}}]',
        '{"id": 1, "ok": {"offset": 0}',
        "\ud800",
        '{"\\ud800id": 1}',
        '{"id": 1, "ok": {"offset": ' + "[" * 100_000,
    ],
)
def test_a_reply_that_is_none_is_unreadable(line: str) -> None:
    """Whatever is wrong with it."""
    with pytest.raises(Unreadable):
        messages.decode_reply(line.encode("utf-8", "surrogatepass"), "journal.append")


def test_a_refusal_has_the_code_of_the_adapter() -> None:
    """Without `definite` its effect is unknown."""
    reply = b'{"id": 1, "error": {"code": "no_space", "message": "full"}}'

    with pytest.raises(Refusal, match="full") as refused:
        messages.decode_reply(reply, "journal.append").outcome()

    assert (refused.value.code, refused.value.definite) == ("no_space", False)
    with pytest.raises(Unsupported):
        messages.decode_reply(b'{"id": 1, "unsupported": "it"}', "journal.append").outcome()


def test_a_page_of_stack_in_an_error_is_one_line_in_a_report() -> None:
    """What an adapter says with an error is quoted on a line, and not without end."""
    said = {"code": "io", "message": "no entries\n   0: <unknown>\n   1: <unknown>\n" + 300 * "x"}
    reply = json.dumps({"id": 1, "error": said}).encode()

    with pytest.raises(Refusal) as raised:
        messages.decode_reply(reply, "journal.append").outcome()

    assert str(raised.value).startswith("no entries 0: <unknown> 1: <unknown> xxx")
    assert len(str(raised.value)) < 250


def test_every_operation_has_arguments_and_an_ok() -> None:
    """And a description, which the chapter shows."""
    operations = {
        name: form
        for name, form in messages.schema()["$defs"].items()
        if "ok" in form.get("properties", {}) and name != "reply"
    }

    assert len(operations) == 47
    assert all(form["description"].endswith((".", "?")) for form in operations.values())


# Directories


def test_a_directory_begins_as_an_image_and_goes_with_its_disk(tmp_path: Path) -> None:
    """Empty files that came later are locks, and no part of it."""
    image = Image({"/journal/a": b"1", "/journal/empty": b""}, frozenset({"/journal"}))
    disk = DirectoryDisk(tmp_path / "disk", lambda _: None, image)

    assert disk.image == image

    (disk.directory / "lock").touch()
    (disk.directory / "b").write_bytes(b"2")
    assert disk.image.files == {**image.files, "/journal/b": b"2"}

    del disk
    assert not (tmp_path / "disk").exists()

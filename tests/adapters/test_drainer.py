"""
The drainer in Go: it conforms, and shares chains and spools with the reference.
"""

import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner
from tornproof.chain import connect, verify
from tornproof.drainer import Bash, DeferredAuditQueue, Event, Refuse, encode, parse_timestamp
from tornproof_conformance.cli import main
from tornproof_conformance.stream.exit_codes import CONFORMS, INCONCLUSIVE

from tests.adapters.driver import Adapter, Language
from tests.recorders import needs_recorder

GO = Language("go-drainer", "go", "build/adapter", ("go", "mod", "download"))

WHEN = "2026-01-31T12:00:00.25+01:00"
ACTION = {"kind": "custom", "custom_kind": "k", "payload": {"\U0001f980": 1e21, "\ufb33": [0.5]}}
"""Its members sort by UTF-16 units, which is not the order of their code points."""


@pytest.fixture(scope="session")
def drainer() -> Path:
    """Build it."""
    return GO.build()


@pytest.fixture
def adapter(drainer: Path) -> Iterator[Adapter]:
    """Run it."""
    with Adapter(drainer) as running:
        yield running


def submit(adapter: Adapter, event_id: str) -> None:
    """Submit a refusal, which must be admitted."""
    answer = adapter(
        "drainer.submit",
        agent_id="agent-7",
        action={"kind": "bash", "command": "rm -rf /"},
        decision={"decision": "refuse", "rule_id": "R-12", "reason": "no"},
        timestamp=WHEN,
        event_id=event_id,
    )
    assert answer == {"admitted": True, "event_id": event_id}


def event(event_id: str) -> Event:
    """Make the same refusal for the reference."""
    return Event("agent-7", Bash("rm -rf /"), Refuse("R-12", "no"), parse_timestamp(WHEN), event_id)


def open_reference(directory: Path) -> DeferredAuditQueue:
    """Open the reference on a directory, where the drainer in Go has its files."""
    return DeferredAuditQueue.open(directory / "chain.db", spool=directory / "spool", paused=True)


@needs_recorder
def test_conforms(drainer: Path, tmp_path: Path) -> None:
    """Everything that it claims holds, as far as there is time."""
    arguments = ["check", "--budget=5", f"--reproducers={tmp_path}", "--", str(drainer)]

    outcome = CliRunner().invoke(main, arguments)

    assert outcome.exit_code in (CONFORMS, INCONCLUSIVE), outcome.output  # five seconds are few
    assert "requirements hold, 0 violated" in outcome.output


def test_its_chain_is_verified_by_ours(adapter: Adapter, tmp_path: Path) -> None:
    """`tornproof chain verify` finds what it wrote whole, and a row that was edited."""
    adapter("drainer.open", dir=str(tmp_path), durable=True, paused=True)
    for name in ("e1", "e2", "e3"):
        submit(adapter, name)
    adapter("drainer.close")
    database = str(tmp_path / "chain.db")

    whole = CliRunner().invoke(main, ["chain", "verify", database])
    with closing(sqlite3.connect(database)) as somebody, somebody:
        somebody.execute("UPDATE signed_events SET agent_id = 'mallory' WHERE sequence = 2")
    edited = CliRunner().invoke(main, ["chain", "verify", database, "--json"])

    assert (whole.exit_code, edited.exit_code) == (0, 1)
    assert "3 rows hold" in whole.output
    assert [each["sequence"] for each in json.loads(edited.output)["breaks"]] == [2]


def test_ours_is_verified_by_it(adapter: Adapter, tmp_path: Path) -> None:
    """What the reference wrote is whole to it, and an edited row is named."""
    with open_reference(tmp_path) as queue:
        for name in ("e1", "e2", "e3"):
            assert queue.submit(event(name))
    adapter("drainer.open", dir=str(tmp_path), durable=True, paused=True)

    whole = adapter("drainer.verify")["breaks"]
    with closing(sqlite3.connect(tmp_path / "chain.db")) as somebody, somebody:
        somebody.execute("UPDATE signed_events SET agent_id = 'mallory' WHERE sequence = 2")
    edited = adapter("drainer.verify")["breaks"]

    assert whole == []
    assert {each["sequence"] for each in edited} == {2}


def test_they_go_on_where_the_other_was_killed(drainer: Path, tmp_path: Path) -> None:
    """Each lands what the other had admitted, in order, in the same bytes."""
    with Adapter(drainer) as first:
        first("drainer.open", dir=str(tmp_path), durable=True, paused=True)
        submit(first, "e1")
        first("drainer.drain", timeout_ms=2000)
        submit(first, "e2")
    with open_reference(tmp_path) as queue:
        assert queue.metrics.recovered == 1
        assert queue.drain_pending()
        assert queue.submit(event("e3"))
        queue.close_and_flush(timeout=0)
    with Adapter(drainer) as last:
        last("drainer.open", dir=str(tmp_path), durable=True, paused=True)
        last("drainer.close")

    with closing(connect(tmp_path / "chain.db")) as database:
        rows = database.execute("SELECT id, payload FROM signed_events ORDER BY sequence")
        assert list(rows) == [(name, encode(event(name)).payload) for name in ("e1", "e2", "e3")]
        assert verify(database).holds


def test_canonical_bytes(adapter: Adapter, tmp_path: Path) -> None:
    """Members sort by UTF-16 units, and numbers are written as ECMAScript does (RFC 8785)."""
    adapter("drainer.open", dir=str(tmp_path), durable=True, paused=True)
    decision = {"decision": "refuse", "rule_id": "R", "reason": "\u2028\n"}
    request = {"agent_id": "a", "decision": decision, "timestamp": WHEN, "event_id": "e"}

    adapter("drainer.submit", action=ACTION, **request)
    adapter("drainer.close")

    with closing(connect(tmp_path / "chain.db")) as database:
        ((payload,),) = database.execute("SELECT payload FROM signed_events")
    assert payload.decode() == (
        '{"action":{"custom_kind":"k","kind":"custom","payload":{"\U0001f980":1e+21,"\ufb33":[0.5]}},'
        '"agent_id":"a","decision":{"decision":"refuse","reason":"\u2028\\n","rule_id":"R"},'
        '"event_id":"e","timestamp":"2026-01-31T11:00:00.250000000Z"}'
    )


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("agent_id", "\ud800"),
        ("timestamp", "yesterday"),
        ("action", {"kind": "dance"}),
        ("action", {"kind": "bash", "command": 7}),
        ("action", {"kind": "custom", "custom_kind": "k", "payload": 2**53 + 1}),
    ],
    ids=["half-a-character", "no-time", "no-kind", "no-text", "inexact"],
)
def test_what_has_no_canonical_form_is_refused(
    member: str, value: object, adapter: Adapter, tmp_path: Path
) -> None:
    """It is refused at submit, certainly, and what follows lands (EVT-5)."""
    adapter("drainer.open", dir=str(tmp_path), durable=True, paused=True)
    request = {
        "agent_id": "a",
        "action": {"kind": "bash", "command": "ls"},
        "decision": {"decision": "refuse", "rule_id": "R", "reason": "no"},
        "timestamp": WHEN,
    }

    reply = adapter.request("drainer.submit", **{**request, member: value})
    submit(adapter, "e1")
    adapter("drainer.drain", timeout_ms=2000)

    assert reply.get("ok", {}).get("admitted") is not True
    assert "error" not in reply or reply["error"]["definite"]
    assert [row["event_id"] for row in adapter("drainer.chain")["rows"]] == ["e1"]


def test_a_foreign_spool_is_refused(adapter: Adapter, tmp_path: Path) -> None:
    """The spool of another database is not drained, and not touched."""
    (tmp_path / "other").mkdir()
    with open_reference(tmp_path / "other") as queue:
        assert queue.submit(event("e1"))
        queue.close_and_flush(timeout=0)
    shutil.copytree(tmp_path / "other" / "spool", tmp_path / "spool")
    before = {path.name: path.read_bytes() for path in (tmp_path / "spool").iterdir()}

    code = adapter.code("drainer.open", dir=str(tmp_path), durable=True, paused=True)

    assert code == "corrupt"
    assert {path.name: path.read_bytes() for path in (tmp_path / "spool").iterdir()} == before

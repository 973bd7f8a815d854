"""
The formats that the suite reads: good files of each, and the commands that read them.

Good files stand in `tests/corpora`, or are made at the start where they hold the version of the
suite or are bytes of a database.
"""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from functools import cache, partial
from pathlib import Path

import click
from attrs import frozen
from click.testing import CliRunner
from tornproof.audit import AuditStore, QueryAudit
from tornproof.journal.cursor import encode_cursor
from tornproof.journal.watermark import SLOT_STRIDE, encode_slot
from tornproof.kv import SqliteKeyValueStore
from tornproof_conformance.adapter.speaking.messages import Unreadable, decode_ok, decode_reply
from tornproof_conformance.cli import Tornproof, main
from tornproof_conformance.report.printable import say
from tornproof_conformance.stream.exit_codes import BROKEN_ADAPTER

CORPORA = Path(__file__).parents[1] / "corpora"

SEGMENT = "0000000000000000.wal"

SCAN = (
    b'{"id": 1, "ok": {"records": [{"offset": 0, "payload": "YWJj"},'
    b' {"offset": 43, "payload": ""}], "end": "clean"}}\n'
)
REFUSAL = b'{"id": 1, "error": {"code": "corrupt", "definite": true, "message": "at 43"}}\n'


@frozen
class Format:
    """Files of one kind, and the commands that read them."""

    name: str
    good: Callable[[], Sequence[bytes]]
    commands: Sequence[Sequence[str]]
    """In each, `FILE` stands for the file, `DIR` for its directory, `OUT` for an empty one."""

    file: str = "input"
    beside: Callable[[], Mapping[str, bytes]] = dict
    """What else the commands need: contents by name."""


def stored(name: str) -> list[bytes]:
    """Return the files of the corpora whose names begin so."""
    return [path.read_bytes() for path in sorted(CORPORA.glob(f"{name}*"))]


@cache
def certificate() -> bytes:
    """Certify a program: a certificate is of one version of the suite, and of no other."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "certificate.json"
        words = ("certify", "--program", "append:5 reopen", "--crash-model", "prefix", "-o")
        assert CliRunner().invoke(main, [*words, str(path)]).exit_code == 0
        return path.read_bytes()


@cache
def index() -> bytes:
    """Make an audit index of three audits."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "index.db"
        with closing(AuditStore(SqliteKeyValueStore(path))) as audits:
            for number in range(3):
                audits.put(
                    QueryAudit(
                        query_id=bytes([number]) * 32,
                        agent_id=b"a" * 32,
                        timestamp=number,
                        result_confidence=0.5,
                    )
                )
        return path.read_bytes()


CAMPAIGN = (
    *("campaign", "--operations", "1", "--shards", "1", "--jobs", "1", "--resume", "DIR"),
    *("--reproducers", "OUT"),
)
SHARD = "shard-00000.json"


@cache
def campaign() -> dict[str, bytes]:
    """Run a campaign of one shard, and return its files."""
    with tempfile.TemporaryDirectory() as directory:
        words = [word.replace("DIR", directory).replace("OUT", directory) for word in CAMPAIGN]
        assert CliRunner().invoke(main, words).exit_code == 0
        return {path.name: path.read_bytes() for path in Path(directory).iterdir()}


def head() -> bytes:
    """Return the head of the chain in the corpora."""
    ended = CliRunner().invoke(main, ["chain", "head", str(CORPORA / "chain.db")])
    assert ended.exit_code == 0
    return ended.output.encode()


def journal() -> dict[str, bytes]:
    """Return the files of a journal: its segment."""
    (segment,) = stored("segment")
    return {SEGMENT: segment}


@click.command("read-reply")
@click.argument("file", type=click.Path(path_type=Path))
def read_reply(file: Path) -> None:
    """Read a line of an adapter, as a session does."""
    try:
        reply = decode_reply(file.read_bytes(), "journal.scan")
        if reply.ok is not None:
            decode_ok("journal.scan", reply.ok)
    except Unreadable as error:
        say(error.message, error=True)
        raise SystemExit(BROKEN_ADAPTER) from None


OTHERS = Tornproof(commands={"read-reply": read_reply})
"""Readers that no command has for itself."""

REPORTS = ("--html", "OUT/o.html", "--junit", "OUT/o.xml", "--markdown", "OUT/o.md")

FORMATS = (
    Format(
        "reproducer",
        partial(stored, "reproducer"),
        [("replay", "FILE"), ("replay", "--json", "FILE")],
    ),
    Format(
        "events",
        partial(stored, "events"),
        [
            ("report", "FILE", *REPORTS),
            ("report", "FILE", "--json"),
            ("diff", "FILE", "FILE"),
            ("matrix", "FILE", "FILE", "--markdown"),
            ("explain", "REC-2", "--events", "FILE"),
        ],
    ),
    Format(
        "known failures",
        partial(stored, "known"),
        [("report", str(CORPORA / "events.ndjson"), "--known", "FILE")],
    ),
    Format(
        "trace",
        partial(stored, "trace"),
        [("explore", "FILE"), ("certify", "--trace", "FILE", "-o", "OUT/o.json")],
    ),
    Format(
        "certificate",
        lambda: [certificate()],
        [("verify-certificate", "FILE"), ("verify-certificate", "FILE", "--recover")],
    ),
    Format("vectors", partial(stored, "vectors"), [("vectors", "lint", "DIR")], "input.json"),
    Format("shard", lambda: [campaign()[SHARD]], [CAMPAIGN], SHARD, campaign),
    Format(
        "campaign", lambda: [campaign()["campaign.json"]], [CAMPAIGN], "campaign.json", campaign
    ),
    Format(
        "segment",
        partial(stored, "segment"),
        [("inspect", "DIR"), ("recover", "DIR"), ("recover", "DIR", "--salvage-to", "OUT/new")],
        SEGMENT,
    ),
    Format(
        "watermark",
        lambda: [encode_slot(46).ljust(SLOT_STRIDE, b"\0") + encode_slot(92)],
        [("inspect", "DIR"), ("recover", "DIR")],
        "watermark",
        journal,
    ),
    Format(
        "cursor",
        lambda: [encode_cursor(46)],
        [("inspect", "DIR"), ("recover", "DIR")],
        "reader.cursor",
        journal,
    ),
    Format(
        "chain",
        partial(stored, "chain"),
        [
            ("chain", "verify", "FILE"),
            ("chain", "verify", "FILE", "--pairwise"),
            ("chain", "head", "FILE"),
            ("chain", "migrate", "--yes", "FILE"),
            ("dlq", "list", "FILE"),
            ("dlq", "replay", "--yes", "FILE"),
            ("audit", "FILE"),
        ],
    ),
    Format(
        "head",
        lambda: [head()],
        [("chain", "verify", str(CORPORA / "chain.db"), "--head", "@FILE")],
    ),
    Format(
        "index",
        lambda: [index()],
        [("audit", "FILE"), ("audit", "FILE", "--agent", "61"), ("chain", "head", "FILE")],
    ),
    Format("reply", lambda: [SCAN, REFUSAL], [("read-reply", "FILE")]),
)
BY_NAME = {each.name: each for each in FORMATS}

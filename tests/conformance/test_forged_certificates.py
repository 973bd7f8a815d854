"""
Forged certificates: whatever is changed in a good one, somebody says so.

The forger knows the format: hashes and sums are put right again after each change, so that
only what a certificate means is wrong.
"""

import json
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from tornproof_conformance.cli import main

Document = dict[str, Any]
PROGRAM = "append:5 append:600 reopen append:5"


def run(*arguments: str) -> Result:
    """Run a command of the command line in this process."""
    return CliRunner().invoke(main, arguments)


def certified(directory: Path, *options: str, program: str = PROGRAM) -> str:
    """Certify a program, and return the file's content."""
    path = directory / "certificate.json"
    result = run(
        "certify", "--program", program, "--crash-model", "prefix", "-o", str(path), *options
    )
    assert result.exit_code in (0, 1), result.output
    return path.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return a good certificate, of the reference."""
    return certified(tmp_path_factory.mktemp("good"))


@pytest.fixture(scope="module")
def accepted(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return one of the same program, whose appends are not promised to last."""
    return certified(tmp_path_factory.mktemp("accepted"), "--durability", "eventual")


def hash_again(document: Document) -> None:
    """Hash the trace as whoever writes a certificate does."""
    text = json.dumps(document["trace"], sort_keys=True, indent=1) + "\n"
    document["trace_sha256"] = sha256(text.encode()).hexdigest()


def events(document: Document, kind: str) -> list[Document]:
    """Return the events of a kind in the trace."""
    return [event for event in document["trace"]["events"] if event["event"] == kind]


# What a certificate says of itself


def setting(*names: str, to: Any) -> Callable[[Document], None]:
    """Make the forgery that sets one field."""

    def forge(document: Document) -> None:
        inner: Any = document
        for name in names[:-1]:
            inner = inner[name]
        inner[names[-1]] = to

    return forge


def each_rule_reworded(document: Document) -> None:
    """Let every rule say something milder."""
    document["rules"] = dict.fromkeys(document["rules"], "A crash loses nothing.")


def no_rules(document: Document) -> None:
    """Leave the rules out."""
    document["rules"] = {}


# What the program did


def acks_turned_off(document: Document) -> None:
    """Let nothing be promised."""
    for event in events(document, "acked"):
        event["durable"] = False
    hash_again(document)


def ack_moved(document: Document) -> None:
    """Acknowledge another offset, and let recoveries show it."""
    text = json.dumps(document).replace('"offset": 45', '"offset": 46').replace("[45,", "[46,")
    document.clear()
    document.update(json.loads(text))
    hash_again(document)


def failed_for_acked(document: Document) -> None:
    """Let the last append fail, so that nobody is owed it."""
    last = events(document, "acked")[-1]
    number = document["trace"]["events"].index(last)
    failed = {"event": "failed", "call": last["call"], "definite": False}
    document["trace"]["events"][number] = failed
    hash_again(document)


def payload_exchanged(document: Document) -> None:
    """Ask for another payload than the one that was written."""
    events(document, "invoked")[0]["payload"] = "AAAAAAA="
    hash_again(document)


def call_renamed(document: Document) -> None:
    """Ask for something else."""
    events(document, "invoked")[-1]["operation"] = "sync"
    hash_again(document)


def sync_added(document: Document) -> None:
    """Sync once more than the program did, after its last sync."""
    last = events(document, "sync")[-1]
    number = document["trace"]["events"].index(last)
    document["trace"]["events"].insert(number, dict(last))
    hash_again(document)


def file_renamed(document: Document) -> None:
    """Give the first segment another name, everywhere."""
    text = json.dumps(document).replace("0000000000000000.wal", "0000000000000001.wal")
    document.clear()
    document.update(json.loads(text))
    hash_again(document)


def initial_tree_added(document: Document) -> None:
    """Let there have been a directory before."""
    document["trace"]["initial"]["directories"] = ["/other"]
    hash_again(document)


def end_cut_off(document: Document) -> None:
    """Leave out what came after the last promise but one."""
    del document["trace"]["events"][-1]
    hash_again(document)


def written_otherwise(document: Document) -> None:
    """Let the first write have other bytes."""
    first = events(document, "write")[0]
    first["data"] = "C" + first["data"][1:]
    hash_again(document)


# What was counted


def doubled(name: str) -> Callable[[Document], None]:
    """Make the forgery that boasts with twice as many."""

    def forge(document: Document) -> None:
        document[name] = int(document[name]) * 2

    return forge


def point_of_images(value: Any) -> Callable[[Document], None]:
    """Make the forgery that counts something else at the last crash point."""

    def forge(document: Document) -> None:
        document["crash_points"][-1]["images"] = value

    return forge


# What recovery does


def ending(document: Document) -> Document:
    """Return an ending with records."""
    return next(dict_ for dict_ in document["endings"] if dict_["outcome"]["records"])


def offset_as_float(document: Document) -> None:
    """Write an offset as another type that compares equal."""
    record = ending(document)["outcome"]["records"][0]
    record[0] = float(record[0])


def error_added(document: Document) -> None:
    """Let a recovery that ended well have an error."""
    ending(document)["outcome"]["error"] = "Corrupt"


def records_for_refusal(document: Document) -> None:
    """Let a recovery refuse."""
    ending(document)["outcome"] = {"records": None, "error": ""}


def record_dropped(document: Document) -> None:
    """Let a recovery show one record less."""
    ending(document)["outcome"]["records"].pop()


def ending_added(document: Document) -> None:
    """Add an ending to which nothing comes."""
    document["endings"].append({"outcome": {"records": [], "error": ""}})


def content_added(document: Document) -> None:
    """Add bytes that no recovery wrote."""
    document["contents"].append("AAAA")


def second_crashes_dropped(document: Document) -> None:
    """Leave out how recoveries were crashed, and still claim two crashes."""
    for each in document["endings"]:
        each.pop("events", None)
        each.pop("crash_points", None)


def field_added(document: Document) -> None:
    """Add a claim of one's own."""
    document["certified_by"] = "an authority"


MEANT: dict[str, Callable[[Document], None]] = {
    "subject: another miniature": setting("subject", to="torn-tail-refused"),
    "subject: an audit index": setting("subject", to="nobody"),
    "subject: escapes": setting("subject", to="\x1b[31mreference"),
    "program: another": setting("program", to="append:5 append:600 reopen append:6"),
    "program: longer": setting("program", to=PROGRAM + " append:5"),
    "program: none": setting("program", to="append:x"),
    "crash model: milder": setting("crash_model", to="process-kill"),
    "crash model: harsher": setting("crash_model", to="adversarial"),
    "sector_bytes: larger": setting("sector_bytes", to=4096),
    "sector_bytes: odd": setting("sector_bytes", to=511),
    "options: durability": setting("options", "durability", to="eventual"),
    "options: segments": setting("options", "segment_bytes", to=512),
    "options: payload": setting("options", "max_payload", to=599),
    "crashes: one": setting("crashes", to=1),
    "versions: suite": setting("versions", "suite", to="99.0"),
    "versions: specification": setting("versions", "specification", to="99.0"),
    "versions: none": setting("versions", to={}),
    "rules: reworded": each_rule_reworded,
    "rules: none": no_rules,
    "trace: promises off": acks_turned_off,
    "trace: offset": ack_moved,
    "trace: failure": failed_for_acked,
    "trace: payload": payload_exchanged,
    "trace: operation": call_renamed,
    "trace: sync": sync_added,
    "trace: file": file_renamed,
    "trace: tree": initial_tree_added,
    "trace: end": end_cut_off,
    "trace: bytes": written_otherwise,
    "recovery: fewer records": record_dropped,
    "recovery: refusal": records_for_refusal,
    "recovery: error": error_added,
}
"""What changes the meaning of a certificate, and breaks no hash and no sum."""

BOASTED: dict[str, Callable[[Document], None]] = {
    "images: doubled": doubled("images"),
    "parts: doubled": doubled("parts"),
    "images: part of one": setting("images", to=558.9),
    "images: negative": setting("images", to=-287),
    "images: a string": setting("images", to="287"),
    "parts: true": setting("parts", to=True),
    "point: negative": point_of_images(-1),
    "point: a float": point_of_images(1.0),
    "recovery: offset as float": offset_as_float,
    "recovery: ending added": ending_added,
    "recovery: content added": content_added,
    "recovery: second crashes": second_crashes_dropped,
    "field added": field_added,
}
"""What claims more than was counted, or is of another type."""

FORGERIES = MEANT | BOASTED


def test_there_are_forty_forgeries_of_which_thirty_change_what_is_meant() -> None:
    """No name stands for two."""
    assert len(MEANT) >= 30
    assert len(FORGERIES) == len(MEANT) + len(BOASTED) >= 40


@pytest.mark.parametrize("name", FORGERIES)
def test_a_forgery_is_caught_when_recovering(name: str, good: str, tmp_path: Path) -> None:
    """It is REFUTED, or no certificate of this version: exit code 1 or 2, and one line."""
    document = json.loads(good)
    FORGERIES[name](document)
    assert json.dumps(document) != json.dumps(json.loads(good))
    forged = tmp_path / "forged.json"
    forged.write_text(json.dumps(document))

    result = run("verify-certificate", str(forged), "--recover")
    assert result.exit_code in (1, 2), result.output
    assert len(result.output.splitlines()) == 1
    assert "VALID" not in result.output
    assert result.output.strip().isprintable()


def test_a_field_that_stands_twice_is_refused(good: str, tmp_path: Path) -> None:
    """One reader takes the first, another the last: such a file has no one meaning."""
    forged = tmp_path / "forged.json"
    forged.write_text(good.replace('"parts":', '"parts": 1,\n "parts":', 1))
    result = run("verify-certificate", str(forged), "--recover")
    assert result.exit_code == 2
    assert "'parts' twice" in result.output


def test_the_certificate_of_a_subject_is_not_that_of_another(tmp_path: Path) -> None:
    """What a broken journal did well is no certificate of the reference."""
    content = certified(
        tmp_path, "--miniature", "acknowledged-before-fsync", program="append:5 sync"
    )
    forged = tmp_path / "forged.json"
    forged.write_text(content.replace('"acknowledged-before-fsync"', '"reference"'))
    result = run("verify-certificate", str(forged), "--recover")
    assert result.exit_code == 1
    assert "event" in result.output


def test_what_is_promised_is_what_the_options_say(good: str, tmp_path: Path) -> None:
    """Also without --recover: under immediate durability no append is owed nothing."""
    document = json.loads(good)
    acks_turned_off(document)
    (tmp_path / "forged.json").write_text(json.dumps(document))
    result = run("verify-certificate", str(tmp_path / "forged.json"))
    assert result.exit_code == 1
    assert "as not durable" in result.output


def lines_of(content: str, path: Path, *options: str) -> Iterator[str]:
    """Verify a certificate, and yield the lines of what is said."""
    path.write_text(content)
    yield from run("verify-certificate", str(path), *options).output.splitlines()


def test_what_was_not_checked_is_said(good: str, accepted: str, tmp_path: Path) -> None:
    """Without --recover nobody has asked the subject; with it, everything was."""
    path = tmp_path / "certificate.json"
    valid, measured, rest = lines_of(good, path)
    assert valid.startswith("VALID ")
    assert "from its definition" in measured
    assert rest.startswith("not checked: that 'reference' does on the disk what the trace says")
    for content in (good, accepted):
        valid, measured = lines_of(content, path, "--recover")
        assert valid.startswith("VALID ")
        assert not measured.startswith("not checked")


def test_a_trace_without_a_program_is_not_vouched_for(good: str, tmp_path: Path) -> None:
    """Recoveries are run again, and who made the trace is left open, in words."""
    document = json.loads(good)
    document["program"] = ""
    valid, _, rest = lines_of(json.dumps(document), tmp_path / "certificate.json", "--recover")
    assert valid.startswith("VALID ")
    assert rest.startswith("not checked: that the trace is of 'reference'")

"""The commands around the explorer, as a person or a script uses them."""

import json
import re
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result
from tornproof.errors import Invalid
from tornproof_conformance.cases.programs import parse_program
from tornproof_conformance.commands import barriers, certificates, explore
from tornproof_conformance.subjects.reference import find_subject
from tornproof_models.crash.program import (
    Append,
    Batch,
    Content,
    DropHead,
    DropTail,
    Fail,
    Kill,
    Reopen,
    Rotate,
    Sync,
)
from tornproof_models.crash.run import run as run_program
from tornproof_models.crash.subject import Options
from tornproof_models.disk.faults import Fault
from tornproof_models.disk.trace_file import save_trace


def run(command: click.Command, *arguments: str) -> Result:
    """Run a command in this process, on a terminal of eighty columns."""
    return CliRunner().invoke(command, arguments, env={"COLUMNS": "80"})


# Programs


def test_a_program_is_read_step_by_step() -> None:
    """Every step that a program can hold has a word."""
    text = "append:5 sync rotate  append:600:zeros batch:5,600 drop-tail:2 "
    text += "drop-head:1 kill fail:2:error fail:1:short-write reopen"
    assert parse_program(text) == (
        Append(5),
        Sync(),
        Rotate(),
        Append(600, Content.ZEROS),
        Batch((5, 600)),
        DropTail(2),
        DropHead(1),
        Kill(),
        Fail(2, Fault.ERROR),
        Fail(1, Fault.SHORT_WRITE),
        Reopen(),
    )


def test_a_step_may_be_repeated() -> None:
    """A star and a number after a step stand for so many of it."""
    assert parse_program("append:5*3 sync") == (Append(5), Append(5), Append(5), Sync())


@pytest.mark.parametrize(
    "word",
    [
        "fly",
        "append:5*",
        "append:5*0",
        "append:5*9999",
        "append",
        "append:x",
        "append:-1",
        "append:1:2",
        "append:1:noughts",
        "batch:",
        "drop-tail:0",
        "append:9999999999",
        "sync:1",
        "fail:0:error",
        "fail:1:no",
    ],
)
def test_a_step_that_is_none_is_named(word: str) -> None:
    """The message quotes the step and lists those that there are."""
    with pytest.raises(Invalid, match=re.escape(f"no step '{word}': there are append:BYTES")):
        parse_program(f"append:5 {word}")


# Barriers


def test_barriers_shows_a_table() -> None:
    """Each sync on a line: what it syncs, for which call, the verdict, crash model, requirement."""
    result = run(barriers.command, "--program", "append:5")
    assert result.exit_code == 0, result.output
    lines = [" ".join(line.split()) for line in result.output.splitlines()]
    assert "1 directory / open load-bearing adversarial JRN-3" in lines
    assert "9 0000000000000000.wal append, call 0 load-bearing prefix JRN-3" in lines
    assert any(line.startswith("3 of 3 syncs are load-bearing: a score of 1.00") for line in lines)


def test_barriers_as_json_holds_the_image() -> None:
    """A program reads the same, with the crash that breaks: what was lost, what was left."""
    result = run(barriers.command, "--program", "append:5", "--json")
    document = json.loads(result.output)
    (program,) = document["programs"]
    assert (document["subject"], document["score"], program["score"]) == ("reference", 1.0, 1.0)
    record = program["syncs"][2]
    assert (record["verdict"], record["crash_model"]) == ("load-bearing", "prefix")
    assert record["violates"] == "JRN-3"
    assert record["judged"] == record["images"] > 0
    assert record["crashes"][0]["lost"]
    assert record["crashes"][0]["image"]["/journal/0000000000000000.wal"] == ""


def test_barriers_looks_where_it_is_told_to() -> None:
    """In btrfs a sync of a new file covers its own name: neither directory needs its sync."""
    names = ("--crash-model", "btrfs", "--crash-model", "process-kill")
    document = json.loads(run(barriers.command, "--program", "append:5", "--json", *names).output)
    assert document["crash_models"] == ["process-kill", "btrfs"]
    assert [line.partition(":")[0] for line in document["measurements"]] == ["btrfs"]
    (program,) = document["programs"]
    needed = [sync["path"] for sync in program["syncs"] if sync["crash_model"] == "btrfs"]
    assert needed == ["/journal/0000000000000000.wal"]
    assert (
        "\n  btrfs: held against Linux"
        in run(barriers.command, "--program", "append:5", *names).output
    )


def test_explore_counts_where_it_is_told_to(tmp_path: Path) -> None:
    """The crash models that were named, from mild to harsh, each once."""
    path = tmp_path / "trace.json"
    subject = find_subject("reference")
    save_trace(run_program([Append(5)], subject, Options()).filesystem.trace, path)
    names = ("--crash-model", "xfs", "--crash-model", "ext4-journal", "--crash-model", "xfs")
    document = json.loads(run(explore.command, str(path), "--json", *names).output)
    assert [each["crash_model"] for each in document["crash_models"]] == ["ext4-journal", "xfs"]
    assert len(document["measurements"]) == 2
    assert "\n  xfs: held against Linux" in run(explore.command, str(path), *names).output


def test_barriers_of_a_broken_journal_prove_nothing() -> None:
    """A program that breaks with all its syncs is said to, and the exit code is 1."""
    result = run(
        barriers.command, "--miniature", "acknowledged-before-fsync", "--program", "append:5"
    )
    assert result.exit_code == 1
    assert "with all its syncs it violates JRN-3 in prefix" in result.output


def test_every_kind_of_sync_but_one_is_load_bearing_somewhere(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Only that of the watermark, at close, bears nothing without damage: spec/barriers.md."""
    small = [
        barriers.Story("append:5", "immediate"),
        barriers.Story("append:5 rotate append:5 reopen", "eventual"),
        barriers.Story("append:5 sync", "eventual"),
        barriers.Story("append:5 kill", "eventual"),
    ]
    monkeypatch.setattr(barriers, "STORIES", small)
    document = json.loads(run(barriers.command, "--json").output)
    bears: dict[tuple[str, str], bool] = {}
    for sync in (sync for program in document["programs"] for sync in program["syncs"]):
        what = sync["path"] if sync["directory"] else sync["path"][-4:]
        kind = what, sync["call"].partition(",")[0]
        bears[kind] = bears.get(kind, False) or sync["verdict"] == "load-bearing"
    assert bears == {
        ("/", "open"): True,
        ("/journal", "append"): True,
        ("/journal", "between calls"): True,
        (".wal", "append"): True,
        (".wal", "between calls"): True,
        (".wal", "close"): True,
        (".wal", "open"): True,
        (".wal", "sync"): True,
        ("mark", "close"): False,
    }


# Certificates


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Certify the reference on the default program."""
    path = tmp_path_factory.mktemp("certificates") / "reference.json"
    result = run(certificates.certify, "-o", str(path))
    assert result.exit_code == 0, result.output
    return path


@pytest.mark.parametrize("options", [(), ("--recover",)])
def test_a_certificate_verifies(certificate: Path, options: tuple[str, ...]) -> None:
    """What certify wrote is VALID, with the counts that it rests on."""
    result = run(certificates.verify_certificate, str(certificate), *options)
    assert result.exit_code == 0
    assert result.output.startswith("VALID ")
    assert ("recovered again" in result.output) == bool(options)
    assert "\nadversarial follows from its definition, not from a kernel\n" in result.output


def test_a_forged_certificate_is_refuted(certificate: Path, tmp_path: Path) -> None:
    """A number changed by one is told, with exit code 1."""
    document = json.loads(certificate.read_text())
    document["images"] += 1
    forged = tmp_path / "forged.json"
    forged.write_text(json.dumps(document))
    result = run(certificates.verify_certificate, str(forged))
    assert result.exit_code == 1
    assert result.output.startswith("REFUTED the number of all images")


def test_a_certificate_of_another_subject_does_not_recover_alike(
    certificate: Path, tmp_path: Path
) -> None:
    """With --recover, what the subject does not do on the disk is refuted."""
    forged = tmp_path / "forged.json"
    forged.write_text(certificate.read_text().replace('"reference"', '"torn-tail-refused"'))
    unchecked = run(certificates.verify_certificate, str(forged))
    assert unchecked.exit_code == 0
    assert "not checked: that 'torn-tail-refused' does" in unchecked.output
    result = run(certificates.verify_certificate, str(forged), "--recover")
    assert result.exit_code == 1
    assert "REFUTED event 2 of the program" in result.output


def test_certify_tells_what_is_broken(tmp_path: Path) -> None:
    """A journal that breaks a promise gets exit code 1, and a certificate that does not verify."""
    path = str(tmp_path / "broken.json")
    result = run(certificates.certify, "--miniature", "acknowledged-before-fsync", "-o", path)
    assert result.exit_code == 1
    assert "✗ JRN-3 " in result.output
    assert run(certificates.verify_certificate, path).exit_code == 1


def test_certify_takes_a_trace(tmp_path: Path) -> None:
    """A recorded trace gives the certificate of the program that left it, but for the program."""
    running = run_program((Append(5),), find_subject("reference"), Options(4096))
    save_trace(running.filesystem.trace, tmp_path / "trace.json")
    by_trace, by_program = tmp_path / "1.json", tmp_path / "2.json"
    run(certificates.certify, "--trace", str(tmp_path / "trace.json"), "-o", str(by_trace))
    run(certificates.certify, "--program", "append:5", "-o", str(by_program))
    of_trace, of_program = (json.loads(path.read_text()) for path in (by_trace, by_program))
    assert (of_trace.pop("program"), of_program.pop("program")) == ("", "append:5")
    assert of_trace == of_program


@pytest.mark.parametrize("content", [None, b"", b"{", b"[]", b"{}", b"[" * 100_000, b"\xff"])
def test_what_is_no_certificate_is_a_usage_error(content: bytes | None, tmp_path: Path) -> None:
    """A missing file, or another, is a typed error that names it, and no traceback."""
    path = tmp_path / "certificate.json"
    if content is not None:
        path.write_bytes(content)
    result = run(certificates.verify_certificate, str(path))
    assert isinstance(result.exception, Invalid)
    assert "certificate.json" in str(result.exception)


def test_a_certificate_that_cannot_be_written_is_a_usage_error(tmp_path: Path) -> None:
    """A directory that does not exist is named."""
    result = run(
        certificates.certify, "--program", "append:5", "-o", str(tmp_path / "none" / "x.json")
    )
    assert isinstance(result.exception, Invalid)
    assert "none" in str(result.exception)

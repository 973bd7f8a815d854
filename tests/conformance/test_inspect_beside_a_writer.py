"""`tornproof inspect` on a journal at which a writer and consumers are at work."""

from pathlib import Path
from typing import Any

import pytest
from tornproof.journal import Cursor, Journal
from tornproof.journal.recovery import require_directory
from tornproof_conformance.commands import inspect as inspect_command
from tornproof_conformance.commands import inspection

from tests.conformance.journal_directories.journal_commands import tornproof


def test_inspect_is_not_misled_by_what_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cleanup removes a segment and a cursor goes behind the listing: neither is damage."""
    directory = tmp_path / "living"
    with Journal.open(directory, segment_bytes=82) as journal:
        for payload in (b"a", b"b", b"c", b"d"):
            journal.append(payload)
        for name in ("kitchen", "bar"):
            Cursor.open(directory, name).advance(82)

        def list_and_go_on(*arguments: Any) -> list[str]:
            names = require_directory(*arguments)
            (directory / "bar.cursor").unlink()
            journal.cleanup()
            return names

        monkeypatch.setattr(inspect_command, "require_directory", list_and_go_on)
        result = tornproof("inspect", directory, "--all")
    assert (result.exit_code, result.output.splitlines()[-1]) == (
        0,
        "sound: 2 records, offsets 82 to 164",
    )


def test_inspect_allows_a_consumer_to_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A record is appended and consumed when the segments have been looked at: it is there."""

    journal = tmp_path / "living"

    def go_on_and_read(*arguments: Any) -> Any:
        with Journal.open(journal) as writer:
            writer.append(b"new")
            Cursor.open(journal, "kitchen").advance(writer.end)
        return inspection.find_cursors(*arguments)

    with Journal.open(journal) as writer:
        writer.append(b"old")
    Cursor.open(journal, "kitchen")
    monkeypatch.setattr(inspect_command, "find_cursors", go_on_and_read)
    assert tornproof("inspect", journal).exit_code == 0

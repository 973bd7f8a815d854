"""
A quota of the spool, and a durable count of the events that it refused (DRN-20).

If the database cannot be reached for a week, the spool must not fill the disk, so a spool may
have a quota: an event that would exceed it is refused.  A refused event is in no table, so it
is counted in a file beside the segments, before the caller gets the answer:

    {"events": 3, "first": "2026-01-31T12:00:00.000000000Z", "last": "…"}

The file stays when the process ends and is never removed; an operator may remove it while no
queue is open.
"""

import json
from collections.abc import Callable
from threading import Lock
from typing import Any

from attrs import asdict, evolve, frozen

from tornproof.drainer.small_files import read_small_file, write_small_file
from tornproof.drainer.timestamp import format_timestamp
from tornproof.errors import Corrupt, QueueFull, TornproofError
from tornproof.filesystem import Filesystem

TURNED_AWAY = "turned-away.json"


@frozen
class TurnedAway:
    """How many events a spool turned away since the file was made, and from when to when."""

    events: int = 0
    first: str = ""
    last: str = ""


class Quota:
    """
    Counts the bytes that wait in a spool, and turns away what would exceed the limit.

    `limit` is in bytes of records, inclusive; None is no limit.  `clock` returns
    nanoseconds since 1970.
    """

    def __init__(
        self,
        filesystem: Filesystem,
        directory: str,
        limit: int | None,
        clock: Callable[[], int],
    ) -> None:
        self._filesystem = filesystem
        self._path = f"{directory}/{TURNED_AWAY}"
        self._limit = limit
        self._clock = clock
        self._counting = Lock()
        self._writing = Lock()
        self._on_their_way = 0
        self._turned_away = self._written = self._read()

    @property
    def turned_away(self) -> TurnedAway:
        """What has been turned away until now, by earlier processes too."""
        return self._turned_away

    def enter(self, size: int, waiting: int) -> None:
        """
        Let a record of so many bytes in, behind so many that wait.

        Whoever was let in calls `leave` when its record is there, or is not to be.
        Raises `QueueFull` otherwise, once that has been written down.
        """
        with self._counting:
            if self._limit is None or waiting + self._on_their_way + size <= self._limit:
                self._on_their_way += size
                return
            now = format_timestamp(self._clock())
            seen = self._turned_away
            self._turned_away = TurnedAway(seen.events + 1, seen.first or now, now)
            number = self._turned_away.events
        reason = f"the spool holds {waiting} bytes, and its quota is {self._limit}"
        try:
            self._write(number)
        except TornproofError as error:
            raise QueueFull(f"{reason}; it could not be written down either: {error}") from error
        raise QueueFull(reason)

    def leave(self, size: int) -> None:
        """Be told that a record that was let in is counted among those that wait, or is gone."""
        with self._counting:
            self._on_their_way -= size

    def _write(self, number: int) -> None:
        """Make the evidence durable up to a number; those who come meanwhile share a write."""
        with self._writing:
            if self._written.events >= number:
                return
            with self._counting:
                now = self._turned_away
            data = json.dumps(asdict(now)).encode()
            write_small_file(self._filesystem, self._path, data)
            self._written = now

    def _read(self) -> TurnedAway:
        data = read_small_file(self._filesystem, self._path)
        if data is None:
            return TurnedAway()
        try:
            found: dict[str, Any] = json.loads(data)
            return evolve(TurnedAway(**found), events=int(found["events"]))
        except (ValueError, TypeError, KeyError, RecursionError):
            raise Corrupt(
                f"{self._path} does not count events that were turned away: restore it from a "
                "copy, or move it elsewhere"
            ) from None

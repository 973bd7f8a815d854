"""
A drainer that replays dead letters that somebody has changed.

Its twin is `HashingDrainer`, which is the small drainer with a hash in each dead letter.
"""

from collections.abc import Mapping

from tornproof_models.miniatures.small_drainer import Queued, SmallDrainer


class HashingDrainer(SmallDrainer):
    """The correct twin."""

    name = "hashing-drainer"

    def __init__(self) -> None:
        super().__init__()
        self.database.anchor.execute("ALTER TABLE signed_events_dlq ADD COLUMN payload_hash BLOB")

    def insert_dead_letter(self, event: Queued) -> None:
        """Keep the hash of its bytes as well."""
        self.execute(
            "INSERT INTO signed_events_dlq (id, payload, reason, payload_hash) VALUES (?, ?, ?, ?)",
            event.id,
            event.payload,
            self.reason,
            self.hash(event.payload),
        )

    def replay_one(self, dlq_id: int, event: Queued) -> None:
        """Leave what was changed where it is."""
        query = "SELECT payload_hash FROM signed_events_dlq WHERE dlq_id = ?"
        (kept,) = self.execute(query, dlq_id).fetchone()
        if self.is_as_it_was(event, kept):
            super().replay_one(dlq_id, event)

    def is_as_it_was(self, event: Queued, kept: bytes) -> bool:
        """Compare the bytes with their hash."""
        return self.hash(event.payload) == kept


class ReplaysWhatWasChanged(HashingDrainer):
    """
    Replays the bytes of a dead letter without comparing them with their hash.

    Somebody changes a reason in the table → it is evidence of what never happened.
    Source: of this project; a mutant of the reference.
    """

    name = "replays-what-was-changed"
    breaks = frozenset({"DRN-35"})

    def is_as_it_was(self, event: Queued, kept: bytes) -> bool:
        """Believe it."""
        del event, kept
        return True


LETTERS: Mapping[str, type[SmallDrainer]] = {ReplaysWhatWasChanged.name: ReplaysWhatWasChanged}
"""Those that `replays` of the scenarios finds by the columns of a dead letter, by name."""

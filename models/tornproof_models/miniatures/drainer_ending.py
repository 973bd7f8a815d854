"""
Drainers with one bug each about dead letters, waiting or closing.
"""

import json
from collections.abc import Mapping
from typing import Any

from tornproof_models.contract.delivery import Drain, Outcome
from tornproof_models.miniatures.small_drainer import Queued, SmallDrainer

# Dead letters


class DeadLettersWithoutBytes(SmallDrainer):
    """
    The dead-letter queue keeps a name and no payload, so nothing can be replayed.

    Source: hole H10 of the v0.7 queue.
    """

    name = "dead-letters-without-the-bytes"
    breaks = frozenset({"DRN-15"})

    def insert_dead_letter(self, event: Queued) -> None:
        """Keep the id and the reason."""
        super().insert_dead_letter(Queued(event.id, b""))


class DeadLettersWithoutReason(SmallDrainer):
    """
    Nobody can tell why an event is a dead letter.

    Source: case B17 of the v0.7 queue, which keeps one.
    """

    name = "dead-letters-without-a-reason"
    breaks = frozenset({"DRN-5"})

    def insert_dead_letter(self, event: Queued) -> None:
        """Keep the bytes alone."""
        self.execute(
            "INSERT INTO signed_events_dlq (id, payload, reason) VALUES (?, ?, '')",
            event.id,
            event.payload,
        )


class ReplaysTwice(SmallDrainer):
    """
    A replay appends and leaves the dead letter where it is.

    Source: cloudyr/aws.sqs#17.
    """

    name = "replays-twice"
    breaks = frozenset({"DRN-1", "DRN-15"})

    def remove_dead_letter(self, dlq_id: int) -> None:
        """Leave it."""


class ReplaysInTwoTransactions(SmallDrainer):
    """
    A replay appends in one transaction and removes in another.

    Source: floci-io/floci#3470.
    """

    name = "replays-in-two-transactions"
    breaks = frozenset({"DRN-1", "DRN-15"})

    def replay_one(self, dlq_id: int, event: Queued) -> None:
        """Append, commit, remove."""
        self.insert(event)
        self.commit()
        self.begin()
        self.remove_dead_letter(dlq_id)


class ReplaysWithANewTimestamp(SmallDrainer):
    """
    A replay encodes the event again, with the time of the replay.

    Source: softwaremill/elasticmq#400.
    """

    name = "replays-with-a-new-timestamp"
    breaks = frozenset({"DRN-15"})

    def replay_one(self, dlq_id: int, event: Queued) -> None:
        """Write another time into it."""
        value = json.loads(event.payload) | {"timestamp": "2027-01-01T00:00:00.000000000Z"}
        super().replay_one(dlq_id, self.encode(value))


# Waiting and ending


class DrainsTooEarly(SmallDrainer):
    """
    A drain is over when the drainer has taken the last event, landed or not.

    Source: kamon-io/Kamon#544.
    """

    name = "reports-drained-too-early"
    breaks = frozenset({"DRN-12", "DRN-13"})

    def drain(self) -> Drain:
        """Make one attempt at each."""
        hopeless = self.failed
        for _ in range(len(self.spool) - self.position):
            self.move()
        return Drain(drained=True, pending=(), hopeless=hopeless, at_once=True)


class DrainsInVain(SmallDrainer):
    """
    A drain waits for its whole timeout on a drainer that has given up.

    Source: hole H5 of the v0.7 queue.
    """

    name = "drains-in-vain"
    breaks = frozenset({"DRN-12"})

    def drain(self) -> Drain:
        """Wait, whatever has become of the drainer."""
        drain = super().drain()
        return Drain(drain.drained, drain.pending, drain.hopeless, at_once=False)


class LosesTheTailOnClose(SmallDrainer):
    """
    Closing throws away what has not been taken yet.

    Source: kamon-io/Kamon#544.
    """

    name = "loses-the-tail-on-close"
    breaks = frozenset({"DRN-1", "DRN-13"})

    def close(self) -> bool:
        """Finish the event in flight, and clean up."""
        self.move()
        del self.spool[self.position :]
        self.closed = True
        return True


class WaitsForProducers(SmallDrainer):
    """
    Closing waits for every producer to let go of its handle.

    Source: hole H6 of the v0.7 queue.
    """

    name = "waits-for-producers-on-close"
    breaks = frozenset({"DRN-11"})

    def close(self) -> bool:
        """Return only if nobody holds a handle."""
        return self.holders == 0 and super().close()


class CountsTwice(SmallDrainer):
    """
    A dead letter is counted as one, and as chained as well.

    Source: hole H7 of the v0.7 queue.
    """

    name = "counts-a-dead-letter-twice"
    breaks = frozenset({"DRN-13"})

    def on_landed(self, place: str) -> None:
        """Count, and count again."""
        super().on_landed(place)
        if place != "chain":
            self.chained += 1


class EncodesInTheDrainer(SmallDrainer):
    """
    What cannot be encoded is admitted, and kills the drainer later.

    Source: hole H14 of the v0.7 queue.
    """

    name = "encodes-in-the-drainer"
    breaks = frozenset({"DRN-1"})

    def submit(self, event: Mapping[str, Any]) -> Outcome:
        """Admit whatever it is."""
        self.submitted += 1
        text = json.dumps(event, sort_keys=True, separators=(",", ":"))
        self.admit(Queued(event["event_id"], text.encode()))
        return Outcome.ADMITTED

    def land(self, event: Queued) -> None:
        """Find out here."""
        try:
            self.encode(json.loads(event.payload))
        except UnicodeEncodeError:
            self.failed = True
            return
        super().land(event)

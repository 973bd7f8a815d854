"""
Drainers that make wrong events: for the wrong decisions, or with the wrong bytes.
"""

from collections.abc import Mapping
from typing import Any

from tornproof_models.miniatures.small_drainer import SmallDrainer
from tornproof_models.miniatures.small_events import spell_plainly


class EscalatesUnseen(SmallDrainer):
    """
    Makes no event of what is escalated.

    Source: the v0.7 queue, whose decisions did not have it yet.
    """

    name = "escalates-unseen"
    breaks = frozenset({"EVT-1"})
    blocking = frozenset({"refuse"})


class RecordsEveryDecision(SmallDrainer):
    """
    Makes an event of every decision.

    Source: of this project; a log of permissions drowns the evidence.
    """

    name = "records-every-decision"
    breaks = frozenset({"EVT-1"})
    blocking = frozenset({"refuse", "escalate", "warn", "allow"})


class SortsKeysByCodePoint(SmallDrainer):
    """
    Writes JSON with sorted keys, and not RFC 8785.

    1e21, -0.0, keys beyond the BMP → two implementations hash one event differently.
    Source: the v0.7 queue's compact JSON.
    """

    name = "sorts-keys-by-code-point"
    breaks = frozenset({"EVT-2"})

    def spell(self, event: Mapping[str, Any]) -> bytes:
        """Let the json module do it."""
        return spell_plainly(event)


class KeepsTheTimeAsGiven(SmallDrainer):
    """
    Keeps a timestamp in the words in which it came.

    Source: the v0.7 queue left the digits to its time library.
    """

    name = "keeps-the-time-as-given"
    breaks = frozenset({"EVT-2", "EVT-5"})

    @staticmethod
    def moment(timestamp: str) -> str:
        """Leave it."""
        return timestamp


class HashesTheHash(SmallDrainer):
    """
    Names a payload by the hash of its hash.

    Source: of this project; double hashing, as Bitcoin does it, where single is specified.
    """

    name = "hashes-the-hash"
    breaks = frozenset({"EVT-3"})

    def hash(self, payload: bytes) -> bytes:
        """Hash twice."""
        return super().hash(super().hash(payload))


class ShortensTheReason(SmallDrainer):
    """
    Cuts a reason after a hundred characters.

    Source: of this project; a column of fixed width.
    """

    name = "shortens-the-reason"
    breaks = frozenset({"EVT-4", "EVT-2"})

    def spell(self, event: Mapping[str, Any]) -> bytes:
        """Keep what fits."""
        decision = {name: text[:100] for name, text in event["decision"].items()}
        return super().spell({**event, "decision": decision})


EVENTS: Mapping[str, type[SmallDrainer]] = {
    kind.name: kind
    for kind in (
        EscalatesUnseen,
        RecordsEveryDecision,
        SortsKeysByCodePoint,
        KeepsTheTimeAsGiven,
        HashesTheHash,
        ShortensTheReason,
    )
}
"""Those with wrong events, by name."""

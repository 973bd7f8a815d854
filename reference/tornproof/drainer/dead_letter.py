"""
A dead letter, and the bytes that its signature covers.

    content = tag ‖ id ‖ agent_id ‖ event_type ‖ payload_hash ‖ attest_level ‖ timestamp
                  ‖ failure_reason ‖ failed_at

Each field follows its length in eight bytes, as in a row of the chain (CHN-4).  No row of the
chain covers a dead letter; only the signature, if the drainer has a key, shows a change
(DRN-19).
"""

from attrs import frozen

from tornproof.chain.row import behind_lengths
from tornproof.chain.signatures import signature_holds

TAG = b"tornproof/drainer/dead-letter/v1"
"""Keeps a signature of a dead letter from being one of a row."""


@frozen
class DeadLetter:
    """An event that could not be appended, and why, in the order of its columns."""

    dlq_id: int
    event_id: str
    agent_id: str
    event_type: str
    payload_hash: bytes
    signature: bytes | None
    attest_level: str
    timestamp: str
    failure_reason: str
    failed_at: str
    payload: bytes

    @property
    def content(self) -> bytes:
        """Everything but the signature, the payload by its hash."""
        return dead_letter_content(
            self.event_id,
            self.agent_id,
            self.event_type,
            self.payload_hash,
            self.attest_level,
            self.timestamp,
            self.failure_reason,
            self.failed_at,
        )

    def is_signed_by(self, public_key: bytes) -> bool:
        """Say whether the signature is this key's, of just this dead letter."""
        return self.signature is not None and signature_holds(
            public_key, self.signature, self.content
        )


def dead_letter_content(
    event_id: str,
    agent_id: str,
    event_type: str,
    payload_hash: bytes,
    attest_level: str,
    timestamp: str,
    failure_reason: str,
    failed_at: str,
) -> bytes:
    """Write down what a signature of a dead letter covers."""
    return behind_lengths(
        TAG,
        event_id.encode(),
        agent_id.encode(),
        event_type.encode(),
        payload_hash,
        attest_level.encode(),
        timestamp.encode(),
        failure_reason.encode(),
        failed_at.encode(),
    )

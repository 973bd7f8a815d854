"""
Ed25519 over the content of a row (RFC 8032).

A row names the key that signed it.  Anybody can make a key, so a verifier accepts only keys
that its caller trusts.
"""

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from tornproof.chain.row import AttestLevel
from tornproof.errors import Invalid

KEY_BYTES = 32


class Ed25519Signer:
    """
    Signs rows with one key, at one level of attestation.

    `private_key` is the 32-byte seed.  Raises `Invalid` for another length and
    for the level `unsigned`.
    """

    def __init__(
        self, private_key: bytes, attest_level: AttestLevel = AttestLevel.SELF_SIGNED
    ) -> None:
        if len(private_key) != KEY_BYTES:
            raise Invalid(f"an Ed25519 private key has {KEY_BYTES} bytes, not {len(private_key)}")
        if attest_level is AttestLevel.UNSIGNED:
            raise Invalid("a signed row cannot be attested as unsigned")
        self._key = Ed25519PrivateKey.from_private_bytes(private_key)
        self.attest_level: AttestLevel = attest_level
        self.public_key = self._key.public_key().public_bytes_raw()

    def sign(self, content: bytes) -> bytes:
        """Return the 64-byte signature of a row's content."""
        return self._key.sign(content)


def signature_holds(public_key: bytes, signature: bytes, message: bytes) -> bool:
    """Say whether the signature is one of the message by that key; false for malformed ones."""
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True

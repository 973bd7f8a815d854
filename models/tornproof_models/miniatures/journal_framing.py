"""
Miniatures that frame records wrong, or check frames too little.

The first few read what they wrote and are happy; only bytes that came from
elsewhere, or that somebody else must read, show what is wrong with them.
"""

# ruff: noqa: ARG002 (a step gone wrong may ignore what it is given)

import hashlib
import struct
from collections.abc import Iterator

from crc32c import crc32c
from tornproof.errors import TooLarge
from tornproof.filesystem import File

from tornproof_models.miniatures.small_frames import HEADER_BYTES, Damage
from tornproof_models.miniatures.small_journal import SmallJournal
from tornproof_models.miniatures.small_recovery import write_all


class BigEndianLength(SmallJournal):
    """
    Writes its integers in network order.

    Nothing → no other implementation reads a record, nor does it read theirs.
    """

    breaks = frozenset({"FRM-1"})
    header = struct.Struct(">II32s")


class CrcOfThePayloadOnly(SmallJournal):
    """
    Leaves length and hash out of the CRC.

    Bit flip in the hash → an apparent forgery instead of a storage error.
    """

    breaks = frozenset({"FRM-2"})

    def checksum(self, length: int, digest: bytes, payload: bytes) -> int:
        """Trust the header."""
        return crc32c(payload)


class HashOfAnotherKind(SmallJournal):
    """
    Hashes with a function that also gives 32 bytes.

    Nothing → an index made elsewhere does not find its records.
    """

    breaks = frozenset({"FRM-3"})

    def digest(self, payload: bytes) -> bytes:
        """Take what the standard library has."""
        return hashlib.blake2s(payload).digest()


class HashUnchecked(SmallJournal):
    """
    Writes the hash and never looks at it again.

    Bug in a writer, or an intruder → a record under a name that is not its own.
    """

    breaks = frozenset({"FRM-4"})

    def check_frame(self, length: int, crc: int, digest: bytes, payload: bytes) -> Damage | None:
        """Be content with the CRC."""
        return None if crc == self.checksum(length, digest, payload) else Damage.CRC


class NoChecksum(SmallJournal):
    """
    Takes every frame that is long enough for a record.

    Bit flip, torn write → garbage is read as what had been appended.
    Source: tendermint/tendermint#573 (2017).
    """

    breaks = frozenset({"FRM-4", "FRM-6", "JRN-5", "REC-3"})

    def check_frame(self, length: int, crc: int, digest: bytes, payload: bytes) -> Damage | None:
        """Find nothing wrong."""
        return None


class LengthOnTrust(SmallJournal):
    """
    Reads as many bytes as a header says there are.

    Torn write, bit flip → asks for four gigabytes to read a small file.
    Source: nsqio/nsq#471 (2014).
    """

    breaks = frozenset({"FRM-5"})

    def check_length(self, length: int, remaining: int) -> Damage | None:
        """Believe it; the CRC will tell."""
        return None


class ZerosAreARecord(SmallJournal):
    """
    Does not check a payload of no bytes, since it has none that could be wrong.

    Torn write → a hole of zeros is read as a row of empty records.
    Source: etcd-io/etcd#6515 (2016).
    """

    breaks = frozenset({"FRM-6", "JRN-5", "REC-3"})

    def check_frame(self, length: int, crc: int, digest: bytes, payload: bytes) -> Damage | None:
        """Spare the empty."""
        return None if length == 0 else super().check_frame(length, crc, digest, payload)


class ZeroLengthIsTheEnd(SmallJournal):
    """
    Takes a length whose lowest byte is zero for the end of the log.

    Nothing → an empty record, or one of 256 bytes, and all behind it are gone.
    Source: wiredtiger/wiredtiger#1334 (2014).
    """

    breaks = frozenset({"FRM-7", "JRN-2", "JRN-3", "JRN-16", "REC-1"})

    def check_length(self, length: int, remaining: int) -> Damage | None:
        """Stop where preallocated space seems to begin."""
        return Damage.CUT_SHORT if length & 0xFF == 0 else super().check_length(length, remaining)


class NoMaximum(SmallJournal):
    """
    Accepts a payload that its own reader refuses.

    Nothing → the record is acknowledged, and gone at the next start.
    Source: txpipe/dolos#1182 (2026).
    """

    breaks = frozenset({"FRM-8"})

    def check_payload(self, payload: bytes) -> None:
        """Refuse nothing."""


class RefusedTooLate(SmallJournal):
    """
    Refuses a payload above the maximum once its header is on disk.

    Nothing → a refusal that was to change nothing leaves a fragment.
    """

    breaks = frozenset({"FRM-8"})

    def check_payload(self, payload: bytes) -> None:
        """Leave it to the writer."""

    def write_frame(self, frame: bytes) -> None:
        """Write the header, and only then look at what it says."""
        assert self.active is not None
        if len(frame) - HEADER_BYTES > self.options.max_payload:
            write_all(self.active, self.sizes[self.last], frame[:HEADER_BYTES])
            raise TooLarge("payload above the maximum")
        super().write_frame(frame)


class ReservedBitsIgnored(SmallJournal):
    """
    Keeps the highest byte of a length for flags, and reads past flags it does not know.

    Bit flip → one payload has 256 frames, and a damaged length passes for a good one.
    """

    breaks = frozenset({"FRM-4", "FRM-9"})

    def unpack(self, header: bytes) -> tuple[int, int, bytes]:
        """Mask the flags."""
        length, crc, digest = super().unpack(header)
        return length & 0x00FF_FFFF, crc, digest


class PaddingSkipped(SmallJournal):
    """
    Looks for a record at the next multiple of eight where there is none.

    Files of an aligned dialect → what it reads is not what it would have written.
    """

    breaks = frozenset({"FRM-9", "REC-1"})

    def walk(self, file: File, size: int) -> Iterator[tuple[int, bytes | Damage]]:
        """Pass over zeros up to the next multiple of eight, unless a frame begins with them."""
        position = 0
        while position < size:
            found = self.read_frame(file, position, size - position)
            padding = -position % 8
            if isinstance(found, Damage) and file.read_at(position, padding) == bytes(padding):
                position += padding
                found = self.read_frame(file, position, size - position)
            yield position, found
            if isinstance(found, Damage):
                return
            position += HEADER_BYTES + len(found)

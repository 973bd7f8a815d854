"""
Frame v2, against published vectors and against a framing written apart.

The CRC below is computed bit by bit, as RFC 3720 describes it, and is itself
checked against the RFC's examples; the hashes are the BLAKE3 project's own test
vectors.  Neither comes from the libraries that the reference uses.
"""

import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tornproof.errors import TooLarge
from tornproof.filesystem import READ_AHEAD, OsFilesystem
from tornproof.journal.scanning import scan_file
from tornproof.record import (
    HEADER_BYTES,
    MAX_PAYLOAD_BYTES,
    Damage,
    Record,
    decode,
    encode,
    frame_size,
    payload_length,
    scan,
)
from tornproof_conformance.pytest_support.plugin import requirement

from tests.spec.framing import frame as independent_frame
from tests.spec.framing import frames as independent_frames

payloads = st.binary(max_size=200)

RFC_3720_B_4 = {
    "32 bytes of zeros": (bytes(32), "aa36918a"),
    "32 bytes of ones": (b"\xff" * 32, "43aba862"),
    "32 incrementing bytes": (bytes(range(32)), "4e79dd46"),
    "32 decrementing bytes": (bytes(range(31, -1, -1)), "5cdb3f11"),
    "an iSCSI SCSI Read command": (
        bytes.fromhex(
            "01c00000 00000000 00000000 00000000 14000000 00000400"
            "00000014 00000018 28000000 00000000 02000000 00000000"
        ),
        "563a96d9",
    ),
}

BLAKE3_VECTORS = {
    0: "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262",
    1: "2d3adedff11b61f14c886e35afa036736dcd87a74d27b5c1510225d0f592e213",
    1023: "10108970eeda3eb932baac1428c7a2163b0e924c9a9e25b35bba72b28f70bd11",
    1024: "42214739f095a406f3fc83deb889744ac00df831c10daa55189b5d121c855af7",
    1025: "d00278ae47eb27b34faecf67b4fe263f82d5412916c1ffd97c8cb7fb814b8444",
    4097: "9b4052b38f1c5fc8b1f9ff7ac7b27cd242487b3d890d15c96a1c25b8aa0fb995",
    6144: "3e2e5b74e048f3add6d21faab3f83aa44d3b2278afb83b80b3c35164ebeca205",
}
"""From test_vectors.json of the BLAKE3 project: input length to the first 32 bytes of the hash."""


def crc32c_bit_by_bit(data: bytes) -> int:
    """Divide by Castagnoli's polynomial, bit by bit (RFC 3720, 12.1)."""
    register = 0xFFFFFFFF
    for byte in data:
        register ^= byte
        for _ in range(8):
            register = (register >> 1) ^ (0x82F63B78 if register & 1 else 0)
    return register ^ 0xFFFFFFFF


# Layout


@pytest.mark.parametrize(("data", "published"), RFC_3720_B_4.values(), ids=RFC_3720_B_4)
def test_our_own_crc_is_the_published_one(data: bytes, published: str) -> None:
    """The CRC of this module gives the examples of RFC 3720, B.4."""
    assert struct.pack("<I", crc32c_bit_by_bit(data)).hex() == published


@requirement("FRM-1", "FRM-2")
@pytest.mark.parametrize("payload", [b"", b"a", bytes(40), bytes(range(256))])
def test_crc_covers_everything_but_itself(payload: bytes) -> None:
    """Length and CRC are little-endian, and the CRC is of bytes 0–3, 8–39 and the payload."""
    frame = encode(payload)

    length, crc = struct.unpack("<II", frame[:8])

    assert length == len(payload)
    assert crc == crc32c_bit_by_bit(frame[0:4] + frame[8:40] + payload)


@requirement("FRM-1", "FRM-3")
@pytest.mark.parametrize(("length", "published"), BLAKE3_VECTORS.items())
def test_hash_is_the_published_one(length: int, published: str) -> None:
    """Bytes 8–39 are the BLAKE3 hash of the payload, and the payload follows."""
    payload = bytes(index % 251 for index in range(length))

    frame = encode(payload)

    assert frame[8:40].hex() == published
    assert frame[40:] == payload


@requirement("FRM-1", "FRM-2", "FRM-3")
@given(payloads)
def test_equals_a_framing_written_apart(payload: bytes) -> None:
    """Two framings that share no code give the same bytes."""
    assert encode(payload) == independent_frame(payload)
    assert frame_size(len(payload)) == len(independent_frame(payload))


# Checks


@requirement("FRM-4", "FRM-2")
def test_every_flipped_bit_is_noticed() -> None:
    """No frame with one bit flipped yields a record, wherever the bit is."""
    frame = encode(b"paid")

    for position in range(len(frame) * 8):
        damaged = bytearray(frame)
        damaged[position // 8] ^= 1 << position % 8
        assert isinstance(decode(bytes(damaged)), Damage), f"bit {position}"


@requirement("FRM-4")
def test_the_two_checks_fail_apart() -> None:
    """A frame written with a wrong hash is told from one damaged later."""
    written_wrong = independent_frame(b"paid", hash=bytes(32))
    damaged_later = encode(b"paid")[:-1] + b"!"

    assert decode(written_wrong) is Damage.HASH_MISMATCH
    assert decode(damaged_later) is Damage.CRC_MISMATCH


@requirement("FRM-5")
@pytest.mark.parametrize(
    ("length", "remaining", "expected"),
    [
        (10, 50, 10),
        (10, 49, Damage.PAYLOAD_CUT),
        (0, 40, 0),
        (0, 39, Damage.HEADER_CUT),
        (64, 1 << 40, 64),
        (65, 1 << 40, Damage.LENGTH_ABOVE_MAXIMUM),
        (2**31, 1 << 40, Damage.LENGTH_ABOVE_MAXIMUM),
        (2**32 - 1, 1 << 40, Damage.LENGTH_ABOVE_MAXIMUM),
    ],
)
def test_length_is_decided_from_the_header_alone(
    length: int, remaining: int, expected: int | Damage
) -> None:
    """Both bounds are checked with nothing but the header and the file's size at hand."""
    header = struct.pack("<I", length) + bytes(36)

    assert payload_length(header, remaining, maximum=64) == expected


@requirement("FRM-5", "REC-9")
@pytest.mark.parametrize("length", [MAX_PAYLOAD_BYTES, MAX_PAYLOAD_BYTES + 1, 2**32 - 1])
def test_nothing_is_read_for_a_length_that_cannot_be(
    length: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A walk over a torn header reads one window, whatever the header claims."""
    path = tmp_path / "0000000000000000.wal"
    path.write_bytes(struct.pack("<I", length) + bytes(2 * READ_AHEAD))
    file = OsFilesystem().open_for_reading(str(path))
    read_at, asked = file.read_at, list[int]()

    def read_and_note(offset: int, size: int) -> bytes:
        asked.append(size)
        return read_at(offset, size)

    monkeypatch.setattr(file, "read_at", read_and_note)

    found = list(scan_file(file, path.stat().st_size, maximum=MAX_PAYLOAD_BYTES))
    file.close()

    assert [type(each) for _, each in found] == [Damage]
    assert asked == [READ_AHEAD]


@requirement("FRM-6")
@pytest.mark.parametrize("count", [1, 4, 8, 39, 40, 41, 512, 4096])
def test_zeros_are_no_record(count: int) -> None:
    """A run of zero bytes is damage, whatever its length, alone or behind a record."""
    assert isinstance(decode(bytes(count)), Damage)
    assert [type(found) for _, found in scan(encode(b"a") + bytes(count))] == [Record, Damage]


# Payloads


@requirement("FRM-7")
def test_an_empty_payload_is_a_record() -> None:
    """Nothing, framed, takes forty bytes and comes back as nothing."""
    assert decode(encode(b"")) == Record(b"", 40)


@requirement("FRM-8")
def test_a_payload_above_the_maximum_is_refused() -> None:
    """The maximum is allowed, one byte more is refused for certain."""
    assert len(encode(bytes(64), maximum=64)) == 104
    with pytest.raises(TooLarge) as refused:
        encode(bytes(65), maximum=64)

    assert (refused.value.code, refused.value.definite) == ("too_large", True)


@requirement("FRM-8")
def test_the_default_maximum_is_16_mebibytes() -> None:
    """Without another maximum a payload of 16 MiB is a record and one byte more is refused."""
    largest = bytes(16 * 1024 * 1024)

    assert decode(encode(largest)) == Record(largest, len(largest) + 40)
    with pytest.raises(TooLarge):
        encode(largest + b"\0")


@requirement("FRM-9")
@given(payloads, st.binary(max_size=60))
def test_what_decodes_encodes_to_the_same_bytes(payload: bytes, behind: bytes) -> None:
    """Decoding undoes encoding, whatever stands behind, and encoding undoes decoding."""
    data = independent_frame(payload) + behind

    found = decode(data)

    assert found == Record(payload, HEADER_BYTES + len(payload))
    assert data.startswith(encode(found.payload))


@requirement("FRM-9")
@given(payloads, payloads)
def test_different_payloads_give_different_frames(one: bytes, other: bytes) -> None:
    """No frame equals another payload's, nor begins with it."""
    assert encode(one).startswith(encode(other)) == (one == other)


# Scanning


@requirement("REC-1", "FRM-5")
@given(st.lists(payloads, max_size=4), st.data())
def test_a_torn_file_yields_whole_records_and_one_damage(
    appended: list[bytes], data: st.DataObject
) -> None:
    """Cut anywhere, a file yields the records that are whole and says what follows them."""
    whole = independent_frames(*appended)
    cut = data.draw(st.integers(0, len(whole)), label="bytes kept")
    ends = [sum(40 + len(each) for each in appended[:count]) for count in range(len(appended) + 1)]
    kept = max(count for count, end in enumerate(ends) if end <= cut)

    found = list(scan(whole[:cut]))

    records = [(at, each.payload) for at, each in found if isinstance(each, Record)]
    damage = [(at, each) for at, each in found if isinstance(each, Damage)]
    torn = Damage.HEADER_CUT if cut - ends[kept] < 40 else Damage.PAYLOAD_CUT
    assert records == list(zip(ends, appended[:kept], strict=False))
    assert damage == ([] if cut == ends[kept] else [(ends[kept], torn)])


@requirement("REC-1", "JRN-4")
@given(st.lists(payloads, min_size=2, max_size=4), st.data())
def test_nothing_behind_a_flipped_bit_is_yielded(
    appended: list[bytes], data: st.DataObject
) -> None:
    """A scan ends with the frame that holds the flipped bit."""
    whole = bytearray(independent_frames(*appended))
    position = data.draw(st.integers(0, len(whole) * 8 - 1), label="bit")
    ends = [sum(40 + len(each) for each in appended[:count]) for count in range(len(appended) + 1)]
    intact = max(count for count, end in enumerate(ends) if end <= position // 8)
    whole[position // 8] ^= 1 << position % 8

    *records, (at, last) = scan(bytes(whole))

    assert records == [
        (end, Record(payload, 40 + len(payload)))
        for end, payload in zip(ends, appended[:intact], strict=False)
    ]
    assert (at, isinstance(last, Damage)) == (ends[intact], True)

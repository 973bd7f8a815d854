"""
The cases of `spec/vectors/`, as a table.

Each says which bytes a crash left, and what recovery must make of them.  The
comment states the fact; the flags name the bugs that the case would show.
"""

import hashlib
import struct
import zlib

from blake3 import blake3
from crc32c import crc32c

from tests.spec.framing import digest, frame, frames, name
from tests.spec.generate_vectors import image, kept, one

A, B, C = b"first", b"second record", b"the third"
NOISE = bytes((index * 151 + 89) % 256 for index in range(96))
LONG = bytes(index % 251 for index in range(1500))


def u32(number: int, order: str = "<") -> bytes:
    """Pack an unsigned 32-bit integer."""
    return struct.pack(f"{order}I", number)


def masked(crc: int) -> int:
    """Mask a CRC as LevelDB does before it stores one."""
    return (((crc >> 15) | (crc << 17)) + 0xA282EAD8) % 2**32


def flipped(data: bytes, position: int, bit: int = 0) -> bytes:
    """Flip one bit."""
    changed = bytearray(data)
    changed[position] ^= 1 << bit
    return bytes(changed)


def zeroed(data: bytes, start: int, stop: int) -> bytes:
    """Lose some bytes to a hole of zeros."""
    return data[:start] + bytes(stop - start) + data[stop:]


FRAME = [
    # what is a record
    one("frm/one-record", "FRM-1 FRM-2 FRM-3", "One frame is one record.", "", A),
    one("frm/three-records", "FRM-1 JRN-2", "Frames stand back to back.", "padding", A, B, C),
    one("frm/zero-length-payload", "FRM-7", "An empty payload is a record.",
        "zero-length-is-end", b""),
    one("frm/zero-length-between-records", "FRM-7 JRN-2",
        "An empty record ends nothing.", "zero-length-is-end", A, b"", B),
    one("frm/every-byte-value", "FRM-1 FRM-3", "A payload may hold any byte.",
        "text-mode newline-as-separator", bytes(range(256))),
    one("frm/payload-that-holds-a-frame", "FRM-1 JRN-5",
        "A frame inside a payload is payload.", "resynchronises-inside-payload", frames(A), B),
    one("frm/payload-of-zeros", "FRM-6 FRM-1", "Zeros in a payload are payload.",
        "zeros-are-end", bytes(64), A),
    one("frm/payload-at-the-maximum", "FRM-5 FRM-8", "The maximum itself is allowed.",
        "off-by-one-maximum", bytes(64), max_payload=64),
    # lengths that cannot be believed
    one("frm/length-one-above-the-maximum", "FRM-5",
        "A length above the maximum is damage, though the file could hold so much.",
        "maximum-not-checked", A, tail=u32(65) + NOISE + NOISE, max_payload=64),
    one("frm/length-all-ones", "FRM-5", "A length of 2^32 - 1 is not believed.",
        "allocates-before-checking signed-length", A, tail=u32(2**32 - 1) + NOISE,
        source="nsqio/nsq#471"),
    one("frm/length-high-bit", "FRM-5", "A length of 2^31 is not taken for a negative one.",
        "signed-length", A, tail=u32(2**31) + NOISE),
    one("frm/length-one-beyond-the-file", "FRM-5 REC-1", "One missing byte is enough.",
        "off-by-one-remaining", A, tail=frame(B)[:-1]),
    one("frm/length-far-beyond-the-file", "FRM-5 REC-1",
        "A length of a mebibyte in a file of a hundred bytes is damage.",
        "allocates-before-checking reads-past-end", A, tail=u32(1 << 20) + NOISE,
        source="influxdata/influxdb#5476"),
    # fields written wrong
    one("frm/length-big-endian", "FRM-1", "The length is little-endian.", "length-big-endian",
        A, tail=frame(B, length=u32(len(B), ">"))),
    one("frm/crc-big-endian", "FRM-1 FRM-4", "The CRC is little-endian.", "crc-big-endian",
        A, tail=frame(B, crc=u32(crc32c(u32(len(B)) + digest(B) + B), ">"))),
    one("frm/length-counts-the-header", "FRM-1", "The length counts the payload alone.",
        "length-counts-header", A, tail=frame(B, length=u32(40 + len(B)))),
    one("frm/crc-before-length", "FRM-1", "The length comes first.", "fields-swapped",
        A, tail=frame(B)[4:8] + frame(B)[:4] + frame(B)[8:]),
    one("frm/crc-of-payload-only", "FRM-2 FRM-4", "The CRC covers more than the payload.",
        "crc-covers-payload", A, tail=frame(B, crc=u32(crc32c(B)))),
    one("frm/crc-without-hash", "FRM-2 FRM-4", "The CRC covers the hash.", "crc-misses-hash",
        A, tail=frame(B, crc=u32(crc32c(u32(len(B)) + B)))),
    one("frm/crc-without-length", "FRM-2 FRM-4", "The CRC covers the length.", "crc-misses-length",
        A, tail=frame(B, crc=u32(crc32c(digest(B) + B)))),
    one("frm/crc-payload-before-hash", "FRM-2 FRM-4", "The CRC takes the fields in order.",
        "crc-order", A, tail=frame(B, crc=u32(crc32c(u32(len(B)) + B + digest(B))))),
    one("frm/crc32-of-zlib", "FRM-2 FRM-4", "The polynomial is Castagnoli's.", "crc32-ieee",
        A, tail=frame(B, crc=u32(zlib.crc32(u32(len(B)) + digest(B) + B)))),
    one("frm/crc-masked", "FRM-2 FRM-4", "The CRC is stored as it is.", "crc-masked",
        A, tail=frame(B, crc=u32(masked(crc32c(u32(len(B)) + digest(B) + B))))),
    one("frm/wrong-crc", "FRM-4", "A right hash does not excuse a wrong CRC.", "crc-not-checked",
        A, tail=frame(B, crc=u32(0xDEADBEEF))),
    one("frm/wrong-hash-right-crc", "FRM-4", "A right CRC does not excuse a wrong hash.",
        "hash-not-checked", A, tail=frame(B, hash=digest(A))),
    one("frm/hash-is-sha256", "FRM-3 FRM-4", "The hash is BLAKE3.", "hash-sha256",
        A, tail=frame(B, hash=hashlib.sha256(B).digest())),
    one("frm/hash-covers-length", "FRM-3 FRM-4", "The hash is of the payload alone.",
        "hash-covers-length", A, tail=frame(B, hash=digest(u32(len(B)) + B))),
    one("frm/hash-keyed", "FRM-3 FRM-4", "The hash has no key.", "hash-keyed",
        A, tail=frame(B, hash=blake3(B, key=bytes(32)).digest())),
    # bytes damaged later
    one("frm/flipped-bit-in-length", "FRM-2 FRM-4", "A shorter length is damage.",
        "crc-misses-length", A, tail=flipped(frame(B), 0, 3)),
    one("frm/flipped-bit-in-hash", "FRM-2 FRM-4", "A flipped bit in the hash is damage.",
        "hash-not-checked", A, tail=flipped(frame(B), 8, 7)),
    one("frm/flipped-bit-in-payload", "FRM-4", "A flipped bit in the payload is damage.",
        "no-checksum", A, tail=flipped(frame(B), 45, 5), source="tendermint/tendermint#573"),
    # zeros
    one("frm/zeros-only", "FRM-6", "A file of zeros holds no record.", "zeros-are-records",
        tail=bytes(512)),
    one("frm/forty-zeros", "FRM-6", "A header of zeros is no empty record.", "zeros-are-records",
        A, tail=bytes(40)),
    one("frm/zeros-after-records", "FRM-6 REC-1", "Preallocated space is no record.",
        "zeros-are-records zeros-fail-open", A, B, tail=bytes(512), source="etcd-io/etcd#5230"),
    one("frm/zero-length-and-crc-with-hash", "FRM-6 FRM-2",
        "An empty record needs its CRC too.", "crc-covers-payload",
        A, tail=bytes(8) + digest(b"")),
]  # fmt: skip

RECOVERY = [
    # nothing there
    image("rec/empty-directory", "REC-1 REC-7", "An empty directory is an empty journal.",
          "empty-fails-open", files={}, expect=kept()),
    one("rec/empty-segment", "REC-1", "A segment may be empty.", "empty-fails-open"),
    # torn tails
    one("rec/header-cut-after-one-byte", "REC-1 REC-7", "One byte is a torn header.",
        "short-header-fails-open", A, tail=frame(B)[:1]),
    one("rec/header-cut-after-length", "REC-1", "A length alone is a torn header.",
        "short-header-fails-open", A, tail=frame(B)[:4]),
    one("rec/header-cut-after-crc", "REC-1", "A header may be cut before the hash.",
        "short-header-fails-open", A, tail=frame(B)[:8]),
    one("rec/header-cut-by-one-byte", "REC-1", "A header may miss its last byte.",
        "short-header-fails-open", A, tail=frame(B)[:39]),
    one("rec/payload-missing", "REC-1", "A whole header without its payload is torn.",
        "reads-past-end", A, tail=frame(B)[:40]),
    one("rec/payload-cut-in-half", "REC-1 REC-7", "Half a payload is torn.", "reads-past-end",
        A, B, tail=frame(C)[:44]),
    one("rec/only-record-torn", "REC-1", "A journal may lose its only record.",
        "empty-fails-open", tail=frame(A)[:-1]),
    one("rec/garbage-tail", "REC-1", "Garbage is cut.", "garbage-fails-open", A, B, tail=NOISE),
    # what stands behind damage
    one("rec/record-behind-a-torn-one", "REC-1 REC-4",
        "A whole frame behind a torn one is not exposed.", "resynchronises appends-behind-torn",
        A, tail=frame(B)[:-3] + frame(C), source="prometheus/tsdb#451"),
    one("rec/record-behind-garbage", "REC-1", "A whole frame behind garbage is not exposed.",
        "resynchronises", A, tail=NOISE + frame(C)),
    one("rec/record-behind-a-bad-checksum", "REC-1 JRN-4",
        "A record is not skipped because its checksum is wrong.", "skips-damage",
        A, tail=flipped(frame(B), 50) + frame(C)),
    one("rec/record-behind-zeros", "REC-1 FRM-6", "A whole frame behind zeros is not exposed.",
        "skips-zeros", A, tail=bytes(64) + frame(C), source="etcd-io/etcd#6515"),
    one("rec/lost-sector-inside-a-record", "REC-1 JRN-4",
        "A record whose middle sector never arrived ends the journal, whole as the next is.",
        "checks-last-sector-only", A, tail=zeroed(frame(LONG), 512, 1024) + frame(C)),
    one("rec/lost-first-sector", "REC-1 JRN-4",
        "Data behind a lost first sector is not exposed.", "skips-zeros",
        tail=zeroed(frame(LONG), 0, 512) + frame(C)),
    one("rec/flipped-bit-in-the-last-segment", "REC-1",
        "Without a watermark, damage in the last segment is a torn tail.", "skips-damage",
        A, tail=flipped(frame(B), 41) + frame(C) + frame(A)),
    one("rec/same-record-twice", "REC-1 JRN-2", "Equal records are two records.",
        "deduplicates", A, A),
    # files beside the segments
    image("rec/unknown-files", "REC-10", "Files that are not ours are left alone.",
          "deletes-unknown reads-unknown",
          files={name(0): frames(A), "notes.txt": b"do not delete", "0.wal": frames(B),
                 name(45) + ".bak": frames(C), "lost+found": b""},
          expect=kept(A, unchanged=["notes.txt", "0.wal", name(45) + ".bak", "lost+found"])),
    image("rec/names-almost-like-ours", "REC-10 SEG-1",
          "Only sixteen lower-case hexadecimal digits name a segment.", "loose-names",
          files={name(0): frames(A), "000000000000002D.wal": frames(B),
                 "00000000000000002d.wal": frames(B), "000000000000002d.WAL": frames(B),
                 "000000000000002d.wal~": frames(B), "000000000000002g.wal": frames(B)},
          expect=kept(A, unchanged=["000000000000002D.wal", "00000000000000002d.wal",
                                    "000000000000002d.WAL", "000000000000002d.wal~",
                                    "000000000000002g.wal"])),
    image("rec/temporary-file", "REC-10", "Our own unfinished file is removed.",
          "leaves-temporary", files={name(0): frames(A), name(45) + ".tmp": b""},
          expect=kept(A, absent=[name(45) + ".tmp"])),
    image("rec/temporary-file-with-a-record", "REC-10 JRN-5",
          "What stands in an unfinished file is not exposed.", "reads-temporary",
          files={name(0): frames(A), name(45) + ".tmp": frames(B)},
          expect=kept(A, absent=[name(45) + ".tmp"])),
    image("rec/only-a-temporary-file", "REC-10 REC-1",
          "A first segment that never got its name is an empty journal.", "reads-temporary",
          files={name(0) + ".tmp": frames(A)[:20]}, expect=kept(absent=[name(0) + ".tmp"])),
    image("rec/lock-file-left-behind", "JRN-9", "A dead writer's lock file locks nobody out.",
          "lock-by-existence", files={name(0): frames(A), "writer.lock": b""}, expect=kept(A)),
    # segments
    image("seg/two-segments", "SEG-1 SEG-2 JRN-1", "Offsets run on over segments.",
          "offsets-restart", files={name(0): frames(A, B), name(98): frames(C)},
          expect=kept(A, B, C)),
    image("seg/torn-last-of-two", "SEG-2 REC-1", "Only the last segment is cut.",
          "cuts-wrong-segment", files={name(0): frames(A), name(45): frames(B) + NOISE},
          expect=kept(A, B, cut=96)),
    image("seg/last-empty", "SEG-2 SEG-4", "A crash just after a rotation leaves an empty segment.",
          "empty-fails-open", files={name(0): frames(A, B), name(98): b""}, expect=kept(A, B)),
    image("seg/last-all-torn", "SEG-2 REC-1", "A last segment may hold nothing whole.",
          "empty-fails-open", files={name(0): frames(A), name(45): frame(B)[:7]},
          expect=kept(A, cut=7)),
    image("seg/first-not-at-zero", "SEG-1 JRN-1",
          "After a cleanup the first segment begins where its name says.", "offsets-restart",
          files={name(0x4E20): frames(A), name(0x4E4D): frames(B)},
          expect=kept(A, B, base=0x4E20)),
    image("seg/names-are-hexadecimal", "SEG-1 SEG-2", "Bases are hexadecimal.", "decimal-names",
          files={name(0): frames(bytes(60)), name(100): frames(A), name(145): frames(B)},
          expect=kept(bytes(60), A, B)),
    image("seg/base-above-2-to-the-53", "SEG-1 JRN-1", "Offsets have 64 bits.",
          "offset-as-double", files={name(2**53 + 1): frames(A), name(2**53 + 46): frames(B)},
          expect=kept(A, B, base=2**53 + 1)),
    image("seg/base-with-the-highest-bit", "SEG-1 JRN-1", "Offsets are unsigned.",
          "signed-offset", files={name(2**63): frames(A), name(2**63 + 45): frames(B)},
          expect=kept(A, B, base=2**63)),
    # damage to what was acknowledged
    image("seg/missing-segment", "REC-6 SEG-2", "A missing segment is an error.", "joins-over-hole",
          files={name(0): frames(A), name(98): frames(C)}, expect={"error": "corrupt"}),
    image("seg/overlap", "REC-5 SEG-2", "A sealed segment longer than its place is damage.",
          "overlap-ignored", files={name(0): frames(A, B), name(45): frames(B)},
          expect={"error": "corrupt"}),
    image("seg/sealed-cut-at-a-boundary", "REC-6 SEG-2",
          "A sealed segment that lost its last record is damage.", "joins-over-hole",
          files={name(0): frames(A), name(98): frames(C), name(147): b""},
          expect={"error": "corrupt"}),
    image("seg/sealed-torn", "REC-5", "A torn frame in a sealed segment is damage.",
          "cuts-sealed", files={name(0): frames(A, B)[:-4], name(98): frames(C)},
          expect={"error": "corrupt"}, source="nats-io/nats-server#7549"),
    image("seg/sealed-flipped-bit", "REC-5", "A flipped bit in a sealed segment is damage.",
          "cuts-sealed skips-damage",
          files={name(0): flipped(frames(A, B), 42), name(98): frames(C)},
          expect={"error": "corrupt"}, source="cockroachdb/pebble#453"),
    image("seg/sealed-with-zeros-behind", "REC-5 FRM-6",
          "Zeros behind the records of a sealed segment are damage.", "zeros-are-end",
          files={name(0): frames(A, B) + bytes(16), name(98): frames(C)},
          expect={"error": "corrupt"}),
    image("seg/sealed-empty", "REC-6 SEG-2", "A sealed segment that lost everything is damage.",
          "joins-over-hole", files={name(0): b"", name(45): frames(B)},
          expect={"error": "corrupt"}),
    image("seg/damage-before-a-torn-tail", "REC-5",
          "A torn tail is not cut while something before it is damaged.", "cuts-before-checking",
          files={name(0): flipped(frames(A), 41), name(45): frames(B) + NOISE},
          expect={"error": "corrupt"}),
]  # fmt: skip

SUBJECTS = {
    "frame": ("Frames, right and wrong, in a journal of one segment.", FRAME),
    "recovery": ("What crashes and damage leave, and what recovery makes of it.", RECOVERY),
}

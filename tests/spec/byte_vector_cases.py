"""
The cases of `spec/vectors/bytes.json`: what becomes bytes outside of frames and audits.

Those of RFC 8785 and RFC 8032 are as these print them.  The others are written down here
with `json`, `hashlib` and lengths alone.
"""

from hashlib import sha256
from typing import Any

from crc32c import crc32c
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

Case = dict[str, Any]

RFC_8785, RFC_8032 = "RFC 8785", "RFC 8032, section 7.1"
KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))
PUBLIC = KEY.public_key().public_bytes_raw()


def case(kind: str, name: str, asks: str, comment: str, **more: Any) -> Case:
    """Describe a case; its id is its kind and its name."""
    source = more.pop("source", "tornproof")
    return {
        "id": f"byt/{kind}-{name}",
        "kind": kind,
        "requirements": asks.split(),
        "level": more.pop("level", "MUST"),
        "comment": comment,
        "flags": [],
        "source": source,
        **more,
    }


def spelled(name: str, comment: str, given: str, canonical: str) -> Case:
    """Spell a JSON text."""
    return case(
        "json",
        name,
        "EVT-2",
        comment,
        source=RFC_8785,
        json=given,
        expect={"bytes": canonical.encode().hex()},
    )


NUMBERS = {
    "0000000000000000": "0",
    "8000000000000000": "0",
    "0000000000000001": "5e-324",
    "8000000000000001": "-5e-324",
    "7fefffffffffffff": "1.7976931348623157e+308",
    "ffefffffffffffff": "-1.7976931348623157e+308",
    "4340000000000000": "9007199254740992",
    "c340000000000000": "-9007199254740992",
    "4430000000000000": "295147905179352830000",
    "44b52d02c7e14af5": "9.999999999999997e+22",
    "44b52d02c7e14af6": "1e+23",
    "44b52d02c7e14af7": "1.0000000000000001e+23",
    "444b1ae4d6e2ef4e": "999999999999999700000",
    "444b1ae4d6e2ef4f": "999999999999999900000",
    "444b1ae4d6e2ef50": "1e+21",
    "3eb0c6f7a0b5ed8c": "9.999999999999997e-7",
    "3eb0c6f7a0b5ed8d": "0.000001",
    "41b3de4355555553": "333333333.3333332",
    "41b3de4355555554": "333333333.33333325",
    "41b3de4355555555": "333333333.3333333",
    "41b3de4355555556": "333333333.3333334",
    "41b3de4355555557": "333333333.33333343",
    "becbf647612f3696": "-0.0000033333333333333333",
    "43143ff3c1cb0959": "1424953923781206.2",
}
"""Appendix B: doubles, most significant byte first, and their spelling."""

SAMPLE = (
    '{"numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],'
    ' "string": "\\u20ac$\\u000F\\u000aA\'\\u0042\\u0022\\u005c\\\\\\"\\/",'
    ' "literals": [null, true, false]}'
)
SAMPLE_CANONICAL = (
    '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],'
    '"string":"\u20ac$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}'
)
KEYS = (
    '{"\\u20ac": "Euro Sign", "\\r": "Carriage Return",'
    ' "\\ufb33": "Hebrew Letter Dalet With Dagesh", "1": "One",'
    ' "\\ud83d\\ude00": "Emoji: Grinning Face", "\\u0080": "Control",'
    ' "\\u00f6": "Latin Small Letter O With Diaeresis"}'
)
KEYS_CANONICAL = (
    '{"\\r":"Carriage Return","1":"One","\u0080":"Control",'
    '"\u00f6":"Latin Small Letter O With Diaeresis","\u20ac":"Euro Sign",'
    '"\U0001f600":"Emoji: Grinning Face","\ufb33":"Hebrew Letter Dalet With Dagesh"}'
)


def event(name: str, comment: str, timestamp: str, action: Any, written: str) -> Case:
    """Write an event; `written` is its action as RFC 8785 spells it."""
    members = {
        "event_id": "6f9b3c1e-56a5-4b7e-9d3e-2a4c6d1f8e02",
        "agent_id": "agent-7",
        "action": action,
        "decision": {"decision": "refuse", "rule_id": "R-12", "reason": "not yours"},
        "timestamp": timestamp,
    }
    payload = (
        f'{{"action":{written},"agent_id":"agent-7",'
        '"decision":{"decision":"refuse","reason":"not yours","rule_id":"R-12"},'
        '"event_id":"6f9b3c1e-56a5-4b7e-9d3e-2a4c6d1f8e02",'
        f'"timestamp":"{_nine_digits(timestamp)}"}}'
    ).encode()
    expect = {"payload": payload.hex(), "payload_hash": sha256(payload).hexdigest()}
    return case("event", name, "EVT-2 EVT-3", comment, event=members, expect=expect)


def _nine_digits(timestamp: str) -> str:
    known = {
        "2026-01-31T12:00:00Z": "2026-01-31T12:00:00.000000000Z",
        "2026-01-01T00:30:00.25+01:00": "2025-12-31T23:30:00.250000000Z",
    }
    return known[timestamp]


def content(row: Case) -> bytes:
    """Write what a row's hash and signature cover."""
    fields = (
        b"tornproof/chain/row/v1",
        int(row["sequence"]).to_bytes(8, "big"),
        bytes.fromhex(row["prev_hash"]),
        row["id"].encode(),
        row["agent_id"].encode(),
        row["event_type"].encode(),
        bytes.fromhex(row["payload_hash"]),
        row["attest_level"].encode(),
        row["timestamp"].encode(),
        bytes.fromhex(row["public_key"]),
    )
    return b"".join(map(behind_length, fields))


def behind_length(field: bytes) -> bytes:
    """Write a field behind its length."""
    return len(field).to_bytes(8, "big") + field


def chained(name: str, asks: str, comment: str, prev_hash: bytes, **changes: Any) -> Case:
    """Write a row, signed if it has a key."""
    row: Case = {
        "sequence": 1,
        "prev_hash": prev_hash.hex(),
        "id": "id-1",
        "agent_id": "agent-7",
        "event_type": "governance.refusal",
        "payload_hash": sha256(b"{}").hexdigest(),
        "attest_level": "unsigned",
        "timestamp": "2026-01-31T12:00:00Z",
        "public_key": "",
        **changes,
    }
    covered = content(row)
    signature = KEY.sign(covered) if row["public_key"] else b""
    expect = {
        "content": covered.hex(),
        "signature": signature.hex(),
        "row_hash": sha256(covered + behind_length(signature)).hexdigest(),
    }
    return case("row", name, asks, comment, row=row, expect=expect)


FIRST = chained("the-first", "CHN-2 CHN-3", "It follows 32 zero bytes.", bytes(32))
SIGNED = {"attest_level": "self_signed", "public_key": PUBLIC.hex()}


def signature(number: int, secret: str, public: str, message: str, signed: str) -> Case:
    """Sign a message."""
    return case(
        "signature",
        f"test-{number}",
        "CHN-7",
        f"TEST {number} of the RFC.",
        source=RFC_8032,
        secret=secret,
        public=public,
        message=message,
        expect={"signature": signed},
    )


def slot(magic: bytes, offset: int) -> bytes:
    """Write sixteen bytes: a name, an offset, and the CRC of both."""
    body = magic + offset.to_bytes(8, "little")
    return body + crc32c(body).to_bytes(4, "little")


def cursor(name: str, comment: str, offset: int) -> Case:
    """Write a cursor."""
    expect = {"bytes": slot(b"TPC1", offset).hex()}
    shown = offset if offset <= 2**53 else str(offset)
    return case("cursor", name, "CUR-7", comment, level="EXTENSION", offset=shown, expect=expect)


def watermark(name: str, comment: str, file: bytes, durable: int) -> Case:
    """Read the file of a watermark."""
    shown = durable if durable <= 2**53 else str(durable)
    return case(
        "watermark",
        name,
        "REC-12",
        comment,
        level="EXTENSION",
        file=file.hex(),
        expect={"durable": shown},
    )


OLD, NEW = slot(b"TPW1", 89), slot(b"TPW1", 134)
GAP = bytes(512 - 16)

BYTES = [
    spelled("sample", "Section 3.2.2, in the bytes of 3.2.4.", SAMPLE, SAMPLE_CANONICAL),
    spelled("keys", "Section 3.2.3: the order of keys is that of UTF-16.", KEYS, KEYS_CANONICAL),
    *(
        case(
            "number",
            double,
            "EVT-2",
            "A number of appendix B.",
            source=f"{RFC_8785}, appendix B",
            double=double,
            expect={"bytes": text.encode().hex()},
        )
        for double, text in NUMBERS.items()
    ),
    event(
        "bash",
        "A moment without a fraction gets nine digits.",
        "2026-01-31T12:00:00Z",
        {"kind": "bash", "command": "rm -rf /"},
        '{"command":"rm -rf /","kind":"bash"}',
    ),
    event(
        "custom-of-another-zone",
        "An offset is worked out, and a payload is spelled like the rest.",
        "2026-01-01T00:30:00.25+01:00",
        {"kind": "custom", "custom_kind": "k", "payload": {"b": 1e21, "a": [-0.0, "\u20ac"]}},
        '{"custom_kind":"k","kind":"custom","payload":{"a":[0,"\u20ac"],"b":1e+21}}',
    ),
    FIRST,
    chained(
        "the-second",
        "CHN-3",
        "It follows the hash of the first.",
        bytes.fromhex(FIRST["expect"]["row_hash"]),
        sequence=2,
        id="id-2",
    ),
    chained("a-separator", "CHN-4", "a␟b, c: no separator.", bytes(32), agent_id="a\x1fb"),
    chained("a-shifted-separator", "CHN-4", "a, b␟c.", bytes(32), event_type="b\x1fc"),
    chained("signed", "CHN-7", "Key and level are covered.", bytes(32), **SIGNED),
    signature(
        1,
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e397"
        "01cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ),
    signature(
        2,
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f361"
        "3d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ),
    signature(
        3,
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f76"
        "0984dc6594a7c15e9716ed28dc027beceea1ec40a",
    ),
    cursor("at-the-beginning", "A consumer that has seen nothing.", 0),
    cursor("in-the-middle", "Offsets are little-endian.", 134),
    cursor("far-along", "Every byte of an offset counts.", 0x0102030405060708),
    watermark("first-slot", "One slot, and nothing behind it.", OLD, 89),
    watermark("the-higher-counts", "Whichever slot it is in.", NEW + GAP + OLD, 134),
    watermark("a-torn-slot", "A torn note leaves the other.", OLD + GAP + NEW[:9], 89),
    watermark("no-slot", "Zeros are no note.", bytes(1024), 0),
    case(
        "columns",
        "signed-events-dlq",
        "DRN-15",
        "The columns of dead letters, in their order.",
        table="signed_events_dlq",
        expect={
            "columns": [
                *("dlq_id", "id", "agent_id", "event_type", "payload_hash", "signature"),
                *("attest_level", "timestamp", "failure_reason", "failed_at", "payload"),
            ]
        },
    ),
]
"""Every case."""

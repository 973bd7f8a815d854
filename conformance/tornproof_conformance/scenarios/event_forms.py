"""
Scenarios about the bytes of an event: one value, one spelling.

The spellings are written out by hand, those of numbers and texts after the samples of
RFC 8785 (sections 3.2.2 and 3.2.3, and appendix B).  They are played for whatever
shows its rows, in this process or behind the protocol.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from hashlib import sha256
from typing import Any

from tornproof.errors import TornproofError
from tornproof_models.contract.delivery import Mode, Outcome
from tornproof_models.contract.journal import Violation
from tornproof_models.crash.subject import Subject
from tornproof_models.queues.delivery_program import event_of

from tornproof_conformance.scenarios.queue_delivery import DURABLE, keeps_hashes, land, opened
from tornproof_conformance.scenarios.scenario import scenario


def dates_its_letters(subject: Subject) -> bool:
    """Tell whether a subject has a queue whose dead letters show when they became ones."""
    if not keeps_hashes(subject):
        return False
    with opened(subject) as queue:
        columns = {row[1] for row in queue.database.look("PRAGMA table_info(signed_events_dlq)")}
    return {"dlq_id", "failed_at"} <= columns


PAYLOADS: tuple[tuple[Any, str], ...] = (
    # numbers: RFC 8785, appendix B
    (0, "0"),
    (-0.0, "0"),
    (5e-324, "5e-324"),
    (-5e-324, "-5e-324"),
    (1.7976931348623157e308, "1.7976931348623157e+308"),
    (9007199254740991, "9007199254740991"),
    (-9007199254740991, "-9007199254740991"),
    (295147905179352830000.0, "295147905179352830000"),
    (9.999999999999997e22, "9.999999999999997e+22"),
    (1e23, "1e+23"),
    (1e21, "1e+21"),
    (999999999999999700000.0, "999999999999999700000"),
    (0.000001, "0.000001"),
    (9.999999999999997e-7, "9.999999999999997e-7"),
    (333333333.33333329, "333333333.3333333"),
    (333333333.3333332, "333333333.3333332"),
    (1e30, "1e+30"),
    (4.50, "4.5"),
    (2e-3, "0.002"),
    (1e-27, "1e-27"),
    (100.0, "100"),
    # literals and nesting
    (None, "null"),
    ([True, False, None, [], {}], "[true,false,null,[],{}]"),
    ({"a": {"c": 1, "b": [{"z": 0, "y": ""}]}}, '{"a":{"b":[{"y":"","z":0}],"c":1}}'),
    # texts: section 3.2.2.2
    ("\u20ac$\u000f\u000aA'\u0042\u0022\u005c\\\"/", '"\u20ac$\\u000f\\nA\'B\\"\\\\\\\\\\"/"'),
    ("\b\t\n\f\r\x00\x1f\x7f", '"\\b\\t\\n\\f\\r\\u0000\\u001f\x7f"'),
    ("\u2028\u2029\u00e9e\u0301\U0001f600", '"\u2028\u2029\u00e9e\u0301\U0001f600"'),
    # the order of keys is that of UTF-16: section 3.2.3
    (
        {"\u20ac": 1, "\r": 2, "\ufb33": 3, "1": 4, "\U0001f600": 5, "\u0080": 6, "\u00f6": 7},
        '{"\\r":2,"1":4,"\u0080":6,"\u00f6":7,"\u20ac":1,"\U0001f600":5,"\ufb33":3}',
    ),
    ({"a": 1, "B": 2, "": 3, "aa": 4, "10": 5, "9": 6}, '{"":3,"10":5,"9":6,"B":2,"a":1,"aa":4}'),
)
"""Values and their RFC 8785 spelling."""

TIMES: tuple[tuple[str, str], ...] = (
    ("2026-01-31T12:00:00Z", "2026-01-31T12:00:00.000000000Z"),
    ("2026-01-31T12:00:00.5Z", "2026-01-31T12:00:00.500000000Z"),
    ("2026-01-31T12:00:00.123456789+00:00", "2026-01-31T12:00:00.123456789Z"),
    ("2026-01-31T12:00:00.000000001-00:00", "2026-01-31T12:00:00.000000001Z"),
    ("2026-01-31T12:00:00+05:30", "2026-01-31T06:30:00.000000000Z"),
    ("2026-01-31T12:00:00-08:00", "2026-01-31T20:00:00.000000000Z"),
    ("2026-01-01T00:30:00.25+01:00", "2025-12-31T23:30:00.250000000Z"),
    ("2024-02-28T23:59:59.999999999-00:01", "2024-02-29T00:00:59.999999999Z"),
    ("2026-12-31T23:59:59.9+23:59", "2026-12-31T00:00:59.900000000Z"),
    ("1969-12-31T23:59:59.000000001Z", "1969-12-31T23:59:59.000000001Z"),
    ("1900-01-01T00:00:00Z", "1900-01-01T00:00:00.000000000Z"),
    ("9999-12-31T23:59:59.999999999Z", "9999-12-31T23:59:59.999999999Z"),
)
"""Moments as RFC 3339 lets one write them, and their one spelling here."""

NO_TIMES = (
    "2026-02-30T00:00:00Z",
    "2025-02-29T00:00:00Z",
    "2026-01-31T24:00:00Z",
    "2026-01-31T12:60:00Z",
    "2026-01-31T12:00:00",
    "2026-01-31T12:00:00+24:00",
    "2026-13-01T12:00:00Z",
    "yesterday",
    "",
)
"""What is no moment of RFC 3339."""

HALF_A_CHARACTER = "a\ud800"
"""It ends with one half of a pair of surrogates, which no encoding of text has a place for."""

ACTIONS: tuple[tuple[Mapping[str, Any], str], ...] = (
    ({"kind": "bash", "command": "ls"}, '{"command":"ls","kind":"bash"}'),
    ({"kind": "filesystem_write", "path": "/a"}, '{"kind":"filesystem_write","path":"/a"}'),
    (
        {"kind": "network_request", "host": "h", "scheme": "https"},
        '{"host":"h","kind":"network_request","scheme":"https"}',
    ),
    (
        {"kind": "process_spawn", "binary": "/bin/x", "args": ["-a", ""]},
        '{"args":["-a",""],"binary":"/bin/x","kind":"process_spawn"}',
    ),
    (
        {"kind": "process_spawn", "binary": "/bin/x", "args": []},
        '{"args":[],"binary":"/bin/x","kind":"process_spawn"}',
    ),
    # what is empty is not left out
    (
        {"kind": "bash", "command": "", "cwd": ""},
        '{"command":"","cwd":"","kind":"bash"}',
    ),
    (
        {"kind": "filesystem_write", "path": "/a", "byte_estimate": 0},
        '{"byte_estimate":0,"kind":"filesystem_write","path":"/a"}',
    ),
    (
        {"kind": "read_action", "surface": "s", "namespace": "", "query": ""},
        '{"kind":"read_action","namespace":"","query":"","surface":"s"}',
    ),
    ({"kind": "read_action", "surface": "s"}, '{"kind":"read_action","surface":"s"}'),
    (
        {"kind": "read_action", "surface": "s", "namespace": "n", "query": "q"},
        '{"kind":"read_action","namespace":"n","query":"q","surface":"s"}',
    ),
)


def _landed(subject: Subject, events: Sequence[Mapping[str, Any]]) -> dict[str, tuple[Any, Any]]:
    """Submit events, let them land, and return payload and hash of each, by its id."""
    with opened(subject, Mode.DURABLE) as queue:
        for event in events:
            with suppress(TornproofError):
                queue.submit(event)
        land(queue)
        rows = queue.database.look("SELECT id, payload, payload_hash FROM signed_events")
    return {name: (payload, digest) for name, payload, digest in rows}


def _written(number: int, **members: str) -> bytes:
    """Write the canonical bytes of an event, of which some members are given in JSON."""
    plain = {name: json.dumps(value) for name, value in event_of(number).items()}
    decision = '{"decision":"refuse","reason":"because","rule_id":"R1"}'
    action = f'{{"command":"command {number}","kind":"bash"}}'
    spelled = {**plain, "decision": decision, "action": action, **members}
    parts = [f'"{name}":{spelled[name]}' for name in sorted(spelled)]
    return ("{" + ",".join(parts) + "}").encode()


@scenario("EVT-2", "EVT-3", claim=DURABLE, where=keeps_hashes)
def every_value_has_one_spelling(subject: Subject) -> Iterator[Violation]:
    """Numbers, texts, keys and actions are encoded as RFC 8785 says, and hashed so."""
    actions: list[tuple[Mapping[str, Any], str]] = [
        (
            {"kind": "custom", "custom_kind": "k", "payload": value},
            f'{{"custom_kind":"k","kind":"custom","payload":{text}}}',
        )
        for value, text in PAYLOADS
    ]
    spelled = dict(enumerate([*actions, *ACTIONS], start=1))
    landed = _landed(subject, [{**event_of(n), "action": each} for n, (each, _) in spelled.items()])
    for number, (action, text) in spelled.items():
        payload, digest = landed.get(f"e{number}", (None, None))
        if payload != _written(number, action=text):
            yield Violation("EVT-2", f"an event with the action {action!r} is kept as {payload!r}")
        elif digest != sha256(payload).digest():
            yield Violation("EVT-3", f"the hash of {payload!r} is {digest!r}")


@scenario("EVT-2", "EVT-5", claim=DURABLE, where=keeps_hashes)
def every_moment_has_one_spelling(subject: Subject) -> Iterator[Violation]:
    """A UTC offset is applied, nine digits of a second are kept, and an invalid time is refused."""
    given = dict(enumerate(TIMES, start=1))
    landed = _landed(
        subject, [{**event_of(n), "timestamp": each} for n, (each, _) in given.items()]
    )
    for number, (moment, spelled) in given.items():
        payload, _ = landed.get(f"e{number}", (None, None))
        if payload != _written(number, timestamp=json.dumps(spelled)):
            yield Violation("EVT-2", f"an event of {moment} is kept as {payload!r}")
    with opened(subject, Mode.DURABLE) as queue:
        for moment in NO_TIMES:
            outcome = Outcome.REFUSED
            with suppress(TornproofError):
                outcome = queue.submit({**event_of(1), "timestamp": moment})
            if outcome is Outcome.ADMITTED:
                yield Violation("EVT-5", f"an event of {moment!r}, which is no time, was admitted")


@scenario("EVT-5", claim=DURABLE, where=keeps_hashes)
def an_id_that_is_no_text_is_refused(subject: Subject) -> Iterator[Violation]:
    """An event whose id or agent has half a surrogate pair is refused for certain."""
    with opened(subject, Mode.DURABLE) as queue:
        for member in ("event_id", "agent_id"):
            outcome = Outcome.REFUSED
            with suppress(TornproofError):
                outcome = queue.submit({**event_of(1), member: HALF_A_CHARACTER})
            if outcome is not Outcome.REFUSED:
                message = f"a submit of an event whose {member} ends with half a character says"
                yield Violation("EVT-5", f"{message} {outcome.value}, not that it is refused")


@scenario("EVT-4", "EVT-1", claim=DURABLE, where=keeps_hashes)
def rule_and_reason_are_those_of_the_decision(subject: Subject) -> Iterator[Violation]:
    """Rule and reason of a decision are stored unchanged, whatever they hold."""
    texts = ("", "R1", "a\x1fb", "\u00e9\U0001f600", "x" * 300)
    decisions = [
        {"decision": kind, "rule_id": rule, "reason": reason}
        for kind in ("refuse", "escalate")
        for rule, reason in zip(texts, reversed(texts), strict=True)
    ]
    given = dict(enumerate(decisions, start=1))
    landed = _landed(subject, [{**event_of(n), "decision": each} for n, each in given.items()])
    for number, decision in given.items():
        if f"e{number}" not in landed:
            yield Violation("EVT-1", f"the decision {decision!r}, which blocks, makes no event")
            continue
        payload, _ = landed[f"e{number}"]
        try:
            kept = json.loads(payload or b"null")["decision"]
        except (ValueError, TypeError, KeyError, RecursionError):
            kept = payload
        if kept != decision:
            yield Violation("EVT-4", f"the decision {decision!r} is kept as {kept!r}")


@scenario("DRN-38", claim=DURABLE, where=dates_its_letters)
def a_dead_letter_says_when_it_became_one(subject: Subject) -> Iterator[Violation]:
    """Dead letters became ones in their order, also if the times of their events say otherwise."""
    with opened(subject) as queue:
        queue.database.look(
            "CREATE TRIGGER closed BEFORE INSERT ON signed_events"
            " BEGIN SELECT RAISE(ABORT, 'closed'); END"
        )
        for number, year in ((1, 9000), (2, 1980)):
            queue.submit({**event_of(number), "timestamp": f"{year}-01-31T12:00:00Z"})
            land(queue)
        query = "SELECT failed_at FROM signed_events_dlq ORDER BY dlq_id"
        texts = [text for (text,) in queue.database.look(query)]
        try:
            first, second = map(datetime.fromisoformat, texts)
        except (TypeError, ValueError):
            yield Violation("DRN-38", f"two dead letters became ones at {texts}")
            return
        if first > second:
            message = "the event of the first dead letter is of the year 9000, and it became one at"
            yield Violation("DRN-38", f"{message} {texts[0]}, and the second at {texts[1]}")

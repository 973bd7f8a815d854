"""
Chains with one bug each.  Each replaces one method of `small_chain`.
"""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tornproof_models.miniatures.small_chain import TAG, ZEROS, Broken, SmallChain

# Rows that are wrong


class AppendsBehindAnUnnumberedRow(SmallChain):
    """
    Appends while a row has no number.

    Source: ai-memory 0.7 took such a row for number 0 before it refused it.
    """

    name = "appends-behind-an-unnumbered-row"
    breaks = frozenset({"CHN-1"})

    def require_numbers(self) -> None:
        """Do not ask."""


class BeginsWithOnes(SmallChain):
    """
    Lets its first row follow something other than zeros.

    Source: of this project; a chain whose beginning looks like any other place.
    """

    name = "begins-with-ones"
    breaks = frozenset({"CHN-2"})

    def beginning(self) -> bytes:
        """Return ones."""
        return b"\x01" * 32


class LinksNothing(SmallChain):
    """
    Keeps the beginning in every row as what it follows.

    Source: hole H9 of the v0.7 queue, whose links reach back one row.
    """

    name = "links-nothing"
    breaks = frozenset({"CHN-3", "CHN-5"})

    def content(self, row: Mapping[str, Any]) -> bytes:
        """Leave the link out of what is hashed."""
        return super().content({**row, "prev_hash": ZEROS})


class JoinsWithASeparator(SmallChain):
    """
    Joins the fields of a row with 0x1F.

    Agent `a␟b`, type `c` and agent `a`, type `b␟c` → one hash.
    Source: hole H8 of the v0.7 queue.
    """

    name = "joins-with-a-separator"
    breaks = frozenset({"CHN-4"})

    def join(self, fields: Sequence[bytes]) -> bytes:
        """Put a separator between them."""
        return b"\x1f".join(fields)


class LeavesOutTheTag(SmallChain):
    """
    Hashes a row without saying that it is one.

    Source: of this project; CVE-2012-2459 is what missing domain separation led to in Bitcoin.
    """

    name = "leaves-out-the-tag"
    breaks = frozenset({"CHN-4"})

    def content(self, row: Mapping[str, Any]) -> bytes:
        """Cut the tag off."""
        return super().content(row)[8 + len(TAG) :]


class LastRowByArrival(SmallChain):
    """
    Continues the row that was written last, not the one of the highest number.

    Source: of this project; a mutant of the reference.
    """

    name = "last-row-by-arrival"
    breaks = frozenset({"CHN-1"})

    def read_head(self) -> tuple[int, bytes]:
        """Read the last row of the table."""
        query = "SELECT sequence, row_hash FROM signed_events ORDER BY rowid DESC LIMIT 1"
        return self.connection.execute(query).fetchone() or (0, self.beginning())


class OrdersNumbersAsText(SmallChain):
    """
    Compares numbers as text, so 9 is above 10.

    Source: of this project; a mutant of the reference.
    """

    name = "orders-numbers-as-text"
    breaks = frozenset({"CHN-1"})

    def read_head(self) -> tuple[int, bytes]:
        """Read the row whose number is the last in a dictionary."""
        query = "SELECT sequence, row_hash FROM signed_events ORDER BY CAST(sequence AS TEXT) DESC"
        return self.connection.execute(query).fetchone() or (0, self.beginning())


# Verifications that are wrong


class IgnoresTheHead(SmallChain):
    """
    Verifies the rows that are there.

    Source: of this project; a chain that was cut is a shorter chain.
    """

    name = "ignores-the-head"
    breaks = frozenset({"CHN-5"})

    def has_head(self, head: bytes, seen: set[bytes]) -> bool:
        """Find it everywhere."""
        del head, seen
        return True


class TrustsThePayloadHash(SmallChain):
    """
    Verifies the hashes of rows and not those of payloads.

    Source: of this project; the evidence itself can be exchanged.
    """

    name = "trusts-the-payload-hash"
    breaks = frozenset({"CHN-5"})

    def look_into(self, row: Mapping[str, Any], keys: set[bytes]) -> Iterator[Broken]:
        """Take the hash from the row."""
        for found in super().look_into(row, keys):
            if "payload" not in found.words:
                yield found


class PassesAnEmptyPayload(SmallChain):
    """
    Verifies the hash of a payload only where there is a payload.

    The evidence is removed → the row passes.
    Source: of this project; a test of truth in the place of one for none.
    """

    name = "passes-an-empty-payload"
    breaks = frozenset({"CHN-5"})

    def look_into(self, row: Mapping[str, Any], keys: set[bytes]) -> Iterator[Broken]:
        """Look at what is there."""
        for found in super().look_into(row, keys):
            if row["payload"] or "payload" not in found.words:
                yield found


class EndsAtWhatIsNoText(SmallChain):
    """
    Cannot read a row whose text is none, and gives up.

    One byte is changed → nothing is said of any row.
    Source: of this project; what Python's sqlite3 does with such text unless it is told otherwise.
    """

    name = "ends-at-what-is-no-text"
    breaks = frozenset({"CHN-6"})

    def connect(self) -> sqlite3.Connection:
        """Read text alone."""
        connection = super().connect()
        connection.text_factory = str
        return connection


class StopsAtTheFirstBreak(SmallChain):
    """
    Reports one break.

    Source: the v0.7 verification names the first.
    """

    name = "stops-at-the-first-break"
    breaks = frozenset({"CHN-6"})

    def report(self, found: list[Broken]) -> Sequence[Broken]:
        """Report the first."""
        return found[:1]


class CondemnsWhatFollows(SmallChain):
    """
    Reports every row behind a break, whether it was changed or not.

    Source: of this project; a mutant of the reference, which goes on with the hash from before.
    """

    name = "condemns-what-follows"
    breaks = frozenset({"CHN-13"})

    def report(self, found: list[Broken]) -> Sequence[Broken]:
        """Report all that comes behind the first."""
        first = next((each.sequence for each in found if each.sequence is not None), None)
        if first is None:
            return found
        query = "SELECT sequence FROM signed_events WHERE sequence > ?"
        behind = self.connection.execute(query, (first,)).fetchall()
        return [*found, *(Broken(number, f"row {number} is behind it") for (number,) in behind)]


class MissesTheHeadBehindABreak(SmallChain):
    """
    Looks for a saved head only as long as it has found no break.

    Row 2 is edited → rows are said to be cut off, too.
    Source: of this project; a mutant of the reference.
    """

    name = "misses-the-head-behind-a-break"
    breaks = frozenset({"CHN-14"})

    def look(self, head: bytes | None, keys: set[bytes]) -> Iterator[Broken]:
        """Give the head up at the first break."""
        found = list(super().look(head, keys))
        yield from found
        if head is not None and found and not any("head" in each.words for each in found):
            yield Broken(None, "the saved head is missing")


class BelievesTheFirstLink(SmallChain):
    """
    Compares each link with the row before, and there is none before row 1.

    The first rows are removed and the others numbered anew → the chain begins with any link.
    Source: of this project; a mutant of the reference.
    """

    name = "believes-the-first-link"
    breaks = frozenset({"CHN-2"})

    def report(self, found: list[Broken]) -> Sequence[Broken]:
        """Say nothing of the link of row 1."""
        return [each for each in found if each.words != "row 1 does not follow row 0"]


class TakesLevelsOnTrust(SmallChain):
    """
    Checks a signature where there is one, whatever the level of the row says.

    A signature is removed, and the hash made right → the row passes.
    Source: of this project; a mutant of the reference.
    """

    name = "takes-levels-on-trust"
    breaks = frozenset({"CHN-7"})

    def look_into(self, row: Mapping[str, Any], keys: set[bytes]) -> Iterator[Broken]:
        """Believe the level."""
        for found in super().look_into(row, keys):
            if "says it is not" not in found.words:
                yield found


class TrustsAnyKey(SmallChain):
    """
    Checks a signature with the key that the row names.

    Source: the `alg: none` and embedded-key faults of JSON Web Token libraries (2015).
    """

    name = "trusts-any-key"
    breaks = frozenset({"CHN-7"})

    def look_at_signature(self, row: Mapping[str, Any], keys: set[bytes]) -> Iterator[Broken]:
        """Trust it."""
        return super().look_at_signature(row, keys | {row["public_key"]})


class SignsThePayloadAlone(SmallChain):
    """
    Signs the hash of the payload.

    A signature is moved to another row, or the row around it is changed → it still holds.
    Source: the v0.7 queue.
    """

    name = "signs-the-payload-alone"
    breaks = frozenset({"CHN-7"})

    def signed_content(self, row: Mapping[str, Any]) -> bytes:
        """Leave the rest out."""
        return bytes(row["payload_hash"])


class LocksLate(SmallChain):
    """
    Reads the head before it has the write lock.

    Source: SQLite's documentation of deferred transactions, which answer BUSY then.
    """

    name = "locks-late"
    breaks = frozenset({"CHN-8"})
    lock = "BEGIN"


MINIATURES: Mapping[str, type[SmallChain]] = {
    kind.name: kind
    for kind in (
        AppendsBehindAnUnnumberedRow,
        BeginsWithOnes,
        LinksNothing,
        JoinsWithASeparator,
        LeavesOutTheTag,
        LastRowByArrival,
        OrdersNumbersAsText,
        IgnoresTheHead,
        TrustsThePayloadHash,
        PassesAnEmptyPayload,
        EndsAtWhatIsNoText,
        StopsAtTheFirstBreak,
        CondemnsWhatFollows,
        BelievesTheFirstLink,
        MissesTheHeadBehindABreak,
        TakesLevelsOnTrust,
        TrustsAnyKey,
        SignsThePayloadAlone,
        LocksLate,
    )
}
"""Chains that are wrong, by name."""

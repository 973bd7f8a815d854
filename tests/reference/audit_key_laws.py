r"""
Laws of the key codec, for CrossHair.

Each function returns whether a law holds for its arguments, under the contract
that it always does.  CrossHair runs them on symbolic integers and bytes: what it
confirms holds for every input there is, and what it does not confirm it has at
least failed to refute.

    crosshair check --report_all --per_condition_timeout 20 \
        tests/reference/audit_key_laws.py reference/tornproof/keys.py

Confirmed over all paths, by CrossHair 0.0.112: the contracts of `big_endian` and
`from_big_endian`, and the laws `order`, `end_of_a_range` and `empty_range`.
Not confirmed, and not refuted: `round_trip`, where CrossHair gives up on turning
a symbolic integer into bytes and back.  Hypothesis tests that one, and all that
involves ids of 32 bytes.
"""

from tornproof.keys import AFTER_SEPARATOR, SEPARATOR, big_endian, from_big_endian


def order(first: bytes, second: bytes) -> bool:
    """
    Bytes sort as the numbers in them do.

    pre: len(first) == 8
    pre: len(second) == 8
    post: __return__
    """
    return (first < second) == (from_big_endian(first) < from_big_endian(second))


def round_trip(number: int) -> bool:
    """
    A number comes back.

    pre: 0 <= number < 2 ** 64
    post: __return__
    """
    return from_big_endian(big_endian(number)) == number


def end_of_a_range(bound: bytes, moment: bytes, rest: bytes) -> bool:
    """
    What follows a moment and `:` lies below a bound and `;` where the moment is at most the bound.

    pre: len(bound) == 8
    pre: len(moment) == 8
    pre: len(rest) <= 33
    post: __return__
    """
    return (moment + SEPARATOR + rest < bound + AFTER_SEPARATOR) == (moment <= bound)


def empty_range(earliest: bytes, latest: bytes) -> bool:
    """
    A range is empty if, and only if, it ends before it begins.

    pre: len(earliest) == 8
    pre: len(latest) == 8
    post: __return__
    """
    return (earliest >= latest + AFTER_SEPARATOR) == (earliest > latest)

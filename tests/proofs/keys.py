"""
Contracts on the keys of the audit index.
"""

from tornproof.keys import AFTER_SEPARATOR, SEPARATOR, big_endian, from_big_endian


def bytes_sort_as_the_numbers_in_them_do(first: bytes, second: bytes) -> None:
    """Bytes sort as the numbers in them do (AUD-2)."""
    assert len(first) == 8
    assert len(second) == 8

    below = from_big_endian(first) < from_big_endian(second)

    assert (first < second) == below


def a_number_comes_back(number: int) -> None:
    """A number is read as it was written (AUD-2)."""
    assert 0 <= number < 1 << 64

    again = from_big_endian(big_endian(number))

    assert again == number


def a_moment_is_in_range_exactly_up_to_its_bound(
    bound: bytes, moment: bytes, identifier: bytes
) -> None:
    """What follows a moment and `:` is below a bound and `;` just if the moment is not above it."""
    assert len(bound) == 8
    assert len(moment) == 8
    assert len(identifier) <= 33

    key, end = moment + SEPARATOR + identifier, bound + AFTER_SEPARATOR

    assert (key < end) == (moment <= bound)


def a_range_is_empty_exactly_if_it_ends_before_it_begins(earliest: bytes, latest: bytes) -> None:
    """A range is empty if it ends before it begins, and otherwise not (AUD-5)."""
    assert len(earliest) == 8
    assert len(latest) == 8

    end = latest + AFTER_SEPARATOR

    assert (earliest >= end) == (earliest > latest)

"""Both key-value stores are the same ordered map."""

import struct

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test
from tornproof.errors import (
    Closed,
)
from tornproof.kv import KeyValueStore, MemoryKeyValueStore
from tornproof.kv.protocol import LARGEST_PAGE_KEYS
from tornproof_models.machines.sqlite_process import SqliteProcess

# One conformance test for both


class AsOrderedMap(RuleBasedStateMachine):
    """Writes, guards and scans, against a dictionary that is sorted when it is asked."""

    kind = "memory"

    keys = st.binary(max_size=2)
    values = st.binary(max_size=3)
    changes = st.dictionaries(keys, st.none() | values, max_size=4)

    def __init__(self) -> None:
        super().__init__()
        self.process = SqliteProcess() if self.kind == "sqlite" else None
        self.store: KeyValueStore = self.process.store if self.process else MemoryKeyValueStore()
        self.model: dict[bytes, bytes] = {}

    @rule(changes=changes)
    def write(self, changes: dict[bytes, bytes | None]) -> None:
        """A batch makes all its changes."""
        assert self.store.write(changes)
        self._apply(changes)

    @rule(changes=changes, expected=changes)
    def write_guarded(
        self, changes: dict[bytes, bytes | None], expected: dict[bytes, bytes | None]
    ) -> None:
        """A guarded batch makes all its changes if every guard holds, and else none."""
        holds = all(self.model.get(key) == value for key, value in expected.items())

        assert self.store.write(changes, expected=expected) == holds
        if holds:
            self._apply(changes)

    @rule(key=keys)
    def get(self, key: bytes) -> None:
        """A get returns the value, or none."""
        assert self.store.get(key) == self.model.get(key)

    @rule(start=keys, end=keys, reverse=st.booleans())
    def scan(self, start: bytes, end: bytes, reverse: bool) -> None:
        """A scan yields the keys of a half-open range, either way round."""
        expected = sorted((key for key in self.model if start <= key < end), reverse=reverse)

        assert list(self.store.keys(start, end, reverse=reverse)) == expected

    @rule()
    def reopen(self) -> None:
        """What is on disk stays."""
        if self.process:
            self.process.reopen()
            self.store = self.process.store

    def teardown(self) -> None:
        """Clean up."""
        if self.process:
            self.process.close()

    def _apply(self, changes: dict[bytes, bytes | None]) -> None:
        for key, value in changes.items():
            if value is None:
                self.model.pop(key, None)
            else:
                self.model[key] = value


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
def test_is_an_ordered_map(kind: str) -> None:
    """Every answer is that of a sorted dictionary."""
    machine = type("AsOrderedMap", (AsOrderedMap,), {"kind": kind})

    run_state_machine_as_test(machine, settings=settings(max_examples=25))


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize(
    "keys",
    [
        [struct.pack(">I", number) for number in range(3 * LARGEST_PAGE_KEYS)],
        [bytes(length) for length in range(100)],
    ],
    ids=["numbers", "zeros"],
)
def test_scans_across_pages(store: KeyValueStore, keys: list[bytes], reverse: bool) -> None:
    """Pages join without a gap or a repetition, whatever their sizes and their keys."""
    store.write(dict.fromkeys(keys, b""))

    found = list(store.keys(keys[1], keys[-1], reverse=reverse))

    assert found == (keys[1:-1][::-1] if reverse else keys[1:-1])


def test_may_be_written_to_during_a_scan(store: KeyValueStore) -> None:
    """A scan yields what was there throughout, once, whatever is written meanwhile."""
    keys = [bytes([number]) for number in range(50)]
    store.write(dict.fromkeys(keys, b""))

    found = []
    for key in store.keys(b"", b"\xff"):
        found.append(key)
        store.write({key: b"again", key + b"!": b"new", bytes([49]): None})

    assert [key for key in found if len(key) == 1 and key != bytes([49])] == keys[:-1]
    assert len(found) == len(set(found))


def test_says_that_it_is_closed(store: KeyValueStore) -> None:
    """A closed store refuses everything with a typed error, and closes again in peace."""
    store.close()
    store.close()

    for use in (
        lambda: store.get(b""),
        lambda: store.write({}),
        lambda: list(store.keys(b"", b"\xff")),
    ):
        with pytest.raises(Closed):
            use()

"""Scenarios convict chains of this process that are wrong, each in one way."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from attrs import frozen
from tornproof.chain import Break, Entry
from tornproof.chain.append import insert, read_head
from tornproof.chain.row import Head
from tornproof.chain.verify import Kind as BreakKind
from tornproof.errors import Invalid
from tornproof_conformance.pytest_support.plugin import requirement
from tornproof_conformance.scenarios import chain_verification, pairwise
from tornproof_conformance.scenarios.scenario import Scenario
from tornproof_conformance.subjects.queues import ChainUnderTest
from tornproof_models.crash.subject import JournalUnderTest, Options
from tornproof_models.disk.filesystem import ModelFilesystem
from tornproof_models.machines.reference_chain import ReferenceChain

CHAIN = {
    each.name: each for each in vars(chain_verification).values() if isinstance(each, Scenario)
}
PAIRWISE = {each.name: each for each in vars(pairwise).values() if isinstance(each, Scenario)}


class BlindChain(ReferenceChain):
    """Finds nothing, whatever was done."""

    def verify(self, *, head: bytes | None = None, with_key: bool = False) -> tuple[Break, ...]:
        del head, with_key
        return ()


class FirstBreakOnly(ReferenceChain):
    """Stops at the first break."""

    def verify(self, *, head: bytes | None = None, with_key: bool = False) -> tuple[Break, ...]:
        return super().verify(head=head, with_key=with_key)[:1]


class HeadIgnored(ReferenceChain):
    """Verifies the rows that are there."""

    def verify(self, *, head: bytes | None = None, with_key: bool = False) -> tuple[Break, ...]:
        del head
        return super().verify(with_key=with_key)


class Forgiving(ReferenceChain):
    """Passes over signatures that are wrong."""

    def verify(self, *, head: bytes | None = None, with_key: bool = False) -> tuple[Break, ...]:
        found = super().verify(head=head, with_key=with_key)
        return tuple(each for each in found if each.kind is not BreakKind.FORGED)


class LastFieldAlone(ReferenceChain):
    """Its head says nothing about what came before."""

    def head(self) -> bytes:
        last = "SELECT agent_id || event_type FROM signed_events ORDER BY sequence DESC"
        (text,) = self.connection.execute(last).fetchone() or ("",)
        return str(text).replace("\x1f", "").encode()


class BeginsAtTwo(ReferenceChain):
    """Its first row has number 2, and follows something."""

    def append(self, agent_id: str, event_type: str = "type", *, signed: bool = False) -> None:
        del signed
        self._rows += 1
        head = Head(1, bytes([7] * 32)) if self._rows == 1 else read_head(self.connection)
        entry = Entry(f"id-{self._rows}", agent_id, event_type, "2026", b"{}")
        insert(self.connection, head, entry)


@frozen
class ChainSubject:
    """A subject that has a chain, and no more."""

    make: Callable[[], ChainUnderTest]
    name: str = "a chain"

    def open(self, filesystem: ModelFilesystem, options: Options) -> JournalUnderTest:
        raise Invalid(f"no journal on {filesystem} with {options}")

    def open_chain(self) -> ChainUnderTest:
        return self.make()


@pytest.mark.parametrize(
    ("kind", "caught"),
    [
        (BlindChain, {"CHN-5", "CHN-6", "CHN-7"}),
        (FirstBreakOnly, {"CHN-6"}),
        (HeadIgnored, {"CHN-5"}),
        (Forgiving, {"CHN-7"}),
        (LastFieldAlone, {"CHN-3", "CHN-4", "CHN-5"}),
        (BeginsAtTwo, {"CHN-1", "CHN-2", "CHN-5", "CHN-6", "CHN-7", "CHN-8"}),
    ],
)
def test_wrong_chains_are_caught(kind: Callable[[], ChainUnderTest], caught: set[str]) -> None:
    """Each of the chain's scenarios convicts somebody."""
    subject = ChainSubject(kind)
    found = {each.requirement for scenario in CHAIN.values() for each in scenario.judge(subject)}
    assert found == caught


@frozen
class OldChains:
    """A subject that verifies chains of v0.7, and finds what it is told to find."""

    found: tuple[str, ...]
    blind: tuple[str, ...]
    name: str = "old chains"

    def open(self, filesystem: ModelFilesystem, options: Options) -> JournalUnderTest:
        raise Invalid(f"no journal on {filesystem} with {options}")

    def verify_pairwise(
        self, database: Path, *, head: bytes | None = None, keys: Sequence[bytes] = ()
    ) -> tuple[tuple[str, ...], tuple[str, ...]]:
        assert database.exists()
        assert head is None
        assert not keys
        return self.found, self.blind


LATER = "a-later-chain-is-verified-and-damage-to-it-seen"
EVIDENCE = "reading-evidence-changes-nothing"
"""It reads a chain that holds and one that does not, so whoever always says the same fails."""


@requirement("CHN-9")
@pytest.mark.parametrize(
    ("subject", "convicting"),
    [
        (
            OldChains((), ("H8",)),
            {LATER, EVIDENCE, "damage-to-an-old-chain-is-seen"},
        ),
        (
            OldChains((), ()),
            {
                LATER,
                EVIDENCE,
                "damage-to-an-old-chain-is-seen",
                "what-an-old-chain-cannot-show-is-said",
            },
        ),
        (
            OldChains(("row 1",), ("H8",)),
            {
                LATER,
                EVIDENCE,
                "an-old-chain-is-verified-and-left-as-it-is",
                "what-an-old-chain-cannot-show-is-said",
            },
        ),
    ],
)
def test_wrong_verifications_of_old_chains_are_caught(
    subject: OldChains, convicting: set[str]
) -> None:
    """Who finds nothing, who says nothing of forgeries, who finds what is not there."""
    assert {name for name, each in PAIRWISE.items() if each.judge(subject)} == convicting
